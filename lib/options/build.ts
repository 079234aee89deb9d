import * as v from 'valibot';
import { type BuildEnvironment, environment } from './build-environment.ts';
import { folder, insideRepository, kindOrObject, options, wholeNumber } from './checks.ts';

export type BuildConfig = FolderBuild | CommandsBuild | BuildspecBuild;

/** The machine that builds. */
interface BuildMachine {
  /**
   * CodeBuild's image, which decides between Arm and x86 and between the versions of Node.js. x86 costs half as much
   * again for the same work; choose it where a dependency has no Arm binary, or the Region no Arm machines.
   *
   * @default 'aws/codebuild/amazonlinux-aarch64-standard:4.0'
   */
  readonly image?: BuildImage;
  /**
   * From 2 processors and 4 GiB of memory; each step up to `large` doubles both, and the price of a minute. For builds
   * that run out of memory, or whose time matters more than their price.
   *
   * @default 'small'
   */
  readonly size?: BuildSize;
  /**
   * A build that takes longer is ended and has failed: from 5 to 480 minutes, the most that CodePipeline waits for one.
   *
   * @default 30
   */
  readonly timeoutMinutes?: number;
}

/** What reaches the commands of a build besides the source. */
interface BuildInputs {
  /**
   * Environment variables: the text itself, or where AWS keeps it.
   *
   * The commands come from the repository, so whoever can push can read every value and print or send it anywhere: give
   * a build nothing that these people may not know. What it writes into the site is known to everybody.
   *
   * @default {}
   */
  readonly environment?: BuildEnvironment;
  /**
   * Whether what package managers download is kept in the artifact bucket from one build to the next, for up to 30 days
   * after the last. `commands`: the downloads of npm, pnpm and yarn. `buildspec`: what its `cache` names.
   *
   * Worth it for hundreds of packages; for a few, fetching the cache takes as long. A build can leave in it whatever it
   * likes for the builds after it, those of other commits included: empty it after a push that you do not trust.
   *
   * @default false
   */
  readonly cache?: boolean;
}

/** Publishes a folder of the repository as it stands. */
export interface FolderBuild extends BuildMachine {
  readonly kind: 'folder';
  /**
   * Holds `index.html`, relative to the repository's root.
   *
   * @default '.'
   */
  readonly directory?: string;
}

/** Runs the site's own commands and publishes the folder they write. */
export interface CommandsBuild extends BuildMachine, BuildInputs {
  readonly kind: 'commands';
  /**
   * Where the commands run, relative to the repository's root.
   *
   * @default '.'
   */
  readonly directory?: string;
  /**
   * Installs the packages that the lock file in `directory` names, exactly those, before the commands: `auto` finds out
   * by the lock file which package manager it is. Name one where there are several lock files.
   *
   * pnpm and yarn come in the version that `packageManager` in package.json names, and are there for the commands. A
   * project without package.json has nothing to install; one without a lock file is an error.
   *
   * @default false - nothing is installed; the commands do that
   */
  readonly install?: false | 'auto' | PackageManager;
  /** Run in this order by one shell, so `cd` and `export` last; the first that fails stops the release. */
  readonly commands: readonly string[];
  /**
   * The folder that the commands write, relative to `directory`.
   *
   * @default 'dist'
   */
  readonly output?: string;
  /**
   * The major version of Node.js that the commands find, one of those that `image` has.
   *
   * @default 24
   */
  readonly nodeVersion?: NodeVersion;
}

/** Leaves the build to a CodeBuild buildspec in the repository; its `artifacts` are published. */
export interface BuildspecBuild extends BuildMachine, BuildInputs {
  readonly kind: 'buildspec';
  /**
   * Relative to the repository's root.
   *
   * @default 'buildspec.yml'
   */
  readonly file?: string;
}

const PACKAGE_MANAGERS = ['npm', 'pnpm', 'yarn'] as const;
export type PackageManager = (typeof PACKAGE_MANAGERS)[number];

/**
 * CodeBuild's Linux images and the versions of Node.js that each has, from
 * https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html
 */
export const BUILD_IMAGES = {
  'aws/codebuild/amazonlinux-aarch64-standard:3.0': [18, 20, 22, 24],
  'aws/codebuild/amazonlinux-aarch64-standard:4.0': [22, 24],
  'aws/codebuild/amazonlinux-x86_64-standard:5.0': [18, 20, 22, 24],
  'aws/codebuild/amazonlinux-x86_64-standard:6.0': [22, 24],
  'aws/codebuild/standard:7.0': [18, 20, 22, 24],
  'aws/codebuild/standard:8.0': [22, 24],
} as const satisfies Readonly<Record<string, readonly number[]>>;

export type BuildImage = keyof typeof BUILD_IMAGES;
export type NodeVersion = (typeof BUILD_IMAGES)[BuildImage][number];

const IMAGES = Object.keys(BUILD_IMAGES) as BuildImage[];
const NODE_VERSIONS = [...new Set(Object.values(BUILD_IMAGES).flat())] as const;
const SIZES = ['small', 'medium', 'large', 'xlarge', '2xlarge'] as const;
export type BuildSize = (typeof SIZES)[number];

const INSTALL = "use 'auto', 'npm', 'pnpm' or 'yarn', or false";
const TIMEOUT = 'use a whole number of minutes from 5 to 480';

const machine = {
  image: v.optional(
    v.picklist(IMAGES, `use one of ${IMAGES.join(', ')}`),
    'aws/codebuild/amazonlinux-aarch64-standard:4.0',
  ),
  size: v.optional(v.picklist(SIZES, `use one of ${SIZES.join(', ')}`), 'small'),
  // CodeBuild's least, and the most that CodePipeline gives a CodeBuild action (its quotas: 8 hours).
  timeoutMinutes: wholeNumber(5, 480, 30, TIMEOUT),
};

const inputs = {
  environment,
  cache: v.optional(v.boolean('use true or false'), false),
};

export const build = v.variant(
  'kind',
  [
    options({
      kind: v.literal('folder'),
      directory: folder('.', "the repository's root"),
      ...machine,
    }),
    v.pipe(
      options({
        kind: v.literal('commands'),
        directory: folder('.', "the repository's root"),
        install: v.optional(
          v.union([v.literal(false), v.picklist(['auto', ...PACKAGE_MANAGERS])], INSTALL),
          false,
        ),
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
          v.picklist(NODE_VERSIONS, `use one of ${NODE_VERSIONS.join(', ')}`),
          24,
        ),
        ...inputs,
        ...machine,
      }),
      v.rawCheck(({ dataset, addIssue }) => {
        const { image, nodeVersion } = dataset.value as { image: BuildImage; nodeVersion: number };
        const versions: readonly number[] = BUILD_IMAGES[image] ?? NODE_VERSIONS;
        if (!NODE_VERSIONS.includes(nodeVersion as NodeVersion) || versions.includes(nodeVersion))
          return;
        addIssue({
          input: nodeVersion,
          message: `use ${versions.join(' or ')}, the versions in ${image}, or another build.image`,
          path: [
            {
              type: 'object',
              origin: 'value',
              input: dataset.value as Record<string, unknown>,
              key: 'nodeVersion',
              value: nodeVersion,
            },
          ],
        });
      }),
    ),
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
      ...inputs,
      ...machine,
    }),
  ],
  (issue) => kindOrObject(issue, ['folder', 'commands', 'buildspec']),
);
