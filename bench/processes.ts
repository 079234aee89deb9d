import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A process to be measured, with all of its environment. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Written to its standard input. */
  readonly input?: string;
}

/** Whatever takes longer hangs. */
const LONGEST_MS = 60_000;

export interface Started {
  /** What it said on its standard output. */
  readonly output: Promise<string>;
  /** Just before the process was spawned, by `performance.now()`. */
  readonly began: number;
  /** When its first output arrived; `undefined` if there was none. Rejects if it does not end well. */
  readonly firstOutput: Promise<number | undefined>;
}

/** Starts a process. It ends by itself, on the signal, or after a minute. */
export function start(command: Command, signal: AbortSignal): Started {
  const began = performance.now();
  const child = spawn(command.file, command.args, {
    env: command.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
    signal,
  });
  let firstOutput: number | undefined;
  let [said, output] = ['', ''];
  const listen = (text: Buffer) => {
    said = `${said}${text}`.slice(-2_000);
  };
  child.stdout.on('data', (text: Buffer) => {
    firstOutput ??= performance.now();
    output += text;
    listen(text);
  });
  child.stderr.on('data', listen);
  // A process that ended early says more by how it ended.
  child.stdin.on('error', () => {});
  child.stdin.end(command.input ?? '');
  const ended = once(child, 'close').then(([code, killedBy]) => {
    if (code === 0) return firstOutput;
    const how = killedBy ? `was ended by ${killedBy}` : `ended with exit status ${code}`;
    throw new Error([`${command.file} ${how}`, said.trim()].join('\n'));
  });
  // Its failure is told by `firstOutput` to whoever waits for that alone.
  const whole = ended.then(() => output);
  whole.catch(() => {});
  return { began, firstOutput: ended, output: whole };
}

/** What a process says. @throws Error when it fails */
export async function outputOf(command: Command, signal: AbortSignal): Promise<string> {
  const { firstOutput, output } = start(command, signal);
  await firstOutput;
  return output;
}

/**
 * Milliseconds from the spawn to the first byte of output.
 *
 * @throws Error when the process fails or says nothing
 */
export async function untilFirstOutput(command: Command, signal: AbortSignal): Promise<number> {
  const { began, firstOutput } = start(command, signal);
  const at = await firstOutput;
  if (at === undefined) throw new Error(`${command.file}: ended without any output`);
  return at - began;
}

/**
 * Measures several things in turn, `runs` times each, after one turn that does not count: what the
 * machine does meanwhile then falls on all of them alike.
 */
export async function inTurn<K extends string, T>(
  runs: number,
  measures: Readonly<Record<K, () => Promise<T>>>,
): Promise<Record<K, T[]>> {
  const names = Object.keys(measures) as K[];
  const taken = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<K, T[]>;
  for (let run = 0; run <= runs; run += 1) {
    for (const name of names) {
      const value = await measures[name]();
      if (run > 0) taken[name].push(value);
    }
  }
  return taken;
}
