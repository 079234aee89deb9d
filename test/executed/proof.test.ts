import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import { COPIES_PATTERN } from '../../lib/release/contract.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';
import { AtomicSite, type Fault } from '../../proof/simulated/models/atomic-site.ts';
import type { Model } from '../../proof/simulated/models/model.ts';
import { WAYS } from '../../proof/simulated/models/ways.ts';
import { DEFAULT_LOADS, DEFAULT_SEED } from '../../proof/simulated/options.ts';
import { DURATION, RELEASES } from '../../proof/simulated/pipelines.ts';
import { blocksOf, EDGES } from '../../proof/simulated/rows.ts';
import { ShippedPlans } from '../../proof/simulated/shipped/plans.ts';
import { ShippedRouter } from '../../proof/simulated/shipped/router.ts';
import { type Findings, simulate } from '../../proof/simulated/simulate.ts';
import type { Tree } from '../../proof/simulated/sites/body.ts';
import { fingerprinted } from '../../proof/simulated/sites/fingerprint.ts';
import { historyOf, SIZES, type SiteSize } from '../../proof/simulated/sites/history.ts';
import { DELAYS, type Delays } from '../../proof/simulated/store.ts';
import { renderBlock } from '../../proof/simulated/table.ts';
import { trafficOf } from '../../proof/simulated/traffic.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SMALL = SIZES[0] as SiteSize;
/** Large enough for pointers with layers, small enough for a test. */
const SOME: SiteSize = { name: 'some', pages: 150, sections: 6, changed: 4 };
const LOADS = 400;

/** Edges that learn of each key at another time, some of them minutes later than others. */
const WILD: Delays = {
  name: 'wild',
  of: () => [
    [0, 0],
    [0.5, 500],
    [0.8, 30_000],
    [1, 400_000],
  ],
};

const router = new ShippedRouter();
const plans = new ShippedPlans();

interface Tried {
  readonly trees: readonly Tree[];
  readonly size?: SiteSize;
  readonly delays?: Delays;
  readonly seed?: number;
  readonly loads?: number;
}

function run(model: Model, { trees, size = SMALL, delays = WILD, seed = 1, loads = LOADS }: Tried) {
  const traffic = trafficOf(size, loads, DURATION, EDGES, seed);
  return simulate(model, { trees, traffic, edges: EDGES, delays, seed });
}

const ours = (hashed: boolean, fault?: Fault, filesASecond?: number) =>
  new AtomicSite({ router, plans, immutable: hashed ? ['assets/*'] : [], fault, filesASecond });

const way = (option: string, hashed: boolean): Model => {
  const found = WAYS.find((one) => one.option === option);
  if (found === undefined) throw new Error(`no way ${option}`);
  return found.model({ hashed, router, plans });
};

describe('a site with hashed names', () => {
  let small: Tree[];
  let some: Tree[];

  beforeAll(() => {
    small = historyOf(SMALL, RELEASES, true);
    some = historyOf(SOME, RELEASES, true);
  });

  test.each([...DELAYS, WILD].flatMap((delays) => [1, 2].map((seed) => ({ delays, seed }))))(
    'no page mixes releases, lacks a file or is lost: $delays.name, seed $seed',
    async (tried) => {
      for (const [size, trees] of [
        [SMALL, small],
        [SOME, some],
      ] as const) {
        const found = await run(ours(true), { ...tried, size, trees });
        expect(found).toMatchObject({ loads: LOADS, mixed: 0, failed: 0, lost: 0, torn: 0 });
        expect(found.states).toBeGreaterThan(0);
      }
    },
  );

  test('most of what was warm stays warm, and of the others nothing', async () => {
    const tried = { trees: some, size: SOME, delays: DELAYS[0] as Delays };
    const share = ({ warmAfter, warmBefore }: Findings) => warmAfter.requests / warmBefore.requests;
    expect(share(await run(ours(true), tried))).toBeGreaterThan(0.5);
    for (const option of ['copy-then-invalidate', 'assets-first', 'prefix-delete']) {
      expect(share(await run(way(option, true), tried))).toBe(0);
    }
  });

  test.each<[string, string]>([
    ['the recipe shows pages before their files are there', 'copy-then-invalidate'],
    ['deletion breaks open tabs', 'prefix-delete'],
    ['one cookie for all tabs breaks those that are open', 'prefix-cookie'],
  ])('%s', async (_, option) => {
    const found = await run(way(option, true), { trees: small, loads: 3_000 });
    expect(found.failed).toBeGreaterThan(0);
  });

  test.each<[Fault, (found: Findings) => number]>([
    ['flip before upload', ({ lost }) => lost],
    ['two keys', ({ torn }) => torn],
    ['deletion after the flip', ({ failed }) => failed],
  ])('%s is noticed', async (fault, wrong) => {
    const tried = { trees: some, size: SOME, loads: 1_500 };
    expect(wrong(await run(ours(true, undefined, 4), tried))).toBe(0);
    expect(wrong(await run(ours(true, fault, 4), tried))).toBeGreaterThan(0);
  });
});

describe('a site with fixed names', () => {
  let small: Tree[];

  beforeAll(() => {
    small = historyOf(SMALL, RELEASES, false);
  });

  test('the recipe mixes pages, also before they are shown', async () => {
    const found = await run(way('copy-then-invalidate', false), { trees: small, loads: 2_000 });
    expect(found.mixedAtOnce).toBeGreaterThan(0);
    expect(found.mixed).toBeGreaterThan(found.mixedAtOnce);
  });

  test('ours mixes those that are open across a release, or loaded in its seconds', async () => {
    const found = await run(ours(false), { trees: small, loads: 2_000 });
    expect(found.mixed).toBeGreaterThan(0);
    expect(found).toMatchObject({ failed: 0, lost: 0, torn: 0 });
  });

  const pinned = () => new AtomicSite({ router, plans, immutable: [COPIES_PATTERN] });

  test('with fingerprint: true none mixes when shown', async () => {
    const trees = await fingerprinted(small);
    expect([...(trees[0]?.keys() ?? [])].filter((path) => path.includes('.pinned-'))).toHaveLength(
      8,
    );
    for (const seed of [1, 2, 3]) {
      const found = await run(pinned(), { trees, seed });
      expect(found).toMatchObject({ mixedAtOnce: 0, failed: 0, lost: 0, torn: 0 });
    }
  });

  test('with fingerprint: true none mixes at all where scripts fetch nothing by fixed names', async () => {
    const size = { ...SMALL, fetches: false };
    const history = historyOf(size, RELEASES, false);
    const tried = { size, loads: 1_000 };
    expect((await run(ours(false), { ...tried, trees: history })).mixed).toBeGreaterThan(0);
    expect((await run(pinned(), { ...tried, trees: await fingerprinted(history) })).mixed).toBe(0);
  });
});

test('the router that is asked many times in one context says what it says in one of its own', async () => {
  const [tree] = historyOf(SOME, 1, true);
  const id = '20261123T070000Z-abcdefg';
  const pointer = JSON.stringify({
    id,
    base: '20261122T070000Z-abcdefg',
    delta: `${id.slice(-1)} 1oo`,
  });
  const get = async (key: string) => (key === 'live' ? pointer : undefined);
  const code = routerCode({ name: 'site', source: { kind: 'codecommit', branch: 'main' } });
  for (const path of [...(tree ?? new Map()).keys()].slice(0, 40)) {
    const request = { method: 'GET', uri: `/${path}`, querystring: {}, headers: {}, cookies: {} };
    const fresh = compileEdgeFunction({ code, keyValueStore: { get } });
    expect(await router.route(pointer, `/${path}`)).toEqual(await fresh.run({ request }));
  }
});

describe('the table', () => {
  const only = ['--only', 'small', '--only', 'copy-then-invalidate', '--only', 'atomic-site'];
  const print = async () => {
    const args = [
      '--import',
      'tsx',
      'proof/simulated/main.ts',
      ...only,
      '--loads',
      '300',
      '--seed',
      '7',
    ];
    return (await promisify(execFile)(process.execPath, args, { cwd: ROOT })).stdout;
  };

  test('is the same in every process', async () => {
    const [one, other] = await Promise.all([print(), print()]);
    expect(one).toContain('| atomic-site ');
    expect(other).toBe(one);
  });

  test('in docs/proof.md is what the simulator prints now, for small sites', async () => {
    const ways = ['copy-then-invalidate', 'prefix-delete', 'prefix-cookie', 'atomic-site'];
    const chosen = { seed: DEFAULT_SEED, loads: DEFAULT_LOADS, sizes: ['small'], ways };
    const page = readFileSync(new URL('../../docs/proof.md', import.meta.url), 'utf8');
    const squeezed = (text: string) => text.replace(/ +/g, ' ').replace(/-+/g, '-').split('\n');
    for (const block of await blocksOf(chosen)) {
      const [title, ...lines] = squeezed(renderBlock(block)).filter(Boolean);
      const at = squeezed(page).indexOf(title as string);
      expect(squeezed(page).slice(at, at + 20)).toEqual(expect.arrayContaining(lines));
    }
  });
});
