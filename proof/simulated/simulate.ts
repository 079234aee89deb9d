import { priceOf } from '../../bench/prices.ts';
import { Requests } from './bucket.ts';
import type { Model } from './models/model.ts';
import { type Scene, World } from './world.ts';

/** What a simulation found. Sums, so that several can be added up. */
export interface Findings {
  loads: number;
  /** Visits whose page and files are of no single release. */
  mixed: number;
  /** Those of them that mixed already when they were shown. */
  mixedAtOnce: number;
  /** Files that pages named and nobody could have. */
  failed: number;
  /** Pages that nobody could have. */
  lost: number;
  /** Pages of no release that was live, or on its way, since somebody was told that a newer one is. */
  stale: number;
  /** What edges would have answered from their caches just before they changed to a release, and just after. */
  warmBefore: { requests: number; bytes: number };
  warmAfter: { requests: number; bytes: number };
  pushes: number;
  /** By pipelines and operators. */
  requests: Requests;
  /** By the edges. */
  gets: number;
  /** At the edges, by browsers. */
  asked: number;
  functions: number;
  reads: number;
  /** Moments in which a value of the store came to an edge, and those after which what it led to was no one release. */
  states: number;
  torn: number;
  /** Of pipelines that did not end well, as they say. */
  failures: string[];
}

/**
 * One model, one site, one kind of delay: everything from the first visit to the last file that is loaded late.
 *
 * The functions' own code waits a random while before it tries again, so that while is fixed for as long.
 */
export async function simulate(model: Model, scene: Scene): Promise<Findings> {
  const { random } = Math;
  let world: World;
  Math.random = () => 0.5;
  try {
    world = new World(model, scene);
    await world.run();
  } finally {
    Math.random = random;
  }
  const { visits, pipelines, warmth, bucket, tally } = world;
  const findings = nothingFound();
  findings.loads = visits.length;
  for (const { page, releases, atOnce, failed, load } of visits) {
    findings.failed += failed;
    if (page === undefined) {
      findings.lost += 1;
      continue;
    }
    if (releases === 0) findings.mixed += 1;
    if (atOnce === 0) findings.mixedAtOnce += 1;
    if ((page.body.releases & pipelines.current(load.start, page.at)) === 0) findings.stale += 1;
  }
  findings.warmBefore = warmth.before;
  findings.warmAfter = warmth.after;
  findings.pushes = pipelines.pushes;
  findings.requests = bucket.requests;
  findings.gets = bucket.gets;
  findings.asked = tally.requests;
  findings.functions = tally.functions;
  findings.reads = tally.reads;
  findings.states = warmth.states;
  findings.torn = warmth.torn;
  findings.failures = pipelines.failures;
  return findings;
}

const nothingFound = (): Findings => ({
  loads: 0,
  mixed: 0,
  mixedAtOnce: 0,
  failed: 0,
  lost: 0,
  stale: 0,
  warmBefore: { requests: 0, bytes: 0 },
  warmAfter: { requests: 0, bytes: 0 },
  pushes: 0,
  requests: new Requests(),
  gets: 0,
  asked: 0,
  functions: 0,
  reads: 0,
  states: 0,
  torn: 0,
  failures: [],
});

export function sumOf(all: readonly Findings[]): Findings {
  const sum = nothingFound();
  const numbers = ['loads', 'mixed', 'mixedAtOnce', 'failed', 'lost', 'stale', 'pushes'] as const;
  const more = ['gets', 'asked', 'functions', 'reads', 'states', 'torn'] as const;
  for (const one of all) {
    for (const name of [...numbers, ...more]) sum[name] += one[name];
    for (const name of ['warmBefore', 'warmAfter'] as const) {
      sum[name].requests += one[name].requests;
      sum[name].bytes += one[name].bytes;
    }
    for (const [kind, count] of one.requests) sum.requests.add(kind, count);
    sum.failures.push(...one.failures);
  }
  return sum;
}

/** Of the pipelines' requests and those of the edges, in US dollars. */
export const dollarsOf = ({ requests, gets }: Findings): number =>
  priceOf(requests) + priceOf(new Map([['GET', gets]]));
