import {
  CodePipelineClient,
  GetJobDetailsCommand,
  PutJobFailureResultCommand,
  type PutJobFailureResultCommandInput,
  PutJobSuccessResultCommand,
  type PutJobSuccessResultCommandInput,
} from '@aws-sdk/client-codepipeline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JobApi } from '../../local/pipeline/jobs.ts';

let api: JobApi;
let client: CodePipelineClient;
let unknown: string[];

beforeEach(async () => {
  unknown = [];
  api = new JobApi((operation) => unknown.push(operation));
  client = new CodePipelineClient({
    endpoint: await api.listen(),
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
});
afterEach(async () => {
  client.destroy();
  await api.close();
});

const succeed = (input: PutJobSuccessResultCommandInput) =>
  client.send(new PutJobSuccessResultCommand(input));
const fail = (input: PutJobFailureResultCommandInput) =>
  client.send(new PutJobFailureResultCommand(input));

test('a success with all it can say reaches the pipeline', async () => {
  const job = api.open();
  await succeed({
    jobId: job.id,
    executionDetails: { summary: 'done', externalExecutionId: 'I1', percentComplete: 100 },
    outputVariables: { releaseId: 'r-1' },
    currentRevision: { revision: '1', changeIdentifier: 'x', created: new Date() },
  });
  expect(await job.result).toEqual({
    type: 'succeeded',
    summary: 'done',
    externalExecutionId: 'I1',
    variables: { releaseId: 'r-1' },
  });
});

test('a continuation reaches the pipeline', async () => {
  const job = api.open();
  await succeed({
    jobId: job.id,
    continuationToken: 'state',
    executionDetails: { summary: 'half', percentComplete: 50 },
  });
  expect(await job.result).toEqual({
    type: 'continued',
    token: 'state',
    summary: 'half',
    percent: 50,
  });
});

test('a failure reaches the pipeline', async () => {
  const job = api.open();
  await fail({
    jobId: job.id,
    failureDetails: { type: 'PermissionError', message: 'not allowed', externalExecutionId: 'x' },
  });
  expect(await job.result).toEqual({
    type: 'failed',
    failureType: 'PermissionError',
    message: 'not allowed',
    externalExecutionId: 'x',
  });
});

test('a job that is over is refused as such, however many came after it within reason', async () => {
  const first = api.open();
  first.close();
  const second = api.open();
  await succeed({ jobId: second.id });
  await expect(succeed({ jobId: first.id })).rejects.toThrow('is already over');
  await expect(succeed({ jobId: second.id })).rejects.toThrow('is already over');
  // Of those that are over only so many are remembered, or a long run would remember more and more.
  for (let job = 0; job < 1000; job += 1) api.open().close();
  await expect(succeed({ jobId: second.id })).rejects.toThrow('No job found');
});

const text = (length: number): string => 'x'.repeat(length);
const UUID = '00000000-0000-4000-8000-000000000000';

test.each<[string, (id: string) => Promise<unknown>, string]>([
  ['a job that was never given out', () => succeed({ jobId: UUID }), 'JobNotFoundException'],
  ['a job id that is none', () => succeed({ jobId: 'job-1' }), 'ValidationException'],
  ['an empty token', (jobId) => succeed({ jobId, continuationToken: '' }), 'ValidationException'],
  [
    'a token of 2049 characters',
    (jobId) => succeed({ jobId, continuationToken: text(2049) }),
    'ValidationException',
  ],
  [
    'a token together with output variables',
    (jobId) => succeed({ jobId, continuationToken: 't', outputVariables: { a: 'b' } }),
    'ValidationException',
  ],
  [
    'an empty summary',
    (jobId) => succeed({ jobId, executionDetails: { summary: '' } }),
    'ValidationException',
  ],
  [
    'a summary of 2049 characters',
    (jobId) => succeed({ jobId, executionDetails: { summary: text(2049) } }),
    'ValidationException',
  ],
  [
    'more than 100 percent',
    (jobId) => succeed({ jobId, executionDetails: { percentComplete: 101 } }),
    'ValidationException',
  ],
  [
    'half a percent',
    (jobId) => succeed({ jobId, executionDetails: { percentComplete: 0.5 } }),
    'ValidationException',
  ],
  [
    'an external id of 1501 characters',
    (jobId) => succeed({ jobId, executionDetails: { externalExecutionId: text(1501) } }),
    'ValidationException',
  ],
  [
    'a variable with a dot in its name',
    (jobId) => succeed({ jobId, outputVariables: { 'a.b': 'c' } }),
    'ValidationException',
  ],
  [
    'variables of more than 122,880 bytes',
    (jobId) => succeed({ jobId, outputVariables: { a: text(122_880) } }),
    'OutputVariablesSizeExceededException',
  ],
  [
    'an empty failure message',
    (jobId) => fail({ jobId, failureDetails: { type: 'JobFailed', message: '' } }),
    'ValidationException',
  ],
  [
    'a failure message of 5001 characters',
    (jobId) => fail({ jobId, failureDetails: { type: 'JobFailed', message: text(5001) } }),
    'ValidationException',
  ],
  [
    'a failure type of one’s own',
    (jobId) => fail({ jobId, failureDetails: { type: 'Oops' as 'JobFailed', message: 'x' } }),
    'ValidationException',
  ],
  [
    'a failure without details',
    (jobId) => fail({ jobId, failureDetails: undefined }),
    'ValidationException',
  ],
])('%s is refused, and the job can still be reported', async (_, report, name) => {
  const job = api.open();
  await expect(report(job.id)).rejects.toMatchObject({ name });
  await succeed({ jobId: job.id });
  expect(await job.result).toMatchObject({ type: 'succeeded' });
});

test('everything at its limit is taken', async () => {
  const job = api.open();
  await succeed({
    jobId: job.id,
    executionDetails: {
      summary: text(2048),
      externalExecutionId: text(1500),
      percentComplete: 0,
    },
    outputVariables: { a: text(122_879) },
  });
  const other = api.open();
  await fail({
    jobId: other.id,
    failureDetails: { type: 'SystemUnavailable', message: text(5000) },
  });
  const third = api.open();
  await succeed({ jobId: third.id, continuationToken: text(2048) });
  expect((await Promise.all([job.result, other.result, third.result])).map((r) => r.type)).toEqual([
    'succeeded',
    'failed',
    'continued',
  ]);
});

test('a second result is refused, and so is one for a job that was given up', async () => {
  const job = api.open();
  await succeed({ jobId: job.id });
  await expect(succeed({ jobId: job.id })).rejects.toMatchObject({
    name: 'InvalidJobStateException',
  });
  const late = api.open();
  late.close();
  await expect(
    fail({ jobId: late.id, failureDetails: { type: 'JobFailed', message: 'x' } }),
  ).rejects.toMatchObject({ name: 'InvalidJobStateException' });
});

test('a refusal does not repeat what it was sent', async () => {
  const job = api.open();
  const marker = `${text(2049)}marker`;
  const error: unknown = await succeed({ jobId: job.id, continuationToken: marker }).catch(
    (reason) => reason,
  );
  expect(String(error)).toMatch('continuationToken');
  expect(String(error)).not.toMatch('marker');
});

test('an operation that nobody plays here is named', async () => {
  await expect(client.send(new GetJobDetailsCommand({ jobId: UUID }))).rejects.toMatchObject({
    name: 'UnknownOperationException',
    message:
      'GetJobDetails is not known here; the local run knows PutJobSuccessResult, PutJobFailureResult',
  });
  expect(unknown).toEqual(['GetJobDetails']);
});
