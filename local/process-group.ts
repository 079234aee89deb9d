import type { ChildProcess } from 'node:child_process';

/** Signals everything that a child in a process group of its own has started. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left in the group, which is what was asked for.
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
