import {
  FROZEN_KEY,
  type Freeze,
  LIVE_KEY,
  type Pointer,
  PREVIOUS_KEY,
  RELEASE_ID,
  RULES,
  releaseTime,
} from '../../lib/release/contract.ts';
import { Failure } from './failure.ts';
import { freezeText, readFreeze } from './freeze.ts';
import { changeStore, type PointerStore, type StoreTime, VALUE_BYTES } from './store.ts';

export interface FlipOptions {
  /**
   * Whether the release goes live although publishing is frozen: for a person who says so.
   *
   * @default false
   */
  readonly evenFrozen?: boolean;
  /** Freezes publishing in the same write: who goes back wants to stay there. */
  readonly freeze?: Freeze;
  /**
   * Asked where a release that was uploaded later is live: whoever decided before that release was, leaves it so.
   *
   * @default it goes live whatever is
   */
  readonly mayGoBack?: (signal: AbortSignal) => Promise<boolean>;
}

/** What is to go live. */
export interface Target extends Pointer {
  /**
   * What has to be in the store as well while it is live: the values of its redirect rules, by key.
   *
   * @default none
   */
  readonly values?: ReadonlyMap<string, string>;
}

export type Flip = Flipped | Frozen;

export interface Flipped {
  readonly kind: 'flipped';
  /** Not if the pointer said so already. */
  readonly changed: boolean;
  /** The release that was live before it; none if it is the first. */
  readonly previousId: string | undefined;
  /** What `previous` held before, if this changed it. */
  readonly older: string | undefined;
}

/** Nothing was written: no release goes live until somebody unfreezes. */
export interface Frozen {
  readonly kind: 'frozen';
  readonly freeze: Freeze;
  /** The release that stays live; none if there is none, or its pointer is damaged. */
  readonly liveId: string | undefined;
}

/**
 * Makes a release the live one and remembers the one before it, in one write that either finds
 * the store as it was read or does nothing. Whoever writes in between, this starts again from what
 * they wrote. Doing it twice is the same as doing it once.
 *
 * `pointerOf` looks the release up, and throws if it must not go live. It is asked in each try, after the store's
 * version was taken: whoever makes the answer a no and then writes to the store, whatever it is, can be
 * sure that no write made after a yes is still to come.
 *
 * @throws Error of the last try when the time is over; any other error of the store, or of
 * `pointerOf` or `mayGoBack`, at once; Failure if it may not go back.
 */
export async function flip(
  pointerOf: (signal: AbortSignal) => Promise<Target>,
  store: PointerStore,
  time: StoreTime,
  { evenFrozen = false, freeze, mayGoBack }: FlipOptions = {},
): Promise<Flip> {
  const freezing: [string, string][] = freeze ? [[FROZEN_KEY, freezeText(freeze)]] : [];
  let older: string | undefined;
  return changeStore<Flip>(store, time, async (get, mayHaveWritten) => {
    const target = await pointerOf(time.signal);
    const live = await get(LIVE_KEY);
    const liveId = live === undefined ? undefined : readPointer(live)?.id;
    const previous = await get(PREVIOUS_KEY);
    const previousId = previous === undefined ? undefined : readPointer(previous)?.id;
    const before = liveId === target.id ? previousId : liveId;
    const text = pointerText({ ...target, ...(before !== undefined && { before }) });
    const values = [...(target.values ?? [])];

    if (live === text || liveId === target.id) {
      // The same release found in another way: the one before it stays the one before it.
      const pointing = live === text ? [] : [[LIVE_KEY, text] as const, ...values];
      // Written by an earlier try whose answer was lost: a third one would tell nothing new.
      const isSaid = freezing.length > 0 && (await get(FROZEN_KEY)) === freezing[0]?.[1];
      const changes = new Map([...pointing, ...(isSaid ? [] : freezing)]);
      const changed = live !== text || mayHaveWritten;
      return { changes, result: { kind: 'flipped', changed, previousId, older } };
    }

    const isNewer = liveId !== undefined && releaseTime(liveId) > releaseTime(target.id);
    if (isNewer && mayGoBack && !(await mayGoBack(time.signal))) {
      // By an earlier try whose answer was lost.
      const was = mayHaveWritten ? 'may have been live for a moment' : 'was not made live';
      throw new Failure(
        'JobFailed',
        `Release ${target.id} ${was}: visitors get release ${liveId}, which is newer. To go back: npm run releases -- rollback ${target.id}`,
        { externalExecutionId: target.id },
      );
    }
    const frozen = evenFrozen ? undefined : await get(FROZEN_KEY);
    if (frozen !== undefined) {
      return { result: { kind: 'frozen', freeze: readFreeze(frozen), liveId } };
    }
    const changes = new Map([[LIVE_KEY, text], ...values, ...freezing]);
    if (live !== undefined) changes.set(PREVIOUS_KEY, live);
    older = previous;
    return { changes, result: { kind: 'flipped', changed: true, previousId: liveId, older } };
  });
}

export type TakenBack =
  /** Visitors get that release again. */
  | { readonly kind: 'back'; readonly to: string }
  /** Somebody made another release live; nothing was written. */
  | { readonly kind: 'overtaken'; readonly liveId: string | undefined }
  /** There is no release to go back to; nothing was written. */
  | { readonly kind: 'nowhere' }
  /** The release to go back to was ended meanwhile; nothing was written. */
  | { readonly kind: 'gone'; readonly to: string };

/**
 * Undoes the flip to release `id`: the release before it is live again, and `older` is remembered as
 * the one before that. Only if `id` is still live: what somebody else did since stays as it is.
 *
 * `isOver` says whether a release was ended. Asked in each try after the store's version was taken, as `pointerOf`
 * is in `flip`: what is remembered as the one before may be one that a clean-up has deleted since.
 *
 * @throws Error as `flip` does.
 */
export async function takeBack(
  id: string,
  older: string | undefined,
  isOver: (id: string, signal: AbortSignal) => Promise<boolean>,
  store: PointerStore,
  time: StoreTime,
): Promise<TakenBack> {
  return changeStore<TakenBack>(store, time, async (get, mayHaveWritten) => {
    const live = await get(LIVE_KEY);
    const liveId = live === undefined ? undefined : readPointer(live)?.id;
    if (liveId !== id) {
      const previous = await get(PREVIOUS_KEY);
      // Our own write, whose answer was lost: it left both keys exactly so.
      const back = mayHaveWritten && liveId !== undefined && previous === older;
      return { result: back ? { kind: 'back', to: liveId } : { kind: 'overtaken', liveId } };
    }
    const before = await get(PREVIOUS_KEY);
    const to = before === undefined ? undefined : readPointer(before)?.id;
    if (before === undefined || to === undefined || to === id)
      return { result: { kind: 'nowhere' } };
    if (await isOver(to, time.signal)) return { result: { kind: 'gone', to } };
    const changes = new Map([
      [LIVE_KEY, before],
      [PREVIOUS_KEY, older],
    ]);
    return { changes, result: { kind: 'back', to } };
  });
}

/**
 * The value to store. The router reads these fields, of which the last ones are rare. Without `rules` nobody asks what was
 * live before.
 *
 * @throws Error if it is larger than the store takes.
 */
export function pointerText({ id, base, delta, style, pages, rules, before }: Pointer): string {
  const ruled = rules && { rules, before };
  const text = JSON.stringify({ id, base, delta, style, pages, ...ruled });
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
    const { id, base, delta, style, pages, rules, before } = JSON.parse(text);
    const valid =
      RELEASE_ID.test(id) &&
      RELEASE_ID.test(base) &&
      typeof delta === 'string' &&
      (rules === undefined || RULES.test(rules)) &&
      (before === undefined || RELEASE_ID.test(before));
    if (!valid) return undefined;
    return {
      id,
      base,
      delta,
      ...(style && { style }),
      ...(pages !== undefined && { pages }),
      ...(rules && { rules }),
      ...(before && { before }),
    };
  } catch {
    return undefined;
  }
}
