import { CfnOutput, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { ResolvedConfig } from './config.ts';
import type { Hosting } from './hosting/hosting.ts';
import type { Pipeline } from './pipeline/pipeline.ts';

export interface OutputsProps {
  readonly config: ResolvedConfig;
  readonly hosting: Hosting;
  readonly pipeline: Pipeline;
}

/** What a person needs right after `cdk deploy`, in the order in which they need it. */
export class Outputs extends Construct {
  constructor(scope: Construct, id: string, { config, hosting, pipeline }: OutputsProps) {
    super(scope, id);
    const { region } = Stack.of(this);
    const { distribution } = hosting.delivery;
    const output = (name: string, description: string, value: string) =>
      new CfnOutput(this, name, { description, value }).overrideLogicalId(name);

    output('SiteUrl', 'The site', hosting.siteUrl);
    const { name, description, value } = pipeline.source.output;
    output(name, description, value);
    output(
      'PipelineUrl',
      'The pipeline at work',
      `https://${region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/${pipeline.pipeline.pipelineName}/view?region=${region}`,
    );
    if (config.approval) {
      output(
        'PipelineName',
        'What waits for an approval: npm run releases finds it here',
        pipeline.pipeline.pipelineName,
      );
    }
    output('DistributionId', 'The CloudFront distribution', distribution.distributionId);
    output('ContentBucket', 'Every release', hosting.content.bucket.bucketName);
    output(
      'KeyValueStore',
      'Which release is live: npm run releases finds it here',
      hosting.router.keyValueStore.keyValueStoreArn,
    );
  }
}
