import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ControlFile, ControlServer, type RefUpdate } from '../../local/pipeline/control.ts';
import { LocalPipeline } from '../../local/pipeline/engine.ts';
import { PipelineEvents } from '../../local/pipeline/events.ts';
import { answerPush } from '../../local/pipeline/push.ts';
import { ensureRepository, headOf, importHead, installHook } from '../../local/pipeline/source.ts';
import {
  BUILDSPEC,
  commit,
  git,
  pipelineInput,
  type Workbench,
  workbench,
} from '../support/pipeline.ts';

const HOOK = join(import.meta.dirname, '../../local/pipeline/post-receive.mjs');

let bench: Workbench;
let file: string;
let stops: (() => Promise<void>)[];

beforeEach(async () => {
  bench = await workbench();
  file = join(bench.state, 'control.json');
  stops = [];
  await installHook(bench.repository, [process.execPath, HOOK, file]);
});
afterEach(async () => {
  for (const stop of stops) await stop();
  bench.remove();
});

/** The stack as far as a push sees it. */
async function aRunningStack(
  buildspec = BUILDSPEC,
  rule: { startsPipeline?(update: RefUpdate): boolean } = {},
) {
  const events = new PipelineEvents();
  const input = pipelineInput(bench, { buildspec, report: events.report });
  const pipeline = new LocalPipeline(input);
  const updates: RefUpdate[] = [];
  const control = new ControlServer({
    file,
    onPush: (pushed) => {
      updates.push(...pushed);
      return answerPush(pushed, { pipeline, events, ...rule });
    },
    onUpload: async function* (path) {
      yield `got ${readFileSync(path, 'utf8')}`;
    },
    environmentFor: (caller) => ({ CALLER: caller }),
  });
  const address = await control.listen();
  stops.push(async () => {
    await pipeline.stop();
    await control.close();
  });
  return { pipeline, control, address, updates, events };
}

// Not execFileSync: the server that answers the push lives in this process.
async function push(...args: string[]): Promise<string> {
  const child = spawn('git', ['push', 'origin', ...args], {
    cwd: bench.checkout,
    env: { PATH: process.env.PATH, HOME: bench.folder, GIT_CONFIG_NOSYSTEM: '1' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  return `${output.replace(/ +$/gm, '')}exit ${code}`;
}
const remote = (output: string): string[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith('remote:'))
    .map((line) => line.slice('remote: '.length));

test('a push shows the pipeline at work and ends with what was published', async () => {
  const { updates } = await aRunningStack();
  const id = commit(bench.checkout, { 'public/index.html': 'x' }, 'First page');
  const lines = remote(await push('HEAD:main'));
  expect(updates).toEqual([{ old: '0'.repeat(40), new: id, ref: 'refs/heads/main' }]);
  expect(lines.map((line) => line.replace(/\d+\.\d s$/, '… s'))).toEqual([
    `Publishing ${id.slice(0, 7)} of main (push)`,
    'Source · Source          started',
    'Source · Source          succeeded  … s',
    `    ${id.slice(0, 7)} First page`,
    'Source                   stage succeeded  … s',
    'Build · Build            started',
    '    [Container] Entering phase BUILD',
    '    [Container] Running command mkdir dist && cp -R public/. dist',
    '    [Container] Phase complete: BUILD State: SUCCEEDED',
    '    [Container] Expanding base directory path: dist',
    'Build · Build            succeeded  … s',
    'Build                    stage succeeded  … s',
    `published ${id.slice(0, 7)} in … s`,
  ]);
});

test('a push that breaks the build is taken, and its last line says that nothing changed', async () => {
  await aRunningStack();
  commit(bench.checkout, { 'no-public': '' });
  const output = await push('HEAD:main');
  expect(remote(output).at(-1)).toBe(
    'FAILED in Build: COMMAND_EXECUTION_ERROR: Error while executing command: mkdir dist && cp -R public/. dist. Reason: exit status 1; the live site is unchanged',
  );
  expect(output).toMatch(/exit 0$/);
});

test('other branches, tags and deletions are taken and publish nothing', async () => {
  const { pipeline } = await aRunningStack();
  commit(bench.checkout, { 'public/a': 'a' });
  git(bench.checkout, 'tag', 'v1');
  expect(remote(await push('HEAD:feature', 'v1'))).toEqual([
    'feature: only pushes to main publish, the live site stays as it is',
    'v1: only pushes to main publish, the live site stays as it is',
  ]);
  await push('HEAD:main');
  // The branch that HEAD points to is protected by git itself.
  git(bench.repository, 'config', 'receive.denyDeleteCurrent', 'ignore');
  expect(remote(await push('--delete', 'main')).at(-1)).toBe(
    'main was deleted: nothing is published, the live site stays as it is',
  );
  expect(pipeline.executions()).toHaveLength(1);
});

test('what starts the pipeline can be told by the template’s own rules', async () => {
  const { pipeline } = await aRunningStack(BUILDSPEC, {
    startsPipeline: ({ ref }) => ref === 'refs/heads/next',
  });
  commit(bench.checkout, { 'public/a': 'a' });
  expect(remote(await push('HEAD:main'))).toEqual([
    'main: only pushes to main publish, the live site stays as it is',
  ]);
  expect(remote(await push('HEAD:next')).at(-1)).toMatch(/^published /);
  expect(pipeline.executions().map(({ branch }) => branch)).toEqual(['next']);
});

const NOT_RUNNING =
  'Atomic Site is not running here: the push is kept and will be published at the next `npm start`.';

test('while nothing runs a push is kept and says so', async () => {
  const id = commit(bench.checkout, { a: 'a' });
  const output = await push('HEAD:main');
  expect(remote(output)).toEqual([NOT_RUNNING]);
  expect(output).toMatch(/exit 0$/);
  expect(await headOf(bench.repository, 'main')).toBe(id);
});

test('a control file that a crash left behind is no obstacle', async () => {
  const { control, address } = await aRunningStack();
  await control.close();
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, JSON.stringify(address));
  commit(bench.checkout, { a: 'a' });
  expect(remote(await push('HEAD:main'))).toEqual([NOT_RUNNING]);
});

test('a stack that is stopped in the middle of a push says so in its output', async () => {
  const buildspec = BUILDSPEC.replace('mkdir dist', 'echo waiting && sleep 600');
  const { pipeline, control, events } = await aRunningStack(buildspec);
  const waiting = new Promise<void>((resolve) => {
    events.listen((event) => {
      if (event.type === 'action-output' && event.line === 'waiting') resolve();
    });
  });
  const id = commit(bench.checkout, { a: 'a' });
  const pushing = push('HEAD:main');
  await waiting;
  await pipeline.stop();
  expect(remote(await pushing).at(-1)).toBe(
    `STOPPED before the end: ${id.slice(0, 7)} was not published; the live site is unchanged`,
  );
  await control.close();
});

test('a stack that is killed in the middle of a push leaves the pusher a last line too', async () => {
  const control = new ControlServer({
    file,
    async *onPush() {
      yield 'on its way';
      setImmediate(() => control.close());
      await new Promise(() => {});
    },
    onUpload: async function* () {},
    environmentFor: () => ({}),
  });
  await control.listen();
  commit(bench.checkout, { a: 'a' });
  const output = await push('HEAD:main');
  expect(remote(output)).toEqual([
    'on its way',
    'STOPPED: `npm start` ended before this release was through. The push is kept; the next `npm start` publishes it.',
  ]);
  expect(output).toMatch(/exit 0$/);
});

test('a shallow clone can push what it has', async () => {
  commit(bench.checkout, { a: '1' });
  commit(bench.checkout, { a: '2' });
  const shallow = join(bench.folder, 'shallow');
  git(bench.folder, 'clone', '--quiet', '--depth=1', `file://${bench.checkout}`, shallow);
  const id = git(shallow, 'rev-parse', 'HEAD');
  const output = git(shallow, 'push', bench.repository, 'HEAD:main');
  expect(output).toMatch('[new branch]');
  expect(await headOf(bench.repository, 'main')).toBe(id);
});

test('the commit of a checkout is taken over without a push, and never over newer ones', async () => {
  await expect(importHead(bench.repository, bench.checkout, 'main')).rejects.toThrow(
    `${bench.checkout}: got no commit yet; commit the site first`,
  );
  const first = commit(bench.checkout, { a: '1' });
  expect(await importHead(bench.repository, bench.checkout, 'main')).toBe(first);
  const second = commit(bench.checkout, { a: '2' });
  expect(await importHead(bench.repository, bench.checkout, 'main')).toBe(second);
  git(bench.checkout, 'reset', '--quiet', '--hard', first);
  commit(bench.checkout, { a: '3' });
  await expect(importHead(bench.repository, bench.checkout, 'main')).rejects.toThrow(
    `${bench.checkout}: got a history without the commits that were pushed to main; merge them first`,
  );
  expect(await headOf(bench.repository, 'main')).toBe(second);
});

test('preparing the repository again keeps what was pushed; a normal checkout is refused', async () => {
  const id = commit(bench.checkout, { a: '1' });
  await push('HEAD:main');
  await ensureRepository(bench.repository, 'main');
  expect(await headOf(bench.repository, 'main')).toBe(id);
  expect(await headOf(bench.repository, 'other')).toBeUndefined();
  await expect(ensureRepository(join(bench.checkout, '.git'), 'main')).rejects.toThrow(
    'got a repository with files; use a bare one',
  );
});

function call(
  address: ControlFile,
  given: { path?: string; method?: string; headers?: Record<string, string>; body?: string },
): Promise<number | undefined> {
  const { path = '/push', method = 'POST', headers = {}, body = '{"updates":[]}' } = given;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: address.port,
        path,
        method,
        headers: { authorization: `Bearer ${address.token}`, ...headers },
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

test.each<[string, Parameters<typeof call>[1], number]>([
  ['the hook', {}, 200],
  ['a wrong token', { headers: { authorization: 'Bearer nope' } }, 401],
  ['no token', { headers: { authorization: '' } }, 401],
  ['a web page', { headers: { origin: 'https://example.invalid' } }, 403],
  ['a web page on this machine', { headers: { origin: 'null' } }, 403],
  ['a name that was made to point here', { headers: { host: 'example.invalid' } }, 403],
  ['another address', { path: '/' }, 404],
  ['a program that says who calls', { path: '/environment?caller=jo.doe@example.com' }, 200],
  ['a program that does not', { path: '/environment' }, 400],
  ['a caller that IAM would not name so', { path: '/environment?caller=a%20b' }, 400],
  [
    'a web page that asks for keys',
    { path: '/environment?caller=jo', headers: { origin: 'https://example.invalid' } },
    403,
  ],
  [
    'a program without the token',
    { path: '/environment?caller=jo', headers: { authorization: '' } },
    401,
  ],
  ['another method', { method: 'PUT' }, 405],
  ['no updates', { body: '{}' }, 400],
  ['a commit that is none', { body: '{"updates":[{"old":"x","new":"y","ref":"refs/a"}]}' }, 400],
  ['a zip', { path: '/upload', body: 'zip' }, 200],
  [
    'a zip without the token',
    { path: '/upload', body: 'zip', headers: { authorization: '' } },
    401,
  ],
  ['a question for a zip', { path: '/upload', method: 'GET' }, 405],
  ['a flood', { body: 'x'.repeat(1_100_000) }, 413],
])('the control server answers %s', async (_, given, status) => {
  const { address, pipeline } = await aRunningStack();
  expect(await call(address, given)).toBe(status);
  expect(pipeline.executions()).toEqual([]);
});

test('only this user can read the token', async () => {
  const { address } = await aRunningStack();
  expect(statSync(file).mode & 0o077).toBe(0);
  expect(address.token).toMatch(/^[0-9a-f]{64}$/);
});
