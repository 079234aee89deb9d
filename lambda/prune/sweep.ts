import {
  matchesPattern,
  type PoolSweep,
  RELEASES_PREFIX,
  SITE_PREFIX,
} from '../../lib/release/contract.ts';
import type { Page } from '../shared/page-store.ts';
import { readPoolSweep } from '../shared/pool-sweep.ts';
import { BATCH, type Context, isOutOfTime, type StoredFile, type Tally } from './context.ts';
import type { Guard } from './guard.ts';
import { begunSince, type Seen } from './look.ts';
import { isOldFile } from './retention.ts';

/**
 * From the announcement to the request that deletes. A process may be held up in between for as long as it likes, and
 * then nobody waits for it any more.
 */
const HELD_UP_MS = 2 * 60_000;

/** For one request that deletes files of the pool, all tries together. */
const REMOVAL_MS = 60_000;

/**
 * After this long nobody deletes what an announcement names: whoever made it begins with one request within two
 * minutes, gives it up after one, and S3 refuses what was signed more than 15 minutes ago (RequestTimeTooSkewed).
 */
export const SWEEP_LEASE_MS = 20 * 60_000;

export interface Swept {
  readonly complete: boolean;
  readonly postponed?: string;
}

/**
 * Deletes files of the pool that no kept release has, a batch at a time. Each batch is announced, and only then
 * it is looked whether an upload has begun: an upload claims its release and then looks for an
 * announcement, so of the two at least one sees the other.
 */
export async function sweepPool(
  seen: Seen,
  guard: Guard,
  tally: Tally,
  context: Context,
): Promise<Swept> {
  for await (const batch of batches(unneeded(guard.keys, context))) {
    if (isOutOfTime(context)) return { complete: false };
    const postponed = await sweepBatch(batch, seen, guard, tally, context);
    if (postponed !== undefined) return { complete: false, postponed };
  }
  return { complete: true };
}

/** Counts what `sweepPool` would delete. */
export async function countPool(
  keys: ReadonlySet<string>,
  tally: Tally,
  context: Context,
): Promise<void> {
  for await (const { size } of unneeded(keys, context)) {
    tally.poolFiles += 1;
    tally.bytes += size;
  }
}

/** Why the batch has to wait, or nothing if it was deleted. */
async function sweepBatch(
  batch: readonly StoredFile[],
  seen: Seen,
  guard: Guard,
  tally: Tally,
  context: Context,
): Promise<string | undefined> {
  const { ports, by, clock, invocation } = context;
  const since = clock.now();
  const announced = await announce(
    batch.map(({ key }) => key),
    context,
  );
  if (announced === undefined) {
    return 'Another clean-up is sweeping the pool, or one broke off less than 20 minutes ago.';
  }
  const begun = await begunSince(seen, context);
  const files = begun === undefined ? await guard.passes(batch) : [];
  const isLate = clock.now() - since >= HELD_UP_MS;
  if (files.length > 0 && !isLate) {
    const inTime = AbortSignal.any([invocation.signal, AbortSignal.timeout(REMOVAL_MS)]);
    // If this fails the announcement stays: the request may still be carried out.
    const isSettled = await ports.remove(
      files.map(({ key }) => key),
      inTime,
    );
    tally.poolFiles += files.length;
    tally.bytes += files.reduce((bytes, { size }) => bytes + size, 0);
    if (!isSettled) {
      return 'A request that deletes files of the pool was sent more than once, and may be carried out again within 20 minutes.';
    }
  }
  const at = new Date(clock.now()).toISOString();
  const over: PoolSweep = { version: 1, keys: [], by, at };
  await ports.sweeps.write('', JSON.stringify(over), announced, invocation.signal);
  if (begun !== undefined) {
    return `Release ${begun} was begun meanwhile, and may need files of the pool.`;
  }
  return isLate
    ? 'It was held up for two minutes after it had announced which files of the pool it would delete.'
    : undefined;
}

/** The version of the announcement; nothing if somebody else's is in force. */
async function announce(
  keys: readonly string[],
  { ports, by, clock, invocation }: Context,
): Promise<string | undefined> {
  const now = clock.now();
  const page = await ports.sweeps.read('', invocation.signal);
  if (page !== undefined && isInForce(page, now)) return undefined;
  const sweep: PoolSweep = { version: 1, keys, by, at: new Date(now).toISOString() };
  return ports.sweeps.write('', JSON.stringify(sweep), page?.version, invocation.signal);
}

function isInForce({ text }: Page, now: number): boolean {
  let sweep: PoolSweep;
  try {
    sweep = readPoolSweep(text);
  } catch {
    // Damaged by hand: no clean-up has written that.
    return false;
  }
  const age = now - Date.parse(sweep.at);
  return sweep.keys.length > 0 && !(age >= SWEEP_LEASE_MS);
}

async function* unneeded(
  keys: ReadonlySet<string>,
  { ports, clock, invocation }: Context,
): AsyncGenerator<StoredFile> {
  const { immutable, retention } = ports;
  const done: string[] = [];
  for (const pattern of immutable) {
    for await (const page of listed(pattern.replace(/[*?].*$/s, ''), ports, invocation.signal)) {
      for (const file of page) {
        const isPooled = matchesPattern(pattern, file.key);
        // Two patterns may cover the same file.
        if (!isPooled || done.some((other) => matchesPattern(other, file.key))) continue;
        if (keys.has(file.key) || !isOldFile(file.modified, retention, clock.now())) continue;
        yield file;
      }
    }
    done.push(pattern);
  }
}

/** In the order of their keys. */
const NO_POOL = [SITE_PREFIX, RELEASES_PREFIX];

/** Everything below a prefix; without one, everything but what stands in the folders of the releases and the hosting. */
async function* listed(
  prefix: string,
  ports: Context['ports'],
  signal: AbortSignal,
): AsyncGenerator<readonly StoredFile[]> {
  if (prefix !== '') return yield* ports.list(prefix, signal);
  let after: string | undefined;
  for (const folder of NO_POOL) {
    for await (const page of ports.list('', signal, after)) {
      const before = page.filter(({ key }) => key < folder);
      yield before;
      if (before.length < page.length) break;
    }
    // Behind every key of the folder: all of them go on with a letter or digit.
    after = `${folder}~`;
  }
  yield* ports.list('', signal, after);
}

async function* batches(files: AsyncIterable<StoredFile>): AsyncGenerator<StoredFile[]> {
  let batch: StoredFile[] = [];
  for await (const file of files) {
    batch.push(file);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
