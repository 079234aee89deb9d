import { Duration, Size } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import type { Hosting } from '../hosting/hosting.ts';
import { fingerprintSettings } from '../options/fingerprint.ts';
import type { UrlRules } from './addresses.ts';
import {
  type GateLimits,
  JOBS_PREFIX,
  LEDGER_PREFIX,
  MANIFESTS_PREFIX,
  POOL_SWEEP_KEY,
  RELEASES_PREFIX,
} from './contract.ts';
import { JobFunction } from './job-function.ts';

export interface UploadProps {
  readonly config: ResolvedConfig;
  readonly hosting: Hosting;
}

/** Puts a built site into the content bucket as a new release. Visitors see nothing of it. */
export class Upload extends Construct {
  readonly job: JobFunction;

  constructor(scope: Construct, id: string, { config, hosting }: UploadProps) {
    super(scope, id);
    const { bucket } = hosting.content;
    const { keyValueStoreArn } = hosting.router.keyValueStore;
    const fingerprint = fingerprintSettings(config);

    this.job = new JobFunction(this, 'Job', {
      handler: 'upload',
      description: 'Uploads the built site as a new release',
      // Lambda's longest. A release that needs more goes on in the next invocation.
      timeout: Duration.minutes(15),
      memorySize: 1769,
      // The artifact goes to disk, never into memory. Paid by the second, so the full size costs nothing.
      ephemeralStorageSize: Size.gibibytes(10),
      environment: {
        CONTENT_BUCKET: bucket.bucketName,
        KEY_VALUE_STORE_ARN: keyValueStoreArn,
        IMMUTABLE_PATTERNS: JSON.stringify(config.immutable),
        REBASE_SHARE: String(config.rebaseShare),
        GATES: JSON.stringify(config.gates satisfies GateLimits),
        ...(asksForUrls(config) && { URLS: JSON.stringify(config.urls satisfies UrlRules) }),
        ...(config.redirectsFile && { REDIRECTS_FILE: 'on' }),
        ...(config.headersFile && { HEADERS_FILE: 'on' }),
        ...(fingerprint && { FINGERPRINT: JSON.stringify(fingerprint) }),
      },
    });

    const pool = config.immutable.map((pattern) => bucket.arnForObjects(pattern));
    const releases = bucket.arnForObjects(`${RELEASES_PREFIX}*`);
    const manifests = bucket.arnForObjects(`${MANIFESTS_PREFIX}*`);
    const ledger = bucket.arnForObjects(`${LEDGER_PREFIX}*`);
    const sweep = bucket.arnForObjects(POOL_SWEEP_KEY);
    const claims = bucket.arnForObjects(`${JOBS_PREFIX}*`);
    for (const statement of [
      // Put, never delete. Nothing is overwritten but the release's own claim: every write is conditional.
      new PolicyStatement({
        actions: ['s3:PutObject'],
        resources: [releases, manifests, claims, ledger, ...pool],
      }),
      // The live manifest, the claim of a job delivered twice, what a person lets through a gate, what a
      // clean-up is about to delete, and the checksum of a file already there.
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [releases, manifests, claims, sweep, ...pool],
      }),
      // To go on where an earlier invocation stopped, and for S3 to say 404 instead of 403.
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
      new PolicyStatement({
        actions: ['cloudfront-keyvaluestore:GetKey'],
        resources: [keyValueStoreArn],
      }),
    ]) {
      this.job.grantPrincipal.addToPrincipalPolicy(statement);
    }
    acknowledgeWildcards(
      this.job,
      [releases, manifests, claims, ledger, ...pool],
      'Keys below one prefix: the names of files are not known beforehand.',
    );
  }
}

const asksForUrls = ({ urls }: ResolvedConfig): boolean =>
  urls.style !== 'any' || urls.fallback !== 'none';
