import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { glob } from 'tinyglobby';
import { BuildShell, type Reason } from './build-shell.ts';
import { type Buildspec, PHASES, type PhaseName, parseBuildspec } from './buildspec.ts';
import {
  readStored,
  type StoredVariable,
  storedVariable,
  withoutValues,
} from './stored-variables.ts';
import { unzip, zipFiles } from './zip.ts';

/** The properties of an `AWS::CodeBuild::Project` that mean something on this machine. */
export interface BuildProject {
  readonly logicalId: string;
  readonly name: string;
  /** Inline text, or a path in the sources. */
  readonly buildspec: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Environment variables whose values AWS would read from Parameter Store or Secrets Manager. */
  readonly stored: readonly StoredVariable[];
  /** Whether the folders that the buildspec's `cache` names are kept for the next build. */
  readonly caches: boolean;
  /** After this long, in milliseconds, a build is ended and has failed. */
  readonly timeoutMs: number;
  /** The ARN of the role that it acts in. */
  readonly serviceRole?: string;
  /** The name of the log group that CodeBuild writes to in that role. */
  readonly logGroup?: string;
  /** `bucket/prefix` of its cache in S3. */
  readonly cacheLocation?: string;
}

export interface BuildInput {
  readonly project: BuildProject;
  /** From the pipeline's action; wins over the project's. */
  readonly environment: Readonly<Record<string, string>>;
  /** The ZIP with the sources. */
  readonly source: string;
  readonly sourceVersion: string;
  /** Where to write the output artifact; absent when the action has none. */
  readonly artifact?: string;
  readonly pipelineName: string;
  readonly accountId: string;
  readonly region: string;
  readonly buildNumber: number;
  /** Its id. @default - a new one */
  readonly uuid?: string;
  /** The keys of its role and where AWS's services are. @default - none */
  readonly credentials?: Readonly<Record<string, string>>;
  /** Kept from build to build: npm's download cache, which cannot change what is built. */
  readonly npmCache: string;
  /** What is kept from build to build where the project has a cache. */
  readonly cache: string;
  /** Where this machine's values of stored variables are written as `NAME=value`; need not exist. */
  readonly storedValues: string;
  readonly signal: AbortSignal;
  output(line: string): void;
}

export interface BuildResult {
  /** `<project>:<uuid>`. */
  readonly buildId: string;
  /** The buildspec's exported variables that have a value. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A build that ended as FAILED, with the words that CodeBuild has for it. */
export class BuildFailure extends Error {
  /** The end of the failed command's output. */
  readonly lastLines: readonly string[];

  constructor(code: string, message: string, lastLines: readonly string[] = []) {
    super(`${code}: ${message}`);
    this.lastLines = lastLines;
  }
}

const KEPT_LINES = 30;
const DEFAULT_TIMEOUT_MINUTES = 60;
/** Reserved by CodeBuild for itself. */
const RESERVED_PREFIX = 'CODEBUILD_';

/**
 * Reads a project out of the template.
 *
 * @throws Error with everything about it that the local run does not know.
 */
export function readProject(
  name: string,
  { logicalId, properties }: { logicalId: string; properties: ProjectProperties },
): BuildProject {
  const problems: string[] = [];
  const wrong = (path: string, value: unknown, known: string): void => {
    problems.push(
      `${logicalId} (AWS::CodeBuild::Project): ${path}: got ${JSON.stringify(value)}; the local run knows ${known}`,
    );
  };
  const { Source, Artifacts, Cache, Environment, TimeoutInMinutes, ServiceRole, LogsConfig } =
    properties;
  const { Status, GroupName } = LogsConfig?.CloudWatchLogs ?? {};
  if ((Status ?? 'ENABLED') !== 'ENABLED')
    wrong('LogsConfig.CloudWatchLogs.Status', Status, 'ENABLED');
  const sourceType = Source?.Type;
  if (sourceType !== 'CODEPIPELINE') wrong('Source.Type', sourceType, 'CODEPIPELINE');
  const artifactsType = Artifacts?.Type;
  if (artifactsType !== 'CODEPIPELINE') wrong('Artifacts.Type', artifactsType, 'CODEPIPELINE');
  const buildspec = Source?.BuildSpec ?? 'buildspec.yml';
  if (typeof buildspec !== 'string' || buildspec.startsWith('arn:')) {
    wrong('Source.BuildSpec', buildspec, 'inline text and a path in the sources');
  }
  const cacheType = Cache?.Type ?? 'NO_CACHE';
  if (cacheType !== 'NO_CACHE' && cacheType !== 'S3')
    wrong('Cache.Type', cacheType, 'NO_CACHE and S3');
  const environment: Record<string, string> = {};
  const stored: StoredVariable[] = [];
  for (const [index, variable] of (Environment?.EnvironmentVariables ?? []).entries()) {
    const path = `Environment.EnvironmentVariables[${index}]`;
    const type = variable.Type ?? 'PLAINTEXT';
    const value = String(variable.Value);
    if (type === 'PLAINTEXT') environment[variable.Name] = value;
    else if (type === 'PARAMETER_STORE' || type === 'SECRETS_MANAGER') {
      stored.push(storedVariable(variable.Name, type, value));
    } else wrong(`${path}.Type`, type, 'PLAINTEXT, PARAMETER_STORE and SECRETS_MANAGER');
  }
  const minutes = Number(TimeoutInMinutes ?? DEFAULT_TIMEOUT_MINUTES);
  if (!(minutes >= 5 && minutes <= 2160)) wrong('TimeoutInMinutes', TimeoutInMinutes, '5 to 2160');
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return {
    logicalId,
    name,
    buildspec: String(buildspec),
    environment,
    stored,
    caches: cacheType === 'S3',
    timeoutMs: minutes * 60_000,
    ...(ServiceRole !== undefined && { serviceRole: String(ServiceRole) }),
    ...(GroupName !== undefined && { logGroup: String(GroupName) }),
    ...(cacheType === 'S3' && { cacheLocation: String(Cache?.Location) }),
  };
}

export interface ProjectProperties {
  readonly ServiceRole?: unknown;
  readonly LogsConfig?: {
    readonly CloudWatchLogs?: { readonly Status?: unknown; readonly GroupName?: unknown };
  };
  readonly Source?: { readonly Type?: unknown; readonly BuildSpec?: unknown };
  readonly Artifacts?: { readonly Type?: unknown };
  readonly Cache?: { readonly Type?: unknown; readonly Location?: unknown };
  readonly Environment?: {
    readonly EnvironmentVariables?: readonly {
      readonly Name: string;
      readonly Value: unknown;
      readonly Type?: unknown;
    }[];
  };
  readonly TimeoutInMinutes?: unknown;
}

/**
 * Runs a project's build the way CodeBuild runs it, without its container: clean environment,
 * buildspec phases, artifact.
 *
 * @throws BuildFailure when the build fails; the signal's reason when it was aborted.
 */
export async function runBuild(input: BuildInput): Promise<BuildResult> {
  const { project, signal } = input;
  // Outside the project's own folder: node_modules, package.json and .git are looked up through
  // all parent folders, and what a build finds there it would not find in AWS.
  const workspace = await mkdtemp(join(await realpath(tmpdir()), 'atomic-site-build-'));
  const timeout = AbortSignal.timeout(project.timeoutMs);
  const ended = AbortSignal.any([signal, timeout]);
  const { uuid = randomUUID() } = input;
  const buildId = `${project.name}:${uuid}`;
  const sources = join(workspace, 'src');
  const kept: string[] = [];
  let show = (line: string): string => line;
  const output = (line: string): void => input.output(show(line));
  const log = (line: string): void => output(`[Container] ${line}`);
  let shell: BuildShell | undefined;
  const onEnd = (): void => void shell?.close();
  ended.addEventListener('abort', onEnd);
  try {
    await unzip(input.source, sources);
    const spec = await readBuildspec(project, sources);
    noteRuntimes(spec, log);
    const stored = await storedOf(input);
    show = withoutValues(stored);
    const home = join(workspace, 'home');
    await mkdir(home);
    if (project.caches) await linkCache(spec.cachePaths, home, input.cache, log);
    shell = new BuildShell({
      shell: spec.shell,
      cwd: sources,
      env: await environmentOf(input, spec, stored, { workspace, home, sources, uuid }),
      stateDirectory: join(workspace, 'shell'),
      output: (line) => {
        kept.push(show(line));
        if (kept.length > KEPT_LINES) kept.shift();
        output(line);
      },
    });
    await runPhases(spec, shell, ended, log, kept);
    const variables = await exportedVariables(spec, shell, workspace);
    if (input.artifact !== undefined) {
      await zipFiles(await collectArtifacts(spec, sources, log), input.artifact);
    }
    ended.throwIfAborted();
    return { buildId, variables };
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) {
      const minutes = project.timeoutMs / 60_000;
      throw new BuildFailure(
        'BUILD_TIMED_OUT',
        `Build has timed out. ${project.logicalId} allows ${minutes} min (TimeoutInMinutes)`,
        kept,
      );
    }
    throw error;
  } finally {
    ended.removeEventListener('abort', onEnd);
    await shell?.close();
    await rm(workspace, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function readBuildspec(project: BuildProject, sources: string): Promise<Buildspec> {
  const { buildspec, logicalId } = project;
  const inline = /\n|^\s*\{|^\s*version\s*:/.test(buildspec);
  try {
    if (inline) {
      return parseBuildspec(
        buildspec,
        `${logicalId} (AWS::CodeBuild::Project): Source.BuildSpec (inline)`,
      );
    }
    const file = join(sources, buildspec);
    if (relative(sources, file).startsWith('..') || !existsSync(file)) {
      throw new Error(`${buildspec}: got no such file in the sources; add it or name another one`);
    }
    return parseBuildspec(await readFile(file, 'utf8'), buildspec);
  } catch (error) {
    throw new BuildFailure('YAML_FILE_ERROR', (error as Error).message);
  }
}

/** @throws BuildFailure naming every variable that has no value here. */
async function storedOf({ project, storedValues }: BuildInput): Promise<Record<string, string>> {
  try {
    return await readStored(project.stored, storedValues);
  } catch (error) {
    throw new BuildFailure('CLIENT_ERROR', (error as Error).message);
  }
}

/**
 * Puts folders that outlive the build where it looks for those that CodeBuild would fetch from the cache. Unlike there
 * a failed build has left its traces, too.
 */
async function linkCache(
  paths: readonly string[],
  home: string,
  cache: string,
  log: (line: string) => void,
): Promise<void> {
  for (const path of paths) {
    const folder = belowHome(path);
    if (folder === undefined) {
      log(
        `cache: ${path} is not kept here; the local run keeps folders below /root, as /root/x/**/*`,
      );
      continue;
    }
    const kept = join(cache, folder);
    await mkdir(kept, { recursive: true });
    await mkdir(dirname(join(home, folder)), { recursive: true });
    await symlink(kept, join(home, folder));
  }
}

/** `.npm` of `/root/.npm/**\/*`: root builds in AWS, and here a build has a home of its own. */
function belowHome(path: string): string | undefined {
  const folder = /^\/root\/([^*]+)\/\*\*\/\*$/.exec(path)?.[1];
  return folder?.split('/').some((part) => ['', '.', '..'].includes(part)) ? undefined : folder;
}

function noteRuntimes(spec: Buildspec, log: (line: string) => void): void {
  for (const [runtime, version] of Object.entries(spec.runtimeVersions)) {
    if (runtime === 'nodejs') {
      const [major] = process.versions.node.split('.');
      if (version === 'latest' || version.split('.')[0] === major) continue;
      log(
        `runtime-versions: AWS builds with Node ${version}, this machine with ${process.version}`,
      );
    } else {
      log(`runtime-versions: AWS provides ${runtime} ${version}, here it is this machine's own`);
    }
  }
}

/**
 * Install and pre_build end the build when they fail; a failed build phase is still followed by
 * post_build, for clean-up and reports (CodeBuild user guide, "Build phase transitions"). on-failure
 * overrides both. Whichever phase failed, the build has failed: `CODEBUILD_BUILD_SUCCEEDING` stays 0.
 */
async function runPhases(
  spec: Buildspec,
  shell: BuildShell,
  ended: AbortSignal,
  log: (line: string) => void,
  kept: string[],
): Promise<void> {
  let failure: BuildFailure | undefined;
  for (const name of PHASES) {
    const phase = spec.phases[name];
    if (!phase) continue;
    log(`Entering phase ${name.toUpperCase()}`);
    await shell.run(`export CODEBUILD_BUILD_SUCCEEDING=${failure ? 0 : 1}`);
    const inCommands = await runCommands(phase.commands, shell, ended, log, kept);
    const inFinally = await runCommands(phase.finally, shell, ended, log, kept);
    const failed = inCommands ?? inFinally;
    log(`Phase complete: ${name.toUpperCase()} State: ${failed ? 'FAILED' : 'SUCCEEDED'}`);
    if (!failed) continue;
    log(`Phase context status code: ${failed.message.replace(': ', ' Message: ')}`);
    failure ??= failed;
    if (!goesOn(name, phase.onFailure)) break;
  }
  if (failure) throw failure;
}

const goesOn = (phase: PhaseName, onFailure: 'ABORT' | 'CONTINUE' | undefined): boolean =>
  onFailure ? onFailure === 'CONTINUE' : phase === 'build';

async function runCommands(
  commands: readonly string[],
  shell: BuildShell,
  ended: AbortSignal,
  log: (line: string) => void,
  kept: string[],
): Promise<BuildFailure | undefined> {
  for (const command of commands) {
    ended.throwIfAborted();
    log(`Running command ${command}`);
    kept.length = 0;
    const reason: Reason = await shell.run(command);
    ended.throwIfAborted();
    if (reason === undefined) continue;
    log(`Command did not exit successfully ${command} ${reason}`);
    return new BuildFailure(
      'COMMAND_EXECUTION_ERROR',
      `Error while executing command: ${command}. Reason: ${reason}`,
      [...kept],
    );
  }
  return undefined;
}

async function exportedVariables(
  spec: Buildspec,
  shell: BuildShell,
  workspace: string,
): Promise<Record<string, string>> {
  if (spec.exportedVariables.length === 0) return {};
  const file = join(workspace, 'exported');
  // Names are checked by the buildspec's schema; the values never pass through a shell's parser.
  const print = spec.exportedVariables.map(
    (name) => `if [ -n "\${${name}+set}" ]; then printf '${name}=%s\\0' "$${name}"; fi`,
  );
  await shell.run(`{ ${print.join('\n')}\n} >'${file}'`);
  const entries = (await readFile(file, 'utf8')).split('\0').slice(0, -1);
  return Object.fromEntries(
    entries.map((entry) => {
      const equals = entry.indexOf('=');
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

/** Path inside the artifact to path on disk, sorted, so the same build gives the same ZIP. */
async function collectArtifacts(
  spec: Buildspec,
  sources: string,
  log: (line: string) => void,
): Promise<Map<string, string>> {
  if (!spec.artifacts) {
    throw new BuildFailure(
      'CLIENT_ERROR',
      'the pipeline expects an output artifact, and the buildspec has no artifacts',
    );
  }
  const { files: patterns, excludePaths, baseDirectory, discardPaths } = spec.artifacts;
  const found = new Map<string, string>();
  for (const base of await baseDirectories(sources, baseDirectory)) {
    log(`Expanding base directory path: ${relative(sources, base) || '.'}`);
    for (const pattern of patterns) {
      const matches = await glob([unprefixed(pattern)], {
        cwd: base,
        ignore: excludePaths.map(unprefixed),
        dot: true,
        expandDirectories: false,
      });
      if (matches.length === 0) log(`Skipping invalid file path ${pattern}`);
      for (const match of matches) {
        const file = join(base, match);
        const path = discardPaths ? basename(match) : match;
        const other = found.get(path) ?? file;
        if (other !== file) {
          throw new BuildFailure(
            'CLIENT_ERROR',
            `two artifact files would both be ${path}: ${relative(sources, other)} and ${relative(sources, file)}`,
          );
        }
        found.set(path, file);
      }
    }
  }
  if (found.size === 0) {
    throw new BuildFailure(
      'CLIENT_ERROR',
      `no matching artifact paths found (files: ${patterns.join(', ')}; base-directory: ${baseDirectory})`,
    );
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function baseDirectories(sources: string, pattern: string): Promise<string[]> {
  const plain = join(sources, pattern);
  const isFolder = statSync(plain, { throwIfNoEntry: false })?.isDirectory() === true;
  const found = isFolder
    ? [plain]
    : (
        await glob([unprefixed(pattern).replace(/\/$/, '')], {
          cwd: sources,
          onlyDirectories: true,
          expandDirectories: false,
          dot: true,
          absolute: true,
        })
      ).sort();
  if (found.length > 0) return found;
  throw new BuildFailure('CLIENT_ERROR', `no matching base directory path found for ${pattern}`);
}

const unprefixed = (pattern: string): string => pattern.replace(/^(\.\/)+/, '');

/**
 * What a build sees. Not this process's environment: that holds the operator's secrets and
 * settings, none of which exist in AWS. Credentials are those of the project's role.
 */
async function environmentOf(
  input: BuildInput,
  spec: Buildspec,
  stored: Readonly<Record<string, string>>,
  { workspace, home, sources, uuid }: Record<'workspace' | 'home' | 'sources' | 'uuid', string>,
): Promise<Record<string, string>> {
  const { project, region, accountId } = input;
  const temporary = join(workspace, 'tmp');
  for (const folder of [temporary, input.npmCache]) await mkdir(folder, { recursive: true });
  const own = (variables: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(variables).filter(([name]) => !name.startsWith(RESERVED_PREFIX)),
    );
  return {
    ...networkSettings(process.env),
    PATH: searchPath(process.env.PATH ?? ''),
    HOME: home,
    TMPDIR: temporary,
    LANG: 'C.UTF-8',
    npm_config_cache: input.npmCache,
    // The sources come without .git, in AWS too: nothing above them may pass for their repository.
    GIT_CEILING_DIRECTORIES: dirname(sources),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    ...input.credentials,
    // CodeBuild's order, later wins: buildspec, project, the call that started the build.
    ...own(spec.variables),
    ...own(project.environment),
    ...own(stored),
    ...own(input.environment),
    CODEBUILD_BUILD_ARN: `arn:aws:codebuild:${region}:${accountId}:build/${project.name}:${uuid}`,
    CODEBUILD_BUILD_ID: `${project.name}:${uuid}`,
    CODEBUILD_BUILD_NUMBER: String(input.buildNumber),
    CODEBUILD_BUILD_SUCCEEDING: '1',
    CODEBUILD_INITIATOR: `codepipeline/${input.pipelineName}`,
    CODEBUILD_LOG_PATH: uuid,
    CODEBUILD_RESOLVED_SOURCE_VERSION: input.sourceVersion,
    CODEBUILD_SRC_DIR: sources,
    CODEBUILD_START_TIME: String(Date.now()),
  };
}

// Everything here says how to reach a package registry from this machine, nothing what to build:
// npm's other settings (omit, ignore-scripts, …) would make the build differ from the one in AWS.
const NETWORK_SETTING = new RegExp(
  `^(https?_proxy|no_proxy|all_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|corepack_npm_.*|corepack_integrity_keys|yarn_(npm_)?registry(_server)?|npm_config_(${[
    '(.*:)?registry',
    '//.*',
    'userconfig',
    'globalconfig',
    'https?[_-]proxy',
    'proxy',
    'noproxy',
    'ca',
    'cafile',
    'cert',
    'key',
    'strict[_-]ssl',
    'offline',
    'prefer[_-](offline|online)',
    'fetch[_-].*',
  ].join('|')}))$`,
  'i',
);

function networkSettings(env: NodeJS.ProcessEnv): Record<string, string> {
  const settings = Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && NETWORK_SETTING.test(entry[0]),
    ),
  );
  // The build has a HOME of its own, and the user's .npmrc is where a registry is usually named.
  const userConfig = join(homedir(), '.npmrc');
  const named = Object.keys(settings).some(
    (name) => name.toLowerCase() === 'npm_config_userconfig',
  );
  if (!named && existsSync(userConfig)) settings.npm_config_userconfig = userConfig;
  return settings;
}

/**
 * The running Node first. Without the folders that `npm start` puts in front of its own scripts:
 * a build that finds this project's esbuild there would fail in AWS, where it is not.
 */
function searchPath(path: string): string {
  const folders = path
    .split(delimiter)
    .filter((folder) => folder.startsWith('/') && !/node_modules\/.bin|node-gyp-bin/.test(folder));
  return [...new Set([dirname(process.execPath), ...folders])].join(delimiter);
}
