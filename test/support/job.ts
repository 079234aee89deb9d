import type { Clock } from '../../lambda/shared/clock.ts';
import type { Job } from '../../lambda/shared/job.ts';
import type { Invocation } from '../../lambda/shared/run-job.ts';

export const JOB_ID = '11111111-2222-4333-8444-555555555555';
export const OTHER_JOB_ID = '99999999-2222-4333-8444-555555555555';

/** What only the artifact's reader may see. */
export const SECRET = 'marker-secret-of-the-artifact-credentials';

export function aJob(changes: Partial<Job> = {}): Job {
  return {
    id: JOB_ID,
    userParameters: undefined,
    inputArtifacts: [],
    artifactCredentials: undefined,
    continuationToken: undefined,
    ...changes,
  };
}

/** The event that Lambda gets for a job, as documented by CodePipeline. */
export function aJobEvent({
  id = JOB_ID,
  userParameters,
  artifact,
  continuationToken,
}: {
  readonly id?: string;
  readonly userParameters?: string;
  readonly artifact?: { readonly bucket: string; readonly key: string };
  readonly continuationToken?: string;
} = {}) {
  return {
    'CodePipeline.job': {
      id,
      accountId: '123456789012',
      data: {
        actionConfiguration: {
          configuration: {
            FunctionName: 'function',
            ...(userParameters !== undefined && { UserParameters: userParameters }),
          },
        },
        inputArtifacts: artifact
          ? [
              {
                name: 'Site',
                revision: null,
                location: {
                  type: 'S3',
                  s3Location: { bucketName: artifact.bucket, objectKey: artifact.key },
                },
              },
            ]
          : [],
        outputArtifacts: [],
        artifactCredentials: {
          accessKeyId: `AKIA-${SECRET}`,
          secretAccessKey: `secret-${SECRET}`,
          sessionToken: `session-${SECRET}`,
          expirationTime: 1_575_493_418_000,
        },
        ...(continuationToken !== undefined && { continuationToken }),
      },
    },
  };
}

/** Sleeping takes no time but moves the clock on. */
export interface FakeClock extends Clock {
  time: number;
  readonly slept: number[];
}

export function aClock(time = Date.UTC(2026, 10, 23, 6, 15, 0)): FakeClock {
  const clock: FakeClock = {
    time,
    slept: [],
    now: () => clock.time,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      clock.slept.push(ms);
      clock.time += ms;
    },
  };
  return clock;
}

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly [detail: string]: unknown;
}

export function anInvocation(
  clock: Clock,
  { remainingMs = 100_000, signal = new AbortController().signal } = {},
): Invocation & { readonly lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  return {
    endAt: clock.now() + remainingMs,
    signal,
    log: (level, message, details) => lines.push({ level, message, ...details }),
    lines,
  };
}

/** As the SDK throws it. */
export function anAwsError(name: string, status?: number, message = `${name} says AWS`): Error {
  return Object.assign(new Error(message), {
    name,
    $metadata: { httpStatusCode: status, requestId: 'request-1' },
  });
}
