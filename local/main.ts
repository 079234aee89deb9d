import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { assertNotRunning, LocalStack } from './stack.ts';
import { synthesize } from './synth.ts';
import { Terminal } from './terminal.ts';
import { CHECKOUT, fromHere, type Where, whereOf } from './where.ts';

const HELP = `npm start [-- OPTIONS]

Runs the whole stack on this machine: synthesises it, publishes the current commit through its
pipeline, serves the site, and publishes again with every push or upload. Needs no AWS account.

  --environment NAME  an environment of site.config.ts (default production)
  --port PORT         where the site is served on 127.0.0.1 (default 8080)
  --state DIR         what is kept from one start to the next
                      (default .local, or .local/environments/NAME)
  --help              this text`;

interface Options extends Where {
  readonly port: number;
  /** What `npm run upload` needs to find this stack. */
  readonly uploadOptions: string;
  /** What the operator's command needs to find it. */
  readonly commandOptions: string;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) return;
  const terminal = new Terminal();
  const stopped = stopSignal();
  let stack: LocalStack | undefined;

  try {
    await assertNotRunning(options.state);
    await assertFree(options.port);
    useScratchFolder(options.state);
    const assembly = join(options.state, 'cdk.out');
    await terminal.during('Synthesising the stack', synthesize(assembly, stopped));
    stack = await LocalStack.start({
      ...options,
      assembly,
      log: (line) => terminal.line(`    ${line}`),
    });
    stack.events.listen(terminal.event);
    await untilStopped(stopped, run(stack, options, terminal, stopped));
  } catch (error) {
    if (!stopped.aborted) throw error;
  } finally {
    if (stack) await stack.stop();
    terminal.close();
  }
}

/** Aborted by the first request to stop. A second Ctrl-C, not the echo of the first, does not wait. */
function stopSignal(): AbortSignal {
  const stopped = new AbortController();
  let since = 0;
  const stop = (signal: NodeJS.Signals) => {
    if (!stopped.signal.aborted) {
      since = Date.now();
      stopped.abort();
    } else if (signal === 'SIGINT' && Date.now() - since > 500) {
      process.exit(130);
    }
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
  // Whoever read the output has left (`npm start | head`): nothing to tell any more.
  process.stdout.on('error', () => stop('SIGHUP'));
  return stopped.signal;
}

/**
 * Puts everything temporary below one folder for this state, outside the checkout: builds find what is in
 * the folders above them. What a killed run has left there is swept away here.
 */
function useScratchFolder(state: string): void {
  const name = createHash('sha256').update(state).digest('hex').slice(0, 12);
  const scratch = join(tmpdir(), `atomic-site-${name}`);
  const sweep = () => rmSync(scratch, { recursive: true, force: true });
  sweep();
  mkdirSync(scratch, { recursive: true });
  process.env.TMPDIR = scratch;
  process.once('exit', sweep);
}

async function run(
  stack: LocalStack,
  options: Options,
  terminal: Terminal,
  stopped: AbortSignal,
): Promise<never> {
  await stack.importHead(CHECKOUT).catch((error: Error) => {
    // Somebody pushed from elsewhere: what they pushed is the newest there is.
    if (!stopped.aborted) terminal.line(`The checkout was not brought in: ${error.message}`);
  });
  if (await hasUncommittedChanges()) {
    const then = stack.uploads ? 'upload' : 'push';
    terminal.line(`Uncommitted changes are not published: commit them, then ${then}.`);
  }
  const commit = await stack.unpublishedCommit();
  if (commit && !stopped.aborted) {
    const { id, result } = stack.publish(commit, 'npm start');
    await Promise.race([result, untilHeld(stack, id)]);
  }
  const live = await stack.liveRelease();
  const publish = stack.uploads
    ? `npm run upload --${options.uploadOptions} FILE.zip    or without a file: the current commit`
    : `git push ${quoted(fromHere(stack.repository))} HEAD:${stack.branch}`;
  terminal.line();
  terminal.line(`  Site      ${stack.siteUrl}`);
  terminal.line(
    `  Live      ${live ?? `nothing yet: the next ${stack.uploads ? 'upload' : 'push'} that succeeds is the first release`}`,
  );
  terminal.line(`  Publish   ${publish}`);
  terminal.line(`  Go back   npm run releases -- rollback ${options.commandOptions}`);
  terminal.line(`  Logs      ${fromHere(join(options.state, 'logs'))}`);
  terminal.line('  Stop      Ctrl-C; the next start goes on from here');
  terminal.line();
  return new Promise<never>(() => {});
}

/** Resolves when an execution waits for a person or for its window, which may take days. */
function untilHeld(stack: LocalStack, executionId: string): Promise<void> {
  return new Promise((resolve) => {
    stack.events.listen((event) => {
      if (event.executionId !== executionId) return;
      if (event.type === 'approval-needed' || event.type === 'execution-outside-window') resolve();
    });
  });
}

/** For a shell, where a plain word would be read as several. */
const quoted = (word: string): string =>
  /^[\w./@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

async function hasUncommittedChanges(): Promise<boolean> {
  const status = promisify(execFile)('git', ['status', '--porcelain'], { cwd: CHECKOUT });
  // Without git there is nothing to be published either, which has been said by then.
  return status.then(
    ({ stdout }) => stdout !== '',
    () => false,
  );
}

function untilStopped(signal: AbortSignal, work: Promise<never>): Promise<void> {
  return new Promise((done, failed) => {
    if (signal.aborted) return done();
    signal.addEventListener('abort', () => done(), { once: true });
    work.catch(failed);
  });
}

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      environment: { type: 'string' },
      port: { type: 'string', default: '8080' },
      state: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65535) {
    throw new Error(`--port: got ${values.port}; use a whole number from 0 to 65535`);
  }
  const where = whereOf(values);
  const uploadOptions = [
    ...(where.environment ? [` --environment ${where.environment}`] : []),
    ...(where.own ? [] : [` --state ${quoted(fromHere(where.state))}`]),
  ].join('');
  return { port, ...where, uploadOptions, commandOptions: `--local${uploadOptions}` };
}

/** Told before the seconds that synthesis takes, not after them. */
async function assertFree(port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((done, failed) => {
    probe.once('error', failed).listen(port, '127.0.0.1', () => probe.close(() => done()));
  });
}

main().catch((error: NodeJS.ErrnoException & { port?: number }) => {
  const message =
    error.code === 'EADDRINUSE'
      ? `Port ${error.port} is taken: stop what listens there, or use another: npm start -- --port ${Number(error.port) + 1}`
      : error.message;
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
});
