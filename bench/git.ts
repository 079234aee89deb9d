import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

/** Runs git in one folder and returns what it said, on either stream. */
export type Git = (...args: readonly string[]) => Promise<string>;

const IDENTITY = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com'];
/** Nothing that a person has set up for every repository of theirs. */
const PLAIN = ['-c', 'commit.gpgSign=false', '-c', 'core.hooksPath=/dev/null'];

export function gitIn(directory: string, signal: AbortSignal): Git {
  return async (...args) => {
    const { stdout, stderr } = await promisify(execFile)('git', [...IDENTITY, ...PLAIN, ...args], {
      ...placeOf(directory),
      maxBuffer: 64 * 1024 * 1024,
      signal,
    });
    return `${stdout}${stderr}`;
  };
}

/**
 * Makes commits from a stream, without a file on disk for each of theirs: `git fast-import`.
 *
 * @throws Error with what git said
 */
export async function importCommits(
  directory: string,
  commands: AsyncIterable<string | Buffer> | Iterable<string | Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn('git', ['fast-import', '--quiet'], {
    ...placeOf(directory),
    stdio: ['pipe', 'ignore', 'pipe'],
    signal,
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said += text;
  });
  const ended = once(child, 'close');
  // That git ended says why it reads no further.
  await pipeline(Readable.from(commands), child.stdin).catch(() => {});
  const [status] = await ended;
  if (status !== 0) throw new Error(`git fast-import: ${said.trim()}`);
}

const placeOf = (cwd: string) => ({
  cwd,
  // GIT_DIR and its like are set inside hooks and would win over cwd.
  env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))),
});
