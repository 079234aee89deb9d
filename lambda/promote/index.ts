import { S3Client } from '@aws-sdk/client-s3';
import { TIMEOUTS } from '../shared/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { jobHandler } from '../shared/handler.ts';
import { keyValueStore } from '../shared/key-value-store.ts';
import { promotePorts } from './ports.ts';
import { promote, VISITORS } from './promote.ts';
import { siteAt } from './site.ts';

const s3 = new S3Client({ requestHandler: TIMEOUTS, maxAttempts: 5 });

export const handler = jobHandler({
  visitors: VISITORS,
  work(job, invocation) {
    const {
      CONTENT_BUCKET,
      KEY_VALUE_STORE_ARN,
      SITE_URL,
      HEALTH_PATH: healthPath,
      HEALTH_DEADLINE_SECONDS,
    } = environment(process.env, [
      'CONTENT_BUCKET',
      'KEY_VALUE_STORE_ARN',
      'SITE_URL',
      'HEALTH_PATH',
      'HEALTH_DEADLINE_SECONDS',
    ]);
    const ports = promotePorts(s3, CONTENT_BUCKET, keyValueStore(KEY_VALUE_STORE_ARN), {
      // Only a site with names of its own has it.
      site: siteAt(SITE_URL, process.env.SITE_SERVER),
      healthPath,
      deadlineMs: Number(HEALTH_DEADLINE_SECONDS) * 1_000,
    });
    return promote(job, ports, systemClock, invocation);
  },
});
