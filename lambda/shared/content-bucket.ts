import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { type Manifest, manifestKey } from '../../lib/release/contract.ts';
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
