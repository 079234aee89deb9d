import { backoffMs, type Clock } from './clock.ts';
import { factsOf, isBusy } from './failure.ts';

/** The key-value store, in our own words. */
export interface PointerStore {
  /** The state of the whole store: every write by anybody changes it. */
  version(signal: AbortSignal): Promise<string>;
  get(key: string, signal: AbortSignal): Promise<string | undefined>;
  /** All keys that begin with that. */
  keys(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Sets each key to its value, and removes those without one. All of them or none; rejects if the store
   * is no longer at that version.
   */
  put(values: Changes, version: string, signal: AbortSignal): Promise<void>;
}

export type Changes = ReadonlyMap<string, string | undefined>;

export interface StoreTime {
  readonly clock: Clock;
  /** No further try after this, in milliseconds since 1970. */
  readonly endAt: number;
  readonly signal: AbortSignal;
}

/** The key-value store's limit for a value. */
export const VALUE_BYTES = 1_024;

/** How many keys one update changes at most. */
export const UPDATE_KEYS = 50;

/** What to write, or nothing; and what to answer once it is written. */
export interface Decision<T> {
  readonly changes?: Changes;
  readonly result: T;
}

/**
 * Reads the store, decides, and writes: one write that either finds the store as it was read or does
 * nothing. Whoever writes in between, `decide` is asked again about what they wrote. It is told if
 * the answer to an earlier write of this call was lost, so that what it reads may be its own.
 *
 * @throws Error of the last try when the time is over; any other error at once.
 */
export async function changeStore<T>(
  store: PointerStore,
  { clock, endAt, signal }: StoreTime,
  decide: (
    get: (key: string) => Promise<string | undefined>,
    mayHaveWritten: boolean,
  ) => Promise<Decision<T>>,
): Promise<T> {
  let mayHaveWritten = false;
  let problem: unknown;
  for (let attempt = 1; ; attempt += 1) {
    let version: string | undefined;
    let writing = false;
    try {
      // In this order: what is read after the version was taken is at least as new as the version.
      version = await store.version(signal);
      const { changes, result } = await decide((key) => store.get(key, signal), mayHaveWritten);
      if (changes === undefined || changes.size === 0) return result;
      writing = true;
      await store.put(changes, version, signal);
      return result;
    } catch (error) {
      // Stopped in the middle of a try: what was the matter with the one before says more than that.
      if (signal.aborted) throw problem ?? error;
      problem = error;
      const busy = isBusy(error);
      const again = busy || (await isConflict(error, version, store, signal));
      const wait = backoffMs(attempt, 100, 5_000);
      if (!again || clock.now() + wait >= endAt) throw error;
      mayHaveWritten ||= writing && busy;
      // Out of time: what was the matter says more than that.
      await clock.sleep(wait, signal).catch(() => {
        throw error;
      });
    }
  }
}

/**
 * Whether the store was not at that version any more. Documented as ConflictException; seen as
 * ValidationException too, which may also mean what it says, so then the version decides.
 */
async function isConflict(
  error: unknown,
  version: string | undefined,
  store: PointerStore,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, status } = factsOf(error);
  if (name === 'ConflictException' || status === 409 || status === 412) return true;
  if (name !== 'ValidationException' || version === undefined) return false;
  return (await store.version(signal)) !== version;
}
