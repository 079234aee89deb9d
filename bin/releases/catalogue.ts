import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { ledgerIn, recordsIn } from '../../lambda/shared/content-bucket.ts';
import { readFreeze } from '../../lambda/shared/freeze.ts';
import { readEntry } from '../../lambda/shared/ledger.ts';
import { DamagedManifest, isManifest, recordOrDamage } from '../../lambda/shared/manifest.ts';
import { readPointer } from '../../lambda/shared/pointer.ts';
import {
  FROZEN_KEY,
  type Freeze,
  LEDGER_PREFIX,
  type LedgerEntry,
  LIVE_KEY,
  MANIFESTS_PREFIX,
  type Manifest,
  type Pointer,
  PREVIOUS_KEY,
  type ReleaseRecord,
  type ReleaseState,
  releaseIdIn,
  releaseTime,
} from '../../lib/release/contract.ts';
import type { Operator } from './operator.ts';

/** What the key-value store says. */
export interface Pointers {
  /** Missing: no release is live, or `damage` says why nobody knows. */
  readonly live: Pointer | undefined;
  readonly previous: Pointer | undefined;
  readonly frozen: Freeze | undefined;
  readonly damage: readonly string[];
}

export type State = ReleaseState | 'previous' | 'uploading' | 'abandoned' | 'unknown';

/** What is known of one release. */
export interface Release {
  readonly id: string;
  readonly state: State;
  /** What stands under its manifest key; nothing if that is missing or damaged. */
  readonly record: ReleaseRecord | undefined;
  /** The same, if the release is complete and not ended. */
  readonly manifest: Manifest | undefined;
  readonly entry: LedgerEntry | undefined;
  /** What is lost or damaged, in words. */
  readonly problems: readonly string[];
}

/** When a release was uploaded, by its id; nothing if somebody made up an id of no such time. */
export function uploadedAt(id: string): string | undefined {
  const time = releaseTime(id);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

export async function pointersOf({ connection, signal }: Operator): Promise<Pointers> {
  const [live, previous, frozen] = await Promise.all(
    [LIVE_KEY, PREVIOUS_KEY, FROZEN_KEY].map((key) => connection.pointer.get(key, signal)),
  );
  const damage: string[] = [];
  const pointer = (key: string, text: string | undefined) => {
    if (text === undefined) return undefined;
    const read = readPointer(text);
    if (read === undefined) damage.push(`"${key}" in the key-value store is no pointer: ${text}`);
    return read;
  };
  return {
    live: pointer(LIVE_KEY, live),
    previous: pointer(PREVIOUS_KEY, previous),
    frozen: frozen === undefined ? undefined : readFreeze(frozen),
    damage,
  };
}

/** What two listings tell of all releases. */
export interface Listing {
  /** Of every release that has a record or a page in the ledger, newest first. */
  readonly ids: readonly string[];
  /** Of the records, in bytes. */
  readonly recordBytes: ReadonlyMap<string, number>;
}

export async function listingOf(operator: Operator): Promise<Listing> {
  const [records, pages] = await Promise.all([
    bytesBelow(MANIFESTS_PREFIX, operator),
    bytesBelow(LEDGER_PREFIX, operator),
  ]);
  const ids = [...new Set([...records.keys(), ...pages.keys()])].sort().reverse();
  return { ids, recordBytes: records };
}

/** The objects below a prefix that belong to releases: their sizes by the releases' ids. */
async function bytesBelow(
  Prefix: string,
  { connection, signal }: Operator,
): Promise<Map<string, number>> {
  const { s3: client, bucket: Bucket } = connection;
  const bytes = new Map<string, number>();
  const pages = paginateListObjectsV2({ client }, { Bucket, Prefix }, { abortSignal: signal });
  for await (const { Contents = [] } of pages) {
    for (const { Key = '', Size = 0 } of Contents) {
      const id = releaseIdIn(Key, Prefix);
      if (id !== undefined) bytes.set(id, Size);
    }
  }
  return bytes;
}

/**
 * More than any record has that is no manifest: a few fields, the longest an ARN of less than a thousand. The manifest of
 * a large site has ten megabytes, which are not fetched to learn that it is one.
 */
const OTHER_RECORD_BYTES = 4_096;

const isLarge = (id: string, { recordBytes }: Listing): boolean =>
  (recordBytes.get(id) ?? 0) > OTHER_RECORD_BYTES;

/** `releaseOf` without the manifest where its size and the ledger tell enough. Damage within it is not seen then. */
export async function brieflyOf(
  id: string,
  listing: Listing,
  pointers: Pointers,
  operator: Operator,
): Promise<Release> {
  const { connection, signal } = operator;
  if (isLarge(id, listing)) {
    const page = await ledgerIn(connection.s3, connection.bucket).read(id, signal);
    const entry = page && readEntry(page.text, id);
    if (entry !== undefined && entry.states.length > 0) {
      const [record, manifest] = [undefined, undefined];
      const state = stateOf(id, record, entry, pointers.live?.id, pointers.previous?.id);
      return { id, state, record, manifest, entry, problems: [] };
    }
  }
  return releaseOf(id, pointers, operator);
}

/** How many small requests are made at a time. */
export const AT_ONCE = 16;

/** Those of the releases that have not ended. */
export async function notEnded(
  ids: readonly string[],
  listing: Listing,
  { connection, signal }: Operator,
): Promise<string[]> {
  const records = recordsIn(connection.s3, connection.bucket);
  const kept = await pMap(
    ids,
    async (id) => {
      const found = isLarge(id, listing) ? undefined : await records.read(id, signal);
      const record = found && recordOrDamage(found.text, id);
      return record !== undefined && 'end' in record ? [] : [id];
    },
    { concurrency: AT_ONCE, signal },
  );
  return kept.flat();
}

/** @throws what S3 answers; never for what is lost or damaged */
export async function releaseOf(
  id: string,
  { live, previous }: Pointers,
  { connection, signal }: Operator,
): Promise<Release> {
  const { s3, bucket } = connection;
  const [recorded, page] = await Promise.all([
    recordsIn(s3, bucket).read(id, signal),
    ledgerIn(s3, bucket).read(id, signal),
  ]);
  const problems: string[] = [];
  const read = recorded && recordOrDamage(recorded.text, id);
  const record = read instanceof DamagedManifest ? undefined : read;
  if (read === undefined) problems.push('manifest lost');
  if (read instanceof DamagedManifest) {
    problems.push(`manifest damaged (${read.message.replace(/^manifest of \S+: /, '')})`);
  }
  const manifest = record && isManifest(record) ? record : undefined;
  const entry = page && readEntry(page.text, id);
  if (page !== undefined && entry === undefined) problems.push('ledger page damaged');
  // An upload that has not ended has none yet.
  if (page === undefined && manifest !== undefined) problems.push('ledger page lost');
  const state = stateOf(id, record, entry, live?.id, previous?.id);
  return { id, state, record, manifest, entry, problems };
}

function stateOf(
  id: string,
  record: ReleaseRecord | undefined,
  entry: LedgerEntry | undefined,
  live: string | undefined,
  previous: string | undefined,
): State {
  if (id === live) return 'live';
  if (record && 'upload' in record) return 'uploading';
  if (record && 'end' in record) return record.end.state;
  if (id === previous) return 'previous';
  const last = entry?.states.at(-1)?.state;
  // Live by its last line and not by the pointer: the next line was lost.
  if (last !== undefined) return last === 'live' ? 'replaced' : last;
  return record === undefined ? 'unknown' : 'uploaded';
}
