import { Readable } from 'node:stream';
import type { Clock } from '../../../lambda/shared/clock.ts';
import { fingerprint } from '../../../lambda/upload/fingerprint/fingerprint.ts';
import { COPIES_PATTERN } from '../../../lib/release/contract.ts';
import { Bodies, type Body, markReleases, type Tree } from './body.ts';
import { referencesIn } from './text.ts';

const made = new WeakMap<readonly Tree[], Promise<Tree[]>>();

/** What the upload of a site with `fingerprint: true` makes of each release, with the code that ships. */
export function fingerprinted(trees: readonly Tree[]): Promise<Tree[]> {
  const known = made.get(trees) ?? make(trees);
  made.set(trees, known);
  return known;
}

async function make(trees: readonly Tree[]): Promise<Tree[]> {
  const bodies = new Bodies();
  const results: Tree[] = [];
  for (const tree of trees) results.push(await fingerprintedTree(tree, bodies));
  markReleases(results);
  return results;
}

/** It asks how late it is, and has all the time there is. */
const CLOCK: Clock = { now: () => 0, sleep: async () => {} };

async function fingerprintedTree(tree: Tree, bodies: Bodies): Promise<Tree> {
  const { files, open, problems } = await fingerprint({
    files: [...tree].map(([path, { text, sha256, type }]) => ({
      path,
      size: Buffer.byteLength(text),
      sha256,
      type,
    })),
    open: async (path) => Readable.from([Buffer.from((tree.get(path) as Body).text)]),
    immutable: [COPIES_PATTERN],
    urls: { style: 'any', fallback: 'none' },
    isRuled: () => false,
    settings: { policyHashes: false, hosts: [] },
    headers: undefined,
    endAt: Number.POSITIVE_INFINITY,
    clock: CLOCK,
    signal: new AbortController().signal,
    visitors: '',
  });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const result = new Map<string, Body>();
  for (const { path, original, sha256 } of files) {
    const {
      name,
      text,
      bytes,
      type,
      references,
      sha256: before,
    } = tree.get(original ?? path) as Body;
    const is =
      sha256 === before ? text : Buffer.concat(await (await open(path)).toArray()).toString();
    const names = () => (is === text ? references : referencesIn(is, references));
    result.set(path, bodies.of(name, is, bytes, type, names));
  }
  return result;
}
