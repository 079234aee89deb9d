import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 5;

/** Signals everything that a child in a process group of its own has started. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left in the group, which is what was asked for.
  }
}

/**
 * Waits until nobody is left in a child's group: a signal is only sent, and whoever gets it ends a moment later.
 *
 * @param mostMs where nobody collects those who have ended, as the first process of some containers, they are left for good
 */
export async function groupEnded({ pid }: ChildProcess, mostMs: number): Promise<void> {
  const until = performance.now() + mostMs;
  while (pid !== undefined && isAnybodyIn(pid) && performance.now() < until) {
    await sleep(LOOK_EVERY_MS);
  }
}

function isAnybodyIn(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    // ESRCH; or EPERM, which macOS says of those who have ended.
    return false;
  }
}

/**
 * Ends a child when this process ends, however it ends: by itself a child, in a group of its own or not,
 * would go on.
 */
export function endWithThisProcess(child: ChildProcess, kill: () => void): void {
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}
