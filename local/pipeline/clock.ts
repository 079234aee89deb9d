import { setTimeout as sleep } from 'node:timers/promises';

/** What deployment windows and approvals go by. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves at that time. Rejects with the signal's reason. */
  until(time: number, signal: AbortSignal): Promise<void>;
}

/** A timer of Node.js counts to 2³¹ milliseconds, 24 days, and stands still while the machine sleeps. */
const LONGEST_SLEEP_MS = 60_000;

export const systemClock: Clock = {
  now: Date.now,
  async until(time, signal) {
    for (let left = time - Date.now(); left > 0; left = time - Date.now()) {
      await sleep(Math.min(left, LONGEST_SLEEP_MS), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  },
};
