import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/shared/failure.ts';
import type { Outcome } from '../../lambda/shared/job.ts';
import { jsonLog } from '../../lambda/shared/log.ts';
import { type JobPorts, type JobWork, runJob } from '../../lambda/shared/run-job.ts';
import { aJobEvent, anAwsError, JOB_ID, SECRET } from '../support/job.ts';

/** Records what is reported and logged; its time passes when `pass` says so. */
function recorder({
  remainingMs = 60_000,
  report = async () => {},
}: {
  readonly remainingMs?: number;
  readonly report?: (signal: AbortSignal) => Promise<void>;
} = {}) {
  const reports: Outcome[] = [];
  const lines: string[] = [];
  const timers = new Map<() => void, number>();
  let passed = 0;
  const ports: JobPorts = {
    succeed: async (_id, outcome, signal) => {
      reports.push(outcome);
      await report(signal);
    },
    fail: async (_id, outcome, signal) => {
      reports.push(outcome);
      await report(signal);
    },
    log: (jobId, clean) => jsonLog({ requestId: 'r-1', jobId }, clean, (line) => lines.push(line)),
    now: () => 1_000_000 + passed,
    remainingMs: () => remainingMs - passed,
    after: (ms, action) => {
      timers.set(action, passed + ms);
      return () => timers.delete(action);
    },
  };
  const pass = async (ms: number) => {
    passed += ms;
    for (const [action, at] of [...timers]) {
      if (at <= passed && timers.delete(action)) action();
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { ports, reports, lines, timers, pass };
}

const VISITORS = 'Visitors see release A.';
const doing = (work: JobWork['work']): JobWork => ({ visitors: VISITORS, work });
const done: Outcome = { kind: 'succeeded', summary: 'Done well.' };

test('the outcome of the work is what the pipeline hears', async () => {
  for (const outcome of [
    done,
    { kind: 'continued', token: 't', summary: 'On it.', percentComplete: 5 },
    { kind: 'failed', type: 'JobFailed', message: 'No.' },
  ] satisfies Outcome[]) {
    const { ports, reports } = recorder();
    await runJob(
      aJobEvent(),
      doing(async () => outcome),
      ports,
    );
    expect(reports).toEqual([outcome]);
  }
});

test('whatever the work throws becomes a typed failure that says what visitors see', async () => {
  const { ports, reports } = recorder();
  await runJob(
    aJobEvent(),
    doing(() => Promise.reject(anAwsError('AccessDenied', 403, 'No'))),
    ports,
  );
  expect(reports).toEqual([
    {
      kind: 'failed',
      type: 'PermissionError',
      message: `Unexpected error: AccessDenied (403): No. ${VISITORS}`,
    },
  ]);
});

test('a failure keeps its type, its words and what AWS calls the failed thing', async () => {
  const { ports, reports } = recorder();
  const work = doing(async () => {
    throw new Failure('ConfigurationError', 'Write it.', { externalExecutionId: 'I1' });
  });
  await runJob(aJobEvent(), work, ports);
  expect(reports).toEqual([
    { kind: 'failed', type: 'ConfigurationError', message: 'Write it.', externalExecutionId: 'I1' },
  ]);
});

test('work that throws before it begins is reported too', async () => {
  const { ports, reports } = recorder();
  const work = doing(() => {
    throw new Error('at once');
  });
  await runJob(aJobEvent(), work, ports);
  expect(reports).toMatchObject([{ kind: 'failed', type: 'JobFailed' }]);
});

test('a malformed job is reported as a configuration error', async () => {
  const { ports, reports } = recorder();
  let worked = false;
  await runJob(
    { 'CodePipeline.job': { id: JOB_ID } },
    doing(async () => {
      worked = true;
      return done;
    }),
    ports,
  );
  expect(reports).toMatchObject([{ kind: 'failed', type: 'ConfigurationError' }]);
  expect(worked).toBe(false);
});

test('an event without a job is thrown, since there is nobody to report to', async () => {
  const { ports, reports } = recorder();
  await expect(
    runJob(
      {},
      doing(async () => done),
      ports,
    ),
  ).rejects.toThrow('no CodePipeline.job');
  expect(reports).toEqual([]);
});

test('a report that cannot be delivered is thrown, never turned into a failure', async () => {
  const { ports, reports } = recorder({
    report: () => Promise.reject(anAwsError('AccessDeniedException', 400, 'Not you')),
  });
  await expect(
    runJob(
      aJobEvent(),
      doing(async () => done),
      ports,
    ),
  ).rejects.toThrow(
    `job ${JOB_ID}: the outcome was not delivered: AccessDeniedException (400): Not you`,
  );
  expect(reports).toEqual([done]);
});

describe('while CodePipeline is busy, a report', () => {
  const busy = () => Promise.reject(anAwsError('ThrottlingException', 400, 'Slow down'));

  test('is tried again until it arrives', async () => {
    let refusals = 3;
    const { ports, reports, pass } = recorder({
      report: async () => {
        refusals -= 1;
        if (refusals >= 0) await busy();
      },
    });
    const job = runJob(
      aJobEvent(),
      doing(async () => done),
      ports,
    );
    for (let seconds = 0; seconds < 10; seconds += 1) await pass(1_000);
    await job;
    expect(reports).toEqual([done, done, done, done]);
  });

  test('is given up just before Lambda ends the function, with what CodePipeline said', async () => {
    const { ports, reports, pass, timers } = recorder({ remainingMs: 10_000, report: busy });
    const job = runJob(
      aJobEvent(),
      doing(async () => done),
      ports,
    );
    const thrown = expect(job).rejects.toThrow(
      /not delivered: ThrottlingException \(400\): Slow down/,
    );
    for (let seconds = 0; seconds < 9; seconds += 1) await pass(1_000);
    await thrown;
    expect(reports.length).toBeGreaterThan(3);
    expect(timers.size).toBe(0);
  });
});

test('a job that is over already is no error: it was delivered twice', async () => {
  const { ports, lines } = recorder({
    report: () => Promise.reject(anAwsError('InvalidJobStateException', 400)),
  });
  await runJob(
    aJobEvent(),
    doing(async () => done),
    ports,
  );
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'warn', jobId: JOB_ID, requestId: 'r-1', error: { name: 'InvalidJobStateException' } },
  ]);
});

describe('an outcome is reported before Lambda ends the invocation', () => {
  test('work that hears its signal can still hand over', async () => {
    const { ports, reports, pass } = recorder({ remainingMs: 60_000 });
    const work = doing(
      (_job, { signal, endAt }) =>
        new Promise((resolve) => {
          expect(endAt).toBe(1_000_000 + 40_000);
          signal.onabort = () => resolve({ kind: 'continued', token: 't', summary: 'Later.' });
        }),
    );
    const run = runJob(aJobEvent(), work, ports);
    await pass(39_999);
    expect(reports).toEqual([]);
    await pass(1);
    await run;
    expect(reports).toMatchObject([{ kind: 'continued', token: 't' }]);
  });

  test('work that only stops says that its time was up', async () => {
    const { ports, reports, pass } = recorder();
    const work = doing(
      (_job, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.onabort = () => reject(new Error('aborted'));
        }),
    );
    const run = runJob(aJobEvent(), work, ports);
    await pass(40_000);
    await run;
    expect(reports).toEqual([
      {
        kind: 'failed',
        type: 'SystemUnavailable',
        message: `The work was stopped at the end of its Lambda invocation: Error: aborted. ${VISITORS} Retry the stage.`,
      },
    ]);
  });

  test('work that hangs is given up', async () => {
    const { ports, reports, pass } = recorder();
    const run = runJob(
      aJobEvent(),
      doing(() => new Promise(() => {})),
      ports,
    );
    await pass(40_000);
    expect(reports).toEqual([]);
    await pass(5_000);
    await run;
    expect(reports).toEqual([
      {
        kind: 'failed',
        type: 'SystemUnavailable',
        message: `The work did not end within the time of its Lambda invocation. ${VISITORS} Retry the stage.`,
      },
    ]);
  });

  test('a function with little time divides it', async () => {
    const { ports, reports, pass } = recorder({ remainingMs: 8_000 });
    const run = runJob(
      aJobEvent(),
      doing(() => new Promise(() => {})),
      ports,
    );
    await pass(5_000);
    await run;
    expect(reports).toMatchObject([{ kind: 'failed', type: 'SystemUnavailable' }]);
  });

  test('a report that hangs is given up while there is time to say so in the log', async () => {
    const { ports, lines, pass } = recorder({
      report: (signal) =>
        new Promise((_resolve, reject) => {
          signal.onabort = () => reject(new Error('aborted'));
        }),
    });
    const run = runJob(
      aJobEvent(),
      doing(async () => done),
      ports,
    );
    const rejection = expect(run).rejects.toThrow('the outcome was not delivered');
    await pass(0);
    await pass(59_000);
    await rejection;
    expect(lines.join('')).toContain('the outcome was not delivered');
  });

  test('nothing is left running afterwards', async () => {
    const { ports, timers } = recorder();
    await runJob(
      aJobEvent(),
      doing(async () => done),
      ports,
    );
    expect(timers.size).toBe(0);
  });
});

describe('a report is never refused for its size', () => {
  test.each([
    ['a long message', { kind: 'failed', type: 'JobFailed', message: 'x'.repeat(6_000) }, 5_000],
    ['an empty message', { kind: 'failed', type: 'JobFailed', message: ' ' }, 38],
    ['a long summary', { kind: 'succeeded', summary: 'x'.repeat(3_000) }, 2_048],
    ['an empty summary', { kind: 'succeeded', summary: '' }, 5],
    ['the same on the way', { kind: 'continued', token: 't', summary: 'x'.repeat(3_000) }, 2_048],
  ] as [string, Outcome, number][])('%s', async (_name, outcome, length) => {
    const { ports, reports } = recorder();
    await runJob(
      aJobEvent(),
      doing(async () => ({ ...outcome, externalExecutionId: 'x'.repeat(2_000) })),
      ports,
    );
    const [report] = reports;
    expect(report?.kind === 'failed' ? report.message : report?.summary).toHaveLength(length);
    expect(report?.externalExecutionId).toHaveLength(1_500);
  });

  test('a token that is too long fails the job instead of hanging it', async () => {
    const { ports, reports } = recorder();
    const outcome: Outcome = { kind: 'continued', token: 'x'.repeat(2_049), summary: 's' };
    await runJob(
      aJobEvent(),
      doing(async () => outcome),
      ports,
    );
    expect(reports).toEqual([
      {
        kind: 'failed',
        type: 'JobFailed',
        message: 'The continuation token has 2049 characters; CodePipeline takes 2048.',
      },
    ]);
  });
});

test('neither the log nor the pipeline ever sees a credential or a token, whoever quotes it', async () => {
  const { ports, reports, lines } = recorder();
  const token = 'a-continuation-token';
  const work = doing(async (job, { log }) => {
    log('info', `working with ${JSON.stringify(job)}`);
    throw anAwsError('InvalidToken', 400, `refused: ${job.artifactCredentials?.sessionToken}`);
  });
  await runJob(aJobEvent({ continuationToken: token }), work, ports);
  const seen = JSON.stringify(reports) + lines.join('');
  expect(seen).toContain('refused: ***');
  expect(seen).not.toContain(SECRET);
  expect(seen).not.toContain(token);
});

test('every line of the log is JSON with the request, the job and what AWS called the error', async () => {
  const { ports, lines } = recorder();
  const work = doing(() => Promise.reject(anAwsError('SlowDown', 503)));
  await runJob(aJobEvent(), work, ports);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 'error',
      requestId: 'r-1',
      jobId: JOB_ID,
      error: { name: 'SlowDown', status: 503, requestId: 'request-1' },
    },
    { level: 'info', message: 'reported', outcome: 'failed' },
  ]);
  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
});
