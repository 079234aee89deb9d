import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  ledgerKey,
  manifestKey,
  POOL_SWEEP_KEY,
  type PoolSweep,
} from '../../lib/release/contract.ts';
import { factsOf, required } from './failure.ts';
import { bodyOf, textOf } from './page-body.ts';
import type { PageStore } from './page-store.ts';
import { readPoolSweep } from './pool-sweep.ts';

/** The text of an object, or nothing if there is none. */
export async function getText(
  client: S3Client,
  Bucket: string,
  Key: string,
  abortSignal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
    return await Body?.transformToString();
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
    throw error;
  }
}

/**
 * What a clean-up has announced to delete from the pool; nothing if none is under way.
 *
 * @throws Error if the announcement is damaged.
 */
export async function poolSweepIn(
  client: S3Client,
  bucket: string,
  signal: AbortSignal,
): Promise<PoolSweep | undefined> {
  const text = await getText(client, bucket, POOL_SWEEP_KEY, signal);
  return text === undefined ? undefined : readPoolSweep(text);
}

/** Pages as objects: S3's ETag is the version of a page. */
export function pagesIn(
  client: S3Client,
  Bucket: string,
  keyOf: (id: string) => string,
): PageStore {
  return {
    async read(id, abortSignal) {
      try {
        const command = new GetObjectCommand({ Bucket, Key: keyOf(id) });
        const { Body, ContentEncoding, ETag } = await client.send(command, { abortSignal });
        // First: a body that nobody reads, and that is not what its checksum says, ends the process.
        const text =
          Body && ContentEncoding === 'gzip'
            ? textOf(await Body.transformToByteArray())
            : ((await Body?.transformToString()) ?? '');
        return { text, version: required(ETag, 'GetObject answered without an ETag') };
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
        throw error;
      }
    },
    async write(id, text, version, abortSignal) {
      const condition = version === undefined ? { IfNoneMatch: '*' } : { IfMatch: version };
      const object = { Bucket, Key: keyOf(id), ...bodyOf(text), ContentType: 'application/json' };
      try {
        const command = new PutObjectCommand({ ...object, ...condition });
        const { ETag } = await client.send(command, { abortSignal });
        return required(ETag, 'PutObject answered without an ETag');
      } catch (error) {
        if (isRival(error)) return undefined;
        throw error;
      }
    },
  };
}

/** What became of the releases. */
export const ledgerIn = (client: S3Client, bucket: string): PageStore =>
  pagesIn(client, bucket, ledgerKey);

/** The releases' records: see `ReleaseRecord`. */
export const recordsIn = (client: S3Client, bucket: string): PageStore =>
  pagesIn(client, bucket, manifestKey);

/** Whether a conditional write met another writer's page. */
function isRival(error: unknown): boolean {
  const { name, status } = factsOf(error);
  // NoSuchKey: the page that was read is gone. A 409 is not the answer yet: the other write may fail.
  return name === 'PreconditionFailed' || name === 'NoSuchKey' || status === 412;
}
