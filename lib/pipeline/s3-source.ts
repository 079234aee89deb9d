import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type {
  ActionBindOptions,
  ActionConfig,
  Artifact,
  IStage,
} from 'aws-cdk-lib/aws-codepipeline';
import {
  S3SourceAction,
  type S3SourceActionProps,
  S3Trigger,
} from 'aws-cdk-lib/aws-codepipeline-actions';
import { Rule } from 'aws-cdk-lib/aws-events';
import { CodePipeline } from 'aws-cdk-lib/aws-events-targets';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../acknowledge.ts';
import type { S3Source } from '../options/source.ts';
import type { Source } from './source.ts';

/** A zip in a bucket of its own: every upload of that one key starts the pipeline. */
export function s3Source(scope: Construct, { key }: Required<S3Source>, output: Artifact): Source {
  const { bucket } = new Uploads(scope, 'Uploads');
  const action = new UploadAction({
    actionName: 'Source',
    bucket,
    bucketKey: key,
    output,
    // CDK's own events need a CloudTrail trail with data events; polling finds an upload after a minute.
    trigger: S3Trigger.NONE,
    variablesNamespace: 'Source',
  });
  const file = key.slice(key.lastIndexOf('/') + 1);
  return {
    action,
    revision: action.variables.versionId,
    output: {
      name: 'PublishWith',
      description: 'This command publishes a zip',
      value: `aws s3 cp ${file} s3://${bucket.bucketName}/${key}`,
    },
  };
}

/** Versioned, because CodePipeline asks for it and a version is the revision that a release is made of. */
class Uploads extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      versioned: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      // Whoever uploads a zip has it.
      removalPolicy: RemovalPolicy.DESTROY,
      autoDeleteObjects: true,
      lifecycleRules: [
        {
          id: 'old-uploads',
          // As long as artifacts: by then no stage can be run again with them. The newest zip stays.
          noncurrentVersionExpiration: Duration.days(30),
          // Large zips come in parts, and parts of an upload that broke off would be paid for ever.
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
    });
    // Not `eventBridgeEnabled`: CDK would add a function that may change the notifications of any bucket.
    (this.bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
      eventBridgeConfiguration: { eventBridgeEnabled: true },
    };
    acknowledge(this.bucket, {
      'AwsSolutions-S1':
        'Only those with rights on it upload here; every version names its release in the ledger.',
    });
  }
}

/**
 * Starts the pipeline by S3's own event, which costs nothing: CodePipeline user guide, "Connecting to Amazon S3 source
 * actions with a source enabled for events".
 *
 * The event does not hand its version on. The action fetches the newest one, so that an event that comes late cannot
 * bring an older zip after a newer.
 */
class UploadAction extends S3SourceAction {
  constructor(private readonly source: S3SourceActionProps) {
    super(source);
  }

  protected override bound(
    scope: Construct,
    stage: IStage,
    options: ActionBindOptions,
  ): ActionConfig {
    const { bucket, bucketKey } = this.source;
    new Rule(bucket.node.scope as Construct, 'Uploaded', {
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: { bucket: { name: [bucket.bucketName] }, object: { key: [bucketKey] } },
      },
      targets: [new CodePipeline(stage.pipeline)],
    });
    acknowledgeWildcards(
      options.role,
      ['s3:GetObject*', 's3:GetBucket*', 's3:List*'],
      "CDK's grant for reading one key of the bucket of uploads, which CodePipeline needs with its versions.",
    );
    return super.bound(scope, stage, options);
  }
}
