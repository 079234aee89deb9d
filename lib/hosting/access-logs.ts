import { ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Distribution } from 'aws-cdk-lib/aws-cloudfront';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDelivery, CfnDeliveryDestination, CfnDeliverySource } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import { inUsEast1, US_EAST_1 } from '../us-east-1.ts';

export interface AccessLogsProps {
  readonly accessLogs: NonNullable<ResolvedConfig['accessLogs']>;
  readonly distribution: Distribution;
}

/** Without a prefix of its own CloudFront puts one before the suffix path, and a later change of that path drops it. */
const PREFIX = 'cloudfront';

/**
 * "Log file fields" and "Access log fields", CloudFront Developer Guide. Left out for what may be personal in them:
 * cookies and query strings, neither of which the site ever looks at.
 */
const FIELDS = [
  'date',
  'time',
  'x-edge-location',
  'c-country',
  'cs-method',
  'x-host-header',
  'cs-uri-stem',
  'cs-protocol-version',
  'cs(Referer)',
  'cs(User-Agent)',
  'sc-status',
  'sc-bytes',
  'sc-content-type',
  'time-taken',
  'x-edge-result-type',
  'x-edge-detailed-result-type',
  'x-edge-request-id',
  'cache-behavior-path-pattern',
  // The live release's id, from the router.
  'viewer-request-log-data',
];
const IP_ADDRESSES = ['c-ip', 'x-forwarded-for'];

/** CloudFront's access logs ("standard logging v2"): one line of JSON a request, in a bucket of their own. */
export class AccessLogs extends Construct {
  constructor(scope: Construct, id: string, { accessLogs, distribution }: AccessLogsProps) {
    super(scope, id);
    const { account, stackName } = Stack.of(this);
    // Unique in the account, because stack names are, all Regions together. No more than 60 characters.
    const name = `${stackName}-access-logs`;

    const bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      // They say something about a site that is gone, and about its visitors: nobody keeps them for longer than said.
      removalPolicy: RemovalPolicy.DESTROY,
      autoDeleteObjects: true,
      lifecycleRules: [{ id: 'old-lines', expiration: Duration.days(accessLogs.days) }],
    });
    acknowledge(bucket, {
      'AwsSolutions-S1': 'It holds logs: logs of its own would be logs of logs.',
    });
    // "Logging that requires additional permissions [V2]", CloudWatch Logs User Guide; the one source in place of all.
    bucket.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('delivery.logs.amazonaws.com')],
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects(`${PREFIX}/*`)],
        conditions: {
          StringEquals: {
            's3:x-amz-acl': 'bucket-owner-full-control',
            'aws:SourceAccount': account,
          },
          ArnLike: {
            'aws:SourceArn': Stack.of(this).formatArn({
              service: 'logs',
              region: US_EAST_1,
              resource: 'delivery-source',
              resourceName: name,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );

    const there = new Construct(inUsEast1(this), 'AccessLogs');
    const source = new CfnDeliverySource(there, 'Source', {
      name,
      logType: 'ACCESS_LOGS',
      resourceArn: distribution.distributionArn,
    });
    const destination = new CfnDeliveryDestination(there, 'Destination', {
      name,
      destinationResourceArn: `${bucket.bucketArn}/${PREFIX}`,
      outputFormat: 'json',
    });
    const delivery = new CfnDelivery(there, 'Delivery', {
      deliverySourceName: source.ref,
      deliveryDestinationArn: destination.attrArn,
      recordFields: accessLogs.ipAddresses ? [...FIELDS, ...IP_ADDRESSES] : FIELDS,
      s3SuffixPath: '{yyyy}/{MM}/{dd}',
    });
    // AWS looks whether it may write there, and would write a policy of its own.
    if (bucket.policy) delivery.node.addDependency(bucket.policy);

    new CfnOutput(this, 'Output', {
      description: 'What visitors asked for, and got',
      value: bucket.bucketName,
    }).overrideLogicalId('AccessLogBucket');
  }
}
