import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Bundle,
  bundle,
  CloudFrontFake,
  CodePipelineFake,
  type Endpoint,
  NODES,
  runHandler,
  serve,
} from '../support/handlers.ts';
import { aJobEvent, JOB_ID, OTHER_JOB_ID, SECRET } from '../support/job.ts';

const PARAMETERS = '{"distributionId":"E1A2B3C4D5E6F7","objectPaths":["/_site/*","/é"]}';
const VISITORS = 'Visitors may still get cached copies of these paths until they expire.';

// All at once: they wait for most of their time, as the function does.
let invalidate: Bundle;
const endpoints: Endpoint[] = [];
beforeAll(async () => {
  invalidate = await bundle('invalidate');
});
afterAll(() =>
  Promise.all([invalidate.remove(), ...endpoints.map((endpoint) => endpoint.close())]),
);

async function anAccount() {
  const codePipeline = new CodePipelineFake();
  const cloudFront = new CloudFrontFake();
  const [pipelineApi, cloudFrontApi] = await Promise.all([
    serve(codePipeline.answer),
    serve(cloudFront.answer),
  ]);
  endpoints.push(pipelineApi, cloudFrontApi);
  const run = async (
    event: Parameters<typeof aJobEvent>[0] = {},
    options: Partial<Parameters<typeof runHandler>[2]> = {},
  ) => {
    const handled = await runHandler(
      invalidate.file,
      aJobEvent({ userParameters: PARAMETERS, ...event }),
      {
        env: {
          AWS_ENDPOINT_URL_CODEPIPELINE: pipelineApi.url,
          AWS_ENDPOINT_URL_CLOUDFRONT: cloudFrontApi.url,
        },
        ...options,
      },
    );
    // Whatever happened: the event's credentials and the token are nowhere in the log.
    expect(handled.output).not.toContain(SECRET);
    if (event.continuationToken) expect(handled.output).not.toContain(event.continuationToken);
    return handled;
  };
  return { codePipeline, cloudFront, run };
}

test.concurrent('the bundle stays within 360 KB', () => {
  expect(invalidate.bytes).toBeLessThanOrEqual(360 * 1024);
});

test.concurrent.each(NODES)(
  'an invalidation is created, waited for and reported (%s)',
  async (node) => {
    const { codePipeline, cloudFront, run } = await anAccount();
    const { code, lines } = await run({}, { node });
    expect(code).toBe(0);
    expect(cloudFront.calls).toEqual([
      `POST E1A2B3C4D5E6F7/invalidation ${JOB_ID} /_site/* /%C3%A9`,
      'GET E1A2B3C4D5E6F7/invalidation/I1',
      'GET E1A2B3C4D5E6F7/invalidation/I1',
    ]);
    expect(codePipeline.reports).toEqual([
      {
        operation: 'PutJobSuccessResult',
        jobId: JOB_ID,
        executionDetails: {
          summary:
            'Invalidation I1 of /_site/* and 1 more path is completed: visitors get the current files.',
          externalExecutionId: 'I1',
          percentComplete: 100,
        },
        outputVariables: { invalidationId: 'I1', status: 'Completed' },
      },
    ]);
    expect(lines.at(-1)).toEqual({
      level: 'info',
      message: 'reported',
      requestId: 'lambda-request-1',
      jobId: JOB_ID,
      outcome: 'succeeded',
    });
  },
);

test.concurrent('an invocation without time for the end hands over, and the next one goes on', async () => {
  const { codePipeline, cloudFront, run } = await anAccount();
  cloudFront.inProgress = 3;
  await run({}, { remainingMs: 5_000 });
  expect(codePipeline.reports).toMatchObject([
    {
      operation: 'PutJobSuccessResult',
      jobId: JOB_ID,
      continuationToken: expect.any(String),
      executionDetails: { summary: 'Invalidation I1 of /_site/* and 1 more path is in progress.' },
    },
  ]);
  expect(codePipeline.reports[0]).not.toHaveProperty('outputVariables');

  cloudFront.inProgress = 0;
  const continuationToken = codePipeline.reports[0]?.continuationToken as string;
  await run({ id: OTHER_JOB_ID, continuationToken });
  expect(codePipeline.reports[1]).toMatchObject({
    jobId: OTHER_JOB_ID,
    outputVariables: { invalidationId: 'I1', status: 'Completed' },
  });
  expect(cloudFront.calls.filter((call) => call.startsWith('POST'))).toHaveLength(1);
});

test.concurrent('an event that is delivered twice is one invalidation', async () => {
  const { codePipeline, cloudFront, run } = await anAccount();
  cloudFront.inProgress = 0;
  await run();
  codePipeline.faults = [CodePipelineFake.error('InvalidJobStateException')];
  const { code, lines } = await run();
  expect(code).toBe(0);
  expect(lines.at(-1)).toMatchObject({
    level: 'warn',
    message: 'the job was already over when its outcome was reported',
    error: { name: 'InvalidJobStateException', status: 400 },
  });
  expect(codePipeline.reports).toHaveLength(1);
  expect(new Set(cloudFront.calls)).toEqual(
    new Set([
      `POST E1A2B3C4D5E6F7/invalidation ${JOB_ID} /_site/* /%C3%A9`,
      'GET E1A2B3C4D5E6F7/invalidation/I1',
    ]),
  );
});

describe('CloudFront is busy', () => {
  test.concurrent.each([
    // The SDK does not try that again, and each wait of ours is twice as long.
    ['too many invalidations', CloudFrontFake.error(400, 'TooManyInvalidationsInProgress'), 2],
    ['throttling', CloudFrontFake.error(400, 'Throttling'), 4],
    ['a 503 that is no XML', { status: 503, body: '<html>Service Unavailable' }, 4],
    ['a 503 without a body', { status: 503, body: '' }, 4],
  ])('%s: it is tried again until it succeeds', async (_name, fault, times) => {
    const { codePipeline, cloudFront, run } = await anAccount();
    cloudFront.inProgress = 0;
    // More than the SDK tries by itself.
    cloudFront.faults = Array(times).fill(fault);
    await run();
    expect(codePipeline.reports).toMatchObject([
      { operation: 'PutJobSuccessResult', outputVariables: { status: 'Completed' } },
    ]);
  });

  test.concurrent('for longer than the invocation lasts: by continuation, with the same reference', async () => {
    const { codePipeline, cloudFront, run } = await anAccount();
    cloudFront.faults = Array(50).fill(CloudFrontFake.error(503, 'ServiceUnavailable'));
    await run({}, { remainingMs: 5_000 });
    expect(codePipeline.reports).toMatchObject([
      {
        continuationToken: expect.stringContaining(`"reference":"${JOB_ID}"`),
        executionDetails: {
          summary: expect.stringMatching(
            /^CloudFront is too busy to create .+: ServiceUnavailable \(503\): .+ Trying again\.$/,
          ),
        },
      },
    ]);
  });

  test.concurrent.each([
    ['it never answers', 'hang'],
    ['it never comes to the end of its answer', 'drip'],
  ] as const)('%s: the call is given up and made again', async (_name, fault) => {
    const { codePipeline, cloudFront, run } = await anAccount();
    cloudFront.inProgress = 0;
    cloudFront.faults = [fault];
    await run();
    expect(codePipeline.reports).toMatchObject([
      { operation: 'PutJobSuccessResult', outputVariables: { status: 'Completed' } },
    ]);
  });

  test.concurrent('it never answers and there is no more time: the job is handed over all the same', async () => {
    const { codePipeline, cloudFront, run } = await anAccount();
    cloudFront.faults = Array(50).fill('hang');
    await run({}, { remainingMs: 5_000 });
    expect(codePipeline.reports).toMatchObject([{ continuationToken: expect.any(String) }]);
  });
});

describe('what cannot succeed fails with a type and a sentence', () => {
  test.concurrent.each([
    [
      CloudFrontFake.error(403, 'AccessDenied'),
      'PermissionError',
      `The invalidation of distribution E1A2B3C4D5E6F7 was not created: AccessDenied (403): AccessDenied says AWS. ${VISITORS}`,
    ],
    [
      CloudFrontFake.error(404, 'NoSuchDistribution'),
      'ConfigurationError',
      `The invalidation of distribution E1A2B3C4D5E6F7 was not created: NoSuchDistribution (404): NoSuchDistribution says AWS. Write the id of a distribution of this account. ${VISITORS}`,
    ],
    [
      // No class of the SDK's own: only the name tells.
      CloudFrontFake.error(409, 'InvalidationBatchAlreadyExists'),
      'JobFailed',
      `The invalidation of distribution E1A2B3C4D5E6F7 was not created: its reference ${JOB_ID} was used with other paths. InvalidationBatchAlreadyExists (409): InvalidationBatchAlreadyExists says AWS. ${VISITORS} Retry the stage.`,
    ],
  ])('%o', async (fault, type, message) => {
    const { codePipeline, cloudFront, run } = await anAccount();
    cloudFront.faults = [fault];
    const { code, lines } = await run();
    expect(code).toBe(0);
    expect(codePipeline.reports).toEqual([
      { operation: 'PutJobFailureResult', jobId: JOB_ID, failureDetails: { type, message } },
    ]);
    expect(lines[0]).toMatchObject({
      level: 'error',
      error: { status: expect.any(Number), requestId: 'cf-request-1' },
    });
  });

  test.concurrent('bad parameters are a configuration error and reach nothing', async () => {
    const { codePipeline, cloudFront, run } = await anAccount();
    await run({ userParameters: '{"distributionId":"x","objectPaths":[]}' });
    expect(codePipeline.reports).toMatchObject([
      { operation: 'PutJobFailureResult', failureDetails: { type: 'ConfigurationError' } },
    ]);
    expect(cloudFront.calls).toEqual([]);
  });

  test.concurrent('a function without credentials says so instead of looking for others', async () => {
    const { run } = await anAccount();
    const env = { AWS_ACCESS_KEY_ID: '', AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
    const { code, output } = await run({}, { env });
    expect(code).toBe(1);
    expect(output).toContain('AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: not set; Lambda sets both');
  });
});

describe('the report', () => {
  test.concurrent('is tried more often than a common call', async () => {
    const { codePipeline, cloudFront, run } = await anAccount();
    cloudFront.inProgress = 0;
    codePipeline.faults = Array(5).fill({ status: 503, body: '' });
    const { code } = await run();
    expect(code).toBe(0);
    expect(codePipeline.reports).toHaveLength(1);
  });

  test.concurrent('that cannot be delivered is an error of the function, never a failure of the job', async () => {
    const { codePipeline, cloudFront, run } = await anAccount();
    cloudFront.inProgress = 0;
    codePipeline.faults = [CodePipelineFake.error('AccessDeniedException')];
    const { code, output } = await run();
    expect(code).toBe(1);
    expect(output).toContain(`job ${JOB_ID}: the outcome was not delivered: AccessDeniedException`);
    expect(codePipeline.reports).toEqual([]);
  });

  test.concurrent('is not made for an event that is no job, and the event is not shown', async () => {
    const { codePipeline } = await anAccount();
    const event = { detail: SECRET };
    const { code, output } = await runHandler(invalidate.file, event, { env: {} });
    expect(code).toBe(1);
    expect(output).toContain('event: no CodePipeline.job with an id');
    expect(output).not.toContain(SECRET);
    expect(codePipeline.reports).toEqual([]);
  });
});
