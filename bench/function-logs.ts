import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** An invocation, as the last line of its log has it. */
export interface Invocation {
  /** Of the handler. */
  readonly durationMs: number;
  /** With the start of the process. */
  readonly billedMs: number;
  /** What the function has. */
  readonly memoryMiB: number;
  /** The most that it needed; nothing if it ended before it could say. */
  readonly peakMiB: number | undefined;
}

export interface Logged {
  readonly invocations: readonly Invocation[];
  /** All of it. */
  readonly text: string;
}

/** A function has reported its result a moment before its process ends. */
const LONGEST_MS = 10_000;
const LOOK_EVERY_MS = 20;

/** The logs of a local stack's functions, each read from where it was read to the last time. */
export class FunctionLogs {
  readonly #folder: string;
  readonly #read = new Map<string, number>();

  constructor(state: string) {
    this.#folder = join(state, 'logs');
  }

  /** What a function has logged since. @throws Error where an invocation does not end */
  async next(functionName: string, signal: AbortSignal): Promise<Logged> {
    const from = this.#read.get(functionName) ?? 0;
    const until = performance.now() + LONGEST_MS;
    for (;;) {
      const bytes = await readFile(join(this.#folder, `${functionName}.log`)).catch(() =>
        Buffer.alloc(0),
      );
      const text = bytes.toString('utf8', from);
      const lines = text.split('\n');
      const begun = lines.filter((line) => line.startsWith('START RequestId: ')).length;
      // The last one is empty, unless a line is only half written.
      const invocations = lines.slice(0, -1).flatMap((line) => invocationIn(line) ?? []);
      if (invocations.length === begun) {
        this.#read.set(functionName, bytes.length);
        return { invocations, text };
      }
      if (performance.now() > until)
        throw new Error(`${functionName}: its invocation does not end`);
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }
}

function invocationIn(line: string): Invocation | undefined {
  if (!line.startsWith('REPORT RequestId: ')) return undefined;
  const number = (name: string): number | undefined => {
    const value = new RegExp(`\\t${name}: ([\\d.]+) M?[Bm]`).exec(line)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const [durationMs, billedMs] = [number('Duration'), number('Billed Duration')];
  const memoryMiB = number('Memory Size');
  if (durationMs === undefined || billedMs === undefined || memoryMiB === undefined) {
    return undefined;
  }
  return { durationMs, billedMs, memoryMiB, peakMiB: number('Max Memory Used') };
}
