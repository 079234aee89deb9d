import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { contentType } from '../../lambda/upload/content-type.ts';
import {
  type Fingerprinted,
  type FingerprintInput,
  fingerprint,
} from '../../lambda/upload/fingerprint/fingerprint.ts';
import type { ArtifactFile } from '../../lambda/upload/plan.ts';
import { COPIES_PATTERN } from '../../lib/release/contract.ts';
import { aClock } from './job.ts';

export type Built = Readonly<Record<string, string | Buffer>>;

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('base64');

/** What is published of a site, by path. Tags are shown as the names of what they stand for: `site.pinned-…` is `site.PIN`. */
export interface Published extends Fingerprinted {
  readonly contents: Readonly<Record<string, string>>;
  /** Of a copy. */
  copyOf(path: string): ArtifactFile;
  /** Whether a file is as it was, byte for byte. */
  isSame(path: string): boolean;
}

export async function published(
  built: Built,
  changes: Partial<FingerprintInput> = {},
): Promise<Published> {
  const clock = aClock();
  const site: Built = { 'index.html': '', ...built };
  const result = await fingerprint({
    files: Object.entries(site).map(([path, content]) => ({
      path,
      size: Buffer.byteLength(content),
      sha256: sha256(content),
      type: contentType(path),
      ...(changes.headers?.sets.has(path) && { headers: changes.headers.sets.get(path) as string }),
    })),
    immutable: ['assets/*', COPIES_PATTERN],
    urls: { style: 'any', fallback: 'none' },
    isRuled: () => false,
    settings: { policyHashes: false, hosts: ['www.example.org'] },
    headers: undefined,
    open: async (path) => Readable.from([Buffer.from(site[path] as string)]),
    endAt: clock.now() + 900_000,
    clock,
    signal: new AbortController().signal,
    visitors: 'Visitors see nothing.',
    ...changes,
  });
  const contents: Record<string, string> = {};
  for (const { path, size, sha256: told } of result.files) {
    const content = await buffer(await result.open(path));
    // Told to the plan and to S3 before it is sent.
    if (sha256(content) !== told || content.length !== size) {
      throw new Error(`${path}: is sent with other bytes than the manifest says`);
    }
    contents[path] = content.toString();
  }
  return {
    ...result,
    contents,
    copyOf(path) {
      const copy = result.files.find(({ original }) => original === path);
      if (copy === undefined) throw new Error(`${path}: has no copy`);
      return copy;
    },
    isSame: (path) => contents[path] === site[path]?.toString(),
  };
}

/** With every tag replaced by the same word. */
export const plain = (content: string | undefined): string =>
  (content ?? 'nothing').replace(/\.pinned-[0-9a-f]{12}/g, '.PIN');
