import { backoffMs, type Clock } from '../shared/clock.ts';
import { classify, Failure, isBusy, sentenceOf } from '../shared/failure.ts';
import type { Job, Outcome } from '../shared/job.ts';
import { logged } from '../shared/log.ts';
import type { Invocation } from '../shared/run-job.ts';
import { readToken } from '../shared/token.ts';
import { type InvalidateParameters, readInvalidateParameters } from './parameters.ts';
import { type Token, tokenSchema } from './token.ts';

/** CloudFront, in this function's own words. */
export interface InvalidationPorts {
  /**
   * Returns the id. A reference that was used before with the same paths gives the invalidation
   * that was created then, and no new one.
   */
  create(
    distributionId: string,
    reference: string,
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly completed: boolean }>;
  completed(distributionId: string, id: string, signal: AbortSignal): Promise<boolean>;
}

/** CloudFront completes 95 % of invalidations within 25 seconds; after this long something is wrong. */
const DEADLINE_MS = 15 * 60_000;

/**
 * How long one invocation polls before it hands over. A continuation costs half a minute of waiting,
 * so this covers nearly every invalidation.
 */
const POLLING_MS = 45_000;
const POLL_EVERY_MS = [1_000, 2_000, 4_000] as const;

export const VISITORS = 'Visitors may still get cached copies of these paths until they expire.';

/**
 * Creates the invalidation that the job asks for, or goes on waiting for it: until it is completed,
 * or until this invocation's time is up.
 *
 * @throws Failure if CloudFront refuses, or when 15 minutes have passed since the first invocation.
 */
export async function invalidate(
  job: Job,
  cloudFront: InvalidationPorts,
  clock: Clock,
  { endAt, signal, log }: Invocation,
): Promise<Outcome> {
  const parameters = readInvalidateParameters(job.userParameters);
  const paths = named(parameters.objectPaths);
  let token: Token =
    job.continuationToken === undefined
      ? { v: 1, reference: job.id, deadline: clock.now() + DEADLINE_MS }
      : readToken(job.continuationToken, tokenSchema, VISITORS);

  const until = Math.min(clock.now() + POLLING_MS, endAt, token.deadline);
  let completed = false;
  let busy: unknown;
  let tries = 0;
  for (let turn = 0; ; turn += 1) {
    try {
      signal.throwIfAborted();
      if (token.invalidationId === undefined) {
        const { distributionId, objectPaths } = parameters;
        const created = await cloudFront.create(
          distributionId,
          token.reference,
          objectPaths,
          signal,
        );
        token = { ...token, invalidationId: created.id };
        completed = created.completed;
        log('info', 'invalidation created', {
          invalidationId: created.id,
          paths: objectPaths.length,
        });
      } else {
        completed = await cloudFront.completed(
          parameters.distributionId,
          token.invalidationId,
          signal,
        );
      }
      busy = undefined;
      tries = 0;
    } catch (error) {
      // Out of time in the middle of a call: whatever it did, the next one finds it by its reference.
      if (signal.aborted) break;
      if (!isBusy(error)) throw refusal(error, parameters, token);
      busy = error;
      tries += 1;
      log('warn', 'CloudFront is busy', { ...logged(error), tries });
    }
    if (completed) break;
    const wait = busy === undefined ? pollAfter(turn) : backoffMs(tries, 2_000, 15_000);
    if (clock.now() + wait >= until) break;
    try {
      await clock.sleep(wait, signal);
    } catch {
      break;
    }
  }

  const { invalidationId } = token;
  if (completed && invalidationId !== undefined) {
    return {
      kind: 'succeeded',
      summary: `Invalidation ${invalidationId} of ${paths} is completed: visitors get the current files.`,
      externalExecutionId: invalidationId,
      outputVariables: { invalidationId, status: 'Completed' },
    };
  }
  // A poll later than the deadline would tell nothing new.
  if (token.deadline - clock.now() <= POLL_EVERY_MS[2]) throw overdue(token, paths, busy);
  return {
    kind: 'continued',
    token: JSON.stringify(token),
    summary:
      invalidationId === undefined
        ? `CloudFront is too busy to create the invalidation of ${paths}${busy ? `: ${sentenceOf(busy)}` : '.'} Trying again.`
        : `Invalidation ${invalidationId} of ${paths} is in progress.`,
    ...(invalidationId && { externalExecutionId: invalidationId }),
  };
}

const pollAfter = (turn: number): number =>
  POLL_EVERY_MS[Math.min(turn, POLL_EVERY_MS.length - 1)] as number;

/** `/a and /b`, or the first of them and how many more. */
function named(paths: readonly string[]): string {
  const [first = '', second] = paths;
  const short = first.length <= 100 ? first : `${first.slice(0, 99)}…`;
  if (second === undefined) return short;
  return `${short} and ${paths.length - 1} more ${paths.length === 2 ? 'path' : 'paths'}`;
}

function refusal(error: unknown, { distributionId }: InvalidateParameters, token: Token): Failure {
  const { invalidationId } = token;
  const doing = invalidationId
    ? `Invalidation ${invalidationId} of distribution ${distributionId} was created, but its state cannot be read`
    : `The invalidation of distribution ${distributionId} was not created`;
  const options = { cause: error, externalExecutionId: invalidationId };
  const name = error instanceof Error ? error.name : '';
  if (name === 'NoSuchDistribution') {
    return new Failure(
      'ConfigurationError',
      `${doing}: ${sentenceOf(error)} Write the id of a distribution of this account. ${VISITORS}`,
      options,
    );
  }
  // The SDK does not model this one, which makes its name the only sign.
  if (name === 'InvalidationBatchAlreadyExists') {
    return new Failure(
      'JobFailed',
      `${doing}: its reference ${token.reference} was used with other paths. ${sentenceOf(error)} ${VISITORS} Retry the stage.`,
      options,
    );
  }
  return new Failure(classify(error), `${doing}: ${sentenceOf(error)} ${VISITORS}`, options);
}

function overdue({ invalidationId }: Token, paths: string, busy: unknown): Failure {
  const minutes = DEADLINE_MS / 60_000;
  const last = busy ? ` The last answer was ${sentenceOf(busy)}` : '';
  const message = invalidationId
    ? `Invalidation ${invalidationId} of ${paths} is not completed after ${minutes} minutes; CloudFront goes on with it.${last}`
    : `CloudFront was too busy for ${minutes} minutes to create the invalidation of ${paths}.${last}`;
  return new Failure('JobFailed', `${message} ${VISITORS} Retry the stage.`, {
    externalExecutionId: invalidationId,
  });
}
