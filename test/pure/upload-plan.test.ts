import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ArtifactFile, planRelease } from '../../lambda/upload/plan.ts';
import type { Manifest } from '../../lib/release/contract.ts';
import { A, B, C } from '../support/pointer-store.ts';

const file = (path: string, sha256 = `sha of ${path}`, type = 'text/plain'): ArtifactFile => ({
  path,
  size: 3,
  sha256,
  type,
});

const plan = (files: readonly ArtifactFile[], live?: Manifest, id = B) =>
  planRelease({
    id,
    revision: 'revision',
    createdAt: new Date('2026-11-23T06:15:00Z'),
    files,
    live,
    immutable: ['assets/*', 'fonts/?.woff2'],
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
    version: 1,
    id: B,
    revision: 'revision',
    createdAt: '2026-11-23T06:15:00.000Z',
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
  const { put, pool, keep } = plan([file('index.html'), file('assets/app-1.js')], live);
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

test('a file that only now falls under a pattern goes into the pool', () => {
  const live = planRelease({
    id: A,
    revision: 'r',
    createdAt: new Date(0),
    files: [file('assets/app.js', 'old')],
    live: undefined,
    immutable: [],
  }).manifest;
  const { pool, problems } = plan([file('assets/app.js', 'new')], live);
  expect(keys(pool)).toEqual(['assets/app.js']);
  expect(problems).toEqual([]);
});

const name = fc.constantFrom('index.html', 'a.html', 'assets/a.js', 'assets/b.js', 'fonts/a.woff2');
const content = fc.constantFrom('one', 'two');
const site = fc
  .uniqueArray(fc.tuple(name, content), { selector: ([path]) => path })
  .map((files) => files.map(([path, sha256]) => file(path, sha256)));

test('every file of the artifact is in the manifest once, with one key, in exactly one list', () => {
  fc.assert(
    fc.property(site, site, site, (first, second, files) => {
      const before = plan(second, plan(first, undefined, A).manifest, C).manifest;
      const { put, pool, keep, manifest, problems } = plan(files, before);

      const told = new Set(problems.map((problem) => problem.split(':')[0]));
      const expected = files.map(({ path }) => path).filter((path) => !told.has(path));
      expect(manifest.files.map(({ path }) => path)).toEqual(expected.sort());
      expect(put.length + pool.length + keep.length).toBe(manifest.files.length);
      expect(new Set(keys(manifest.files)).size).toBe(manifest.files.length);

      const bytes = new Map(files.map(({ path, sha256 }) => [path, sha256]));
      const stored = new Map(before.files.map(({ key, sha256 }) => [key, sha256]));
      for (const { path, key, sha256 } of manifest.files) {
        expect(sha256).toBe(bytes.get(path));
        expect(key === path || key === `releases/${B}/${path}`).toBe(true);
      }
      // What is not written is there, and what is written is not.
      for (const { key, sha256 } of keep) expect(stored.get(key)).toBe(sha256);
      for (const { key } of [...put, ...pool]) expect(stored.has(key)).toBe(false);
    }),
  );
});
