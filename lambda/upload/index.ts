import { S3Client } from '@aws-sdk/client-s3';
import { TRANSFER_TIMEOUTS } from '../shared/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { jobHandler } from '../shared/handler.ts';
import { keyValueStore } from '../shared/key-value-store.ts';
import { uploadPorts } from './ports.ts';
import { upload, VISITORS } from './upload.ts';

const s3 = new S3Client({ requestHandler: TRANSFER_TIMEOUTS, maxAttempts: 3 });

export const handler = jobHandler({
  visitors: VISITORS,
  work(job, invocation) {
    const { CONTENT_BUCKET, KEY_VALUE_STORE_ARN, IMMUTABLE_PATTERNS, REBASE_SHARE, GATES } =
      environment(process.env, [
        'CONTENT_BUCKET',
        'KEY_VALUE_STORE_ARN',
        'IMMUTABLE_PATTERNS',
        'REBASE_SHARE',
        'GATES',
      ]);
    const settings = {
      immutable: JSON.parse(IMMUTABLE_PATTERNS),
      rebaseShare: Number(REBASE_SHARE),
      gates: JSON.parse(GATES),
      // Set only where it says anything.
      urls: JSON.parse(process.env.URLS ?? '{"style":"any","fallback":"none"}'),
      // Set where the configuration turns it on.
      rulesFiles: {
        redirects: process.env.REDIRECTS_FILE === 'on',
        headers: process.env.HEADERS_FILE === 'on',
      },
      // Set where the configuration turns it on.
      fingerprint: process.env.FINGERPRINT && JSON.parse(process.env.FINGERPRINT),
    };
    const ports = uploadPorts(s3, CONTENT_BUCKET, keyValueStore(KEY_VALUE_STORE_ARN), settings);
    return upload(job, ports, systemClock, invocation);
  },
});
