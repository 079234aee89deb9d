import {
  ERROR_PAGE_PATH,
  LIVE_KEY,
  type Manifest,
  type ManifestFile,
  rulesKeyEnd,
  rulesKeys,
} from '../../lib/release/contract.ts';
import type { Clock } from '../shared/clock.ts';
import { byExecution } from '../shared/execution.ts';
import { classify, Failure, failureFrom, isBusy, sentenceOf } from '../shared/failure.ts';
import type { Job, Outcome } from '../shared/job.ts';
import { addState, notNoted, readEntry, type StateEntry } from '../shared/ledger.ts';
import { logged } from '../shared/log.ts';
import { isManifest, manifestOf, recordOf } from '../shared/manifest.ts';
import type { PageStore } from '../shared/page-store.ts';
import {
  type Flip,
  type FlipOptions,
  type Frozen,
  flip,
  readPointer,
  type Target,
  takeBack,
} from '../shared/pointer.ts';
import type { Invocation } from '../shared/run-job.ts';
import type { PointerStore } from '../shared/store.ts';
import { readToken } from '../shared/token.ts';
import { readPromoteParameters } from './parameters.ts';
import { type Token, tokenSchema, tokenText } from './token.ts';
import { type Site, watch } from './watch.ts';

/** The content bucket, the pointer and the site, in this function's own words. */
export interface PromotePorts {
  readonly pointer: PointerStore;
  readonly ledger: PageStore;
  /** Whether there is such a release, and what it consists of. */
  readonly records: PageStore;
  readonly site: Site;
  /** Answers 200 if the site is well. */
  readonly healthPath: string;
  /** How long after the flip the site may take to answer with the new release. */
  readonly deadlineMs: number;
  /** Makes that file of a release the error page, or the built-in page if the release has none. */
  putErrorPage(file: ErrorPage | undefined, signal: AbortSignal): Promise<void>;
}

export type ErrorPage = Pick<ManifestFile, 'key' | 'type'>;

/** True at every moment of a promotion. */
export const VISITORS =
  'Open /.well-known/release on the site to see which release visitors get now.';

const UNCHANGED = 'Visitors still get the release that was live before.';

/**
 * How long one invocation watches before it hands over. A continuation costs half a minute of waiting, so
 * this covers nearly every release.
 */
const WATCHING_MS = 45_000;

/** Of an invocation's time, kept for taking the release back. */
const WAY_BACK_MS = 15_000;

/**
 * Makes the release that the job names the live one, watches the site until it answers with it, and
 * brings the error page after. A release that does not come up is taken back. Doing it again, by a
 * redelivered event or a retry of the stage, ends in the same state. A release that was uploaded later stays
 * live, unless a rollback of the stage asks.
 *
 * @throws Failure that says how far it came and what visitors get.
 */
export async function promote(
  job: Job,
  ports: PromotePorts,
  clock: Clock,
  invocation: Invocation,
): Promise<Outcome> {
  const { releaseId, execution } = readPromoteParameters(job.userParameters, UNCHANGED);
  const journal = new Journal(byExecution(execution), ports, clock, invocation);
  let token: Token;
  if (job.continuationToken === undefined) {
    const mayGoBack = async (signal: AbortSignal) =>
      !(await hasHadItsTurn(execution, releaseId, ports, signal));
    const begun = await goLive(releaseId, ports, journal, clock, invocation, { mayGoBack });
    if (begun.kind === 'frozen') return kept(releaseId, begun);
    token = begun.token;
  } else {
    token = readToken(job.continuationToken, tokenSchema, VISITORS);
  }
  return follow(token, ports, journal, clock, invocation);
}

/**
 * Watches the site until it answers with the release that `goLive` has made live, and brings its error page.
 * `continued`: it does not answer yet, and this invocation's share of waiting is over.
 *
 * @throws Failure that says what visitors get, once the release was taken back or had to stay.
 */
export async function follow(
  token: Token,
  ports: PromotePorts,
  journal: Journal,
  clock: Clock,
  invocation: Invocation,
): Promise<Outcome> {
  const { endAt, signal } = invocation;

  const until = Math.min(clock.now() + WATCHING_MS, endAt - WAY_BACK_MS, token.deadline);
  const pointedAt = async () => {
    const live = await ports.pointer.get(LIVE_KEY, signal);
    return live === undefined ? undefined : readPointer(live)?.id;
  };
  const { site, healthPath } = ports;
  const time = { clock, until, signal };
  const sight = await watch(token.releaseId, healthPath, site, pointedAt, time);
  if (sight.kind === 'overtaken') throw overtaken(token, sight.liveId);
  if (sight.kind === 'down') {
    if (clock.now() >= token.deadline) {
      throw await goBack(token, sight.problem, ports, journal, clock, invocation);
    }
    return {
      kind: 'continued',
      token: tokenText(token),
      summary: `Release ${token.releaseId} is live; waiting for the site to answer with it: ${sight.problem}`,
      externalExecutionId: token.releaseId,
    };
  }
  // Only now, so that a release which is taken back has left nothing behind.
  await bringErrorPage(token, ports, signal);
  return succeeded(token, journal);
}

/**
 * Moves the pointer to the release, unless publishing is frozen, and notes it in the ledger.
 *
 * @throws Failure if there is no such release, or the pointer could not be moved.
 */
export async function goLive(
  id: string,
  ports: PromotePorts,
  journal: Journal,
  clock: Clock,
  { endAt, signal, log }: Invocation,
  options: FlipOptions = {},
): Promise<{ readonly kind: 'live'; readonly token: Token } | Frozen> {
  let manifest: Manifest | undefined;
  let flipped: Flip;
  try {
    const pointer = async () => {
      manifest = await publishable(id, ports, signal);
      return targetOf(manifest);
    };
    flipped = await flip(pointer, ports.pointer, { clock, endAt, signal }, options);
  } catch (error) {
    // The write may have been made although its answer was lost.
    throw failureFrom(error, `Release ${id} was not made live`, VISITORS);
  }
  if (flipped.kind === 'frozen') {
    log('info', 'frozen', { releaseId: id, live: flipped.liveId });
    return flipped;
  }
  const { changed, previousId, older } = flipped;
  log('info', 'pointer', { releaseId: id, changed, previousId });

  await Promise.all([
    journal.add(id, 'live'),
    ...(previousId ? [journal.add(previousId, 'replaced', `By release ${id}.`)] : []),
  ]);
  const errorPage = manifest?.files.find(({ path }) => path === ERROR_PAGE_PATH);
  return {
    kind: 'live',
    token: {
      v: 1,
      releaseId: id,
      changed,
      ...(previousId !== undefined && { previousId }),
      ...(older !== undefined && { older }),
      ...(errorPage && { errorPage: { key: errorPage.key, type: errorPage.type } }),
      deadline: clock.now() + ports.deadlineMs,
    },
  };
}

/** Everything that the store has to hold for visitors to get the release. */
function targetOf({ pointer, rules = {} }: Manifest): Target {
  const values = rulesKeys(pointer.rules).map(
    (key) => [key, rules[rulesKeyEnd(key)] ?? ''] as const,
  );
  return { ...pointer, values: new Map(values) };
}

/** The manifest of a release that exists, will go on existing, and has a start page. */
async function publishable(
  id: string,
  { records }: PromotePorts,
  signal: AbortSignal,
): Promise<Manifest> {
  const unfit = (problem: string) =>
    new Failure('JobFailed', `Release ${id} ${problem}`, { externalExecutionId: id });
  let found: Awaited<ReturnType<typeof recordOf>>;
  try {
    found = await recordOf(id, records, signal);
  } catch (error) {
    // What the store would say by trying again is worth a try; what is damaged stays damaged.
    if (isBusy(error) || signal.aborted) throw error;
    throw failureFrom(error, `The manifest of release ${id} cannot be read`, UNCHANGED);
  }
  if (found === undefined || 'upload' in found.record) {
    throw new Failure(
      'ConfigurationError',
      `Release ${id} does not exist: it has no manifest, so its upload did not finish. ${UNCHANGED}`,
    );
  }
  const { record } = found;
  if (!isManifest(record)) {
    const { state, at, by } = record.end;
    throw state === 'abandoned'
      ? unfit(`was given up at ${at} by ${by}: its upload did not finish. ${UNCHANGED}`)
      : unfit(
          `was retired at ${at} by ${by}, and its files are being deleted: it cannot go live again. ${UNCHANGED} Push its commit again to make a new release of it.`,
        );
  }
  if (!record.files.some(({ path }) => path === 'index.html')) {
    throw unfit(`has no index.html, so visitors would find no start page. ${UNCHANGED}`);
  }
  return record;
}

/**
 * Whether that execution uploaded the release, or has made it live before; yes if it is not known. If so, its event was delivered
 * again after a later one had published. A rollback of the stage is an execution of its own, with the variables of an earlier
 * one; and what was taken back, a retry of the stage may make live again.
 */
async function hasHadItsTurn(
  execution: string | undefined,
  id: string,
  { ledger }: PromotePorts,
  signal: AbortSignal,
): Promise<boolean> {
  const page = execution === undefined ? undefined : await ledger.read(id, signal);
  const entry = page && readEntry(page.text, id);
  if (entry?.execution === undefined || entry.execution === execution) return true;
  const { states } = entry;
  const by = byExecution(execution);
  return (
    states.some((one) => one.state === 'live' && one.by === by) && states.at(-1)?.state !== 'failed'
  );
}

function kept(id: string, { freeze: { by, reason, at }, liveId }: Frozen): Outcome {
  const visitors =
    liveId === undefined ? 'Visitors get no release.' : `Visitors still get release ${liveId}.`;
  return {
    kind: 'succeeded',
    summary: `Publishing is frozen since ${at} by ${by}: ${JSON.stringify(reason)}. Release ${id} is kept and not live. ${visitors}`,
    externalExecutionId: id,
    outputVariables: { releaseId: id, previousReleaseId: liveId ?? 'none', promoted: 'no' },
  };
}

/** Whether a clean-up has ended a release. One whose record is lost or damaged may still have all its files. */
async function isOver(
  id: string,
  { records }: PromotePorts,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const found = await recordOf(id, records, signal);
    return found !== undefined && 'end' in found.record;
  } catch (error) {
    if (isBusy(error) || signal.aborted) throw error;
    return false;
  }
}

/** The failure to report once the release that did not come up is no longer live, or has to stay. */
async function goBack(
  { releaseId: id, changed, previousId, older }: Token,
  problem: string,
  ports: PromotePorts,
  journal: Journal,
  clock: Clock,
  { endAt, signal, log }: Invocation,
): Promise<Failure> {
  const options = { externalExecutionId: id };
  const wrong = `${ports.deadlineMs / 1_000} seconds after release ${id} went live the site does not answer as it should: ${problem}`;
  if (!changed) {
    return new Failure(
      'JobFailed',
      `${wrong} It was live before this job began, so the pointer was left alone: visitors get release ${id}.`,
      options,
    );
  }
  try {
    const over = (to: string) => isOver(to, ports, signal);
    const back = await takeBack(id, older, over, ports.pointer, { clock, endAt, signal });
    log('warn', 'taken back', { releaseId: id, result: back.kind, problem });
    if (back.kind === 'overtaken') {
      return overtaken({ releaseId: id }, back.liveId);
    }
    if (back.kind === 'gone') {
      return new Failure(
        'JobFailed',
        `${wrong} Release ${back.to}, which was live before it, was deleted meanwhile: visitors get release ${id}.`,
        options,
      );
    }
    if (back.kind === 'nowhere') {
      const before =
        previousId === undefined
          ? 'There is no release before it to go back to'
          : `Release ${previousId}, which was live before it, is not in the store any more`;
      return new Failure('JobFailed', `${wrong} ${before}: visitors get release ${id}.`, options);
    }
    await Promise.all([
      journal.add(id, 'failed', `Taken back: ${problem}`),
      journal.add(back.to, 'live', `Again, in place of release ${id}.`),
    ]);
    return new Failure(
      'JobFailed',
      `${wrong} It was taken back: visitors get release ${back.to} again, within seconds.${journal.problems}`,
      options,
    );
  } catch (error) {
    return new Failure(
      classify(error),
      `${wrong} It could not be taken back: ${sentenceOf(error)} ${VISITORS}`,
      { ...options, cause: error },
    );
  }
}

function overtaken(
  { releaseId: id }: Pick<Token, 'releaseId'>,
  liveId: string | undefined,
): Failure {
  const visitors =
    liveId === undefined
      ? 'Visitors get no release: the pointer is missing or damaged.'
      : `Visitors get release ${liveId}.`;
  return new Failure(
    'JobFailed',
    `Release ${id} was made live, but somebody moved the pointer before the site answered with it, and that was left alone. ${visitors}`,
    { externalExecutionId: id },
  );
}

async function bringErrorPage(
  { releaseId: id, errorPage }: Token,
  ports: PromotePorts,
  signal: AbortSignal,
): Promise<void> {
  try {
    await ports.putErrorPage(errorPage, signal);
  } catch (error) {
    throw new Failure(
      classify(error),
      `Release ${id} is live and visitors get it; only the page for missing addresses is still the one from before: ${sentenceOf(error)} Retry the stage to bring it up to date.`,
      { cause: error, externalExecutionId: id },
    );
  }
}

function succeeded({ releaseId: id, changed, previousId }: Token, journal: Journal): Outcome {
  const was = previousId === undefined ? 'It is the first release' : `Before it was ${previousId}`;
  return {
    kind: 'succeeded',
    summary: `Release ${id} ${changed ? 'is live' : 'was live already'}: the site answers with it. ${was}.${journal.problems}`,
    externalExecutionId: id,
    // A variable that is not set would fail whatever action names it.
    outputVariables: { releaseId: id, previousReleaseId: previousId ?? 'none', promoted: 'yes' },
  };
}

/** Writes to the ledger what a promotion does. What it cannot write is told, and stops nothing. */
export class Journal {
  /** With a space before each, to stand behind another sentence. */
  problems = '';
  readonly #by: string;
  readonly #ports: PromotePorts;
  readonly #clock: Clock;
  readonly #invocation: Invocation;
  readonly #again: boolean;

  /**
   * @param again whether a state is noted although the release's page ends with it: a person says so, and
   * another page may say otherwise since. A job that is delivered twice has nothing new to say.
   */
  constructor(
    by: string,
    ports: PromotePorts,
    clock: Clock,
    invocation: Invocation,
    { again = false }: { readonly again?: boolean } = {},
  ) {
    this.#again = again;
    this.#by = by;
    this.#ports = ports;
    this.#clock = clock;
    this.#invocation = invocation;
  }

  async add(id: string, state: StateEntry['state'], note?: string): Promise<void> {
    const { endAt, signal, log } = this.#invocation;
    const clock = this.#clock;
    const at = new Date(clock.now()).toISOString();
    const entry = { state, at, by: this.#by, ...(note !== undefined && { note }) };
    const { records, ledger } = this.#ports;
    try {
      const manifest = () => manifestOf(id, records, signal);
      const again = this.#again && state === 'live';
      await addState(id, entry, manifest, ledger, { clock, endAt, signal }, { again });
    } catch (error) {
      log('warn', 'the ledger was not written', { releaseId: id, state, ...logged(error) });
      this.problems = ` ${notNoted(error)}`;
    }
  }
}
