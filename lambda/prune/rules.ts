import { LIVE_KEY, PREVIOUS_KEY, RULES_PREFIX, rulesKeys } from '../../lib/release/contract.ts';
import { readPointer } from '../shared/pointer.ts';
import { changeStore, UPDATE_KEYS } from '../shared/store.ts';
import { type Context, isOutOfTime } from './context.ts';

/**
 * Of kept releases, so many of the newest keep their rules in the store: an edge that is minutes behind may still ask for
 * them. Going back to any other writes them again, so this only bounds what is stored: 50 times 40 values of 1 KB are
 * less than half of the store's 5 MB.
 */
export const KEPT_RULES = 50;

/**
 * Removes the values of redirect rules that no pointer and none of these releases names, as many as one update takes at a time.
 * Each update stands for the store as it was read: a promotion in between makes it look again.
 *
 * @returns whether it got through all of them in time.
 */
export async function clearRules(
  /** `Pointer.rules` of kept releases. */
  kept: readonly string[],
  context: Context,
): Promise<boolean> {
  const { ports, clock, invocation } = context;
  const { endAt, signal, log } = invocation;
  const time = { clock, endAt, signal };
  for (;;) {
    if (isOutOfTime(context)) return false;
    const removed = await changeStore(ports.pointer, time, async (get) => {
      const named = new Set(kept.flatMap(rulesKeys));
      for (const key of [LIVE_KEY, PREVIOUS_KEY]) {
        const text = await get(key);
        const pointer = text === undefined ? undefined : readPointer(text);
        // Nobody knows what it needs.
        if (text !== undefined && pointer === undefined) return { result: 0 };
        for (const value of rulesKeys(pointer?.rules)) named.add(value);
      }
      const keys = await ports.pointer.keys(RULES_PREFIX, signal);
      const unneeded = keys.filter((key) => !named.has(key)).slice(0, UPDATE_KEYS);
      return {
        changes: new Map(unneeded.map((key) => [key, undefined])),
        result: unneeded.length,
      };
    });
    if (removed > 0) log('info', 'values of old redirect rules removed', { values: removed });
    if (removed < UPDATE_KEYS) return true;
  }
}
