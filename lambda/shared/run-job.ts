import { backoffMs } from './clock.ts';
import { describeError, Failure, failureFrom, isBusy, sentenceOf } from './failure.ts';
import {
  type Continued,
  type Failed,
  type Job,
  jobIdOf,
  type Outcome,
  readJob,
  type Succeeded,
} from './job.ts';
import { cleaner, type Log, logged } from './log.ts';

/** What a piece of work gets besides its job. */
export interface Invocation {
  /** When this invocation has to be over, in milliseconds since 1970; then `signal` aborts. */
  readonly endAt: number;
  /** Handed to every call, so that nothing outlives the invocation. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface JobWork {
  /**
   * What visitors see if the work ends without having said so itself: a whole sentence, true
   * however far the work came.
   */
  readonly visitors: string;
  work(job: Job, invocation: Invocation): Promise<Outcome>;
}

/** CodePipeline and Lambda, in this function's own words. */
export interface JobPorts {
  /** Reports success, or that the work goes on. The signal aborts just before Lambda would. */
  succeed(jobId: string, outcome: Succeeded | Continued, signal: AbortSignal): Promise<void>;
  fail(jobId: string, outcome: Failed, signal: AbortSignal): Promise<void>;
  log(jobId: string, clean: (text: string) => string): Log;
  now(): number;
  /** How long Lambda lets this invocation run from now on. */
  remainingMs(): number;
  /** Runs the action after that time, unless the function that it returns is called before. */
  after(ms: number, action: () => void): () => void;
}

/** Kept back from the work at the end of an invocation: enough for several tries to report. */
const REPORTING_MS = 20_000;

/** Of these, what the work gets to stop by itself after its signal aborts. */
const GRACE = 0.25;

/**
 * Does one invocation's share of a job and reports how it ended, whatever the work does: throw,
 * hang, or run out of time. A job that nobody reports holds its pipeline for 20 minutes.
 *
 * @throws Error if the event is no job, or if the report itself cannot be delivered. The caller
 * must not retry the report as a failure: the pipeline may know the outcome already.
 */
export async function runJob(event: unknown, { work, visitors }: JobWork, ports: JobPorts) {
  const id = jobIdOf(event);
  let clean = (text: string) => text;
  let log = ports.log(id, clean);

  let outcome: Outcome;
  try {
    const job = readJob(event);
    const { artifactCredentials: secrets } = job;
    clean = cleaner([
      secrets?.sessionToken,
      secrets?.secretAccessKey,
      secrets?.accessKeyId,
      job.continuationToken,
    ]);
    log = ports.log(id, clean);
    outcome = await withinTime((invocation) => work(job, { ...invocation, log }), visitors, ports);
  } catch (error) {
    const failure = failureFrom(error, 'Unexpected error', visitors);
    log('error', failure.message, logged(failure.cause ?? failure));
    outcome = failedBy(failure);
  }

  const stopReporting = new AbortController();
  const cancel = ports.after(Math.max(0, ports.remainingMs() - 1_000), () => stopReporting.abort());
  try {
    await report(id, bounded(outcome, clean), ports, stopReporting.signal, log);
  } catch (error) {
    // A job delivered twice, or stopped by hand: the pipeline has its answer.
    if (!(error instanceof Error && error.name === 'InvalidJobStateException')) {
      log('error', `the outcome was not delivered: ${describeError(error)}`, logged(error));
      // Not the error itself: Lambda prints what is thrown, with all the properties the SDK gave it.
      throw new Error(clean(`job ${id}: the outcome was not delivered: ${describeError(error)}`));
    }
    log('warn', 'the job was already over when its outcome was reported', logged(error));
    return;
  } finally {
    cancel();
  }
  log('info', 'reported', { outcome: outcome.kind });
}

/**
 * Tries as long as there is time: what was done is done, and a result that does not arrive is a job that fails after 20
 * minutes.
 */
async function report(
  id: string,
  outcome: Outcome,
  ports: JobPorts,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  let problem: unknown;
  for (let tries = 1; ; tries += 1) {
    try {
      if (outcome.kind === 'failed') return await ports.fail(id, outcome, signal);
      return await ports.succeed(id, outcome, signal);
    } catch (error) {
      // Given up in the middle of a try: what was the matter with those before says more.
      if (signal.aborted) throw problem ?? error;
      if (!isBusy(error)) throw error;
      problem = error;
      log('warn', 'CodePipeline did not take the outcome; trying again', logged(error));
      if (!(await waited(backoffMs(tries, 500, 10_000), ports, signal))) throw error;
    }
  }
}

/** Whether that time has passed; not if the signal aborted first. */
function waited(ms: number, ports: JobPorts, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = () => {
      cancel();
      resolve(false);
    };
    const cancel = ports.after(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve(true);
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Aborts the work when its time is up, and soon after stops waiting for it. */
async function withinTime(
  work: (invocation: Omit<Invocation, 'log'>) => Promise<Outcome>,
  visitors: string,
  ports: JobPorts,
): Promise<Outcome> {
  const remaining = ports.remainingMs();
  const reserve = Math.min(REPORTING_MS, remaining / 2);
  const abort = new AbortController();
  const cancellations = [ports.after(remaining - reserve, () => abort.abort())];
  const overdue = new Promise<never>((_resolve, reject) => {
    cancellations.push(
      ports.after(remaining - reserve * (1 - GRACE), () =>
        reject(
          new Failure(
            'SystemUnavailable',
            `The work did not end within the time of its Lambda invocation. ${visitors} Retry the stage.`,
          ),
        ),
      ),
    );
  });
  try {
    return await Promise.race([
      work({ endAt: ports.now() + remaining - reserve, signal: abort.signal }),
      overdue,
    ]);
  } catch (error) {
    if (!abort.signal.aborted || error instanceof Failure) throw error;
    throw new Failure(
      'SystemUnavailable',
      `The work was stopped at the end of its Lambda invocation: ${sentenceOf(error)} ${visitors} Retry the stage.`,
      { cause: error },
    );
  } finally {
    for (const cancel of cancellations) cancel();
  }
}

const failedBy = ({ type, message, externalExecutionId }: Failure): Failed => ({
  kind: 'failed',
  type,
  message,
  ...(externalExecutionId && { externalExecutionId }),
});

/** Limits of PutJobSuccessResult and PutJobFailureResult, beyond which a report is refused. */
const MESSAGE_CHARACTERS = 5_000;
const SUMMARY_CHARACTERS = 2_048;
const TOKEN_CHARACTERS = 2_048;
const EXECUTION_ID_CHARACTERS = 1_500;

/** The outcome as the API takes it: no text empty or too long, and no secret in any. */
export function bounded(outcome: Outcome, clean: (text: string) => string): Outcome {
  const text = (value: string, most: number, instead: string) =>
    shortened(clean(value).trim() || instead, most);
  const execution = outcome.externalExecutionId
    ? { externalExecutionId: shortened(outcome.externalExecutionId, EXECUTION_ID_CHARACTERS) }
    : {};
  if (outcome.kind === 'failed') {
    const message = text(
      outcome.message,
      MESSAGE_CHARACTERS,
      'Failed without a message; see the log.',
    );
    return { ...outcome, ...execution, message };
  }
  const summary = text(outcome.summary, SUMMARY_CHARACTERS, 'Done.');
  if (outcome.kind === 'continued' && outcome.token.length > TOKEN_CHARACTERS) {
    // Cut short it would be no token. Nothing we write comes near this.
    return {
      kind: 'failed',
      type: 'JobFailed',
      message: `The continuation token has ${outcome.token.length} characters; CodePipeline takes ${TOKEN_CHARACTERS}.`,
      ...execution,
    };
  }
  return { ...outcome, ...execution, summary };
}

const shortened = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;
