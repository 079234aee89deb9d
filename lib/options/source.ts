import * as v from 'valibot';
import { kindOrObject, options, text } from './checks.ts';

export type SourceConfig = CodeCommitSource | ConnectionSource | S3Source;

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
  /**
   * `owner/name`, as in the repository's address. GitLab has groups within groups (`group/team/name`); for Azure
   * DevOps write what CodePipeline's console offers as the repository's name.
   */
  readonly repository: string;
  /** @default 'main' */
  readonly branch?: string;
  /**
   * Which changed files start the pipeline, for a repository that holds more than the site. A push that changes none
   * of them is not published, and its commit becomes part of the next release that is.
   *
   * @default - every push to the branch
   */
  readonly paths?: PathFilter;
}

/**
 * At least one changed file has to match `include` (all files, if there is none) and no pattern of `exclude`.
 *
 * Each up to 8 patterns of 255 characters, relative to the repository's root: `*` matches within a folder, `**`
 * across folders, `?` one character, `[abc]` one of these, `{a,b}` one of these texts, and a backslash takes the
 * next character as it is.
 */
export interface PathFilter {
  /** Such as `['site/**', 'shared/**']`. */
  readonly include?: readonly string[];
  /** Wins over `include`. Such as `['site/drafts/**']`. */
  readonly exclude?: readonly string[];
}

/**
 * A zip that is uploaded to a bucket: for a CI of your own, or for people without git. The stack creates the bucket,
 * private and versioned, and deletes it with all zips when the stack goes or the kind of the source changes; older
 * versions of the zip go after 30 days. Whoever uploads has the original.
 *
 * What is in the zip goes through `build` like a repository: sources that are built, or finished HTML.
 */
export interface S3Source {
  readonly kind: 's3';
  /**
   * The one object whose upload publishes.
   *
   * @default 'site.zip'
   */
  readonly key?: string;
}

const branch = v.optional(
  // What git allows in a branch name, less the characters that a shell or a glob would read.
  text(
    /^(?!.*(?:\.\.|\/\/|@\{|\.lock(?:\/|$)))[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,254}(?<![./])$/,
    "use a branch name such as 'main'",
  ),
  'main',
);

const PATTERN =
  "use a pattern of 1 to 255 characters relative to the repository's root, such as 'site/**'";
const PATTERNS = "use a list of 1 to 8 patterns such as ['site/**'], or leave it out";

// GitFilePathFilterCriteria in the API reference of CodePipeline.
const patterns = v.optional(
  v.pipe(
    v.array(
      v.pipe(
        v.string(PATTERN),
        v.check(
          (pattern) =>
            /^[^/\n][^\n]{0,254}$/.test(pattern) &&
            !pattern.split('/').some((part) => /^\.{1,2}$/.test(part)),
          PATTERN,
        ),
        v.check(
          // A longer one is told above, and looking through it may take the square of its length.
          (pattern) => pattern.length > 255 || wellFormed(pattern),
          'close every [ and {, put no { into another, and write something after a backslash',
        ),
      ),
      PATTERNS,
    ),
    v.minLength(1, PATTERNS),
    v.maxLength(8, PATTERNS),
    v.readonly(),
  ),
);

export const source = v.variant(
  'kind',
  [
    options(
      { kind: v.literal('codecommit'), branch },
      {
        paths:
          "AWS filters a push by its files for connections only: leave it out, or use kind 'connection'",
      },
    ),
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
      paths: v.optional(options({ include: patterns, exclude: patterns }), {}),
    }),
    options({
      kind: v.literal('s3'),
      key: v.optional(
        text(
          // What needs no quoting in a shell or an address.
          /^(?!.*(?:\/\/|\/\.{1,2}\/))[A-Za-z0-9][A-Za-z0-9._/-]{0,250}\.zip$/,
          "use a key of letters, digits and . _ / - that ends in .zip, such as 'site.zip'",
        ),
        'site.zip',
      ),
    }),
  ],
  (issue) => kindOrObject(issue, ['codecommit', 'connection', 's3']),
);

/** What AWS would take and never match, or refuse at the deployment. */
function wellFormed(pattern: string): boolean {
  const rest = pattern.replace(/\\./g, '').replace(/\[!?\]?[^\]]*\]/g, '');
  return !/[[\\]/.test(rest) && !/[{}]/.test(rest.replace(/\{[^{}]*\}/g, ''));
}
