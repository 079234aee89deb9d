import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { CACHE_FOR_EVER } from '../../lib/release/contract.ts';
import { TRANSFER_TIMEOUTS } from '../shared/clients.ts';
import { getText, ledgerIn, poolSweepIn, recordsIn } from '../shared/content-bucket.ts';
import { factsOf, required, UnexpectedAnswer } from '../shared/failure.ts';
import type { PointerStore } from '../shared/store.ts';
import { METADATA_NAME } from './headers.ts';
import type { NewObject, UploadPorts } from './upload.ts';

/** The services that Upload talks to. */
export function uploadPorts(
  s3: S3Client,
  Bucket: string,
  store: PointerStore,
  settings: Pick<
    UploadPorts,
    'immutable' | 'rebaseShare' | 'gates' | 'urls' | 'rulesFiles' | 'fingerprint'
  >,
): UploadPorts {
  return {
    ...settings,
    permits: {
      isGiven: async (key, signal) => (await getText(s3, Bucket, key, signal)) !== undefined,
      command: (key) => `aws s3api put-object --bucket ${Bucket} --key ${key}`,
    },
    pointer: (key, signal) => store.get(key, signal),
    records: recordsIn(s3, Bucket),
    ledger: ledgerIn(s3, Bucket),
    poolSweep: (signal) => poolSweepIn(s3, Bucket, signal),

    async download({ bucket, key }, credentials, toFile, signal) {
      // The pipeline's credentials read its artifact; ours cannot, and need not.
      const artifacts = new S3Client({ requestHandler: TRANSFER_TIMEOUTS, credentials });
      try {
        const { Body } = await artifacts.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
          abortSignal: signal,
        });
        await pipeline(Body as Readable, createWriteStream(toFile), { signal });
      } finally {
        artifacts.destroy();
      }
    },

    async claim(Key, text, abortSignal) {
      try {
        const object = { Bucket, Key, Body: text, ContentType: 'text/plain' };
        const command = new PutObjectCommand({ ...object, IfNoneMatch: '*' });
        const { ETag } = await s3.send(command, { abortSignal });
        required(ETag, 'PutObject answered without an ETag');
        return text;
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
      const held = await getText(s3, Bucket, Key, abortSignal);
      if (held === undefined) throw goneSince(Key);
      return held;
    },

    async list(Prefix, abortSignal) {
      const sizes = new Map<string, number>();
      const pages = paginateListObjectsV2({ client: s3 }, { Bucket, Prefix }, { abortSignal });
      for await (const { Contents = [], IsTruncated } of pages) {
        required(IsTruncated, 'ListObjectsV2 answered without IsTruncated');
        for (const { Key = '', Size = 0 } of Contents) sizes.set(Key, Size);
      }
      return sizes;
    },

    async putNew(object, body, signal) {
      const { key: Key, size, sha256, type, headers } = object;
      // The SDK pipes a stream and does not see it fail: the request would wait for the rest.
      const broken = new AbortController();
      let reason: unknown;
      if (body instanceof Readable) {
        body.once('error', (error) => {
          reason = error;
          broken.abort();
        });
      }
      try {
        const { ETag } = await s3.send(
          new PutObjectCommand({
            Bucket,
            Key,
            Body: body,
            ContentLength: size,
            ContentType: type,
            CacheControl: CACHE_FOR_EVER,
            ...(headers !== undefined && { Metadata: { [METADATA_NAME]: headers } }),
            // Known before the first byte is sent, so S3 refuses what was damaged on its way.
            ChecksumSHA256: sha256,
            IfNoneMatch: '*',
          }),
          { abortSignal: AbortSignal.any([signal, broken.signal]) },
        );
        // S3 itself says so, nobody on the way to it.
        required(ETag, 'PutObject answered without an ETag');
        return 'written';
      } catch (error) {
        if (reason !== undefined) throw reason;
        if (!isTaken(error)) throw error;
      }
      return comparison(object, signal);
    },

    async copyNew(object, from, abortSignal) {
      const { key: Key, sha256 } = object;
      // A header, so what is not ASCII has to be percent-encoded; the slashes must not be.
      const CopySource = `${Bucket}/${from.split('/').map(encodeURIComponent).join('/')}`;
      try {
        // Content-Type, Cache-Control, the headers and the kind of checksum go with it.
        const { CopyObjectResult } = await s3.send(
          new CopyObjectCommand({ Bucket, Key, CopySource, IfNoneMatch: '*' }),
          { abortSignal },
        );
        required(CopyObjectResult?.ETag, 'CopyObject answered without an ETag');
        const copied = CopyObjectResult?.ChecksumSHA256;
        return copied === undefined || copied === sha256 ? 'written' : 'other';
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return 'missing';
        if (!isTaken(error)) throw error;
      }
      return comparison(object, abortSignal);
    },
  };

  async function comparison({ key: Key, sha256, headers }: NewObject, abortSignal: AbortSignal) {
    const command = new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' });
    const { ChecksumSHA256, Metadata } = await s3.send(command, { abortSignal }).catch((error) => {
      throw error instanceof Error && error.name === 'NotFound' ? goneSince(Key) : error;
    });
    if (ChecksumSHA256 !== sha256) return 'other';
    return Metadata?.[METADATA_NAME] === headers ? 'same' : 'headers';
  }
}

/** Somebody deleted it, or S3 was wrong: either way it is worth another try. */
const goneSince = (key: string): Error =>
  new UnexpectedAnswer(`${key}: taken a moment ago, gone now`);

/** By its status where the answer says no more. */
function isTaken(error: unknown): boolean {
  const { name, status } = factsOf(error);
  return name === 'PreconditionFailed' || status === 412;
}
