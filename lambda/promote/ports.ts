import { CopyObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { ERROR_PAGE_KEY } from '../../lib/release/contract.ts';
import { ledgerIn, recordsIn } from '../shared/content-bucket.ts';
import { required } from '../shared/failure.ts';
import type { PointerStore } from '../shared/store.ts';
import { BUILT_IN_ERROR_PAGE, ERROR_PAGE_CACHE_CONTROL } from './error-page.ts';
import type { PromotePorts } from './promote.ts';

/** The services that a promotion talks to. */
export function promotePorts(
  s3: S3Client,
  Bucket: string,
  pointer: PointerStore,
  settings: Pick<PromotePorts, 'site' | 'healthPath' | 'deadlineMs'>,
): PromotePorts {
  return {
    ...settings,
    pointer,
    records: recordsIn(s3, Bucket),
    ledger: ledgerIn(s3, Bucket),
    async putErrorPage(file, abortSignal) {
      const page = { Bucket, Key: ERROR_PAGE_KEY, CacheControl: ERROR_PAGE_CACHE_CONTROL };
      if (file === undefined) {
        const Body = BUILT_IN_ERROR_PAGE;
        const ContentType = 'text/html; charset=utf-8';
        const put = new PutObjectCommand({ ...page, Body, ContentType });
        const { ETag } = await s3.send(put, { abortSignal });
        required(ETag, 'PutObject answered without an ETag');
        return;
      }
      const { CopyObjectResult } = await s3.send(
        new CopyObjectCommand({
          ...page,
          // Nothing in it to be percent-encoded: the file is called 404.html.
          CopySource: `${Bucket}/${file.key}`,
          MetadataDirective: 'REPLACE',
          ContentType: file.type,
        }),
        { abortSignal },
      );
      required(CopyObjectResult?.ETag, 'CopyObject answered without an ETag');
    },
  };
}
