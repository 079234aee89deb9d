import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { type Layer, layerFor, layersOf, placesOf } from '../../lambda/upload/layers.ts';
import { type Plan, planRelease } from '../../lambda/upload/plan.ts';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import {
  type Manifest,
  type Pointer,
  releaseId,
  releasePrefix,
} from '../../lib/release/contract.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';
import { runs } from '../support/fuzz.ts';

const CODE = routerCode({ name: 'site', source: { kind: 'codecommit', branch: 'main' } });

/** Where the shipped router leads visitors who ask for that file. */
async function keyFor(live: Pointer, path: string): Promise<string> {
  const pointer = pointerText(live);
  const router = compileEdgeFunction({ code: CODE, keyValueStore: { get: async () => pointer } });
  const uri = `/${path.split('/').map(encodeURIComponent).join('/')}`;
  const request = { method: 'GET', uri, querystring: {}, headers: {}, cookies: {} };
  const answer = (await router.run({ request })) as { uri: string };
  return decodeURIComponent(answer.uri.slice(1));
}

const PATHS = [
  'index.html',
  '404.html',
  'a+b.html',
  'a b.html',
  'é/index.html',
  'zero/%41.html',
  ...Array.from({ length: 18 }, (_, index) => `page-${index}/index.html`),
];

type Site = ReadonlyMap<string, string>;
/** Nothing: the path is removed, or was not there. */
type Edit = readonly [path: string, content: string | undefined];

const edit: fc.Arbitrary<Edit> = fc.tuple(
  fc.constantFrom(...PATHS),
  fc.option(fc.constantFrom('one', 'two', 'three', 'four'), { nil: undefined, freq: 3 }),
);
const step = fc.record({
  edits: fc.array(edit, { maxLength: 6 }),
  /** How many releases back the live one is: more than none after a rollback. */
  back: fc.nat({ max: 9 }).map((back) => Math.max(0, back - 6)),
  revision: fc.constantFrom('1a2b3c4', '1a2b3c4', '9f8e7d6', 'ab1'),
});
const history = fc.record({
  first: fc.uniqueArray(edit, { selector: ([path]) => path, minLength: 10, maxLength: 24 }),
  steps: fc.array(step, { minLength: 1, maxLength: 9 }),
  // From room for hardly one layer, so that nearly every set collides, to the store's limit.
  pointerBytes: fc.constantFrom(82, 90, 100, 115, 140, 200, 1_024, 1_024),
  rebaseShare: fc.constantFrom(0.4, 1, 1, 1),
});

type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

interface Release {
  readonly site: Site;
  readonly plan: Plan;
}

const edited = (site: Site, edits: readonly Edit[]): Site => {
  const next = new Map([...site, ['index.html', site.get('index.html') ?? 'start']]);
  for (const [path, content] of edits) {
    if (content === undefined) next.delete(path);
    else next.set(path, content);
  }
  return next;
};

/** Publishes them one after the other, as Upload does, into a bucket in which nothing may be overwritten. */
function publish({
  first,
  steps,
  pointerBytes,
  rebaseShare,
}: typeof history extends fc.Arbitrary<infer T> ? T : never) {
  const bucket = new Map<string, string>();
  const releases: Release[] = [];
  const all = [{ edits: first, back: 0, revision: '1a2b3c4' }, ...steps];
  all.forEach(({ edits, back, revision }, index) => {
    const live = releases[Math.max(0, releases.length - 1 - back)];
    const site = edited(live?.site ?? new Map(), edits);
    const createdAt = new Date(Date.UTC(2026, 10, 28) + index * 40_000_000);
    const plan = planRelease({
      id: releaseId(createdAt, revision),
      revision,
      createdAt,
      files: [...site].map(([path, content]) => ({
        path,
        size: content.length,
        sha256: content,
        type: 'text/html',
      })),
      live: live && (JSON.parse(JSON.stringify(live.plan.manifest)) as Manifest),
      immutable: [],
      addressing: {},
      limits: { pointerBytes, rebaseShare },
    });
    for (const { key, sha256 } of [...plan.put, ...plan.pool]) {
      expect(bucket.has(key)).toBe(false);
      bucket.set(key, sha256);
    }
    for (const { key, sha256, from } of plan.copy) {
      expect(bucket.has(key)).toBe(false);
      expect(bucket.get(from)).toBe(sha256);
      bucket.set(key, sha256);
    }
    releases.push({ site, plan });
  });
  return { bucket, releases };
}

/** Checks all of them, after all of them: an edge may still hold any, and a rollback may bring any back. */
async function expectWhole(
  input: History,
  keyOf: (pointer: Pointer, path: string) => string | Promise<string>,
) {
  const { bucket, releases } = publish(input);
  for (const { site, plan } of releases) {
    for (const path of PATHS) {
      const found = bucket.get(await keyOf(plan.pointer, path));
      expect([path, found]).toEqual([path, site.get(path)]);
    }
  }
}

describe('whatever became of a site, each pointer leads every path to its own release, whole, or to nothing', () => {
  test('by the shipped router', async () => {
    await fc.assert(
      fc.asyncProperty(history, (input) => expectWhole(input, keyFor)),
      runs(20),
    );
  });

  test('by the plan’s own reading of pointers', async () => {
    const keyOf = (pointer: Pointer, path: string) => {
      const layers = layersOf(pointer) as Layer[];
      const layer = layers[layerFor(layers, placesOf(path))];
      return `${releasePrefix(layer?.id ?? pointer.base)}${path}`;
    };
    await fc.assert(
      fc.asyncProperty(history, (input) => expectWhole(input, keyOf)),
      runs(150),
    );
  });
});

test('a plan takes up every file once, fits its pointer and agrees with its manifest', () => {
  fc.assert(
    fc.property(history, (input) => {
      for (const { site, plan } of publish(input).releases) {
        const { put, copy, keep, pool, gone, pointer, manifest } = plan;
        const paths = [...put, ...copy, ...keep, ...pool].map(({ path }) => path);
        expect(paths.sort()).toEqual([...site.keys()].sort());
        expect(manifest.files.map(({ path, sha256 }) => [path, sha256])).toEqual(
          [...site].sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        expect(manifest.pointer).toBe(pointer);
        expect(manifest.gone).toBe(gone);
        expect(gone.filter(({ path }) => site.has(path))).toEqual([]);
        // A first release, and one that becomes its own base, needs no more than the shortest there is.
        const bytes = Buffer.byteLength(pointerText(pointer));
        if (pointer.delta !== '') expect(bytes).toBeLessThanOrEqual(input.pointerBytes);
        if (pointer.base === manifest.id) expect(keep).toEqual([]);
      }
    }),
    runs(100),
  );
});

test('the histories above do collide, merge, rebase and bring paths back', () => {
  let copies = 0;
  let layers = 0;
  let rebased = 0;
  let gone = 0;
  for (const input of fc.sample(history, { numRuns: 200, seed: 1 })) {
    for (const { plan } of publish(input).releases.slice(1)) {
      copies += plan.copy.length;
      layers = Math.max(layers, plan.pointer.delta.split(' ').length / 2);
      if (plan.pointer.base === plan.manifest.id) rebased += 1;
      gone += plan.gone.length;
    }
  }
  expect(copies).toBeGreaterThan(100);
  expect(layers).toBeGreaterThan(2);
  expect(rebased).toBeGreaterThan(20);
  expect(gone).toBeGreaterThan(100);
});
