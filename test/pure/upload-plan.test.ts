import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { deltaOf, holds, layersOf, placesOf, setOf } from '../../lambda/upload/layers.ts';
import { type ArtifactFile, planRelease } from '../../lambda/upload/plan.ts';
import type { Manifest } from '../../lib/release/contract.ts';
import { A, B, C } from '../support/pointer-store.ts';

const file = (path: string, sha256 = `sha of ${path}`, type = 'text/plain'): ArtifactFile => ({
  path,
  size: 3,
  sha256,
  type,
});

const LIMITS = { pointerBytes: 1_024, rebaseShare: 1 };

const plan = (files: readonly ArtifactFile[], live?: Manifest, id = B) =>
  planRelease({
    id,
    revision: 'revision',
    createdAt: new Date('2026-11-23T06:15:00Z'),
    files,
    live,
    immutable: ['assets/*', 'fonts/?.woff2'],
    addressing: {},
    limits: LIMITS,
  });

const keys = (files: readonly { readonly key: string }[]) => files.map(({ key }) => key);

test('the first release brings everything: pages under its own prefix, hashed files into the pool', () => {
  const { put, pool, keep, manifest, problems } = plan([
    file('index.html'),
    file('fonts/a.woff2'),
    file('fonts/ab.woff2'),
    file('assets/deep/app-1.js'),
  ]);
  expect(keys(put)).toEqual([`releases/${B}/index.html`, `releases/${B}/fonts/ab.woff2`]);
  expect(keys(pool)).toEqual(['fonts/a.woff2', 'assets/deep/app-1.js']);
  expect(keep).toEqual([]);
  expect(problems).toEqual([]);
  expect(manifest).toEqual({
    version: 2,
    id: B,
    revision: 'revision',
    createdAt: '2026-11-23T06:15:00.000Z',
    pointer: { id: B, base: B, delta: '' },
    gone: [],
    files: [
      { ...file('assets/deep/app-1.js'), key: 'assets/deep/app-1.js' },
      { ...file('fonts/a.woff2'), key: 'fonts/a.woff2' },
      { ...file('fonts/ab.woff2'), key: `releases/${B}/fonts/ab.woff2` },
      { ...file('index.html'), key: `releases/${B}/index.html` },
    ],
  });
});

test('a hashed file of the live release costs no request', () => {
  const live = plan([file('index.html'), file('assets/app-1.js')], undefined, A).manifest;
  const { put, pool, keep } = plan([file('index.html', 'new'), file('assets/app-1.js')], live);
  expect(keys(put)).toEqual([`releases/${B}/index.html`]);
  expect(pool).toEqual([]);
  expect(keys(keep)).toEqual(['assets/app-1.js']);
});

test('a hashed file that is there already keeps the type it is stored with', () => {
  const live = plan([file('assets/app-1.js', 'same', 'text/old')], undefined, A).manifest;
  const { manifest } = plan([file('assets/app-1.js', 'same', 'text/new')], live);
  expect(manifest.files[0]?.type).toBe('text/old');
});

test('a known name with other bytes is a problem that names the file', () => {
  const live = plan([file('assets/app.js', 'one'), file('index.html', 'one')], undefined, A);
  const { problems } = plan(
    [file('assets/app.js', 'two'), file('index.html', 'two')],
    live.manifest,
  );
  expect(problems).toEqual([
    'assets/app.js: is in the pool with other bytes; give it a name that changes with its content, or take it out of the immutable patterns',
  ]);
});

test('a plus in the name of a pool file stops the release: no router encodes it there', () => {
  expect(plan([file('assets/+page-1.js'), file('a+b.html')]).problems).toEqual([
    'assets/+page-1.js: has a plus in its name, which S3 takes for a space where no router encodes it; rename it, or take it out of the immutable patterns',
  ]);
});

test('the pointer says what is to be known of addresses, and keeps within its kilobyte', () => {
  const addressing = { style: 'file', pages: 'x'.repeat(641) } as const;
  const given = {
    revision: 'r',
    createdAt: new Date(0),
    immutable: [],
    addressing,
    limits: LIMITS,
  };
  const site = Array.from({ length: 400 }, (_, index) => file(`${index}.html`));
  const first = planRelease({ ...given, id: A, files: site, live: undefined });
  expect(first.pointer).toEqual({ id: A, base: A, delta: '', ...addressing });
  for (const count of [20, 100, 200, 300]) {
    const files = site.map((one, index) => (index < count ? { ...one, sha256: 'new' } : one));
    const { pointer } = planRelease({ ...given, id: B, files, live: first.manifest });
    expect(pointer).toMatchObject({ id: B, base: A, ...addressing });
    expect(() => pointerText(pointer)).not.toThrow();
  }
});

test('a file that only now falls under a pattern goes into the pool', () => {
  const live = planRelease({
    id: A,
    revision: 'r',
    createdAt: new Date(0),
    files: [file('assets/app.js', 'old')],
    live: undefined,
    immutable: [],
    addressing: {},
    limits: LIMITS,
  }).manifest;
  const { pool, problems } = plan([file('assets/app.js', 'new')], live);
  expect(keys(pool)).toEqual(['assets/app.js']);
  expect(problems).toEqual([]);
});

describe('against the live release', () => {
  const before = [file('index.html'), file('a.html'), file('b.html')];
  const live = plan(before, undefined, A).manifest;

  test('nothing changed: no request, no copy, and every page keeps its cache key', () => {
    const { put, copy, keep, gone, pointer } = plan(before, live);
    expect([put, copy, gone]).toEqual([[], [], []]);
    expect(keys(keep)).toEqual([
      `releases/${A}/index.html`,
      `releases/${A}/a.html`,
      `releases/${A}/b.html`,
    ]);
    expect(pointer).toEqual({ id: B, base: A, delta: '' });
  });

  test('a change costs what changed; what went is remembered as gone since', () => {
    const { put, copy, keep, gone, pointer, manifest } = plan(
      [file('index.html'), file('a.html', 'new')],
      live,
    );
    expect(keys(put)).toEqual([`releases/${B}/a.html`]);
    expect(copy).toEqual([]);
    expect(keys(keep)).toEqual([`releases/${A}/index.html`]);
    expect(gone).toEqual([{ path: 'b.html', since: B }]);
    expect(pointer).toMatchObject({ id: B, base: A });
    expect(layersOf(pointer)?.map(({ id }) => id)).toEqual([B]);

    const next = plan([file('index.html'), file('a.html', 'new'), file('b.html')], manifest, C);
    expect(keys(next.put)).toEqual([`releases/${C}/b.html`]);
    expect(next.gone).toEqual([]);
    expect(layersOf(next.pointer)?.map(({ id }) => id)).toEqual([C, B]);
  });

  test('another type is another object, since the type is stored with it', () => {
    const { put } = plan([...before.slice(1), file('index.html', undefined, 'text/other')], live);
    expect(keys(put)).toEqual([`releases/${B}/index.html`]);
  });

  test('a page that its pointer does not lead to is brought anew', () => {
    const files = live.files.map((one) =>
      one.path === 'a.html' ? { ...one, key: `releases/${C}/a.html` } : one,
    );
    expect(keys(plan(before, { ...live, files }).put)).toEqual([`releases/${B}/a.html`]);
  });

  test.each(['name-without-set', 'x y', '20261123T060000Z-aaaaaaa ~'])(
    'a pointer that cannot be read (%s) makes a base of its own',
    (delta) => {
      const { put, pointer } = plan(before, { ...live, pointer: { ...live.pointer, delta } });
      expect(put).toHaveLength(3);
      expect(pointer).toEqual({ id: B, base: B, delta: '' });
    },
  );

  test('above the configured share, all else is copied and nothing is gone any more', () => {
    const { put, copy, keep, gone, pointer } = planRelease({
      id: B,
      revision: 'r',
      createdAt: new Date(0),
      files: [file('index.html'), file('a.html', 'new')],
      live,
      immutable: [],
      addressing: {},
      limits: { ...LIMITS, rebaseShare: 0.5 },
    });
    expect(keys(put)).toEqual([`releases/${B}/a.html`]);
    expect(copy).toEqual([
      { ...file('index.html'), from: `releases/${A}/index.html`, key: `releases/${B}/index.html` },
    ]);
    expect([keep, gone]).toEqual([[], []]);
    expect(pointer).toEqual({ id: B, base: B, delta: '' });
  });
});

describe('sets of paths', () => {
  const places = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => placesOf(`page-${from + index}/index.html`));

  test.each([
    [10, 20, 1 / 3_000],
    [10, 12, 1 / 100],
    [500, 10, 1 / 60],
  ])('%i members at %i bits are all held, and few others', (count, bits, share) => {
    const members = places(0, count);
    const set = setOf(members, 1 + Math.ceil((count * bits) / 6));
    expect(members.every((member) => holds(set, member))).toBe(true);
    const others = places(100_000, 20_000).filter((other) => holds(set, other)).length;
    expect(others / 20_000).toBeLessThan(share);
  });

  test('layers are written short and read whole', () => {
    const layers = [A, C].map((id) => ({ id, set: setOf(places(0, 3), 6) }));
    const pointer = { id: B, base: A, delta: deltaOf(B, layers) };
    expect(pointer.delta).toMatch(/^0000Z-aaaaaaa \S{6} 3000Z-ccccccc \S{6}$/);
    expect(layersOf(pointer)).toEqual(layers);
  });

  test('a space and a plus are the same, as S3 reads addresses', () => {
    expect(placesOf('a+b.html')).toEqual(placesOf('a b.html'));
  });
});

test('the pool and the pages never share a file, and no pool file is taken for a page', () => {
  const name = fc.constantFrom(
    'index.html',
    'a.html',
    'assets/a.js',
    'assets/b.js',
    'fonts/a.woff2',
  );
  const content = fc.constantFrom('one', 'two');
  const site = fc
    .uniqueArray(fc.tuple(name, content), { selector: ([path]) => path })
    .map((files) => files.map(([path, sha256]) => file(path, sha256)));
  fc.assert(
    fc.property(site, site, site, (first, second, files) => {
      const before = plan(second, plan(first, undefined, A).manifest, C).manifest;
      const { put, copy, pool, keep, gone, manifest, problems } = plan(files, before);

      const told = new Set(problems.map((problem) => problem.split(':')[0]));
      const expected = files.map(({ path }) => path).filter((path) => !told.has(path));
      expect(manifest.files.map(({ path }) => path)).toEqual(expected.sort());
      expect(put.length + copy.length + pool.length + keep.length).toBe(manifest.files.length);
      expect(new Set(keys(manifest.files)).size).toBe(manifest.files.length);

      const stored = new Map(before.files.map(({ key, sha256 }) => [key, sha256]));
      for (const { path, key } of manifest.files) {
        expect(key === path).toBe(/^(assets|fonts)\//.test(path));
      }
      // What is not written is there, and what is written is not.
      for (const { key, sha256 } of keep) expect(stored.get(key)).toBe(sha256);
      for (const { key } of [...put, ...pool]) expect(stored.has(key)).toBe(false);
      for (const { path } of gone) expect(path).not.toMatch(/^(assets|fonts)\//);
    }),
  );
});

describe('headers that are stored with a file', () => {
  const headed = (path: string, headers?: string) => ({
    ...file(path),
    ...(headers && { headers }),
  });

  test('make it a changed one when they change, and not otherwise', () => {
    const before = [headed('index.html', 'a'), headed('about.html', 'a'), headed('plain.html')];
    const live = plan(before, undefined, A).manifest;
    const after = [headed('index.html', 'a'), headed('about.html', 'b'), headed('plain.html', 'a')];
    const { put, keep, manifest } = plan(after, live);
    expect(keys(put).sort()).toEqual([`releases/${B}/about.html`, `releases/${B}/plain.html`]);
    expect(keys(keep)).toEqual([`releases/${A}/index.html`]);
    expect(manifest.files.map(({ path, headers }) => [path, headers])).toEqual([
      ['about.html', 'b'],
      ['index.html', 'a'],
      ['plain.html', 'a'],
    ]);
  });

  test('stay as they are in the pool', () => {
    const live = plan([headed('assets/app-1.js', 'a')], undefined, A).manifest;
    const { put, pool, headersKept, manifest } = plan([headed('assets/app-1.js', 'b')], live);
    expect([...put, ...pool]).toEqual([]);
    expect(headersKept).toEqual(['assets/app-1.js']);
    expect(manifest.files[0]?.headers).toBe('a');
  });

  test('are no field of a file without any', () => {
    expect(Object.keys(plan([file('index.html')]).manifest.files[0] ?? {})).not.toContain(
      'headers',
    );
  });
});
