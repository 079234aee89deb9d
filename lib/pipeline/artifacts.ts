import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';

/** What the pipeline's actions hand to each other. All of it can be made again from the source. */
export class Artifacts extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.DESTROY,
      autoDeleteObjects: true,
      // As far back as the console's "roll back stage" reaches.
      lifecycleRules: [{ id: 'old-artifacts', expiration: Duration.days(30) }],
    });
    acknowledge(this.bucket, {
      'AwsSolutions-S1':
        'Short-lived copies that only the pipeline reads; its executions are the record.',
    });
  }
}
