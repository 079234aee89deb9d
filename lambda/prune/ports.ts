import { DeleteObjectsCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { POOL_SWEEP_KEY } from '../../lib/release/contract.ts';
import { ledgerIn, pagesIn, recordsIn } from '../shared/content-bucket.ts';
import { required } from '../shared/failure.ts';
import type { PointerStore } from '../shared/store.ts';
import type { PrunePorts } from './context.ts';

/** The services that a clean-up talks to. */
export function prunePorts(
  s3: S3Client,
  Bucket: string,
  pointer: PointerStore,
  settings: Pick<PrunePorts, 'immutable' | 'retention' | 'redirects'>,
): PrunePorts {
  return {
    ...settings,
    pointer,
    records: recordsIn(s3, Bucket),
    ledger: ledgerIn(s3, Bucket),
    sweeps: pagesIn(s3, Bucket, () => POOL_SWEEP_KEY),

    async *list(Prefix, abortSignal, StartAfter) {
      const input = { Bucket, Prefix, StartAfter };
      const pages = paginateListObjectsV2({ client: s3 }, input, { abortSignal });
      for await (const { Contents = [], IsTruncated } of pages) {
        requireWhole(IsTruncated);
        yield Contents.map(({ Key = '', Size = 0, LastModified }) => ({
          key: Key,
          size: Size,
          // Without a date it is young: nobody deletes what they know too little of.
          modified: LastModified?.getTime() ?? Number.POSITIVE_INFINITY,
        }));
      }
    },

    async folders(Prefix, abortSignal) {
      const names: string[] = [];
      const input = { Bucket, Prefix, Delimiter: '/' };
      const pages = paginateListObjectsV2({ client: s3 }, input, { abortSignal });
      for await (const { CommonPrefixes = [], IsTruncated } of pages) {
        requireWhole(IsTruncated);
        names.push(
          ...CommonPrefixes.map((folder) => String(folder.Prefix).slice(Prefix.length, -1)),
        );
      }
      return names;
    },

    async remove(keys, abortSignal) {
      const Objects = keys.map((Key) => ({ Key }));
      const { Errors = [], $metadata } = await s3.send(
        new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
        { abortSignal },
      );
      const [first] = Errors;
      if (first === undefined) return $metadata.attempts === 1;
      throw Object.assign(
        new Error(
          `${Errors.length} of ${keys.length} objects were not deleted, the first of them ${first.Key}: ${first.Message}`,
        ),
        { name: first.Code ?? 'Error' },
      );
    },
  };
}

/** A listing that says nothing of its end is none; taken for an empty one, it would say that nothing is needed. */
function requireWhole(isTruncated: boolean | undefined): void {
  required(isTruncated, 'ListObjectsV2 answered without IsTruncated');
}
