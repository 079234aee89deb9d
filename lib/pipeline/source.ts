import { RemovalPolicy } from 'aws-cdk-lib';
import { type IRepository, Repository } from 'aws-cdk-lib/aws-codecommit';
import {
  type ActionBindOptions,
  type ActionConfig,
  type Artifact,
  type IAction,
  type IStage,
  ProviderType,
  type TriggerProps,
} from 'aws-cdk-lib/aws-codepipeline';
import {
  CodeCommitSourceAction,
  CodeStarConnectionsSourceAction,
  type CodeStarConnectionsSourceActionProps,
} from 'aws-cdk-lib/aws-codepipeline-actions';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';
import type { CodeCommitSource, ConnectionSource, PathFilter } from '../options/source.ts';
import { s3Source } from './s3-source.ts';

export interface SourceProps {
  readonly config: ResolvedConfig;
  readonly output: Artifact;
}

/** Where the pipeline's source comes from, whatever the kind. */
export interface Source {
  readonly action: IAction;
  /** The revision that an execution works on, as a pipeline variable. */
  readonly revision: string;
  /** Which pushes start the pipeline, where an action alone cannot say it. */
  readonly triggers?: TriggerProps[];
  /** How a person publishes: an output of the stack. */
  readonly output: { readonly name: string; readonly description: string; readonly value: string };
}

const pushTo = (value: string) => ({ name: 'PushTo', description: 'A push here publishes', value });

export function createSource(scope: Construct, { config, output }: SourceProps): Source {
  switch (config.source.kind) {
    case 'codecommit':
      return codeCommit(repositoryOf(scope, config, config.source), config.source, output);
    case 'connection':
      return connection(config.source, output);
    case 's3':
      return s3Source(scope, config.source, output);
  }
}

/** Production's: it creates and deletes the repository that all environments share. */
function repositoryOf(
  scope: Construct,
  { production, siteName }: ResolvedConfig,
  { branch }: Required<CodeCommitSource>,
): IRepository {
  if (!production) return Repository.fromRepositoryName(scope, 'Repository', siteName);
  const repository = new Repository(scope, 'Repository', {
    // People type it into `git clone`.
    repositoryName: siteName,
    description: `Source of ${siteName}: a push to ${branch} publishes`,
  });
  // Everybody who can push has a clone, so the repository goes with the stack.
  repository.applyRemovalPolicy(RemovalPolicy.DESTROY);
  return repository;
}

function codeCommit(
  repository: IRepository,
  { branch }: Required<CodeCommitSource>,
  output: Artifact,
): Source {
  const action = new CodeCommitSourceAction({
    actionName: 'Source',
    repository,
    branch,
    output,
    variablesNamespace: 'Source',
  });
  return {
    action,
    revision: action.variables.commitId,
    output: pushTo(repository.repositoryCloneUrlHttp),
  };
}

function connection(
  { connectionArn, repository, branch, paths }: Required<ConnectionSource>,
  output: Artifact,
): Source {
  const slash = repository.lastIndexOf('/');
  const filtered = paths.include !== undefined || paths.exclude !== undefined;
  const action = new ConnectionAction({
    actionName: 'Source',
    connectionArn,
    // GitLab has groups within groups: everything before the last slash is the owner.
    owner: repository.slice(0, slash),
    repo: repository.slice(slash + 1),
    branch,
    output,
    variablesNamespace: 'Source',
    // A trigger of the pipeline takes the place of the action's own change detection.
    ...(filtered && { triggerOnPush: false }),
  });
  return {
    action,
    revision: action.variables.commitId,
    ...(filtered && { triggers: [pathTrigger(action, branch, paths)] }),
    output: pushTo(`${repository}, branch ${branch}`),
  };
}

/** Branch and files have to match: CodePipeline user guide, "Add trigger with code push or pull request event types". */
const pathTrigger = (
  sourceAction: IAction,
  branch: string,
  { include, exclude }: PathFilter,
): TriggerProps => ({
  providerType: ProviderType.CODE_STAR_SOURCE_CONNECTION,
  gitConfiguration: {
    sourceAction,
    pushFilter: [
      {
        branchesIncludes: [branch],
        ...(include && { filePathsIncludes: [...include] }),
        ...(exclude && { filePathsExcludes: [...exclude] }),
      },
    ],
  },
});

/**
 * The service asks for both names of the permission, whatever the prefix of the ARN; CDK grants the
 * old one only. Source: CodePipeline user guide, action reference "CodestarConnectionSource".
 */
class ConnectionAction extends CodeStarConnectionsSourceAction {
  constructor(private readonly connection: CodeStarConnectionsSourceActionProps) {
    super(connection);
  }

  protected override bound(
    scope: Construct,
    stage: IStage,
    options: ActionBindOptions,
  ): ActionConfig {
    options.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['codeconnections:UseConnection'],
        resources: [this.connection.connectionArn],
      }),
    );
    return super.bound(scope, stage, options);
  }
}
