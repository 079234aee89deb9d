import { createServer } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assertNotRunning, LocalStack } from './stack.ts';
import { synthesize } from './synth.ts';
import { Terminal } from './terminal.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

const HELP = `npm start [-- OPTIONS]

Runs the whole stack on this machine: synthesises it, publishes the current commit through its
pipeline, serves the site, and publishes again with every push. Needs no AWS account.

  --port PORT    where the site is served on 127.0.0.1 (default 8080)
  --state DIR    what is kept from one start to the next (default .local)
  --help         this text`;

interface Options {
  readonly port: number;
  readonly state: string;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) return;
  const terminal = new Terminal();
  const stopped = new AbortController();
  let stack: LocalStack | undefined;

  // A second Ctrl-C does not wait.
  const stop = () => (stopped.signal.aborted ? process.exit(130) : stopped.abort());
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);

  try {
    await assertNotRunning(options.state);
    await assertFree(options.port);
    const assembly = join(options.state, 'cdk.out');
    await terminal.during('Synthesising the stack', synthesize(assembly, stopped.signal));
    stack = await LocalStack.start({
      ...options,
      assembly,
      log: (line) => terminal.line(`    ${line}`),
    });
    stack.events.listen(terminal.event);
    await untilStopped(stopped.signal, run(stack, options, terminal));
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    if (stack) await stack.stop();
    terminal.close();
  }
}

async function run(stack: LocalStack, options: Options, terminal: Terminal): Promise<never> {
  await stack.importHead(CHECKOUT).catch((error: Error) => {
    // Somebody pushed from elsewhere: what they pushed is the newest there is.
    terminal.line(`The checkout was not brought in: ${error.message}`);
  });
  const commit = await stack.unpublishedCommit();
  if (commit) await stack.publish(commit, 'npm start').result;
  const live = await stack.liveRelease();
  const repository = relative(process.cwd(), stack.repository) || stack.repository;
  terminal.line();
  terminal.line(`  Site      ${stack.siteUrl}`);
  terminal.line(
    `  Live      ${live ?? 'nothing yet: the next push that succeeds is the first release'}`,
  );
  terminal.line(`  Publish   git push ${repository} HEAD:${stack.branch}`);
  terminal.line(`  Logs      ${relative(process.cwd(), join(options.state, 'logs'))}`);
  terminal.line('  Stop      Ctrl-C; the next start goes on from here');
  terminal.line();
  return new Promise<never>(() => {});
}

function untilStopped(signal: AbortSignal, work: Promise<never>): Promise<void> {
  return new Promise((done, failed) => {
    signal.addEventListener('abort', () => done(), { once: true });
    work.catch(failed);
  });
}

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '8080' },
      state: { type: 'string', default: join(CHECKOUT, '.local') },
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
  if (values.state === '') throw new Error('--state: got nothing; use a folder, such as .local');
  return { port, state: resolve(values.state) };
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
