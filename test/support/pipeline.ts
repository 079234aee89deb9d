import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { OPEN } from '../../local/pipeline/access.ts';
import type { PipelineInput } from '../../local/pipeline/engine.ts';
import type { PipelineEvent } from '../../local/pipeline/events.ts';
import { ensureRepository } from '../../local/pipeline/source.ts';

/** A folder that is removed by `remove()`. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(realpathSync(tmpdir()), 'atomic-site-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Runs git as a person of no particular settings; returns what it printed, both streams. */
export function git(cwd: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.invalid'];
  return execFileSync('/bin/sh', ['-c', 'exec git "$@" 2>&1', 'git', ...identity, ...args], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: cwd, GIT_CONFIG_NOSYSTEM: '1' },
  }).trim();
}

/** Writes files and commits them; returns the commit's id. */
export function commit(
  checkout: string,
  files: Record<string, string>,
  message = 'change',
): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), text, { mode: path.endsWith('.sh') ? 0o755 : 0o644 });
  }
  git(checkout, 'add', '--all');
  git(checkout, 'commit', '--quiet', '--allow-empty', '--message', message);
  return git(checkout, 'rev-parse', 'HEAD');
}

export interface Workbench {
  readonly folder: string;
  /** The bare repository. */
  readonly repository: string;
  /** A clone of it, with `origin` set. */
  readonly checkout: string;
  readonly state: string;
  remove(): void;
}

/** A bare repository and a checkout that pushes to it. */
export async function workbench(): Promise<Workbench> {
  const { path: folder, remove } = temporaryFolder();
  const [repository, checkout] = [join(folder, 'source.git'), join(folder, 'checkout')];
  await ensureRepository(repository, 'main');
  mkdirSync(checkout);
  git(checkout, 'init', '--quiet', '--initial-branch=main');
  git(checkout, 'remote', 'add', 'origin', repository);
  return { folder, repository, checkout, state: join(folder, 'state'), remove };
}

/** An artifact store that is a folder, with what was put into it. */
export function artifactStore(folder: string) {
  const keys: string[] = [];
  const at = (bucket: string, key: string): string => join(folder, 'artifacts', bucket, key);
  return {
    keys,
    at,
    async put(bucket: string, key: string, file: string): Promise<void> {
      mkdirSync(dirname(at(bucket, key)), { recursive: true });
      copyFileSync(file, at(bucket, key));
      keys.push(key);
    },
    async get(bucket: string, key: string, toFile: string): Promise<void> {
      copyFileSync(at(bucket, key), toFile);
    },
  };
}

const SOURCE = {
  Name: 'Source',
  ActionTypeId: { Category: 'Source', Owner: 'AWS', Provider: 'CodeCommit', Version: '1' },
  Configuration: { RepositoryName: 'site', BranchName: 'main', PollForSourceChanges: false },
  OutputArtifacts: [{ Name: 'SourceArtifact' }],
  Namespace: 'SourceVariables',
  RunOrder: 1,
};

const BUILD = {
  Name: 'Build',
  ActionTypeId: { Category: 'Build', Owner: 'AWS', Provider: 'CodeBuild', Version: '1' },
  Configuration: { ProjectName: 'site-build' },
  InputArtifacts: [{ Name: 'SourceArtifact' }],
  OutputArtifacts: [{ Name: 'BuildArtifact' }],
  Namespace: 'BuildVariables',
  RunOrder: 1,
};

/** A Lambda action, as CDK writes it. */
export const invokeAction = (
  name: string,
  UserParameters = '{"commit":"#{SourceVariables.CommitId}"}',
  RunOrder = 1,
) => ({
  Name: name,
  ActionTypeId: { Category: 'Invoke', Owner: 'AWS', Provider: 'Lambda', Version: '1' },
  Configuration: { FunctionName: `${name}-function`, UserParameters },
  InputArtifacts: [{ Name: 'BuildArtifact' }],
  Namespace: `${name}Variables`,
  RunOrder,
});

/** Properties of a pipeline like the one that the stack has. */
export const aPipeline = (deploy: unknown[] = [invokeAction('Upload')]) => ({
  PipelineType: 'V2',
  ArtifactStore: { Type: 'S3', Location: 'artifact-bucket' },
  Stages: [
    { Name: 'Source', Actions: [structuredClone(SOURCE)] },
    { Name: 'Build', Actions: [structuredClone(BUILD)] },
    ...(deploy.length > 0 ? [{ Name: 'Deploy', Actions: deploy }] : []),
  ],
});

/** A build that packs the `public` folder. */
export const BUILDSPEC = `version: 0.2
phases:
  build:
    commands:
      - mkdir dist && cp -R public/. dist
artifacts:
  files: ['**/*']
  base-directory: dist
`;

export const aProject = (BuildSpec: string | undefined = BUILDSPEC, extra: object = {}) => ({
  logicalId: 'BuildProject',
  properties: {
    Source: { Type: 'CODEPIPELINE', BuildSpec },
    Artifacts: { Type: 'CODEPIPELINE' },
    Environment: {},
    ...extra,
  },
});

/** What a pipeline is given in tests; `events` are those it reported. */
export function pipelineInput(
  bench: Workbench,
  given: Partial<PipelineInput> & { properties?: unknown; buildspec?: string } = {},
): PipelineInput & { events: PipelineEvent[] } {
  const { properties = aPipeline([]), buildspec, ...rest } = given;
  const events: PipelineEvent[] = [];
  return {
    events,
    pipeline: {
      logicalId: 'Pipeline',
      name: 'site-pipeline',
      arn: 'arn:aws:codepipeline:eu-central-1:123456789012:site-pipeline',
      properties: properties as PipelineInput['pipeline']['properties'],
    },
    artifacts: artifactStore(bench.folder),
    functions: {
      invoke: async (name) => {
        throw new Error(`${name} is not expected to be invoked`);
      },
    },
    fetchObject: async (bucket, key) => {
      throw new Error(`s3://${bucket}/${key} is not expected to be fetched`);
    },
    projects: new Map([['site-build', aProject(buildspec)]]),
    repository: { path: bench.repository },
    access: {
      ...OPEN,
      artifactKeys: () => ({
        accessKeyId: 'LOCAL',
        secretAccessKey: 'marker-secret',
        sessionToken: 'marker-token',
      }),
    },
    accountId: '123456789012',
    region: 'eu-central-1',
    stateDir: bench.state,
    report: (event) => events.push(event),
    continuationDelayMs: 1,
    ...rest,
  };
}
