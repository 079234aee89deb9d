import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, signalGroup } from '../local/process-group.ts';
import type { LocalStack } from '../local/stack.ts';

export interface RollbackInput {
  readonly stack: LocalStack;
  /** Its folder. */
  readonly state: string;
  /** As the operator names it; nothing for the release before. */
  readonly word: string | undefined;
  /** The release that it leads to, and its start page. */
  readonly id: string;
  readonly page: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** In milliseconds, from the start of the command unless it says otherwise. */
export interface Rollback {
  /** Until the site answered with the start page of the old release. */
  readonly firstPage: number;
  /** The same from the write of the pointer on, as the command says. */
  readonly sincePointer: number;
  readonly end: number;
  /** Of the largest of the command's processes. */
  readonly peakMiB: number;
}

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
const PEAK_MEMORY = fileURLToPath(new URL('./peak-memory.cjs', import.meta.url));

/** How exactly the moment is known. */
const ASK_EVERY_MS = 5;

/**
 * Runs the operator's command as a person types it and watches the site as a visitor would.
 *
 * @throws Error with what the command said if it did not come to its end
 */
export async function rollBack(input: RollbackInput): Promise<Rollback> {
  const { stack, word, state, scratch, signal } = input;
  const { stackName } = stack.assembly;
  const memory = await mkdtemp(join(scratch, 'memory-'));
  const words = ['rollback', ...(word === undefined ? [] : [word]), '--yes', '--json'];
  const began = performance.now();
  const child = spawn(
    'npm',
    // biome-ignore format: one line as it is typed
    ['run', '--silent', 'releases', '--', ...words, '--local', '--state', state, '--stack', stackName],
    {
      cwd: CHECKOUT,
      stdio: ['ignore', 'pipe', 'pipe'],
      // npm starts the command, which would outlive it.
      detached: true,
      env: {
        ...process.env,
        NODE_OPTIONS: `--require ${JSON.stringify(PEAK_MEMORY)}`,
        BENCH_PEAK_MEMORY: memory,
      },
    },
  );
  const kill = () => signalGroup(child, 'SIGKILL');
  endWithThisProcess(child, kill);
  signal.addEventListener('abort', kill, { once: true });
  let [out, said] = ['', ''];
  child.stdout.on('data', (text: Buffer) => {
    out += text;
  });
  child.stderr.on('data', (text: Buffer) => {
    said += text;
  });
  const over = new AbortController();
  const ended = once(child, 'close').then(([status]) => {
    over.abort();
    if (status !== 0) throw new Error(`npm run releases -- ${words.join(' ')}: ${said}${out}`);
    return performance.now();
  });
  ended.catch(() => {});
  try {
    const firstPage = await firstPageOf(input, AbortSignal.any([over.signal, signal]));
    const end = await ended;
    signal.throwIfAborted();
    const { firstPage: told } = JSON.parse(out);
    if (firstPage === undefined || told === null) {
      throw new Error(
        `npm run releases -- ${words.join(' ')}: ended, and the site does not answer`,
      );
    }
    return {
      firstPage: firstPage - began,
      sincePointer: told.sincePointerMs,
      end: end - began,
      peakMiB: await largestIn(memory),
    };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** When the site named the release and answered with its start page; nothing if the signal came first. */
async function firstPageOf(
  { stack, id, page }: RollbackInput,
  signal: AbortSignal,
): Promise<number | undefined> {
  const get = async (path: string) => (await fetch(`${stack.siteUrl}${path}`)).text();
  for (;;) {
    if ((await get('/.well-known/release')).trim() === id && (await get('/')) === page) {
      return performance.now();
    }
    // Once more after the end: the last look may have been a moment before.
    if (signal.aborted) return undefined;
    await sleep(ASK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function largestIn(folder: string): Promise<number> {
  const names = await readdir(folder);
  const peaks = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return Math.max(...peaks.map(Number));
}
