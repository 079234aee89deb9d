import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import { JOBS_PREFIX } from '../release/contract.ts';

export interface ContentProps {
  readonly config: ResolvedConfig;
}

/** The bucket that holds every release. Nobody reads it but CloudFront and the functions. */
export class Content extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { config }: ContentProps) {
    super(scope, id);
    const deleted = config.contentOnDestroy === 'delete';

    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      // The published releases are the one thing here that a second `cdk deploy` cannot bring back.
      removalPolicy: deleted ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      autoDeleteObjects: deleted,
      lifecycleRules: [
        // A claim only matters while its job runs or may be delivered again: an hour and some minutes.
        // What a person lets through a gate is not meant to stay open either.
        { id: 'job-claims', prefix: JOBS_PREFIX, expiration: Duration.days(1) },
      ],
    });
    acknowledge(this.bucket, {
      'AwsSolutions-S1':
        'CloudFront is the only reader and the functions log every write; access logs would cost more than the site.',
    });
  }
}
