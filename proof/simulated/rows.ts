import { seedOf } from './chance.ts';
import type { Site, Way } from './models/model.ts';
import { CANDIDATES, WAYS } from './models/ways.ts';
import { DURATION, RELEASES } from './pipelines.ts';
import { ShippedPlans } from './shipped/plans.ts';
import { ShippedRouter } from './shipped/router.ts';
import { type Findings, simulate, sumOf } from './simulate.ts';
import type { Tree } from './sites/body.ts';
import { historyOf, SIZES, type SiteSize } from './sites/history.ts';
import { DELAYS } from './store.ts';
import { trafficOf } from './traffic.ts';

export const EDGES = 9;

/** The rows of one site. */
export interface Block {
  readonly size: SiteSize;
  readonly hashed: boolean;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly way: Way;
  readonly findings: Findings;
  /** Those of each kind of delay. */
  readonly byDelay: readonly Findings[];
}

export interface Chosen {
  readonly seed: number;
  /** Visits in each row. */
  readonly loads: number;
  readonly sizes: readonly string[];
  readonly ways: readonly string[];
}

/** Every chosen way with every chosen site, hashed and not, under all kinds of delay. */
export async function blocksOf(
  { seed, loads, sizes, ways }: Chosen,
  progress: (text: string) => void = () => {},
): Promise<Block[]> {
  const blocks: Block[] = [];
  for (const size of SIZES.filter(({ name }) => sizes.includes(name))) {
    for (const hashed of [true, false]) {
      // What candidates change, a site that hashes has nothing of.
      const candidates = hashed ? [] : CANDIDATES;
      const chosen = [...WAYS, ...candidates].filter(({ option }) => ways.includes(option));
      if (chosen.length === 0) continue;
      progress(`A ${size.name} site, ${hashed ? 'hashed' : 'not hashed'}`);
      const trees = historyOf(size, RELEASES, hashed);
      const site = { hashed, router: new ShippedRouter(), plans: new ShippedPlans() };
      const rows: Row[] = [];
      for (const way of chosen) {
        const byDelay = await findingsOf(way, size, site, trees, loads, seed);
        rows.push({ way, findings: sumOf(byDelay), byDelay });
      }
      blocks.push({ size, hashed, rows });
    }
  }
  return blocks;
}

async function findingsOf(
  way: Way,
  size: SiteSize,
  site: Site,
  built: readonly Tree[],
  loads: number,
  seed: number,
): Promise<Findings[]> {
  const trees = (await way.prepare?.(built)) ?? built;
  const all: Findings[] = [];
  for (const [number, delays] of DELAYS.entries()) {
    // Not the way's: they all meet the same.
    const own = seedOf(seed, number);
    const traffic = trafficOf(size, Math.ceil(loads / DELAYS.length), DURATION, EDGES, own);
    const scene = { trees, traffic, edges: EDGES, delays, seed: own };
    all.push(await simulate(way.model(site), scene));
  }
  return all;
}
