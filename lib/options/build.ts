import * as v from 'valibot';
import { folder, insideRepository, kindOrObject, options } from './checks.ts';

export type BuildConfig = FolderBuild | CommandsBuild | BuildspecBuild;

/** Publishes a folder of the repository as it stands. */
export interface FolderBuild {
  readonly kind: 'folder';
  /**
   * Holds `index.html`, relative to the repository's root.
   *
   * @default '.'
   */
  readonly directory?: string;
}

/** Runs the site's own commands and publishes the folder they write. */
export interface CommandsBuild {
  readonly kind: 'commands';
  /**
   * Where the commands run, relative to the repository's root.
   *
   * @default '.'
   */
  readonly directory?: string;
  /** Run in this order by one shell, so `cd` and `export` last; the first that fails stops the release. */
  readonly commands: readonly string[];
  /**
   * The folder that the commands write, relative to `directory`.
   *
   * @default 'dist'
   */
  readonly output?: string;
  /**
   * The major version of Node.js that the commands find.
   *
   * @default 24
   */
  readonly nodeVersion?: 22 | 24;
}

/** Leaves the build to a CodeBuild buildspec in the repository; its `artifacts` are published. */
export interface BuildspecBuild {
  readonly kind: 'buildspec';
  /**
   * Relative to the repository's root.
   *
   * @default 'buildspec.yml'
   */
  readonly file?: string;
}

export const build = v.variant(
  'kind',
  [
    options({ kind: v.literal('folder'), directory: folder('.', "the repository's root") }),
    options({
      kind: v.literal('commands'),
      directory: folder('.', "the repository's root"),
      commands: v.pipe(
        v.array(
          v.pipe(
            v.string("use a shell command such as 'npm ci'"),
            v.check((command) => command.trim() !== '', "use a shell command such as 'npm ci'"),
          ),
          "use a list of shell commands, such as ['npm ci', 'npm run build']",
        ),
        v.minLength(
          1,
          "name at least one command, or use kind 'folder' to publish files as they are",
        ),
        v.readonly(),
      ),
      output: folder('dist', 'directory'),
      nodeVersion: v.optional(
        // What the build image carries: aws/codebuild/amazonlinux-aarch64-standard:4.0.
        v.picklist([22, 24], 'use 22 or 24, the versions in the build image'),
        24,
      ),
    }),
    options({
      kind: v.literal('buildspec'),
      file: v.optional(
        v.pipe(
          v.string("use a path in the repository, such as 'buildspec.yml'"),
          v.check(
            (
              file, // CodeBuild takes an ARN for a buildspec in S3.
            ) => insideRepository(file) && /^[^:]+\.ya?ml$/.test(file),
            "use a path in the repository that ends in .yml or .yaml, such as 'buildspec.yml'",
          ),
        ),
        'buildspec.yml',
      ),
    }),
  ],
  (issue) => kindOrObject(issue, ['folder', 'commands', 'buildspec']),
);
