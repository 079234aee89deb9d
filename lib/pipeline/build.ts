import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  BuildSpec,
  type CfnProject,
  ComputeType,
  LinuxArmBuildImage,
  LinuxBuildImage,
  PipelineProject,
} from 'aws-cdk-lib/aws-codebuild';
import type { Artifact } from 'aws-cdk-lib/aws-codepipeline';
import { CodeBuildAction } from 'aws-cdk-lib/aws-codepipeline-actions';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import type { BuildSize } from '../options/build.ts';
import { acknowledgeSecrets, environmentVariables } from './build-environment.ts';
import { CACHED_DOWNLOADS, installCommands } from './install.ts';

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
  private readonly project: CfnProject;

  constructor(scope: Construct, id: string, { config, input, output }: BuildProps) {
    super(scope, id);
    const { build } = config;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const project = new PipelineProject(this, 'Project', {
      description: `Builds ${config.name}`,
      buildSpec: buildSpec(build),
      environment: {
        buildImage: build.image.includes('aarch64')
          ? LinuxArmBuildImage.fromCodeBuildImageId(build.image)
          : LinuxBuildImage.fromCodeBuildImageId(build.image),
        computeType: COMPUTE_TYPES[build.size],
      },
      timeout: Duration.minutes(build.timeoutMinutes),
      ...(build.kind !== 'folder' && {
        environmentVariables: environmentVariables(build.environment),
      }),
      logging: { cloudWatch: { logGroup } },
      // No test reports are made, and the grant for them is a wildcard.
      grantReportGroupPermissions: false,
    });
    acknowledge(project, {
      'AwsSolutions-CB4':
        'Artifacts are encrypted by S3; a key of our own costs a dollar a month and protects the same bytes.',
    });
    if (build.kind !== 'folder') acknowledgeSecrets(project, build.environment);
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
    this.project = project.node.defaultChild as CfnProject;
    this.action = new CodeBuildAction({
      actionName: 'Build',
      project,
      input,
      outputs: [output],
    });
  }

  /**
   * Keeps the cache below a prefix of its own in the bucket of the artifacts. The action's grants for these cover it, so
   * the role gets no more than without.
   */
  cacheIn(artifacts: IBucket): void {
    this.project.cache = { type: 'S3', location: `${artifacts.bucketName}/build-cache` };
  }
}

const COMPUTE_TYPES: Readonly<Record<BuildSize, ComputeType>> = {
  small: ComputeType.SMALL,
  medium: ComputeType.MEDIUM,
  large: ComputeType.LARGE,
  xlarge: ComputeType.X_LARGE,
  '2xlarge': ComputeType.X2_LARGE,
};

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
          build: {
            commands: [
              `cd ${quoted(build.directory)}`,
              ...installCommands(build.install),
              ...build.commands,
            ],
          },
        },
        artifacts: {
          'base-directory': `${build.directory}/${build.output}`.replace(/^\.\//, ''),
          files: ['**/*'],
        },
        ...(build.cache && { cache: { paths: CACHED_DOWNLOADS } }),
      });
  }
}

const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;
