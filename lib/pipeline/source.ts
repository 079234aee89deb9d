import { RemovalPolicy } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-codecommit';
import type {
  ActionBindOptions,
  ActionConfig,
  Artifact,
  IAction,
  IStage,
} from 'aws-cdk-lib/aws-codepipeline';
import {
  CodeCommitSourceAction,
  CodeStarConnectionsSourceAction,
  type CodeStarConnectionsSourceActionProps,
} from 'aws-cdk-lib/aws-codepipeline-actions';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';
import type { CodeCommitSource, ConnectionSource } from '../options/source.ts';

export interface SourceProps {
  readonly config: ResolvedConfig;
  readonly output: Artifact;
}

/** Where the pipeline's source comes from, whatever the kind. */
export interface Source {
  readonly action: IAction;
  /** The revision that an execution works on, as a pipeline variable. */
  readonly revision: string;
  /** What a person pushes to, for the stack's outputs. */
  readonly pushTo: string;
}

export function createSource(scope: Construct, { config, output }: SourceProps): Source {
  switch (config.source.kind) {
    case 'codecommit':
      return codeCommit(scope, config.name, config.source, output);
    case 'connection':
      return connection(config.source, output);
  }
}

function codeCommit(
  scope: Construct,
  name: string,
  { branch }: Required<CodeCommitSource>,
  output: Artifact,
): Source {
  const repository = new Repository(scope, 'Repository', {
    // People type it into `git clone`.
    repositoryName: name,
    description: `Source of ${name}: a push to ${branch} publishes`,
  });
  // Everybody who can push has a clone, so the repository goes with the stack.
  repository.applyRemovalPolicy(RemovalPolicy.DESTROY);
  const action = new CodeCommitSourceAction({
    actionName: 'Source',
    repository,
    branch,
    output,
    variablesNamespace: 'Source',
  });
  return { action, revision: action.variables.commitId, pushTo: repository.repositoryCloneUrlHttp };
}

function connection(
  { connectionArn, repository, branch }: Required<ConnectionSource>,
  output: Artifact,
): Source {
  const slash = repository.lastIndexOf('/');
  const action = new ConnectionAction({
    actionName: 'Source',
    connectionArn,
    // GitLab has groups within groups: everything before the last slash is the owner.
    owner: repository.slice(0, slash),
    repo: repository.slice(slash + 1),
    branch,
    output,
    variablesNamespace: 'Source',
  });
  return { action, revision: action.variables.commitId, pushTo: `${repository}, branch ${branch}` };
}

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
