import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import type { Hosting } from '../hosting/hosting.ts';
import {
  ERROR_PAGE_KEY,
  ERROR_PAGE_PATH,
  LEDGER_PREFIX,
  MANIFESTS_PREFIX,
  RELEASES_PREFIX,
} from './contract.ts';
import { JobFunction } from './job-function.ts';

export interface PromoteProps {
  readonly config: ResolvedConfig;
  readonly hosting: Hosting;
}

/**
 * Makes an uploaded release the live one: one write to the key-value store, a look at the site through
 * CloudFront, then the error page. A release that does not come up is taken back.
 */
export class Promote extends Construct {
  readonly job: JobFunction;

  constructor(scope: Construct, id: string, { config, hosting }: PromoteProps) {
    super(scope, id);
    const { bucket } = hosting.content;
    const { keyValueStoreArn } = hosting.router.keyValueStore;

    this.job = new JobFunction(this, 'Job', {
      handler: 'promote',
      description: 'Makes an uploaded release the live one and watches it come up',
      timeout: Duration.minutes(2),
      memorySize: 512,
      environment: {
        CONTENT_BUCKET: bucket.bucketName,
        KEY_VALUE_STORE_ARN: keyValueStoreArn,
        SITE_URL: hosting.siteUrl,
        // With names of its own: the watch asks for them at the distribution itself, whatever DNS says.
        ...(config.domain && {
          SITE_SERVER: hosting.delivery.distribution.distributionDomainName,
        }),
        HEALTH_PATH: config.health.path,
        HEALTH_DEADLINE_SECONDS: String(config.health.deadlineSeconds),
      },
    });

    const ledger = bucket.arnForObjects(`${LEDGER_PREFIX}*`);
    const manifests = bucket.arnForObjects(`${MANIFESTS_PREFIX}*`);
    // Of a release itself, only this one file is ever copied.
    const errorPages = bucket.arnForObjects(`${RELEASES_PREFIX}*/${ERROR_PAGE_PATH}`);
    for (const statement of [
      new PolicyStatement({
        actions: [
          'cloudfront-keyvaluestore:DescribeKeyValueStore',
          'cloudfront-keyvaluestore:GetKey',
          'cloudfront-keyvaluestore:UpdateKeys',
        ],
        resources: [keyValueStoreArn],
      }),
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [manifests, errorPages, ledger],
      }),
      new PolicyStatement({
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects(ERROR_PAGE_KEY), ledger],
      }),
      // So that S3 answers 404 for a release that does not exist, not 403.
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
    ]) {
      this.job.grantPrincipal.addToPrincipalPolicy(statement);
    }
    acknowledgeWildcards(
      this.job,
      [manifests, errorPages, ledger],
      'Keys below one prefix: the ids of releases are not known beforehand.',
    );
  }
}
