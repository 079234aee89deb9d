import { randomUUID } from 'node:crypto';
import { FROZEN_KEY } from '../../../lib/release/contract.ts';
import { Account } from '../exploration/account.ts';
import { freeze, type Site } from '../exploration/actors.ts';
import { type Setup, type SetupStep, setUp } from '../exploration/setup.ts';
import { zipOf } from '../zip.ts';
import { Field } from './field.ts';
import {
  cleanUp,
  HEALTH_DEADLINE_MS,
  invoke,
  type JobOptions,
  LIFE_MS,
  rollback,
  tell,
} from './handlers.ts';
import type { Process } from './process.ts';
import type { Result } from './services.ts';

const MINUTE_MS = 60_000;

/** What CodePipeline waits between two invocations of one action. */
const CONTINUES_AFTER_MS = 30_000;
/** Nothing heard for so long, and CodePipeline takes the action for failed. */
const SILENCE_MS = 20 * MINUTE_MS;

const site = (name: string, more: Site = {}): Site => ({
  'index.html': `start ${name}`,
  'about/index.html': 'about',
  '404.html': 'not here',
  [`assets/${name}.js`]: `code ${name}`,
  ...more,
});

const HISTORY: readonly SetupStep[] = [
  { name: 'one', site: site('one') },
  { name: 'two', site: site('two'), rebaseShare: 0 },
  { name: 'three', site: site('three', { 'extra.html': 'extra' }) },
];
const WAITING: readonly SetupStep[] = [
  ...HISTORY,
  { name: 'four', site: site('four'), live: false },
];
const FIRST: readonly SetupStep[] = [{ name: 'one', site: site('one'), live: false }];

const SETUPS = {
  empty: [],
  first: FIRST,
  history: HISTORY,
  waiting: WAITING,
  frozen: WAITING,
  /** The first invocation for the one that waits has begun to watch; since then a later release went live. */
  overtaken: WAITING,
  /** Of two executions only the later one's event was delivered yet. */
  swapped: HISTORY,
};

/** How an action of the pipeline, or a run without one, came to its end. */
export interface Ending {
  /** The last result that CodePipeline took; nothing: it never heard any. */
  readonly result: Result | undefined;
  /** The ids of its jobs. */
  readonly jobs: readonly string[];
  /** What the last process threw at its end. */
  readonly thrown: unknown;
  readonly returned: unknown;
  /** Whether the last process went without an end. */
  readonly isGone: boolean;
  readonly tookMs: number;
}

export interface Scenario {
  readonly name: string;
  readonly handler: keyof typeof LIFE_MS;
  readonly setup: keyof typeof SETUPS;
  readonly isSick?: boolean;
  /** What an invalidation takes. @default 10 seconds */
  readonly invalidationMs?: number;
  /** What a failure may name in place of the fault: that it came late. */
  readonly late?: RegExp;
  /** Whether nothing of it may change what is live. @default false */
  readonly keepsLive?: boolean;
  /** The release that it makes live, if all goes well. */
  readonly target?: (ids: Ids) => string | undefined;
  /** How long it may take over all invocations. */
  readonly deadlineMs: number;
  /** What it ends with where nothing goes wrong. */
  readonly ends: 'succeeded' | 'failed' | 'returned';
  run(field: Field, ids: Ids, jobId?: string): Promise<Ending>;
}

export type Ids = Readonly<Record<string, string>>;
export const idIn = (ids: Ids, name: string): string => ids[name] as string;

const job =
  (
    handler: 'Upload' | 'Promote' | 'Invalidate',
    options: (ids: Ids) => Promise<Omit<JobOptions, 'id'>>,
    continuesAfterMs?: number,
  ): Scenario['run'] =>
  async (field, ids, jobId) =>
    act(handler, await options(ids), field, jobId, continuesAfterMs);

/** An action of the pipeline: one invocation after the other, each with a job of its own. */
export async function act(
  handler: 'Upload' | 'Promote' | 'Invalidate',
  options: Omit<JobOptions, 'id'>,
  field: Field,
  first: string = randomUUID(),
  continuesAfterMs: number = CONTINUES_AFTER_MS,
): Promise<Ending> {
  const began = field.time.now;
  const jobs: string[] = [];
  let id = first;
  let continuationToken: string | undefined;
  for (;;) {
    jobs.push(id);
    const event = { ...options, id, ...(continuationToken !== undefined && { continuationToken }) };
    const process = await field.run((one) => invoke(handler, event, one), LIFE_MS[handler]);
    const result = field.jobs.results.get(id);
    if (result === undefined) await field.pass(SILENCE_MS);
    if (result?.continuationToken === undefined) {
      return { ...endOf(process), result, jobs, tookMs: field.time.now - began };
    }
    continuationToken = result.continuationToken;
    id = randomUUID();
    await field.pass(continuesAfterMs);
  }
}

const alone =
  (
    handler: 'Prune' | 'Rollback' | 'Notify',
    main: (ids: Ids) => Parameters<Field['run']>[0],
  ): Scenario['run'] =>
  async (field, ids) => {
    const began = field.time.now;
    const process = await field.run(main(ids), LIFE_MS[handler]);
    return { ...endOf(process), result: undefined, jobs: [], tookMs: field.time.now - began };
  };

const endOf = ({ ended, isGone }: Process) => ({
  thrown: ended && 'error' in ended ? ended.error : undefined,
  returned: ended && 'value' in ended ? ended.value : undefined,
  isGone,
});

const uploading = (files: Site, revision: string, more: Partial<JobOptions> = {}) => {
  const zip = zipOf(files, { compress: false });
  return job('Upload', async () => ({
    userParameters: JSON.stringify({ revision }),
    zip: await zip,
    ...more,
  }));
};

const promoting = (name: string) =>
  job('Promote', async (ids) => ({
    userParameters: JSON.stringify({ releaseId: idIn(ids, name) }),
  }));

const invalidating = (continuesAfterMs?: number) =>
  job(
    'Invalidate',
    async () => ({
      userParameters: '{"distributionId":"E1A2B3C4D5E6F7","objectPaths":["/_site/*"]}',
    }),
    continuesAfterMs,
  );

const UPLOAD = {
  handler: 'Upload',
  ends: 'succeeded',
  // Its own hour, and the invocation that was under way.
  deadlineMs: 60 * MINUTE_MS + LIFE_MS.Upload,
} as const;
const PROMOTE = {
  handler: 'Promote',
  ends: 'succeeded',
  // The flip may take an invocation, then the site its time, then the way back an invocation.
  deadlineMs: 2 * LIFE_MS.Promote + HEALTH_DEADLINE_MS + 2 * CONTINUES_AFTER_MS,
} as const;
const INVALIDATE = {
  handler: 'Invalidate',
  ends: 'succeeded',
  deadlineMs: 15 * MINUTE_MS + LIFE_MS.Invalidate,
} as const;

/** What each function does where nothing goes wrong. */
export const SCENARIOS: readonly Scenario[] = [
  {
    ...UPLOAD,
    name: 'Upload, first release',
    setup: 'empty',
    run: uploading(site('one'), 'a'.repeat(7)),
  },
  {
    ...UPLOAD,
    name: 'Upload, second release with copies',
    setup: 'history',
    run: uploading(site('next'), 'b'.repeat(7), { rebaseShare: 0 }),
  },
  {
    ...UPLOAD,
    name: 'Upload, release of what changed',
    setup: 'history',
    run: uploading(
      site('next', { 'extra.html': 'other', 'assets/one.js': 'code one' }),
      'c'.repeat(7),
    ),
  },
  {
    ...PROMOTE,
    name: 'Promote, first release',
    setup: 'first',
    target: (ids) => ids.one,
    run: promoting('one'),
  },
  {
    ...PROMOTE,
    name: 'Promote',
    setup: 'waiting',
    target: (ids) => ids.four,
    run: promoting('four'),
  },
  { ...PROMOTE, name: 'Promote, frozen', setup: 'frozen', run: promoting('four') },
  {
    ...PROMOTE,
    name: 'Promote, taken back',
    setup: 'waiting',
    isSick: true,
    ends: 'failed',
    run: promoting('four'),
  },
  {
    ...PROMOTE,
    name: 'Promote, continued after a later release went live',
    setup: 'overtaken',
    keepsLive: true,
    ends: 'failed',
    run: job('Promote', async (ids) => ({
      userParameters: JSON.stringify({ releaseId: idIn(ids, 'four'), execution: 'earlier' }),
      continuationToken: idIn(ids, 'token'),
    })),
  },
  {
    ...PROMOTE,
    name: "Promote, delivered after a later execution's",
    setup: 'swapped',
    keepsLive: true,
    ends: 'failed',
    run: job('Promote', async (ids) => ({
      userParameters: JSON.stringify({ releaseId: idIn(ids, 'earlier'), execution: 'earlier' }),
    })),
  },
  { ...INVALIDATE, name: 'Invalidate', setup: 'empty', run: invalidating() },
  {
    ...INVALIDATE,
    name: 'Invalidate, never completed',
    setup: 'empty',
    invalidationMs: Number.POSITIVE_INFINITY,
    ends: 'failed',
    run: invalidating(),
  },
  {
    ...INVALIDATE,
    name: 'Invalidate, continued an hour late',
    setup: 'empty',
    invalidationMs: 2 * MINUTE_MS,
    deadlineMs: INVALIDATE.deadlineMs + 60 * MINUTE_MS,
    late: /is not completed after 15 minutes/,
    run: invalidating(60 * MINUTE_MS),
  },
  {
    name: 'Prune',
    handler: 'Prune',
    setup: 'waiting',
    deadlineMs: LIFE_MS.Prune,
    ends: 'returned',
    run: alone('Prune', () => cleanUp),
  },
  {
    name: "Rollback by the operator's command",
    handler: 'Rollback',
    setup: 'waiting',
    target: (ids) => ids.two,
    deadlineMs: LIFE_MS.Rollback,
    ends: 'returned',
    run: alone(
      'Rollback',
      (ids) => (process, invocation) => rollback(idIn(ids, 'two'), process, invocation),
    ),
  },
  {
    name: 'Notify, published',
    handler: 'Notify',
    setup: 'empty',
    deadlineMs: LIFE_MS.Notify,
    ends: 'returned',
    run: alone('Notify', () => (process) => tell('SUCCEEDED', process)),
  },
  {
    name: 'Notify, failed',
    handler: 'Notify',
    setup: 'empty',
    deadlineMs: LIFE_MS.Notify,
    ends: 'returned',
    run: alone('Notify', () => (process) => tell('FAILED', process)),
  },
];

/** A new release of another site, as the next push makes it. @returns its id. */
export async function push(field: Field, name: string): Promise<string | Ending> {
  const revision = Buffer.from(name).toString('hex').padEnd(7, '0').slice(0, 7);
  const zip = await zipOf(site(name), { compress: false });
  const uploaded = await act(
    'Upload',
    { userParameters: JSON.stringify({ revision }), zip },
    field,
  );
  const releaseId = uploaded.result?.outputVariables?.releaseId;
  if (releaseId === undefined) return uploaded;
  const userParameters = JSON.stringify({ releaseId });
  const promoted = await act('Promote', { userParameters }, field);
  return promoted.result?.outputVariables?.promoted === 'yes' ? releaseId : promoted;
}

/** The release that waits goes live on a site that does not answer yet; before its continuation comes a later one does. */
async function overtake(field: Field, ids: Ids): Promise<Ids> {
  field.isSick = true;
  const id = randomUUID();
  const userParameters = JSON.stringify({ releaseId: idIn(ids, 'four'), execution: 'earlier' });
  await field.run((one) => invoke('Promote', { id, userParameters }, one), LIFE_MS.Promote);
  const token = field.jobs.results.get(id)?.continuationToken;
  field.isSick = false;
  const later = await push(field, 'later');
  if (token === undefined || typeof later !== 'string') throw new Error('nothing to overtake');
  return { token, later };
}

/** Two executions upload; the later one's release is live when the earlier one's Promote is delivered. */
async function swap(field: Field): Promise<Ids> {
  const userParameters = JSON.stringify({ revision: 'e'.repeat(7), execution: 'earlier' });
  const zip = await zipOf(site('earlier'), { compress: false });
  const { result } = await act('Upload', { userParameters, zip }, field);
  const earlier = result?.outputVariables?.releaseId;
  await field.pass(MINUTE_MS);
  const later = await push(field, 'later');
  if (earlier === undefined || typeof later !== 'string') throw new Error('nothing to swap');
  return { earlier, later };
}

/** An account, and when a scenario begins with it. */
interface SetupAt extends Setup {
  /** @default BEGIN */
  readonly at?: number;
}

/** The accounts that scenarios begin with, each made once. */
export class Setups {
  readonly #folder: string;
  readonly #made = new Map<string, Promise<SetupAt>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  of(name: Scenario['setup']): Promise<SetupAt> {
    let setup = this.#made.get(name);
    if (setup === undefined) {
      setup = this.#make(name);
      this.#made.set(name, setup);
    }
    return setup;
  }

  async #make(name: Scenario['setup']): Promise<SetupAt> {
    if (name === 'empty') return { begin: await Account.in(this.#folder), ids: {} };
    const setup = await setUp(
      this.#folder,
      SETUPS[name],
      name === 'frozen' ? () => [freeze('somebody')] : undefined,
    );
    const isFrozen = setup.begin.state.contents.items[FROZEN_KEY] !== undefined;
    if (isFrozen !== (name === 'frozen')) throw new Error(`${name}: not as it should be`);
    if (name === 'overtaken') return this.#after(setup, overtake);
    if (name === 'swapped') return this.#after(setup, swap);
    return setup;
  }

  async #after(setup: Setup, act: (field: Field, ids: Ids) => Promise<Ids>): Promise<SetupAt> {
    const field = new Field(setup.begin);
    const ids = { ...setup.ids, ...(await act(field, setup.ids)) };
    const begin = await Account.in(this.#folder, field);
    await setup.begin.account.remove();
    return { begin, ids, at: field.time.now + 10 * MINUTE_MS };
  }

  async end(): Promise<void> {
    for (const setup of this.#made.values()) await (await setup).begin.account.remove();
  }
}
