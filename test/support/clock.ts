import type { Clock } from '../../local/pipeline/clock.ts';

/** A clock that stands still until somebody sets it. */
export function aClock(start: string): Clock & { set(time: string): void } {
  let now = Date.parse(start);
  const sleepers = new Set<{ time: number; wake: () => void }>();
  return {
    now: () => now,
    until: (time, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        if (time <= now) return resolve();
        const sleeper = { time, wake: resolve };
        sleepers.add(sleeper);
        signal.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
    set(time) {
      now = Date.parse(time);
      for (const sleeper of [...sleepers].filter(({ time: due }) => due <= now)) {
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
  };
}
