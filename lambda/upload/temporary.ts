import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'artifact-';

/** Those of this process that are lent at the moment. */
const lent = new Set<string>();

/**
 * Lends a folder on disk, removed again whatever happens. A process that was killed cannot do that,
 * and Lambda's next one finds the same disk: so the folders of processes that are gone go first.
 */
export async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await removeLeftovers();
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  lent.add(folder);
  try {
    return await work(folder);
  } finally {
    lent.delete(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const folder = join(tmpdir(), name);
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-\\w{6}$`).exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || lent.has(folder)) continue;
    // Ours and not lent: an earlier process had the same number, which in Lambda is the rule.
    if (pid === process.pid || !isRunning(pid)) await rm(folder, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is running as well, though not ours to signal.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
