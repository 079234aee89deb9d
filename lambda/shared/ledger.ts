import * as v from 'valibot';
import type { LedgerEntry, Manifest, ReleaseState } from '../../lib/release/contract.ts';
import { backoffMs } from './clock.ts';
import { describeError, factsOf, isBusy } from './failure.ts';
import type { Page, PageStore } from './page-store.ts';
import type { StoreTime } from './store.ts';

export type StateEntry = LedgerEntry['states'][number];

const TRIES = 8;

const stateSchema = v.object({
  state: v.picklist<ReleaseState[]>(['uploaded', 'live', 'replaced', 'failed', 'retired']),
  at: v.string(),
  by: v.string(),
  note: v.exactOptional(v.string()),
});

const entrySchema = v.object({
  version: v.literal(1),
  id: v.string(),
  revision: v.string(),
  execution: v.exactOptional(v.string()),
  files: v.number(),
  bytes: v.number(),
  pages: v.number(),
  plan: v.exactOptional(
    v.object({ put: v.number(), copy: v.number(), keep: v.number(), pool: v.number() }),
  ),
  findings: v.array(v.string()),
  states: v.array(stateSchema),
  pinned: v.exactOptional(v.object({ by: v.string(), at: v.string() })),
});

/** The page, or nothing if it is damaged: it is only for people and for prune. */
export function readEntry(text: string, id: string): LedgerEntry | undefined {
  try {
    const entry: LedgerEntry = v.parse(entrySchema, JSON.parse(text));
    return entry.id === id ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** What has become of the release last; nothing if its page is missing or damaged. */
export async function lastState(
  id: string,
  store: PageStore,
  signal: AbortSignal,
): Promise<StateEntry | undefined> {
  const page = await store.read(id, signal);
  return page && readEntry(page.text, id)?.states.at(-1);
}

/** The first page of a new release. */
export function firstEntry(
  manifest: Manifest,
  {
    by,
    at,
    ...rest
  }: Pick<LedgerEntry, 'execution' | 'plan' | 'findings'> & {
    readonly by: string;
    readonly at: string;
  },
): LedgerEntry {
  return { ...facts(manifest), ...rest, states: [{ state: 'uploaded', at, by }] };
}

/** Writes the page of a new release. One that is there already was written by the same job before. */
export async function openEntry(entry: LedgerEntry, store: PageStore, time: StoreTime) {
  await persistently(time, async () => {
    await store.write(entry.id, textOf(entry), undefined, time.signal);
    return true;
  });
}

/**
 * Adds what became of a release to its page. Two writers lose nothing of each other's: who comes second
 * reads again and adds to what is there then. The state that the release is in already is not added again,
 * unless `again` says so. A page that is missing or damaged is written anew from the manifest, and says so.
 *
 * @throws Error of the store, or that neither page nor manifest is there. The caller decides what that
 * means; never that a release cannot be served.
 */
export function addState(
  id: string,
  state: StateEntry,
  manifest: () => Promise<Manifest | undefined>,
  store: PageStore,
  time: StoreTime,
  { again = false }: { readonly again?: boolean } = {},
): Promise<void> {
  return changeEntry(
    id,
    (entry) =>
      entry.states.at(-1)?.state === state.state && !again
        ? undefined
        : { ...entry, states: [...entry.states, state] },
    { by: state.by, at: state.at, manifest },
    store,
    time,
  );
}

/**
 * Changes a release's page as `addState` does; `change` is asked again whenever somebody else was faster,
 * and returns nothing where nothing is to change.
 *
 * @throws Error as `addState` does.
 */
export async function changeEntry(
  id: string,
  change: (entry: LedgerEntry) => LedgerEntry | undefined,
  {
    manifest,
    ...writer
  }: {
    readonly by: string;
    /** ISO 8601, UTC. */
    readonly at: string;
    manifest(): Promise<Manifest | undefined>;
  },
  store: PageStore,
  time: StoreTime,
): Promise<void> {
  await persistently(time, async () => {
    const page = await store.read(id, time.signal);
    const entry = page && readEntry(page.text, id);
    const known = entry ?? (await anew(id, page, manifest, writer));
    const changed = change(known);
    // Nothing to add to a page that is there; one that is not is written even so.
    if (changed === undefined && entry !== undefined) return true;
    const text = textOf(changed ?? known);
    return (await store.write(id, text, page?.version, time.signal)) !== undefined;
  });
}

/** The page as far as the manifest still knows it. */
async function anew(
  id: string,
  page: Page | undefined,
  manifest: () => Promise<Manifest | undefined>,
  { by, at }: { readonly by: string; readonly at: string },
): Promise<LedgerEntry> {
  const known = await manifest();
  if (known === undefined) throw new Error(`ledger: release ${id} has neither entry nor manifest`);
  const was = page === undefined ? 'missing' : 'damaged';
  const note = `This entry was ${was} and was written anew from the manifest on ${at} by ${by}.`;
  return {
    ...facts(known),
    findings: [],
    states: [{ state: 'uploaded', at: known.createdAt, by: 'unknown', note }],
  };
}

/** A clean-up retires the release, or did. */
export class Retired extends Error {
  readonly state: StateEntry;

  constructor(id: string, state: StateEntry) {
    super(`release ${id} was retired at ${state.at} by ${state.by}`);
    this.name = 'Retired';
    this.state = state;
  }
}

/**
 * A page with a pin; nothing, if it has one. For `changeEntry`.
 *
 * @throws Retired if it ever said so. A clean-up that said it may be about to end the release and to delete its
 * files, whatever was noted since.
 */
export function withPin(
  entry: LedgerEntry,
  pinned: NonNullable<LedgerEntry['pinned']>,
): LedgerEntry | undefined {
  const retired = entry.states.find(({ state }) => state === 'retired');
  if (retired !== undefined) throw new Retired(entry.id, retired);
  return entry.pinned === undefined ? { ...entry, pinned } : undefined;
}

function facts({ id, revision, files }: Manifest) {
  return {
    version: 1 as const,
    id,
    revision,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    pages: files.filter(({ type }) => type.startsWith('text/html')).length,
  };
}

const textOf = (entry: LedgerEntry): string => `${JSON.stringify(entry, null, 2)}\n`;

/** Until the attempt says that it is done; after that of a rival, and after what passes by waiting. */
async function persistently(
  { clock, endAt, signal }: StoreTime,
  attempt: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    let problem: unknown = new Error('ledger: others were faster each time');
    try {
      if (await attempt()) return;
    } catch (error) {
      // Another write to the same page is under way, which then may or may not be made.
      const again = isBusy(error) || factsOf(error).name === 'ConditionalRequestConflict';
      if (!again) throw error;
      problem = error;
    }
    const wait = backoffMs(tries, 50, 2_000);
    if (tries >= TRIES || clock.now() + wait >= endAt) throw problem;
    await clock.sleep(wait, signal).catch(() => {
      throw problem;
    });
  }
}

/** What an operator reads about a page that could not be written: the release is not affected. */
export const notNoted = (error: unknown): string =>
  `The ledger was not written (${describeError(error).replace(/\.+$/, '')}), which no visitor notices.`;
