import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import type { Hosting } from '../hosting/hosting.ts';
import {
  LEDGER_PREFIX,
  MANIFESTS_PREFIX,
  POOL_SWEEP_KEY,
  RELEASES_PREFIX,
  type RetentionLimits,
} from './contract.ts';
import { SiteFunction } from './site-function.ts';

export interface PruneProps {
  readonly config: ResolvedConfig;
  readonly hosting: Hosting;
}

/**
 * Deletes once a day what no release needs that is live or kept. Where anything is odd it deletes nothing and
 * fails, which the function's `Errors` metric counts.
 */
export class Prune extends Construct {
  readonly function: SiteFunction;

  constructor(scope: Construct, id: string, { config, hosting }: PruneProps) {
    super(scope, id);
    const { bucket } = hosting.content;
    const { keyValueStoreArn } = hosting.router.keyValueStore;

    this.function = new SiteFunction(this, 'Daily', {
      handler: 'prune',
      description: 'Deletes releases and pool files that are not kept any more',
      // Lambda's longest. What is left then is done the next day.
      timeout: Duration.minutes(15),
      memorySize: 1769,
      environment: {
        CONTENT_BUCKET: bucket.bucketName,
        KEY_VALUE_STORE_ARN: keyValueStoreArn,
        IMMUTABLE_PATTERNS: JSON.stringify(config.immutable),
        RETENTION: JSON.stringify(config.retention satisfies RetentionLimits),
        ...(config.redirectsFile && { REDIRECTS_FILE: 'on' }),
      },
    });
    new Rule(this, 'Schedule', {
      description: 'Cleans up once a day',
      // At night in Europe and in the evening in America; any time is as good for visitors.
      schedule: Schedule.cron({ hour: '3', minute: '17' }),
      targets: [
        new LambdaFunction(this.function.function, {
          // The next day's run does what this one did not.
          retryAttempts: 0,
          maxEventAge: Duration.minutes(5),
        }),
      ],
    });

    const pool = config.immutable.map((pattern) => bucket.arnForObjects(pattern));
    const releases = bucket.arnForObjects(`${RELEASES_PREFIX}*`);
    const records = bucket.arnForObjects(`${MANIFESTS_PREFIX}*`);
    const ledger = bucket.arnForObjects(`${LEDGER_PREFIX}*`);
    const sweep = bucket.arnForObjects(POOL_SWEEP_KEY);
    for (const statement of [
      // Files of releases and of the pool. Not the records that say what is needed, nor the error page.
      new PolicyStatement({ actions: ['s3:DeleteObject'], resources: [releases, ...pool] }),
      new PolicyStatement({
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: [records, ledger, sweep],
      }),
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
      // It writes one key of its own, which makes promotions that are under way look again. IAM has no
      // condition on the key that is written.
      new PolicyStatement({
        actions: [
          'cloudfront-keyvaluestore:DescribeKeyValueStore',
          'cloudfront-keyvaluestore:GetKey',
          'cloudfront-keyvaluestore:UpdateKeys',
          // Which values of redirect rules there are.
          ...(config.redirectsFile ? ['cloudfront-keyvaluestore:ListKeys'] : []),
        ],
        resources: [keyValueStoreArn],
      }),
    ]) {
      this.function.grantPrincipal.addToPrincipalPolicy(statement);
    }
    acknowledgeWildcards(
      this.function,
      [releases, records, ledger, ...pool],
      'Keys below one prefix: the names of files are not known beforehand.',
    );
  }
}
