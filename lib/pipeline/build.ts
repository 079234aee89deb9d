import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  BuildSpec,
  ComputeType,
  LinuxArmBuildImage,
  PipelineProject,
} from 'aws-cdk-lib/aws-codebuild';
import type { Artifact } from 'aws-cdk-lib/aws-codepipeline';
import { CodeBuildAction } from 'aws-cdk-lib/aws-codepipeline-actions';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';

export interface BuildProps {
  readonly config: ResolvedConfig;
  readonly input: Artifact;
  readonly output: Artifact;
}

/**
 * Turns the source into the files that visitors get. Code from the repository runs here, so the
 * role reaches the artifacts and its own log and nothing that a visitor could ever see.
 */
export class Build extends Construct {
  readonly action: CodeBuildAction;

  constructor(scope: Construct, id: string, { config, input, output }: BuildProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const project = new PipelineProject(this, 'Project', {
      description: `Builds ${config.name}`,
      buildSpec: buildSpec(config.build),
      environment: {
        // Arm costs two thirds of x86 for the same work, and this image carries Node.js 22 and 24.
        buildImage: LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_4_0,
        computeType: ComputeType.SMALL,
      },
      timeout: Duration.minutes(30),
      logging: { cloudWatch: { logGroup } },
      // No test reports are made, and the grant for them is a wildcard.
      grantReportGroupPermissions: false,
    });
    acknowledge(project, {
      'AwsSolutions-CB4':
        'Artifacts are encrypted by S3; a key of our own costs a dollar a month and protects the same bytes.',
    });
    acknowledgeWildcards(
      project,
      [
        Stack.of(this).formatArn({
          service: 'logs',
          resource: 'log-group',
          resourceName: `/aws/codebuild/${project.projectName}:*`,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ],
      'CDK grants every project its own default log group; ours logs elsewhere, so it is never made.',
    );
    this.action = new CodeBuildAction({
      actionName: 'Build',
      project,
      input,
      outputs: [output],
    });
  }
}

/** The buildspec for CodeBuild: https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html */
export function buildSpec(build: ResolvedConfig['build']): BuildSpec {
  switch (build.kind) {
    case 'buildspec':
      return BuildSpec.fromSourceFilename(build.file);
    case 'folder':
      return BuildSpec.fromObjectToYaml({
        version: '0.2',
        // CodeBuild refuses a buildspec without any command.
        phases: {
          build: { commands: ['echo "Nothing to build: the files are published as they are."'] },
        },
        artifacts: { 'base-directory': build.directory, files: ['**/*'] },
      });
    case 'commands':
      return BuildSpec.fromObjectToYaml({
        version: '0.2',
        phases: {
          install: { 'runtime-versions': { nodejs: build.nodeVersion } },
          build: { commands: [`cd ${quoted(build.directory)}`, ...build.commands] },
        },
        artifacts: {
          'base-directory': `${build.directory}/${build.output}`.replace(/^\.\//, ''),
          files: ['**/*'],
        },
      });
  }
}

const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;
