import { releasePrefix } from '../../lib/release/contract.ts';
import { type Context, isOutOfTime, type Tally } from './context.ts';
import type { Guard } from './guard.ts';

/**
 * Deletes the files of ended releases that no kept release is made of.
 *
 * @returns whether it got through all of them in time.
 */
export async function clear(
  ended: readonly string[],
  guard: Guard,
  tally: Tally,
  context: Context,
): Promise<boolean> {
  const { ports, invocation } = context;
  for (const id of ended) {
    // A page of a listing holds as many keys as one request deletes.
    for await (const page of ports.list(releasePrefix(id), invocation.signal)) {
      if (isOutOfTime(context)) return false;
      if (page.every(({ key }) => guard.keys.has(key))) continue;
      const files = await guard.passes(page);
      if (files.length === 0) continue;
      await ports.remove(
        files.map(({ key }) => key),
        invocation.signal,
      );
      tally.files += files.length;
      tally.bytes += files.reduce((bytes, { size }) => bytes + size, 0);
    }
  }
  return true;
}

/** Counts what `clear` would delete. */
export async function countFiles(
  ended: readonly string[],
  keys: ReadonlySet<string>,
  tally: Tally,
  { ports, invocation }: Context,
): Promise<void> {
  for (const id of ended) {
    for await (const page of ports.list(releasePrefix(id), invocation.signal)) {
      for (const { key, size } of page) {
        if (keys.has(key)) continue;
        tally.files += 1;
        tally.bytes += size;
      }
    }
  }
}
