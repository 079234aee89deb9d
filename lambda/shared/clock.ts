import { setTimeout as sleep } from 'node:timers/promises';

/** Time, handed in so that tests need none. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with an `AbortError` as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};

/**
 * How long to wait before try number `attempt` (from 1): doubles from `firstMs` up to `maxMs`, then
 * shortened at random by up to half, so that those who collided once do not collide again.
 */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random = Math.random) {
  return Math.min(maxMs, firstMs * 2 ** (attempt - 1)) * (1 - random() / 2);
}
