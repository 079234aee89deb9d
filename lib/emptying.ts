import { type CfnResource, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

/**
 * CDK's function that empties buckets when the stack is destroyed would log to a group that nobody
 * deletes. This gives it one that goes with the stack, and the processor of all other functions.
 */
export function tidyBucketEmptying(stack: Stack): void {
  const provider = stack.node.findChild('Custom::S3AutoDeleteObjectsCustomResourceProvider');
  const handler = provider.node.findChild('Handler') as CfnResource;
  const logGroup = new LogGroup(provider as Construct, 'Logs', {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  handler.addPropertyOverride('LoggingConfig.LogGroup', logGroup.logGroupName);
  handler.addPropertyOverride('Architectures', ['arm64']);
  acknowledge(provider, {
    'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
      "CDK's own function, which can only be given this managed policy; it runs when the stack is destroyed.",
  });
}
