import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

/** As `npm run releases` starts it, in the checkout. */
export const COMMAND = ['--import', 'tsx', 'bin/releases.ts'];

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** The operator's command in a process of its own, without a terminal. */
export function run(
  words: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [...COMMAND, ...words], {
    cwd: CHECKOUT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text: Buffer) => {
    out += text;
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, out, err }));
  });
}

/** The same for the stack that runs on that state. */
export const releases = (state: string, stack: string, ...words: string[]): Promise<Ran> =>
  run([...words, '--local', '--state', state, '--stack', stack]);
