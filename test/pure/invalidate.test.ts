import { describe, expect, test } from 'vitest';
import { type InvalidationPorts, invalidate } from '../../lambda/invalidate/invalidate.ts';
import type { Continued, Job } from '../../lambda/shared/job.ts';
import {
  aClock,
  aJob,
  anAwsError,
  anInvocation,
  type FakeClock,
  JOB_ID,
  OTHER_JOB_ID,
} from '../support/job.ts';

const PARAMETERS = '{"distributionId":"E1A2B3C4D5E6F7","objectPaths":["/_site/*","/a"]}';
const VISITORS = 'Visitors may still get cached copies of these paths until they expire.';
const MINUTE = 60_000;

/**
 * A CloudFront that behaves by its documentation: same reference, same invalidation. `before` runs
 * before every call and may throw.
 */
function cloudFront(
  clock: FakeClock,
  { completesAfterMs = 5_000, before = (_call: string) => {} } = {},
) {
  const calls: string[] = [];
  const created = new Map<string, { id: string; at: number }>();
  const ports: InvalidationPorts = {
    async create(distributionId, reference, paths) {
      calls.push(`create ${distributionId} ${reference} ${paths.join(' ')}`);
      before('create');
      const known = created.get(reference) ?? { id: `I${created.size + 1}`, at: clock.time };
      created.set(reference, known);
      return { id: known.id, completed: clock.time >= known.at + completesAfterMs };
    },
    async completed(_distributionId, id) {
      calls.push(`get ${id}`);
      before('get');
      const known = [...created.values()].find((one) => one.id === id);
      return known !== undefined && clock.time >= known.at + completesAfterMs;
    },
  };
  return { ports, calls, created };
}

const start = (changes: Partial<Job> = {}) => aJob({ userParameters: PARAMETERS, ...changes });

/** Calls again with the token, as CodePipeline does, until the job ends or the calls run out. */
async function untilTheEnd(ports: InvalidationPorts, clock: FakeClock, most = 60) {
  const continuations: Continued[] = [];
  let job = start();
  for (let call = 0; call < most; call += 1) {
    const outcome = await invalidate(job, ports, clock, anInvocation(clock));
    if (outcome.kind !== 'continued') return { outcome, continuations };
    continuations.push(outcome);
    clock.time += 30_000;
    job = start({ id: OTHER_JOB_ID, continuationToken: outcome.token });
  }
  throw new Error('never ended');
}

test('an invalidation that completes soon is one invocation', async () => {
  const clock = aClock();
  const { ports, calls } = cloudFront(clock);
  expect(await invalidate(start(), ports, clock, anInvocation(clock))).toEqual({
    kind: 'succeeded',
    summary:
      'Invalidation I1 of /_site/* and 1 more path is completed: visitors get the current files.',
    externalExecutionId: 'I1',
    outputVariables: { invalidationId: 'I1', status: 'Completed' },
  });
  expect(calls).toEqual([
    `create E1A2B3C4D5E6F7 ${JOB_ID} /_site/* /a`,
    'get I1',
    'get I1',
    'get I1',
  ]);
});

test('a slow invalidation is waited for over several invocations, as one invalidation', async () => {
  const clock = aClock();
  const { ports, calls, created } = cloudFront(clock, { completesAfterMs: 4 * MINUTE });
  const { outcome, continuations } = await untilTheEnd(ports, clock);
  expect(outcome).toMatchObject({ kind: 'succeeded', externalExecutionId: 'I1' });
  expect(continuations.length).toBeGreaterThan(1);
  expect(continuations[0]).toMatchObject({
    summary: 'Invalidation I1 of /_site/* and 1 more path is in progress.',
    externalExecutionId: 'I1',
  });
  expect(created.size).toBe(1);
  expect(calls.filter((call) => call.startsWith('create'))).toHaveLength(1);
});

test('one invocation polls for 45 seconds at most, and never past its own end', async () => {
  for (const [remainingMs, most] of [
    [300_000, 45_000],
    [20_000, 20_000],
  ] as const) {
    const clock = aClock();
    const began = clock.time;
    const { ports } = cloudFront(clock, { completesAfterMs: 10 * MINUTE });
    const outcome = await invalidate(start(), ports, clock, anInvocation(clock, { remainingMs }));
    expect(outcome.kind).toBe('continued');
    expect(clock.time - began).toBeLessThanOrEqual(most);
    expect(clock.time - began).toBeGreaterThan(most - 5_000);
  }
});

test('an event that is delivered twice is the same invalidation', async () => {
  const clock = aClock();
  const { ports, created } = cloudFront(clock);
  await invalidate(start(), ports, clock, anInvocation(clock));
  const again = await invalidate(start(), ports, clock, anInvocation(clock));
  expect(again).toMatchObject({ kind: 'succeeded', externalExecutionId: 'I1' });
  expect(created.size).toBe(1);
});

describe('while CloudFront is busy', () => {
  test.each([
    ['TooManyInvalidationsInProgress', 400],
    ['Throttling', 400],
    ['ServiceUnavailable', 503],
    ['TimeoutError', undefined],
  ])('%s is waited out within the invocation', async (name, status) => {
    const clock = aClock();
    let refusals = 2;
    const { ports, created } = cloudFront(clock, {
      before: () => {
        if (refusals-- > 0) throw anAwsError(name, status);
      },
    });
    const outcome = await invalidate(start(), ports, clock, anInvocation(clock));
    expect(outcome).toMatchObject({ kind: 'succeeded', externalExecutionId: 'I1' });
    expect(created.size).toBe(1);
    // Longer from try to try: two seconds, then four, each shortened at random by half at most.
    expect(clock.slept[0]).toBeGreaterThanOrEqual(1_000);
    expect(clock.slept[1]).toBeGreaterThanOrEqual(2_000);
  });

  test('a creation refused for minutes is tried again by continuation, with the same reference', async () => {
    const clock = aClock();
    const busyUntil = clock.time + 5 * MINUTE;
    const { ports, calls, created } = cloudFront(clock, {
      before: () => {
        if (clock.time < busyUntil) throw anAwsError('TooManyInvalidationsInProgress', 400);
      },
    });
    const { outcome, continuations } = await untilTheEnd(ports, clock);
    expect(outcome).toMatchObject({ kind: 'succeeded', externalExecutionId: 'I1' });
    expect(continuations[0]?.summary).toBe(
      'CloudFront is too busy to create the invalidation of /_site/* and 1 more path: TooManyInvalidationsInProgress (400): TooManyInvalidationsInProgress says AWS. Trying again.',
    );
    expect(new Set(calls.filter((call) => call.startsWith('create')))).toEqual(
      new Set([`create E1A2B3C4D5E6F7 ${JOB_ID} /_site/* /a`]),
    );
    expect(created.size).toBe(1);
  });

  test('polling that is throttled does not fail the job', async () => {
    const clock = aClock();
    let polls = 0;
    const { ports } = cloudFront(clock, {
      before: (call) => {
        polls += 1;
        if (call === 'get' && polls < 6) throw anAwsError('Throttling', 400, 'Rate exceeded');
      },
    });
    const { outcome } = await untilTheEnd(ports, clock);
    expect(outcome.kind).toBe('succeeded');
  });
});

describe('after 15 minutes the job fails', () => {
  test('when the invalidation does not complete', async () => {
    const clock = aClock();
    const began = clock.time;
    const { ports } = cloudFront(clock, { completesAfterMs: 10 * 60 * MINUTE });
    await expect(untilTheEnd(ports, clock)).rejects.toMatchObject({
      type: 'JobFailed',
      message: `Invalidation I1 of /_site/* and 1 more path is not completed after 15 minutes; CloudFront goes on with it. ${VISITORS} Retry the stage.`,
      externalExecutionId: 'I1',
    });
    expect(clock.time - began).toBeGreaterThan(14 * MINUTE);
    expect(clock.time - began).toBeLessThan(16 * MINUTE);
  });

  test('when CloudFront never had time to create it', async () => {
    const clock = aClock();
    const { ports } = cloudFront(clock, {
      before: () => {
        throw anAwsError('SlowDown', 503, 'Later');
      },
    });
    await expect(untilTheEnd(ports, clock)).rejects.toMatchObject({
      type: 'JobFailed',
      message: `CloudFront was too busy for 15 minutes to create the invalidation of /_site/* and 1 more path. The last answer was SlowDown (503): Later. ${VISITORS} Retry the stage.`,
    });
  });

  test('but not without a last look', async () => {
    const clock = aClock();
    const { ports } = cloudFront(clock, { completesAfterMs: 1 });
    const first = cloudFront(clock, { completesAfterMs: 10 * 60 * MINUTE });
    const outcome = await invalidate(start(), first.ports, clock, anInvocation(clock));
    await ports.create('E1A2B3C4D5E6F7', JOB_ID, [], new AbortController().signal);
    clock.time += 20 * MINUTE;
    const { token: continuationToken } = outcome as Continued;
    const job = start({ id: OTHER_JOB_ID, continuationToken });
    expect(await invalidate(job, ports, clock, anInvocation(clock))).toMatchObject({
      kind: 'succeeded',
    });
  });
});

describe('what CloudFront refuses for good fails at once and says why', () => {
  test.each([
    [
      anAwsError('NoSuchDistribution', 404, 'The specified distribution does not exist.'),
      'ConfigurationError',
      `The invalidation of distribution E1A2B3C4D5E6F7 was not created: NoSuchDistribution (404): The specified distribution does not exist. Write the id of a distribution of this account. ${VISITORS}`,
    ],
    [
      anAwsError('AccessDenied', 403, 'You may not'),
      'PermissionError',
      `The invalidation of distribution E1A2B3C4D5E6F7 was not created: AccessDenied (403): You may not. ${VISITORS}`,
    ],
    [
      anAwsError('InvalidArgument', 400, 'Odd path'),
      'ConfigurationError',
      `The invalidation of distribution E1A2B3C4D5E6F7 was not created: InvalidArgument (400): Odd path. ${VISITORS}`,
    ],
    [
      anAwsError('InvalidationBatchAlreadyExists', 409, 'Exists'),
      'JobFailed',
      `The invalidation of distribution E1A2B3C4D5E6F7 was not created: its reference ${JOB_ID} was used with other paths. InvalidationBatchAlreadyExists (409): Exists. ${VISITORS} Retry the stage.`,
    ],
  ])('%s', async (error, type, message) => {
    const clock = aClock();
    const { ports, calls } = cloudFront(clock, {
      before: () => {
        throw error;
      },
    });
    const run = invalidate(start(), ports, clock, anInvocation(clock));
    await expect(run).rejects.toMatchObject({ type, message });
    expect(calls).toHaveLength(1);
  });

  test('also while polling, with the id of the invalidation that goes on', async () => {
    const clock = aClock();
    const { ports } = cloudFront(clock, {
      before: (call) => {
        if (call === 'get') throw anAwsError('AccessDenied', 403, 'No');
      },
    });
    await expect(invalidate(start(), ports, clock, anInvocation(clock))).rejects.toMatchObject({
      type: 'PermissionError',
      message: `Invalidation I1 of distribution E1A2B3C4D5E6F7 was created, but its state cannot be read: AccessDenied (403): No. ${VISITORS}`,
      externalExecutionId: 'I1',
    });
  });
});

test('an invocation that is stopped in the middle of a call hands over what it knows', async () => {
  const clock = aClock();
  const abort = new AbortController();
  const { ports } = cloudFront(clock, {
    before: (call) => {
      if (call !== 'get') return;
      abort.abort();
      throw new Error('aborted');
    },
  });
  const invocation = anInvocation(clock, { signal: abort.signal });
  const outcome = await invalidate(start(), ports, clock, invocation);
  expect(outcome).toMatchObject({ kind: 'continued', externalExecutionId: 'I1' });
  expect(JSON.parse((outcome as Continued).token)).toEqual({
    v: 1,
    reference: JOB_ID,
    invalidationId: 'I1',
    deadline: clock.time - 1_000 + 15 * MINUTE,
  });
});

describe('a token that is not ours fails the job and is not quoted', () => {
  test.each([
    ['not json'],
    ['null'],
    ['{}'],
    ['{"v":2,"reference":"r","deadline":1}'],
    ['{"v":1,"reference":"r"}'],
    ['{"v":1,"reference":"r","deadline":"soon"}'],
    ['{"v":1,"reference":"r","deadline":1,"invalidationId":{}}'],
  ])('%s', async (continuationToken) => {
    const clock = aClock();
    const { ports, calls } = cloudFront(clock);
    const job = start({ continuationToken });
    await expect(invalidate(job, ports, clock, anInvocation(clock))).rejects.toMatchObject({
      type: 'JobFailed',
      message: `The continuation token is not one that this version of the function wrote. ${VISITORS} Retry the stage.`,
    });
    expect(calls).toEqual([]);
  });
});

test('bad parameters reach nothing', async () => {
  const clock = aClock();
  const { ports, calls } = cloudFront(clock);
  const job = start({ userParameters: '{}' });
  await expect(invalidate(job, ports, clock, anInvocation(clock))).rejects.toMatchObject({
    type: 'ConfigurationError',
  });
  expect(calls).toEqual([]);
});
