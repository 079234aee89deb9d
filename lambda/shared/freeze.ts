import * as v from 'valibot';
import { FROZEN_KEY, type Freeze } from '../../lib/release/contract.ts';
import { changeStore, type PointerStore, type StoreTime, VALUE_BYTES } from './store.ts';

const freezeSchema = v.object({ by: v.string(), reason: v.string(), at: v.string() });

/**
 * Freezes publishing, or gives another reason for it. A promotion that is under way either has made its
 * release live before, or makes none live.
 *
 * @returns the freeze that was there before.
 * @throws Error if who and why need more room than the store has for a value.
 */
export async function freeze(
  why: Freeze,
  store: PointerStore,
  time: StoreTime,
): Promise<Freeze | undefined> {
  const text = freezeText(why);
  return changeStore(store, time, async (get) => {
    const frozen = await get(FROZEN_KEY);
    return {
      changes: new Map([[FROZEN_KEY, text]]),
      // The same text is our own, written by a try whose answer got lost.
      result: frozen === undefined || frozen === text ? undefined : readFreeze(frozen),
    };
  });
}

/**
 * Lets releases go live again. Makes none live itself.
 *
 * @returns the freeze that ended; nothing if publishing was not frozen.
 */
export async function unfreeze(store: PointerStore, time: StoreTime): Promise<Freeze | undefined> {
  let ended: Freeze | undefined;
  return changeStore(store, time, async (get) => {
    const frozen = await get(FROZEN_KEY);
    // The answer to an earlier try may have got lost: then it is gone and was ours.
    if (frozen === undefined) return { result: ended };
    ended = readFreeze(frozen);
    return { changes: new Map([[FROZEN_KEY, undefined]]), result: ended };
  });
}

/** @throws Error if it is larger than the store takes. */
export function freezeText({ by, reason, at }: Freeze): string {
  const text = JSON.stringify({ by, reason, at });
  const bytes = Buffer.byteLength(text);
  if (bytes > VALUE_BYTES) {
    throw new Error(
      `freeze: got ${bytes} bytes; the key-value store takes ${VALUE_BYTES} for a value, so write a shorter reason`,
    );
  }
  return text;
}

/** Whatever stands under the key freezes: somebody may have written it by hand, and meant it. */
export function readFreeze(text: string): Freeze {
  try {
    return v.parse(freezeSchema, JSON.parse(text));
  } catch {
    return { by: 'somebody', reason: text, at: 'an unknown time' };
  }
}
