import {
  CodePipelineClient,
  GetPipelineStateCommand,
  PutApprovalResultCommand,
} from '@aws-sdk/client-codepipeline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalPipeline } from '../../local/pipeline/engine.ts';
import type { PipelineEvent } from '../../local/pipeline/events.ts';
import { linesFor } from '../../local/pipeline/lines.ts';
import { aClock } from '../support/clock.ts';
import {
  aPipeline,
  commit,
  git,
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

const APPROVE = {
  Name: 'Approve',
  ActionTypeId: { Category: 'Approval', Owner: 'AWS', Provider: 'Manual', Version: '1' },
  Configuration: {
    CustomData: 'Commit #{SourceVariables.CommitId} waits.',
    ExternalEntityLink: 'https://example.com',
  },
  TimeoutInMinutes: 60,
  RunOrder: 1,
};

/** Source, build and a last stage that needs an approval, or is open from nine to ten. */
const withApproval = () => aPipeline([structuredClone(APPROVE)]);
const withWindow = () => {
  const pipeline = aPipeline([]);
  const last = {
    Name: 'Deploy',
    Actions: [
      {
        ...(structuredClone(pipeline.Stages[1]?.Actions[0]) as object),
        Name: 'Go',
        Namespace: 'Go',
        OutputArtifacts: [],
      },
    ],
    BeforeEntry: {
      Conditions: [
        {
          Result: 'FAIL',
          Rules: [
            {
              Name: 'DeploymentWindow',
              RuleTypeId: {
                Category: 'Rule',
                Owner: 'AWS',
                Provider: 'DeploymentWindow',
                Version: '1',
              },
              Configuration: { Cron: '* * 9 ? * *', TimeZone: 'UTC' },
            },
          ],
        },
      ],
    },
  };
  return { ...pipeline, Stages: [...pipeline.Stages, last] };
};

async function aRunningPipeline(properties: unknown, start = '2026-11-30T08:00:00Z') {
  const clock = aClock(start);
  const input = pipelineInput(bench, { properties, clock });
  const pipeline = new LocalPipeline(input);
  const client = new CodePipelineClient({
    endpoint: await pipeline.listen(),
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  stops.push(() => pipeline.stop());
  const seen = (type: PipelineEvent['type']) => input.events.some((event) => event.type === type);
  return { pipeline, client, clock, events: input.events, seen };
}

function push(pipeline: LocalPipeline, text: string) {
  const id = commit(bench.checkout, { 'public/index.html': text });
  git(bench.checkout, 'push', '--quiet', 'origin', 'HEAD:main');
  return pipeline.start({ trigger: 'push', commit: id, branch: 'main' });
}

const waitFor = (condition: () => boolean) =>
  expect.poll(condition, { timeout: 10_000 }).toBe(true);
const statusOf = (record: {
  status: string;
  stages: readonly { name: string; status: string }[];
}) => [record.status, ...record.stages.map(({ name, status }) => `${name} ${status}`)].join(', ');

describe('an approval', () => {
  /** The open request, as `aws codepipeline get-pipeline-state` shows it. */
  async function request(client: CodePipelineClient) {
    const { stageStates } = await client.send(
      new GetPipelineStateCommand({ name: 'site-pipeline' }),
    );
    const stage = stageStates?.find(({ stageName }) => stageName === 'Deploy');
    const action = stage?.actionStates?.find(({ latestExecution }) => latestExecution?.token);
    return {
      execution: stage?.latestExecution?.pipelineExecutionId,
      token: action?.latestExecution?.token ?? '',
    };
  }
  const answer = (token: string, status: 'Approved' | 'Rejected', summary: string) =>
    new PutApprovalResultCommand({
      pipelineName: 'site-pipeline',
      stageName: 'Deploy',
      actionName: 'Approve',
      token,
      result: { status, summary },
    });

  test('stops the execution, says what waits, and lets it go on', async () => {
    const { pipeline, client, events, seen } = await aRunningPipeline(withApproval());
    const { id, result } = push(pipeline, 'one');
    await waitFor(() => seen('approval-needed'));
    const needed = events.find(({ type }) => type === 'approval-needed');
    expect(needed).toMatchObject({
      stage: 'Deploy',
      action: 'Approve',
      message: expect.stringMatching(/^Commit [0-9a-f]{40} waits\.$/),
      link: 'https://example.com',
      command: 'npm run releases -- approve --local',
      expiresAt: Date.parse('2026-11-30T09:00:00Z'),
    });
    expect(pipeline.executions().at(-1)?.status).toBe('InProgress');

    const { execution, token } = await request(client);
    expect(execution).toBe(id);
    await client.send(answer(token, 'Approved', 'looks good'));
    const record = await result;
    expect(statusOf(record)).toBe('Succeeded, Source Succeeded, Build Succeeded, Deploy Succeeded');
    expect(record.stages.at(-1)?.actions[0]?.summary).toBe('Approved by somebody: looks good');
    expect((await request(client)).token).toBe('');
  });

  test('that is rejected fails the action with what was said, and can be retried', async () => {
    const { pipeline, client, events, seen } = await aRunningPipeline(withApproval());
    const { id, result } = push(pipeline, 'one');
    await waitFor(() => seen('approval-needed'));
    const first = await request(client);
    await client.send(answer(first.token, 'Rejected', 'wrong prices'));
    expect((await result).failure).toEqual({
      stage: 'Deploy',
      action: 'Approve',
      error: 'Rejected by somebody: wrong prices',
    });
    expect(events.flatMap(linesFor).at(-1)).toMatch(
      /^FAILED in Deploy · Approve: Rejected by somebody: wrong prices/,
    );

    const again = pipeline.retryStage(id, 'Deploy');
    await expect.poll(async () => (await request(client)).token, { timeout: 10_000 }).toMatch(/./);
    const second = await request(client);
    expect(second.token).not.toBe(first.token);
    await client.send(answer(second.token, 'Approved', ''));
    expect((await again.result).status).toBe('Succeeded');
  });

  test('that nobody answers in time fails', async () => {
    const { pipeline, clock, seen } = await aRunningPipeline(withApproval());
    const { result } = push(pipeline, 'one');
    await waitFor(() => seen('approval-needed'));
    clock.set('2026-11-30T08:59:59Z');
    expect(pipeline.approvals.pending()).toHaveLength(1);
    clock.set('2026-11-30T09:00:00Z');
    expect((await result).failure?.error).toBe('nobody approved within 60 minutes');
    expect(pipeline.approvals.pending()).toEqual([]);
  });

  test('locks its stage: of later pushes the newest waits before it, and the one in it stays', async () => {
    const { pipeline, client, events, seen } = await aRunningPipeline(withApproval());
    const first = push(pipeline, 'one');
    await waitFor(() => seen('approval-needed'));
    const waitsBefore = (id: string) =>
      waitFor(() =>
        events.some(
          (event) =>
            event.type === 'execution-waiting' &&
            event.executionId === id &&
            event.stage === 'Deploy',
        ),
      );
    const second = push(pipeline, 'two');
    await waitsBefore(second.id);
    const third = push(pipeline, 'three');
    await waitsBefore(third.id);
    expect(await second.result).toMatchObject({ status: 'Superseded', supersededBy: third.id });
    const [pending, more] = pipeline.approvals.pending();
    expect([pending?.executionId, more]).toEqual([first.id, undefined]);

    await client.send(answer(pending?.token ?? '', 'Rejected', 'old'));
    expect((await first.result).status).toBe('Failed');
    await expect.poll(() => pipeline.approvals.pending()[0]?.executionId).toBe(third.id);
  });

  test('ends as stopped when the pipeline stops, and is not asked for any more', async () => {
    const { pipeline, seen } = await aRunningPipeline(withApproval());
    const { result } = push(pipeline, 'one');
    await waitFor(() => seen('approval-needed'));
    await pipeline.stop();
    expect(statusOf(await result)).toBe(
      'Stopped, Source Succeeded, Build Succeeded, Deploy Stopped',
    );
    expect(pipeline.approvals.pending()).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['another pipeline', { pipelineName: 'other' }, 'PipelineNotFoundException'],
    ['another stage', { stageName: 'Other' }, 'StageNotFoundException'],
    [
      'an action that is no approval',
      { stageName: 'Build', actionName: 'Build' },
      'ActionNotFoundException',
    ],
    [
      'an old token',
      { token: '00000000-0000-4000-8000-000000000000' },
      'InvalidApprovalTokenException',
    ],
    [
      'a long story',
      { result: { status: 'Approved', summary: 'x'.repeat(513) } },
      'ValidationException',
    ],
  ])('is not answered for %s', async (_, wrong, name) => {
    const { pipeline, client, seen } = await aRunningPipeline(withApproval());
    push(pipeline, 'one');
    await waitFor(() => seen('approval-needed'));
    const { input } = answer(pipeline.approvals.pending()[0]?.token ?? '', 'Approved', '');
    const sent = client.send(new PutApprovalResultCommand({ ...input, ...wrong }));
    await expect(sent).rejects.toMatchObject({ name });
    expect(pipeline.approvals.pending()).toHaveLength(1);
  });
});

describe('a deployment window', () => {
  test('that is open is not noticed', async () => {
    const { pipeline, seen } = await aRunningPipeline(withWindow(), '2026-11-30T09:30:00Z');
    const record = await push(pipeline, 'one').result;
    expect(statusOf(record)).toBe('Succeeded, Source Succeeded, Build Succeeded, Deploy Succeeded');
    expect(seen('execution-outside-window')).toBe(false);
  });

  test('that is closed lets the newest release in when it opens, and none before', async () => {
    const { pipeline, clock, events, seen } = await aRunningPipeline(withWindow());
    const first = push(pipeline, 'one');
    await waitFor(() => seen('execution-outside-window'));
    expect(events.find(({ type }) => type === 'execution-outside-window')).toMatchObject({
      stage: 'Deploy',
      opensAt: Date.parse('2026-11-30T09:00:00Z'),
      timeZone: 'UTC',
    });
    const second = push(pipeline, 'two');
    expect(await first.result).toMatchObject({ status: 'Superseded', supersededBy: second.id });
    clock.set('2026-11-30T08:59:59Z');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(
      pipeline
        .executions()
        .at(-1)
        ?.stages.map(({ name }) => name),
    ).toEqual(['Source', 'Build']);

    clock.set('2026-11-30T09:00:00Z');
    expect((await second.result).status).toBe('Succeeded');
  });

  test('is waited for again, if it was over before the stage was free', async () => {
    const { pipeline, clock, events } = await aRunningPipeline(
      withWindow(),
      '2026-11-30T10:00:00Z',
    );
    const { result } = push(pipeline, 'one');
    await waitFor(() => events.some(({ type }) => type === 'execution-outside-window'));
    // Past the whole window: as after a night in which the machine slept.
    clock.set('2026-12-01T10:30:00Z');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(pipeline.executions().at(-1)?.status).toBe('InProgress');
    clock.set('2026-12-02T09:00:00Z');
    expect((await result).status).toBe('Succeeded');
  });

  test('ends as stopped when the pipeline stops', async () => {
    const { pipeline, seen } = await aRunningPipeline(withWindow());
    const { result } = push(pipeline, 'one');
    await waitFor(() => seen('execution-outside-window'));
    await pipeline.stop();
    expect((await result).status).toBe('Stopped');
  });
});
