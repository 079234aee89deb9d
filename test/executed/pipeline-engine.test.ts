import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  CodePipelineClient,
  PutJobFailureResultCommand,
  PutJobSuccessResultCommand,
  type PutJobSuccessResultCommandInput,
} from '@aws-sdk/client-codepipeline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalPipeline, type PipelineInput } from '../../local/pipeline/engine.ts';
import type { PipelineEvent } from '../../local/pipeline/events.ts';
import { linesFor } from '../../local/pipeline/lines.ts';
import { unzip } from '../../local/pipeline/zip.ts';
import {
  aPipeline,
  artifactStore,
  BUILDSPEC,
  commit,
  git,
  invokeAction,
  pipelineInput,
  type Workbench,
  workbench,
} from '../support/pipeline.ts';

let bench: Workbench;
let stops: (() => Promise<void>)[];

beforeEach(async () => {
  bench = await workbench();
  stops = [];
});
afterEach(async () => {
  for (const stop of stops) await stop();
  bench.remove();
});

interface JobEvent {
  readonly 'CodePipeline.job': {
    readonly id: string;
    readonly data: {
      readonly actionConfiguration: { readonly configuration: Record<string, string> };
      readonly inputArtifacts: readonly {
        readonly revision: string | null;
        readonly location: { readonly s3Location: Record<'bucketName' | 'objectKey', string> };
      }[];
      readonly artifactCredentials: Record<string, unknown>;
      readonly continuationToken?: string;
    };
  };
}
type Job = JobEvent['CodePipeline.job'];
type Handler = (job: Job, client: CodePipelineClient, signal: AbortSignal) => Promise<unknown>;

/** A pipeline whose functions talk to the job API through the AWS SDK, as the shipped ones do. */
async function aRunningPipeline(
  handlers: Record<string, Handler> = {},
  given: Parameters<typeof pipelineInput>[1] = {},
) {
  let client: CodePipelineClient | undefined;
  const events: unknown[] = [];
  const functions: PipelineInput['functions'] = {
    invoke: async (name, event, options) => {
      events.push(structuredClone(event));
      const handler = handlers[name];
      if (!handler || !client || !options) throw new Error(`no function ${name}`);
      await handler((event as JobEvent)['CodePipeline.job'], client, options.signal);
    },
  };
  const input = pipelineInput(bench, { functions, ...given });
  const pipeline = new LocalPipeline(input);
  client = new CodePipelineClient({
    endpoint: await pipeline.listen(),
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  stops.push(() => pipeline.stop());
  return {
    pipeline,
    input,
    events: input.events,
    sent: events,
  };
}

const succeed = (
  client: CodePipelineClient,
  job: Job,
  rest: Omit<PutJobSuccessResultCommandInput, 'jobId'> = {},
) => client.send(new PutJobSuccessResultCommand({ jobId: job.id, ...rest }));
const good: Handler = (job, client) => succeed(client, job);

/** Commits and pushes; returns the commit. */
function push(files: Record<string, string>, message?: string): string {
  const id = commit(bench.checkout, files, message);
  git(bench.checkout, 'push', '--quiet', 'origin', 'HEAD:main');
  return id;
}

const run = (pipeline: LocalPipeline, id: string) =>
  pipeline.start({ trigger: 'push', commit: id, branch: 'main' }).result;
const actionsOf = (record: { stages: { actions: { name: string; status: string }[] }[] }) =>
  record.stages.flatMap(({ actions }) => actions.map(({ name, status }) => `${name} ${status}`));
const when = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('a commit goes from the repository through the build to the function, byte for byte', async () => {
  const artifacts = artifactStore(bench.folder);
  const { pipeline, sent, events } = await aRunningPipeline(
    {
      'Upload-function': (job, client) =>
        succeed(client, job, {
          executionDetails: { summary: '2 files', externalExecutionId: 'x-1' },
          outputVariables: { releaseId: 'r-1' },
        }),
    },
    {
      artifacts,
      properties: aPipeline([
        invokeAction(
          'Upload',
          '{"commit":"#{SourceVariables.CommitId}","run":"#{codepipeline.PipelineExecutionId}"}',
        ),
      ]),
    },
  );
  const id = push({ 'public/index.html': '<h1>é</h1>', 'public/.well-known/x': 'y' }, 'First');
  const record = await run(pipeline, id);

  expect(record.status).toBe('Succeeded');
  expect(actionsOf(record)).toEqual(['Source Succeeded', 'Build Succeeded', 'Upload Succeeded']);
  expect(artifacts.keys).toEqual([
    expect.stringMatching(/^site-pipeline\/SourceArti\/[A-Za-z0-9]{7}$/),
    expect.stringMatching(/^site-pipeline\/BuildArtif\/[A-Za-z0-9]{7}$/),
  ]);
  expect(sent).toEqual([
    {
      'CodePipeline.job': {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        accountId: '123456789012',
        data: {
          actionConfiguration: {
            configuration: {
              FunctionName: 'Upload-function',
              UserParameters: `{"commit":"${id}","run":"${record.id}"}`,
            },
          },
          inputArtifacts: [
            {
              name: 'BuildArtifact',
              revision: null,
              location: {
                type: 'S3',
                s3Location: { bucketName: 'artifact-bucket', objectKey: artifacts.keys[1] },
              },
            },
          ],
          outputArtifacts: [],
          artifactCredentials: {
            accessKeyId: 'LOCAL',
            secretAccessKey: 'marker-secret',
            sessionToken: 'marker-token',
            expirationTime: expect.any(Number),
          },
        },
      },
    },
  ]);
  const built = join(bench.folder, 'built');
  await unzip(artifacts.at('artifact-bucket', artifacts.keys[1] ?? ''), built);
  expect(readFileSync(join(built, 'index.html'), 'utf8')).toBe('<h1>é</h1>');
  expect(existsSync(join(built, '.well-known/x'))).toBe(true);
  expect(events.flatMap(linesFor).at(-1)).toMatch(/^published r-1 in \d+\.\d s$/);
  expect(pipeline.lastPublishedCommit()).toBe(id);
});

test.each([
  [
    'CodeCommit',
    { RepositoryName: 'site', BranchName: 'main' },
    ['AuthorDate', 'BranchName', 'CommitId', 'CommitMessage', 'CommitterDate', 'RepositoryName'],
  ],
  [
    'CodeStarSourceConnection',
    { ConnectionArn: 'arn:c', FullRepositoryId: 'me/site', BranchName: 'main' },
    [
      'AuthorDate',
      'BranchName',
      'CommitId',
      'CommitMessage',
      'ConnectionArn',
      'FullRepositoryName',
    ],
  ],
])(
  'a %s source has the variables that AWS documents for it',
  async (Provider, Configuration, names) => {
    const properties = aPipeline([]);
    Object.assign(properties.Stages[0]?.Actions[0] as object, { Configuration });
    const source = properties.Stages[0]?.Actions[0] as { ActionTypeId: object };
    Object.assign(source.ActionTypeId, { Provider });
    const { pipeline } = await aRunningPipeline({}, { properties });
    const id = push({ 'public/a': 'a' }, 'Say "hi"\n\nand more');
    const record = await run(pipeline, id);
    const variables = record.stages[0]?.actions[0]?.variables ?? {};
    expect(Object.keys(variables).toSorted()).toEqual(names);
    expect(variables).toMatchObject({
      CommitId: id,
      BranchName: 'main',
      CommitMessage: 'Say "hi"\n\nand more',
      AuthorDate: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  },
);

test('.gitattributes cannot keep files from the build: a source action does not know it', async () => {
  const { pipeline } = await aRunningPipeline();
  const id = push({ '.gitattributes': 'public/a export-ignore', 'public/a': 'a' });
  expect((await run(pipeline, id)).status).toBe('Succeeded');
});

test('a function that is still working is asked again with its token, as a new job', async () => {
  const seen: [string, string | undefined][] = [];
  const { pipeline, events } = await aRunningPipeline(
    {
      'Upload-function': async (job, client) => {
        const { continuationToken } = job.data;
        seen.push([job.id, continuationToken]);
        if (continuationToken === 'two')
          return succeed(client, job, { outputVariables: { n: '3' } });
        return succeed(client, job, {
          continuationToken: continuationToken ? 'two' : 'one',
          executionDetails: { summary: `step ${seen.length}`, percentComplete: seen.length * 30 },
        });
      },
    },
    { properties: aPipeline() },
  );
  const record = await run(pipeline, push({ 'public/a': 'a' }));
  expect(record.status).toBe('Succeeded');
  expect(seen.map(([, token]) => token)).toEqual([undefined, 'one', 'two']);
  expect(new Set(seen.map(([id]) => id)).size).toBe(3);
  const progress = events.filter(({ type }) => type === 'action-progress');
  expect(progress).toMatchObject([
    { summary: 'step 1', percent: 30 },
    { summary: 'step 2', percent: 60 },
  ]);
});

describe('when a function', () => {
  const after = [invokeAction('Upload'), invokeAction('Promote', '{}', 2)];

  test.each<[string, Handler, string]>([
    [
      'reports a failure',
      (job, client) =>
        client.send(
          new PutJobFailureResultCommand({
            jobId: job.id,
            failureDetails: { type: 'ConfigurationError', message: 'no index.html' },
          }),
        ),
      'ConfigurationError: no index.html',
    ],
    [
      'crashes',
      async () => {
        throw new Error('exit code 1');
      },
      'the function crashed without reporting a result: exit code 1; in AWS this action would have hung for 20 minutes before failing',
    ],
    [
      'ends without a word',
      async () => {},
      'the function ended without reporting a result; in AWS this action would have hung for 20 minutes before failing',
    ],
  ])('%s, the stage fails and what follows does not run', async (_, handler, error) => {
    const { pipeline, events } = await aRunningPipeline(
      { 'Upload-function': handler, 'Promote-function': good },
      { properties: aPipeline(after) },
    );
    const record = await run(pipeline, push({ 'public/a': 'a' }));
    expect(record.status).toBe('Failed');
    expect(record.failure).toEqual({ stage: 'Deploy', action: 'Upload', error });
    expect(actionsOf(record)).toEqual(['Source Succeeded', 'Build Succeeded', 'Upload Failed']);
    expect(events.flatMap(linesFor).at(-1)).toBe(`FAILED in Deploy · Upload: ${error}`);
    expect(pipeline.lastPublishedCommit()).toBeUndefined();
  });

  test('says nothing for too long, it is given up, and its late report refused', async () => {
    let tellLate: (reason: unknown) => void = () => {};
    const late = new Promise<unknown>((resolve) => {
      tellLate = resolve;
    });
    const { pipeline } = await aRunningPipeline(
      {
        'Upload-function': async (job, client, signal) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          await setImmediate();
          tellLate(await succeed(client, job).catch((reason: unknown) => reason));
        },
      },
      { properties: aPipeline(), jobTimeoutMs: 50 },
    );
    const record = await run(pipeline, push({ 'public/a': 'a' }));
    expect(record.failure?.error).toBe(
      'the function has said nothing about its job for 0 min: CodePipeline gives up on it',
    );
    expect(await late).toMatchObject({ name: 'InvalidJobStateException' });
  });
});

test('an unknown variable fails the action that wants it, by name', async () => {
  const { pipeline } = await aRunningPipeline(
    { 'Upload-function': good },
    { properties: aPipeline([invokeAction('Upload', '#{BuildVariables.RELEASE}')]) },
  );
  const record = await run(pipeline, push({ 'public/a': 'a' }));
  expect(record.failure?.error).toMatch(
    /^ConfigurationError: UserParameters: no earlier action has produced #\{BuildVariables\.RELEASE\}; known here: /,
  );
});

test('variables of the source, the pipeline and the build reach the commands and the function', async () => {
  const properties = {
    ...aPipeline([
      invokeAction('Upload', '#{BuildVariables.NAME} #{variables.COLOUR} #{variables.SIZE}'),
    ]),
    Variables: [{ Name: 'COLOUR', DefaultValue: 'red' }, { Name: 'SIZE' }],
  };
  Object.assign(properties.Stages[1]?.Actions[0] as object, {
    Configuration: {
      ProjectName: 'site-build',
      EnvironmentVariables:
        '[{"name":"COMMIT","value":"#{SourceVariables.CommitId}","type":"PLAINTEXT"}]',
    },
  });
  const buildspec = BUILDSPEC.replace(
    'phases:',
    'env: { exported-variables: [NAME] }\nphases:\n  install: { commands: [NAME=build-$COMMIT] }',
  );
  const { pipeline, sent } = await aRunningPipeline(
    { 'Upload-function': good },
    { properties, buildspec },
  );
  const id = push({ 'public/a': 'a' });
  expect(() => pipeline.start({ trigger: 'push', commit: id, branch: 'main' })).toThrow(
    'variables.SIZE: got no value, and has no default',
  );
  await pipeline.start({ trigger: 'push', commit: id, branch: 'main', variables: { SIZE: 'L' } })
    .result;
  const [job] = sent as JobEvent[];
  expect(job?.['CodePipeline.job'].data.actionConfiguration.configuration.UserParameters).toBe(
    `build-${id} red L`,
  );
});

test('a failing build is told with its cause, and the next good push publishes', async () => {
  const { pipeline, events } = await aRunningPipeline(
    { 'Upload-function': good },
    { properties: aPipeline() },
  );
  const record = await run(pipeline, push({ 'private/a': 'a' }));
  expect(record.failure).toMatchObject({ stage: 'Build', action: 'Build' });
  expect(record.stages.at(-1)?.actions[0]?.lastLines?.join()).toMatch('public');
  const cause =
    'COMMAND_EXECUTION_ERROR: Error while executing command: mkdir dist && cp -R public/. dist. Reason: exit status 1';
  expect(events.flatMap(linesFor).at(-1)).toBe(
    `FAILED in Build: ${cause}; the live site is unchanged`,
  );
  expect((await run(pipeline, push({ 'public/a': 'a' }))).status).toBe('Succeeded');
});

test('actions of one run order run side by side; a failure lets the others finish, and ends the stage', async () => {
  const log: string[] = [];
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { pipeline } = await aRunningPipeline(
    {
      'One-function': async (job, client) => {
        log.push('one starts');
        await released;
        log.push('one ends');
        return succeed(client, job);
      },
      'Two-function': async () => {
        log.push('two fails');
        release();
      },
      'Three-function': async () => log.push('three starts'),
    },
    {
      properties: aPipeline([
        invokeAction('One'),
        invokeAction('Two'),
        invokeAction('Three', '{}', 2),
      ]),
    },
  );
  const record = await run(pipeline, push({ 'public/a': 'a' }));
  expect(log).toEqual(['one starts', 'two fails', 'one ends']);
  expect(actionsOf(record).slice(2)).toEqual(['One Succeeded', 'Two Failed']);
});

/** A pipeline whose Upload waits until it is let go, and says for which commit it runs. */
async function aSlowPipeline(ExecutionMode: string) {
  const started: string[] = [];
  const waiting: (() => void)[] = [];
  const rest = await aRunningPipeline(
    {
      'Upload-function': async (job, client) => {
        const { UserParameters = '' } = job.data.actionConfiguration.configuration;
        started.push(JSON.parse(UserParameters).commit);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return succeed(client, job);
      },
    },
    { properties: { ...aPipeline(), ExecutionMode } },
  );
  const letGo = async (): Promise<void> => {
    await when(() => waiting.length > 0);
    waiting.shift()?.();
  };
  const waits = (id: string): boolean =>
    rest.events.some(
      (event) =>
        event.type === 'execution-waiting' && event.executionId === id && event.stage === 'Deploy',
    );
  return { ...rest, started, letGo, waits };
}

test('of the releases that wait for a busy stage only the newest goes on', async () => {
  const { pipeline, started, letGo, waits, events } = await aSlowPipeline('SUPERSEDED');
  const commits = ['1', '2', '3'].map((n) => push({ 'public/a': n }));
  const handles = [];
  for (const [index, id] of commits.entries()) {
    const handle = pipeline.start({ trigger: 'push', commit: id, branch: 'main' });
    handles.push(handle);
    await when(() => (index === 0 ? started.length === 1 : waits(handle.id)));
  }
  expect((await handles[1]?.result)?.status).toBe('Superseded');
  expect((await handles[1]?.result)?.supersededBy).toBe(handles[2]?.id);
  await letGo();
  await letGo();
  expect((await handles[0]?.result)?.status).toBe('Succeeded');
  expect((await handles[2]?.result)?.status).toBe('Succeeded');
  expect(started).toEqual([commits[0], commits[2]]);
  expect(events.flatMap(linesFor)).toContain(
    `SUPERSEDED by a newer push: ${commits[1]?.slice(0, 7)} was not published; the live site is unchanged`,
  );
});

test('queued releases all go, in their order', async () => {
  const { pipeline, started, letGo, waits } = await aSlowPipeline('QUEUED');
  const commits = ['1', '2', '3'].map((n) => push({ 'public/a': n }));
  const handles = [];
  for (const [index, id] of commits.entries()) {
    const handle = pipeline.start({ trigger: 'push', commit: id, branch: 'main' });
    handles.push(handle);
    await when(() => (index === 0 ? started.length === 1 : waits(handle.id)));
  }
  for (const _ of commits) await letGo();
  const records = await Promise.all(handles.map(({ result }) => result));
  expect(records.map(({ status }) => status)).toEqual(['Succeeded', 'Succeeded', 'Succeeded']);
  expect(started).toEqual(commits);
});

const endsOf = (events: readonly PipelineEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'execution-finished' ? [event.status] : []));

describe('stop', () => {
  test('ends a build with everything it started, what waits behind it, and takes nothing more', async () => {
    const buildspec = BUILDSPEC.replace('mkdir dist', 'sleep 600 & echo pid $!; wait; mkdir dist');
    const { pipeline, events } = await aRunningPipeline({}, { buildspec });
    const id = push({ 'public/a': 'a' });
    const output = (): string =>
      events.flatMap((event) => (event.type === 'action-output' ? [event.line] : [])).join('\n');
    const first = pipeline.start({ trigger: 'push', commit: id, branch: 'main' });
    await when(() => /^pid \d+$/m.test(output()));
    const second = pipeline.start({ trigger: 'push', commit: id, branch: 'main' });
    await when(() => events.some(({ type }) => type === 'execution-waiting'));
    await pipeline.stop();
    const pid = Number(/^pid (\d+)$/m.exec(output())?.[1]);
    expect(
      existsSync(`/proc/${pid}`) &&
        !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
    ).toBe(false);
    expect([(await first.result).status, (await second.result).status]).toEqual([
      'Stopped',
      'Stopped',
    ]);
    expect(endsOf(events)).toEqual(['Stopped', 'Stopped']);
    expect(() => pipeline.start({ trigger: 'push', commit: id, branch: 'main' })).toThrow(
      'the local pipeline was stopped',
    );
  });

  test('ends the wait for a function and for its next turn', async () => {
    let told = false;
    const { pipeline, events } = await aRunningPipeline(
      {
        'One-function': (_job, _client, signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              told = true;
              reject(signal.reason);
            });
          }),
        'Two-function': (job, client) => succeed(client, job, { continuationToken: 't' }),
      },
      {
        properties: aPipeline([invokeAction('One'), invokeAction('Two')]),
        continuationDelayMs: 3_600_000,
      },
    );
    const { result } = pipeline.start({
      trigger: 'push',
      commit: push({ 'public/a': 'a' }),
      branch: 'main',
    });
    await when(() => events.some(({ type }) => type === 'action-progress'));
    await pipeline.stop();
    expect(actionsOf(await result).slice(2)).toEqual(['One Stopped', 'Two Stopped']);
    expect(told).toBe(true);
  });
});

test('a second start knows what was published, and that what was running then has stopped', async () => {
  const { pipeline } = await aRunningPipeline(
    { 'Upload-function': good },
    { properties: aPipeline() },
  );
  const published = push({ 'public/a': 'a' });
  await run(pipeline, published);
  const { pipeline: hanging } = await aRunningPipeline(
    { 'Upload-function': () => new Promise(() => {}) },
    { properties: aPipeline() },
  );
  hanging.start({ trigger: 'push', commit: published, branch: 'main' });
  await when(() => hanging.executions().at(-1)?.stages.length === 3);

  const { pipeline: second } = await aRunningPipeline();
  expect(second.lastPublishedCommit()).toBe(published);
  expect(second.executions().map(({ status }) => status)).toEqual(['Succeeded', 'Stopped']);
});

test('neither the records nor the events hold the credentials of a job', async () => {
  const { pipeline, events, sent } = await aRunningPipeline(
    { 'Upload-function': good },
    { properties: aPipeline() },
  );
  await run(pipeline, push({ 'public/a': 'a' }));
  const folder = join(bench.state, 'executions');
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  expect(files).toHaveLength(1);
  expect(JSON.stringify(sent)).toMatch('marker-secret');
  expect(`${files.join()}${JSON.stringify(events)}`).not.toMatch(/marker-(secret|token)/);
});

describe('a retried stage', () => {
  test('runs only what had failed and what comes after, as the same execution', async () => {
    const log: string[] = [];
    let broken = true;
    const { pipeline } = await aRunningPipeline(
      {
        'Upload-function': (job, client) => {
          log.push('upload');
          return succeed(client, job, { outputVariables: { releaseId: 'r-1' } });
        },
        'Promote-function': async (job, client) => {
          log.push(`promote ${job.data.actionConfiguration.configuration.UserParameters}`);
          if (broken) throw new Error('not now');
          return succeed(client, job);
        },
      },
      {
        properties: aPipeline([
          invokeAction('Upload'),
          invokeAction('Promote', '#{UploadVariables.releaseId}', 2),
        ]),
      },
    );
    const failed = await run(pipeline, push({ 'public/a': 'a' }));
    expect(failed.status).toBe('Failed');
    broken = false;
    const record = await pipeline.retryStage(failed.id, 'Deploy').result;
    expect(record).toMatchObject({ id: failed.id, status: 'Succeeded' });
    expect(record.failure).toBeUndefined();
    expect(log).toEqual(['upload', 'promote r-1', 'promote r-1']);
    expect(() => pipeline.retryStage(failed.id, 'Deploy')).toThrow(
      `${failed.id}: got no failed stage Deploy to retry`,
    );
  });

  test('is refused once a newer release has been there', async () => {
    let broken = true;
    const { pipeline } = await aRunningPipeline(
      {
        'Upload-function': async (job, client) => {
          if (!broken) await succeed(client, job);
        },
      },
      { properties: aPipeline() },
    );
    const id = push({ 'public/a': 'a' });
    const failed = await run(pipeline, id);
    broken = false;
    await new Promise((resolve) => setTimeout(resolve, 5));
    await run(pipeline, id);
    expect(() => pipeline.retryStage(failed.id, 'Deploy')).toThrow(
      `${failed.id}: a newer execution has entered Deploy since`,
    );
  });
});

describe('a stage that is rolled back', () => {
  /** Two stages of functions, of which the first names a release after what it gets. */
  async function twoReleases(given: Parameters<typeof pipelineInput>[1] = {}) {
    const log: string[] = [];
    const artifacts = artifactStore(bench.folder);
    const say = (name: string, job: Job) =>
      log.push(`${name} ${job.data.actionConfiguration.configuration.UserParameters}`);
    const started = await aRunningPipeline(
      {
        'Upload-function': async (job, client) => {
          const { bucketName = '', objectKey = '' } =
            job.data.inputArtifacts[0]?.location.s3Location ?? {};
          await unzip(artifacts.at(bucketName, objectKey), join(bench.folder, 'seen'));
          const releaseId = readFileSync(join(bench.folder, 'seen/a'), 'utf8');
          say('upload', job);
          return succeed(client, job, { outputVariables: { releaseId } });
        },
        'Purge-function': (job, client) => {
          say('purge', job);
          return succeed(client, job);
        },
      },
      {
        artifacts,
        properties: {
          ...aPipeline([invokeAction('Upload', '#{SourceVariables.CommitId}')]),
          Stages: [
            ...aPipeline([invokeAction('Upload', '#{SourceVariables.CommitId}')]).Stages,
            {
              Name: 'Purge',
              Actions: [
                invokeAction(
                  'Purge',
                  '#{UploadVariables.releaseId} #{codepipeline.PipelineExecutionId}',
                ),
              ],
            },
          ],
        },
        ...given,
      },
    );
    const commits = [push({ 'public/a': 'one' }), push({ 'public/a': 'two' })] as const;
    const first = await run(started.pipeline, commits[0]);
    const second = await run(started.pipeline, commits[1]);
    log.length = 0;
    return { ...started, log, first, second, commits };
  }

  test('is a new execution with the artifacts and variables of the old one, from that stage on', async () => {
    const { pipeline, log, first, commits } = await twoReleases();
    const record = await pipeline.rollbackStage('Deploy', first.id).result;
    expect(record).toMatchObject({
      status: 'Succeeded',
      commit: commits[0],
      trigger: 'rollback of Deploy',
      rollback: { stage: 'Deploy', to: first.id },
    });
    expect(record.id).not.toBe(first.id);
    expect(actionsOf(record)).toEqual(['Upload Succeeded', 'Purge Succeeded']);
    expect(log).toEqual([`upload ${commits[0]}`, `purge one ${record.id}`]);
  });

  test('may be the last one, with the variables of stages that do not run again', async () => {
    const { pipeline, log, first } = await twoReleases();
    const record = await pipeline.rollbackStage('Purge', first.id).result;
    expect(actionsOf(record)).toEqual(['Purge Succeeded']);
    expect(log).toEqual([`purge one ${record.id}`]);
  });

  test('may be the build, which builds the old source again and leaves the old artifact as it was', async () => {
    const { pipeline, log, first, commits } = await twoReleases();
    const before = { ...first.artifacts };
    const record = await pipeline.rollbackStage('Build', first.id).result;
    expect(log).toEqual([`upload ${commits[0]}`, `purge one ${record.id}`]);
    expect(record.artifacts.SourceArtifact).toEqual(before.SourceArtifact);
    expect(record.artifacts.BuildArtifact).not.toEqual(before.BuildArtifact);
    expect(first.artifacts).toEqual(before);
  });

  test('is not published over by the next start: the newest push has had its turn', async () => {
    const { pipeline, first, commits } = await twoReleases();
    await pipeline.rollbackStage('Deploy', first.id).result;
    expect(pipeline.lastPublishedCommit()).toBe(commits[1]);
  });

  test('is refused where CodePipeline refuses it', async () => {
    let broken = false;
    const { pipeline, first } = await twoReleases();
    const rollback = await pipeline.rollbackStage('Deploy', first.id).result;
    const { pipeline: failing } = await aRunningPipeline(
      {
        'Upload-function': async (job, client) => {
          if (!broken) await succeed(client, job);
        },
      },
      { properties: aPipeline(), stateDir: join(bench.folder, 'other') },
    );
    broken = true;
    const failed = await run(failing, push({ 'public/a': 'three' }));
    const refusals: [LocalPipeline, string, string, string][] = [
      [pipeline, 'Source', first.id, 'a source stage cannot be rolled back'],
      [pipeline, 'Deplyo', first.id, 'the pipeline has no such stage'],
      [pipeline, 'Deploy', 'e-0', 'there is no such execution'],
      [pipeline, 'Deploy', rollback.id, 'that execution is a rollback itself'],
      [failing, 'Deploy', failed.id, 'that execution did not succeed in the stage'],
    ];
    for (const [of, stage, id, reason] of refusals) {
      expect(() => of.rollbackStage(stage, id)).toThrow(
        `${stage}: cannot be rolled back to ${id}: ${reason}`,
      );
    }
    expect(failing.rollbackStage('Build', failed.id).id).toBeDefined();
  });

  test('is refused once the pipeline has changed, and while the stage is busy', async () => {
    const { pipeline, first } = await twoReleases();
    const { pipeline: changed } = await aRunningPipeline(
      { 'Upload-function': good },
      { properties: aPipeline([invokeAction('Upload', 'other')]) },
    );
    expect(() => changed.rollbackStage('Deploy', first.id)).toThrow(
      'the pipeline has changed since that execution',
    );
    const running = pipeline.rollbackStage('Build', first.id);
    await setImmediate();
    expect(() => pipeline.rollbackStage('Build', first.id)).toThrow('the stage is busy');
    await running.result;
  });
});

test('a commit that is not in the repository fails the source action', async () => {
  const { pipeline } = await aRunningPipeline();
  const record = await run(pipeline, 'f'.repeat(40));
  expect(record.failure).toMatchObject({ stage: 'Source', action: 'Source' });
  expect(record.failure?.error).toMatch(/^git show in .*: fatal: /);
});
