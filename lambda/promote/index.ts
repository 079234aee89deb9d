import { CopyObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ERROR_PAGE_KEY } from '../../lib/release/contract.ts';
import { TIMEOUTS } from '../shared/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { getManifest, ledgerIn } from '../shared/content-bucket.ts';
import { environment } from '../shared/environment.ts';
import { jobHandler } from '../shared/handler.ts';
import { keyValueStore } from '../shared/key-value-store.ts';
import { BUILT_IN_ERROR_PAGE, ERROR_PAGE_CACHE_CONTROL } from './error-page.ts';
import { type PromotePorts, promote, VISITORS } from './promote.ts';
import { siteAt } from './site.ts';

const s3 = new S3Client({ requestHandler: TIMEOUTS, maxAttempts: 5 });

function ports(): PromotePorts {
  const { CONTENT_BUCKET: Bucket, ...variables } = environment(process.env, [
    'CONTENT_BUCKET',
    'KEY_VALUE_STORE_ARN',
    'SITE_URL',
    'HEALTH_PATH',
    'HEALTH_DEADLINE_SECONDS',
  ]);
  return {
    pointer: keyValueStore(variables.KEY_VALUE_STORE_ARN),
    ledger: ledgerIn(s3, Bucket),
    site: siteAt(variables.SITE_URL),
    healthPath: variables.HEALTH_PATH,
    deadlineMs: Number(variables.HEALTH_DEADLINE_SECONDS) * 1_000,
    manifest: (id, signal) => getManifest(s3, Bucket, id, signal),
    async putErrorPage(file, abortSignal) {
      const page = { Bucket, Key: ERROR_PAGE_KEY, CacheControl: ERROR_PAGE_CACHE_CONTROL };
      if (file === undefined) {
        const Body = BUILT_IN_ERROR_PAGE;
        const ContentType = 'text/html; charset=utf-8';
        await s3.send(new PutObjectCommand({ ...page, Body, ContentType }), { abortSignal });
        return;
      }
      await s3.send(
        new CopyObjectCommand({
          ...page,
          // Nothing in it to be percent-encoded: the file is called 404.html.
          CopySource: `${Bucket}/${file.key}`,
          MetadataDirective: 'REPLACE',
          ContentType: file.type,
        }),
        { abortSignal },
      );
    },
  };
}

export const handler = jobHandler({
  visitors: VISITORS,
  work: (job, invocation) => promote(job, ports(), systemClock, invocation),
});
