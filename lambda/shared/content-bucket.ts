import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { ledgerKey, type Manifest, manifestKey } from '../../lib/release/contract.ts';
import { isRival, type LedgerStore } from './ledger.ts';
import { readManifest } from './manifest.ts';

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
 * The manifest of a release, or nothing if there is no such release.
 *
 * @throws DamagedManifest if what is there is none.
 */
export async function getManifest(
  client: S3Client,
  bucket: string,
  id: string,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const text = await getText(client, bucket, manifestKey(id), signal);
  return text === undefined ? undefined : readManifest(text, id);
}

/** The ledger as objects: S3's ETag is the version of a page. */
export function ledgerIn(client: S3Client, Bucket: string): LedgerStore {
  return {
    async read(id, abortSignal) {
      try {
        const { Body, ETag } = await client.send(
          new GetObjectCommand({ Bucket, Key: ledgerKey(id) }),
          { abortSignal },
        );
        if (!ETag) throw new Error('GetObject answered without an ETag');
        return { text: (await Body?.transformToString()) ?? '', version: ETag };
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
        throw error;
      }
    },
    async write(id, Body, version, abortSignal) {
      const condition = version === undefined ? { IfNoneMatch: '*' } : { IfMatch: version };
      const object = { Bucket, Key: ledgerKey(id), Body, ContentType: 'application/json' };
      try {
        await client.send(new PutObjectCommand({ ...object, ...condition }), { abortSignal });
        return true;
      } catch (error) {
        if (isRival(error)) return false;
        throw error;
      }
    },
  };
}
