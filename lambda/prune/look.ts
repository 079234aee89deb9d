import {
  LEDGER_PREFIX,
  type LedgerEntry,
  LIVE_KEY,
  ledgerKey,
  MANIFESTS_PREFIX,
  PREVIOUS_KEY,
  RELEASE_ID,
  RELEASES_PREFIX,
  type ReleaseRecord,
  releaseIdIn,
  releaseTime,
} from '../../lib/release/contract.ts';
import { describeError } from '../shared/failure.ts';
import { readEntry } from '../shared/ledger.ts';
import { DamagedManifest, recordOrDamage } from '../shared/manifest.ts';
import { readPointer } from '../shared/pointer.ts';
import { listed } from '../upload/words.ts';
import { type Context, PruneRefused } from './context.ts';
import { type KeepReason, type Pointers, reasonsToKeep } from './retention.ts';
import { KEPT_RULES } from './rules.ts';

/** What there is, and what of it is needed. */
export interface Seen {
  readonly kind: 'seen';
  readonly live: string;
  /** Newest first. */
  readonly kept: readonly { readonly id: string; readonly reasons: readonly KeepReason[] }[];
  /** Every object that a kept release consists of. */
  readonly keys: Set<string>;
  /** `Pointer.rules` of the newest kept releases that have some. */
  readonly rules: readonly string[];
  /** Releases that may go, oldest first, each with the version of its record. */
  readonly outdated: readonly {
    readonly id: string;
    readonly version: string;
    /** Whether it has a page in the ledger that can be read. */
    readonly isInLedger: boolean;
  }[];
  /** Uploads that died; without a version, only their files are left. */
  readonly dead: readonly { readonly id: string; readonly version: string | undefined }[];
  /** Releases that have ended before. */
  readonly ended: ReadonlySet<string>;
  /** Releases that have files under their own prefix. */
  readonly folders: ReadonlySet<string>;
  /** Releases that have a record. */
  readonly recorded: ReadonlySet<string>;
  readonly notes: readonly string[];
}

/** An upload is under way: what it relies on is not known before its end. */
export interface Busy {
  readonly kind: 'busy';
  readonly why: string;
}

/** The ledger and the pointer say different things, as they do for a moment after every promotion. */
export interface Odd {
  readonly kind: 'odd';
  readonly refusal: PruneRefused;
}

/** How many records are read at a time: one of a large site has some ten megabytes. */
const AT_ONCE = 4;

/**
 * An upload that has not ended after this long never will: it gives itself an hour, and its last invocation ends within
 * a quarter. A test holds this against the upload's own limit.
 */
export const DEAD_AFTER_MS = 3 * 60 * 60_000;

/**
 * Reads the pointer, every release's record and its page in the ledger, and decides what stays.
 *
 * @throws PruneRefused if any of it is not as it should be.
 */
export async function look(context: Context): Promise<Seen | Busy | Odd> {
  const { ports, clock, invocation } = context;
  const { signal } = invocation;
  const pointers = await pointersIn(context);
  const { live, previous } = pointers;
  const visitors = `Visitors get release ${live}.`;
  const refuse = (why: string, cause?: unknown) => new PruneRefused(why, visitors, { cause });

  // In this order: a release's page in the ledger is written after its record, and neither is ever deleted.
  const noted = await idsBelow(LEDGER_PREFIX, context);
  const recorded = await recordsIn(context);
  const lost = [...noted].filter((id) => id !== live && !recorded.has(id));
  if (lost.length > 0) throw refuse(withoutRecord(lost));
  if (previous !== undefined && !recorded.has(previous)) {
    throw refuse(
      `release ${previous} is the one before the live one, but it has no manifest. Publish or promote another release.`,
    );
  }
  const newestFirst = [...recorded].sort().reverse();
  const folders = new Set(await ports.folders(RELEASES_PREFIX, signal));

  const kept: Seen['kept'][number][] = [];
  const keys = new Set<string>();
  const rules: string[] = [];
  const outdated: Seen['outdated'][number][] = [];
  const dead: Seen['dead'][number][] = [];
  const ended = new Set<string>();
  const bases = new Set<string>();
  const notes: string[] = [];
  let liveRecord: Found['record'] | undefined;
  const lastStates = new Map<string, LedgerEntry['states'][number]>();
  let rank = 0;

  for (let from = 0; from < newestFirst.length; from += AT_ONCE) {
    const ids = newestFirst.slice(from, from + AT_ONCE);
    for (const found of await Promise.all(ids.map((id) => find(id, context)))) {
      if (found === undefined) continue;
      const { id, version, record, entry } = found;
      if (id === live) liveRecord = record;
      const state = entry?.states.at(-1);
      if (state) lastStates.set(id, state);
      if ('end' in record) {
        ended.add(id);
        continue;
      }
      if ('upload' in record) {
        if (clock.now() - releaseTime(id).getTime() < DEAD_AFTER_MS) {
          return {
            kind: 'busy',
            why: `Release ${id} is being uploaded since ${record.upload.at} (job ${record.upload.job}), and nobody knows yet which files it will need.`,
          };
        }
        dead.push({ id, version });
        continue;
      }

      const candidate = {
        id,
        rank,
        isBase: bases.has(id),
        pinned: entry && entry.pinned !== undefined,
      };
      rank += 1;
      const reasons = reasonsToKeep(candidate, pointers, ports.retention, clock.now());
      const isDamaged = record instanceof DamagedManifest;
      // A damaged one goes where only its page in the ledger could keep it: nobody can promote it, and its
      // files are known by their prefix.
      if (reasons.length === 0 || (isDamaged && reasons.every((reason) => reason === 'unknown'))) {
        outdated.push({ id, version, isInLedger: entry !== undefined });
        continue;
      }
      if (isDamaged) {
        throw refuse(
          `the ${record.message}; nobody knows which files release ${id} (${reasons.join(', ')}) consists of.`,
          record,
        );
      }
      if (reasons.includes('unknown')) {
        notes.push(
          `Release ${id} stays, because its page in the ledger is missing or damaged and may have said that it is pinned. "npm run releases -- unpin ${id}" writes it anew.`,
        );
      }
      kept.push({ id, reasons });
      bases.add(record.pointer.base);
      if (record.pointer.rules && kept.length <= KEPT_RULES) rules.push(record.pointer.rules);
      for (const { key } of record.files) keys.add(key);
    }
  }

  if (liveRecord === undefined) {
    throw refuse(`release ${live} is live, but it has no manifest.`);
  }
  if ('end' in liveRecord) {
    const { state, at, by } = liveRecord.end;
    throw refuse(
      `release ${live} is live, but was ${state} at ${at} by ${by}. Publish or promote another release.`,
    );
  }
  if ('upload' in liveRecord) {
    throw refuse(`release ${live} is live, but its upload has not ended.`);
  }
  const contradiction = contradictionIn(lastStates, live);
  if (contradiction !== undefined) return { kind: 'odd', refusal: refuse(contradiction) };
  if (previous !== undefined && ended.has(previous)) {
    notes.push(
      `Release ${previous}, the one before the live one, has ended: rolling back needs another.`,
    );
  }

  for (const name of folders) {
    if (recorded.has(name)) continue;
    if (!RELEASE_ID.test(name)) {
      notes.push(`${RELEASES_PREFIX}${name}/ is no release of this project and was left alone.`);
    } else if (clock.now() - releaseTime(name).getTime() >= DEAD_AFTER_MS) {
      dead.push({ id: name, version: undefined });
    }
  }
  return {
    kind: 'seen',
    live,
    kept,
    keys,
    rules,
    outdated: outdated.reverse(),
    dead,
    ended,
    folders,
    recorded,
    notes,
  };
}

/** A release whose upload has begun since everything was looked at: what it will be made of nobody knows yet. */
export async function begunSince(
  { recorded, dead }: Seen,
  context: Context,
): Promise<string | undefined> {
  // Files without a record have got one by now, which says that their upload is dead.
  const known = new Set([...recorded, ...dead.map(({ id }) => id)]);
  return [...(await recordsIn(context))].find((id) => !known.has(id));
}

const SHOWN_LOST = 10;

function withoutRecord(lost: readonly string[]): string {
  const [first = ''] = lost;
  return lost.length === 1
    ? `release ${first} has a page in the ledger, but no record: nobody knows which files it consists of. If nobody needs it, delete ${ledgerKey(first)} too.`
    : `${lost.length} releases have a page in the ledger, but no record (${listed(lost, SHOWN_LOST)}): nobody knows which files they consist of. Of those that nobody needs, delete ${ledgerKey('ID')} too.`;
}

/** The releases that have a record, from its claim to its end. */
const recordsIn = (context: Context): Promise<Set<string>> => idsBelow(MANIFESTS_PREFIX, context);

async function idsBelow(prefix: string, { ports, invocation }: Context): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const page of ports.list(prefix, invocation.signal)) {
    for (const { key } of page) {
      const id = releaseIdIn(key, prefix);
      if (id !== undefined) ids.add(id);
    }
  }
  return ids;
}

async function pointersIn({ ports, invocation }: Context): Promise<Pointers> {
  const unknown = 'Open /.well-known/release on the site to see what visitors get.';
  let live: string | undefined;
  let previous: string | undefined;
  try {
    live = await ports.pointer.get(LIVE_KEY, invocation.signal);
    previous = await ports.pointer.get(PREVIOUS_KEY, invocation.signal);
  } catch (error) {
    const why = `the key-value store cannot be read (${describeError(error)}).`;
    throw new PruneRefused(why, unknown, { cause: error });
  }
  if (live === undefined) {
    throw new PruneRefused(
      `the key-value store has no "${LIVE_KEY}", so nobody knows which release is needed. Publish one first.`,
      'Visitors get no release.',
    );
  }
  const id = readPointer(live)?.id;
  if (id === undefined) {
    throw new PruneRefused(
      `"${LIVE_KEY}" in the key-value store is no pointer to a release. Publish or promote one.`,
      'Visitors get no release.',
    );
  }
  const before = previous === undefined ? undefined : readPointer(previous)?.id;
  if (previous !== undefined && before === undefined) {
    throw new PruneRefused(
      `"${PREVIOUS_KEY}" in the key-value store is no pointer to a release. The next release that goes live puts that right.`,
      `Visitors get release ${id}.`,
    );
  }
  return { live: id, previous: before };
}

/** What stands under a release's manifest key, or what is wrong with it. */
interface Found {
  readonly id: string;
  readonly version: string;
  readonly record: ReleaseRecord | DamagedManifest;
  /** Its page in the ledger, if that can be read. */
  readonly entry: LedgerEntry | undefined;
}

/** Nothing, if its record went since it was listed. */
async function find(id: string, { ports, invocation }: Context): Promise<Found | undefined> {
  const { signal } = invocation;
  const [text, page] = await Promise.all([
    ports.records.read(id, signal),
    ports.ledger.read(id, signal),
  ]);
  if (text === undefined) return undefined;
  const entry = page && readEntry(page.text, id);
  return { id, version: text.version, record: recordOrDamage(text.text, id), entry };
}

/**
 * Where the ledger says that another release is live. A line that could not be written is none: it is missing then, and
 * says nothing else.
 */
function contradictionIn(
  lastStates: ReadonlyMap<string, LedgerEntry['states'][number]>,
  live: string,
): string | undefined {
  const repair = `"npm run releases -- promote ${live}" puts the ledger right if the pointer is.`;
  const last = lastStates.get(live);
  if (last && ['failed', 'replaced', 'retired'].includes(last.state)) {
    return `release ${live} is live, but the ledger says that it was ${last.state} at ${last.at} by ${last.by}. ${repair}`;
  }
  for (const [id, { state, at, by }] of lastStates) {
    if (id !== live && state === 'live' && (last === undefined || at > last.at)) {
      return `release ${live} is live, but the ledger says that ${id} is, since ${at}, by ${by}. ${repair}`;
    }
  }
  return undefined;
}
