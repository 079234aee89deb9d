import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import { aDirectory, removeDirectories } from '../support/local-stack.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const started: ChildProcess[] = [];

/** `npm start` as a person types it, and what it has printed so far. */
function start(options: string[], temporary = tmpdir()) {
  const child = spawn('npm', ['start', '--silent', '--', ...options], {
    cwd: CHECKOUT,
    detached: true,
    env: { ...process.env, TMPDIR: temporary },
  });
  started.push(child);
  const run = {
    child,
    printed: '',
    ended: new Promise<number | null>((resolve) => child.once('close', resolve)),
    prints: async (pattern: RegExp) => {
      await expect.poll(() => run.printed, { timeout: 50_000 }).toMatch(pattern);
      return pattern.exec(run.printed)?.[1] ?? '';
    },
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      run.printed += text;
    });
  }
  return run;
}

/** Ctrl-C reaches every process of the terminal's foreground group. */
const controlC = ({ child }: { child: ChildProcess }) =>
  process.kill(-(child.pid as number), 'SIGINT');

/** What a run has in its temporary folder while it works, and its processes. */
function leftBehind(temporary: string): { left: string[]; processes: string[] } {
  const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(temporary));
  // Not the caches of tsx, which runs the command and may write a moment after it has ended, and of Node.js 22 and newer.
  const left = readdirSync(temporary, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => !/\/(?:tsx-[^/]+|node-compile-cache)\//.test(file));
  return { left, processes };
}

async function aTakenPort(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

afterEach(() => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null)
      process.kill(-(child.pid as number), 'SIGKILL');
  }
});
afterAll(removeDirectories);

test('npm start publishes the current commit, serves it, ends with Ctrl-C and goes on from there', async () => {
  // Below the checkout, as by default: what stands above it there must not change how a bundle is read.
  const state = mkdtempSync(join(CHECKOUT, '.local-test-'));
  const temporary = await aDirectory('temporary');
  const { server, port } = await aTakenPort();
  await new Promise((resolve) => server.close(resolve));

  const first = start(['--port', String(port), '--state', state], temporary);
  await first.prints(/^published (\S+) in/m);
  const live = await first.prints(/^ {2}Live {6}(\S+)$/m);
  expect(await first.prints(/^ {2}Publish {3}git push (.*) HEAD:\S+$/m)).toContain('source.git');
  const answer = await fetch(`http://127.0.0.1:${port}/.well-known/release`);
  expect(await answer.text()).toBe(live);
  controlC(first);
  await first.ended;
  await expect.poll(() => leftBehind(temporary)).toEqual({ left: [], processes: [] });
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();

  const second = start(['--port', String(port), '--state', state], temporary);
  expect(await second.prints(/^ {2}Live {6}(\S+)$/m)).toBe(live);
  expect(second.printed).not.toContain('Publishing');
  controlC(second);
  await second.ended;
  rmSync(state, { recursive: true });
});

test('Ctrl-C while the stack is synthesised ends it, and nothing is published afterwards', async () => {
  const state = await aDirectory('state');
  const temporary = await aDirectory('temporary');
  const run = start(['--port', '0', '--state', state], temporary);
  await expect.poll(() => leftBehind(temporary).left, { timeout: 50_000 }).not.toEqual([]);
  controlC(run);
  await run.ended;
  expect(run.printed).not.toContain('Publishing');
  await expect.poll(() => leftBehind(temporary)).toEqual({ left: [], processes: [] });
});

test('Ctrl-C in the middle of a build leaves nothing running', async () => {
  const state = await aDirectory('state');
  const temporary = await aDirectory('temporary');
  const run = start(['--port', '0', '--state', state], temporary);
  await run.prints(/(Running command)/);
  // Or the promise below is about nothing.
  expect(leftBehind(temporary).processes).not.toEqual([]);
  controlC(run);
  await run.ended;
  await expect.poll(() => leftBehind(temporary)).toEqual({ left: [], processes: [] });
});

test.each([
  ['--port', 'eighty', '--port: got eighty; use a whole number from 0 to 65535\n'],
  ['--state', '', '--state: got nothing; use a folder, such as .local\n'],
  [
    '--environment',
    '../x',
    '--environment: got ../x; use a name under environments in site.config.ts\n',
  ],
])('a mistake in an option is one line: %s %s', (option, value, message) => {
  const result = spawnSync('npm', ['start', '--silent', '--', `${option}=${value}`], {
    cwd: CHECKOUT,
    encoding: 'utf8',
  });
  expect(result.stderr.replace(/^npm warn.*\n/gm, '')).toBe(message);
  expect(result.status).toBe(1);
});

test('a taken port is one line, told before anything is started', async () => {
  const { server, port } = await aTakenPort();
  const run = start(['--port', String(port)]);
  expect(await run.ended).toBe(1);
  expect(run.printed.replace(/^npm warn.*\n/gm, '')).toBe(
    `Port ${port} is taken: stop what listens there, or use another: npm start -- --port ${port + 1}\n`,
  );
  server.close();
});
