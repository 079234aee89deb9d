import * as v from 'valibot';
import { kindOrObject, options, text } from './checks.ts';

export type SourceConfig = CodeCommitSource | ConnectionSource;

/**
 * A CodeCommit repository that the stack creates, named as the site, and deletes with the stack or when
 * the kind of the source changes. Whoever can push has a clone; keep one.
 */
export interface CodeCommitSource {
  readonly kind: 'codecommit';
  /** @default 'main' */
  readonly branch?: string;
}

/** A repository on GitHub, GitLab, Bitbucket or Azure DevOps, through AWS CodeConnections. */
export interface ConnectionSource {
  readonly kind: 'connection';
  /**
   * A connection whose handshake is complete: the console shows it as *Available*. The stack cannot
   * create it, because only a person can complete the handshake; with a pending one no push
   * starts the pipeline.
   */
  readonly connectionArn: string;
  /** `owner/name`, as in the repository's address. */
  readonly repository: string;
  /** @default 'main' */
  readonly branch?: string;
}

const branch = v.optional(
  // What git allows in a branch name, less the characters that a shell or a glob would read.
  text(
    /^(?!.*(?:\.\.|\/\/|@\{|\.lock(?:\/|$)))[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,254}(?<![./])$/,
    "use a branch name such as 'main'",
  ),
  'main',
);

export const source = v.variant(
  'kind',
  [
    options({ kind: v.literal('codecommit'), branch }),
    options({
      kind: v.literal('connection'),
      connectionArn: text(
        /^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection\/[0-9a-f-]+$/,
        'use the ARN of an available connection: arn:aws:codeconnections:REGION:ACCOUNT:connection/ID',
      ),
      repository: text(
        /^[\w.-]+(?:\/[\w. -]+)+$/,
        "use 'owner/name', as in the repository's address",
      ),
      branch,
    }),
  ],
  (issue) => kindOrObject(issue, ['codecommit', 'connection']),
);
