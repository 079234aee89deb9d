import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithThisProcess, groupEnded, signalGroup } from '../process-group.ts';

/** From a polite SIGTERM to SIGKILL. */
const KILL_GRACE_MS = 2_000;
/** How long the group takes to end, and output may still come from a process that left it and keeps the pipe open. */
const DRAIN_MS = 1_000;
/** A longer line is passed on in pieces, so that output without line breaks cannot fill the memory. */
const MAX_LINE_LENGTH = 64 * 1024;

// Commands come one by one as files, and each answers with a mark in the output stream itself, so
// the answer cannot overtake the output it belongs to. Both channels are closed to the commands.
// Whatever ends the shell (`exit 0` in a command is legal) leaves its state for the next one.
const DRIVER = `__state=$1 __mark=$2
shift 2
exec 4>&1 2>&1
trap '__code=$?; export -p >"$__state/env"; pwd >"$__state/dir"; exit $__code' EXIT
if [ -f "$__state/env" ]; then . "$__state/env"; cd "$(cat "$__state/dir")" || exit 1; fi
while IFS= read -r __file <&3; do
  . "$__file" 3<&- 4>&-
  printf '\\036%s %s\\n' "$__mark" "$?" >&4
done
trap - EXIT
`;

/** How a command ended, in CodeBuild's words; `undefined` when it succeeded. */
export type Reason = string | undefined;

/**
 * One shell that commands are run in one after the other: what one of them exports, defines or
 * changes into is there for the next, as in buildspec version 0.2.
 *
 * The shell leads a process group of its own, so that everything a command started can be ended
 * with it.
 */
export class BuildShell {
  readonly #options: ShellOptions;
  readonly #mark = randomUUID();
  #child: ChildProcess | undefined;
  #buffer = '';
  #settle: (reason: Reason) => void = () => {};
  #commands = 0;
  #ended: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: ShellOptions) {
    this.#options = options;
  }

  /** Runs one command to its end. Never rejects for a command that fails. */
  async run(command: string): Promise<Reason> {
    await mkdir(this.#options.stateDirectory, { recursive: true });
    const file = join(this.#options.stateDirectory, `command-${++this.#commands}.sh`);
    await writeFile(file, `${command}\n`);
    if (!this.#child) await this.#start();
    // Closed while the shell was on its way up: close() had nothing to end yet.
    if (this.#closed) {
      await this.close();
      return 'the build was ended';
    }
    const reason = new Promise<Reason>((resolve) => {
      this.#settle = resolve;
    });
    const commands = this.#child?.stdio[3] as Writable | undefined;
    commands?.write(`${file}\n`);
    return reason;
  }

  /** Ends the shell and everything it started, and waits for that. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child) {
      signalGroup(child, 'SIGTERM');
      const patience = new AbortController();
      const impatient = sleep(KILL_GRACE_MS, undefined, { signal: patience.signal })
        .then(() => signalGroup(child, 'SIGKILL'))
        .catch(() => {});
      await this.#ended;
      patience.abort();
      await impatient;
    }
    await this.#ended;
  }

  async #start(): Promise<void> {
    const { shell, cwd, env, stateDirectory } = this.#options;
    const driver = join(stateDirectory, 'driver.sh');
    if (!existsSync(driver)) await writeFile(driver, DRIVER);
    const child = spawn(shell, [driver, stateDirectory, this.#mark], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#buffer = '';
    endWithThisProcess(child, () => signalGroup(child, 'SIGKILL'));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    }
    // The shell may be gone when a command is written to it; its exit is what counts.
    child.stdio[3]?.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#child = undefined;
        this.#settle(`${shell} could not be started: ${error.message}`);
        resolve();
      });
      child.once('exit', async (code, signal) => {
        // Daemons that a command left behind end with the shell, like with CodeBuild's container.
        signalGroup(child, 'SIGKILL');
        await Promise.all([
          groupEnded(child, DRAIN_MS),
          Promise.race([
            new Promise((drained) => child.once('close', drained)),
            sleep(DRAIN_MS, undefined, { ref: false }),
          ]),
        ]);
        child.stdout?.destroy();
        child.stderr?.destroy();
        if (this.#buffer !== '') this.#emit(this.#buffer);
        this.#buffer = '';
        this.#child = undefined;
        this.#settle(signal ? `signal ${signal}` : code ? `exit status ${code}` : undefined);
        resolve();
      });
    });
  }

  #take(text: string): void {
    this.#buffer += text;
    for (;;) {
      const mark = this.#buffer.indexOf(`\u001e${this.#mark} `);
      const newline = this.#buffer.indexOf('\n', Math.max(mark, 0));
      if (newline < 0) break;
      if (mark < 0) {
        this.#emit(this.#buffer.slice(0, newline));
        this.#buffer = this.#buffer.slice(newline + 1);
        continue;
      }
      const before = this.#buffer.slice(0, mark);
      if (before !== '') for (const line of before.replace(/\n$/, '').split('\n')) this.#emit(line);
      const status = this.#buffer.slice(mark + this.#mark.length + 2, newline);
      this.#buffer = this.#buffer.slice(newline + 1);
      this.#settle(status === '0' ? undefined : `exit status ${status}`);
    }
    while (this.#buffer.length > MAX_LINE_LENGTH && !this.#buffer.includes('\u001e')) {
      this.#emit(this.#buffer.slice(0, MAX_LINE_LENGTH));
      this.#buffer = this.#buffer.slice(MAX_LINE_LENGTH);
    }
  }

  #emit(line: string): void {
    // What a progress bar drew before its last carriage return would not be seen either.
    const drawn = line.replace(/\r+$/, '');
    this.#options.output(drawn.slice(drawn.lastIndexOf('\r') + 1));
  }
}

export interface ShellOptions {
  readonly shell: 'bash' | 'sh';
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** A folder of the shell's own. */
  readonly stateDirectory: string;
  output(line: string): void;
}
