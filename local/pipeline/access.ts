import type { Keys } from '../iam/account.ts';
import type { Caller } from '../iam/callers.ts';

/** As whom the pipeline and its builds act, and what that lets them do. */
export interface PipelineAccess {
  /**
   * The caller that an action is: its own role or, without one, the pipeline's.
   *
   * @throws Error where the pipeline may not be that role
   */
  actor(roleArn: string | undefined): Caller;
  /** The caller that a project's build is: `AWSCodeBuild-<uuid>` in its role. @throws Error where it may not be */
  builder(roleArn: string | undefined, uuid: string): Caller;
  /**
   * @param before - begins the error
   * @throws Error in AWS's words where the caller may not do that
   */
  demand(caller: Caller, action: string, resource: string, before?: string): void;
  /** What a build finds in its environment: its keys, and where the services are. */
  environmentOf(caller: Caller): Readonly<Record<string, string>>;
  /** Keys for the artifacts in this bucket and for nothing else. */
  artifactKeys(caller: Caller, bucket: string): Keys;
}

/** Nobody is asked. */
export const OPEN: PipelineAccess = {
  actor: () => ({ user: 'the pipeline' }),
  builder: () => ({ user: 'the build' }),
  demand: () => {},
  environmentOf: () => ({}),
  artifactKeys: () => ({
    accessKeyId: 'LOCAL',
    secretAccessKey: 'local',
    sessionToken: 'local',
  }),
};

/** What CodePipeline calls in a role for one action, besides the artifacts. Sources: the action references of its user guide. */
export const SOURCE_CALLS = {
  CodeCommit: ['GetBranch', 'GetCommit', 'UploadArchive', 'GetUploadArchiveStatus'].map(
    (operation) => `codecommit:${operation}`,
  ),
  // "Both actions are required", whatever the prefix of the ARN.
  CodeStarSourceConnection: ['codeconnections:UseConnection', 'codestar-connections:UseConnection'],
} as const;
