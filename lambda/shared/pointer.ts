import { LIVE_KEY, type Pointer, PREVIOUS_KEY, RELEASE_ID } from '../../lib/release/contract.ts';
import { backoffMs, type Clock } from './clock.ts';
import { factsOf, isBusy } from './failure.ts';

/** The key-value store, in our own words. */
export interface PointerStore {
  /** The state of the whole store: every write by anybody changes it. */
  version(signal: AbortSignal): Promise<string>;
  get(key: string, signal: AbortSignal): Promise<string | undefined>;
  /** All of them or none; rejects if the store is no longer at that version. */
  put(values: ReadonlyMap<string, string>, version: string, signal: AbortSignal): Promise<void>;
}

export interface Flip {
  /** Nothing, if the pointer said so already. */
  readonly changed: boolean;
  /** The release that was live before `target`; none if `target` is the first. */
  readonly previousId: string | undefined;
}

export interface FlipTime {
  readonly clock: Clock;
  /** No further try after this, in milliseconds since 1970. */
  readonly endAt: number;
  readonly signal: AbortSignal;
}

/** The key-value store's limit for a value. */
const VALUE_BYTES = 1_024;

/**
 * Makes `target` the live release and remembers the one before it, in one write that either finds
 * the store as it was read or does nothing. Whoever writes in between, this starts again from what
 * they wrote. Doing it twice is the same as doing it once.
 *
 * @throws Error of the last try when the time is over; any other error of the store at once.
 */
export async function flip(
  target: Pointer,
  store: PointerStore,
  { clock, endAt, signal }: FlipTime,
): Promise<Flip> {
  const text = pointerText(target);
  for (let attempt = 1; ; attempt += 1) {
    let version: string | undefined;
    try {
      // In this order: what is read after the version was taken is at least as new as the version.
      version = await store.version(signal);
      const live = await store.get(LIVE_KEY, signal);
      const liveId = live === undefined ? undefined : readPointer(live)?.id;

      if (live === text || liveId === target.id) {
        const previous = await store.get(PREVIOUS_KEY, signal);
        if (live !== text) {
          // The same release found in another way: the one before it stays the one before it.
          await store.put(new Map([[LIVE_KEY, text]]), version, signal);
        }
        const previousId = previous === undefined ? undefined : readPointer(previous)?.id;
        return { changed: live !== text, previousId };
      }

      const values = new Map([[LIVE_KEY, text]]);
      if (live !== undefined) values.set(PREVIOUS_KEY, live);
      await store.put(values, version, signal);
      return { changed: true, previousId: liveId };
    } catch (error) {
      const again = isBusy(error) || (await isConflict(error, version, store, signal));
      const wait = backoffMs(attempt, 100, 5_000);
      if (!again || clock.now() + wait >= endAt) throw error;
      await clock.sleep(wait, signal);
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

/**
 * The value to store. The router reads these three fields.
 *
 * @throws Error if it is larger than the store takes.
 */
export function pointerText({ id, base, delta }: Pointer): string {
  const text = JSON.stringify({ id, base, delta });
  const bytes = Buffer.byteLength(text);
  if (bytes > VALUE_BYTES) {
    throw new Error(
      `pointer of ${id}: ${bytes} bytes; the key-value store takes ${VALUE_BYTES} for a value`,
    );
  }
  return text;
}

/** The pointer in a stored value, or nothing if it is none: somebody may have written it by hand. */
export function readPointer(text: string): Pointer | undefined {
  try {
    const { id, base, delta } = JSON.parse(text);
    const valid = RELEASE_ID.test(id) && RELEASE_ID.test(base) && typeof delta === 'string';
    return valid ? { id, base, delta } : undefined;
  } catch {
    return undefined;
  }
}
