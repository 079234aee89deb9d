import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LEDGER_PREFIX, MANIFESTS_PREFIX } from '../../lib/release/contract.ts';
import type { LocalStack } from '../../local/stack.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  contentOf,
  removeDirectories,
} from '../support/local-stack.ts';
import { releases } from '../support/releases.ts';

type Files = ReadonlyMap<string, Buffer>;

let stack: LocalStack;
let clone: Clone;
let state: string;
/** What each release was published from. */
const published = new Map<string, Files>();
/** Every page that was ever published. */
const everyPage = new Set<string>();
let [a, b, c, d] = ['', '', '', ''];

const page = (text: string, script: string) =>
  `<!doctype html><title>${text}</title><h1>${text}</h1><script src="/assets/${script}.js"></script>\n`;

/** Large enough that a site of this many pages is not rebased with every release. */
const CHAPTERS = Array.from({ length: 40 }, (_, number) => `guide/chapter-${number}/index.html`);

/** Commits the changes, pushes them, and answers the id of the release that became of it. */
async function publish(message: string, changes: Record<string, string | null>): Promise<string> {
  for (const [path, content] of Object.entries(changes)) {
    if (content === null) await rm(join(clone.directory, 'pages', path));
    else await clone.write(`pages/${path}`, content);
  }
  const commit = await clone.commit(message);
  expect(await clone.push()).toMatch(/^(published|KEPT) /m);
  const upload = stack
    .executions()
    .at(-1)
    ?.stages.flatMap(({ actions }) => actions)
    .find(({ name }) => name === 'Upload');
  const id = upload?.variables.releaseId as string;
  expect(id).toContain(commit.slice(0, 7));
  const files = await clone.files('pages');
  published.set(id, files);
  for (const path of files.keys()) if (!path.startsWith('assets/')) everyPage.add(path);
  return id;
}

const run = (...args: string[]) => releases(state, 'a-site', ...args);

/** Reads the release through the edge: each file is there, byte for byte, and no page of another one. */
async function expectLive(id: string): Promise<void> {
  expect(await stack.liveRelease()).toBe(id);
  const files = published.get(id) as Files;
  for (const [path, bytes] of files) {
    const answer = await fetch(`${stack.siteUrl}/${path}`);
    expect(answer.status, path).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes), path).toBe(true);
  }
  for (const path of everyPage) {
    if (files.has(path)) continue;
    const answer = await fetch(`${stack.siteUrl}/${path}`);
    expect(answer.status, `${path}, which is not in ${id}`).toBe(404);
  }
  const missing = await fetch(`${stack.siteUrl}/${randomUUID()}`);
  expect(missing.status).toBe(404);
  expect(await missing.text()).toBe(String(files.get('404.html')));
}

/** Every object in the content bucket, the records and the ledger left out. */
async function objects(): Promise<string[]> {
  const { s3: client, Bucket } = contentOf(stack);
  const keys: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
    keys.push(...Contents.map(({ Key }) => String(Key)));
  }
  return keys.filter((key) => !key.startsWith(LEDGER_PREFIX) && !key.startsWith(MANIFESTS_PREFIX));
}

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'pages' },
    immutable: ['assets/*'],
    retention: { newest: 1, days: 0 },
  });
  state = await aDirectory('state');
  ({ stack } = await aLocalStack(assembly, { state }));
  clone = await Clone.of(stack);
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

describe('one site, from its first release to a tight clean-up', () => {
  test('A, B and C go live one after the other', async () => {
    a = await publish('A', {
      ...Object.fromEntries(CHAPTERS.map((path) => [path, page(path, 'app-a')])),
      'index.html': page('A', 'app-a'),
      '404.html': page('Not in A', 'app-a'),
      'news/a/index.html': page('News of A', 'app-a'),
      'assets/app-a.js': 'import("/assets/lazy-a.js");\n',
      'assets/lazy-a.js': 'document.title += " and its chunk";\n',
    });
    await expectLive(a);
    b = await publish('B', {
      'index.html': page('B', 'app-b'),
      'news/a/index.html': null,
      'news/b/index.html': page('News of B', 'app-b'),
      'guide/chapter-7/index.html': page('Chapter 7 as of B', 'app-b'),
      'assets/app-a.js': null,
      'assets/lazy-a.js': null,
      'assets/app-b.js': 'import("/assets/lazy-b.js");\n',
      'assets/lazy-b.js': 'document.title += " and its chunk";\n',
    });
    await expectLive(b);
    c = await publish('C', {
      'index.html': page('C', 'app-b'),
      '404.html': page('Not in C', 'app-b'),
      'news/b/index.html': null,
      'guide/chapter-7/index.html': page('Chapter 7 as of C', 'app-b'),
    });
    await expectLive(c);
  });

  test('the operator goes back to A and freezes publishing in the same step', async () => {
    const { status, err } = await run('rollback', a, '--freeze', 'C loses orders', '--yes');
    expect(status, err).toBe(0);
    await expectLive(a);
  });

  test('D is pushed meanwhile: kept, and visitors still get A', async () => {
    d = await publish('D', {
      'index.html': page('D', 'app-b'),
      'news/d/index.html': page('News of D', 'app-b'),
      'guide/chapter-7/index.html': null,
    });
    await expectLive(a);
    const refused = await run('promote', d, '--yes');
    expect(refused.status).toBe(1);
    expect(refused.err).toContain('C loses orders');
    await expectLive(a);
  });

  test('unfreezing brings D live', async () => {
    const { status, err } = await run('unfreeze', '--promote', '--yes');
    expect(status, err).toBe(0);
    await expectLive(d);
  });

  test('the daily clean-up leaves D, and A before it, and of B and C only what D is made of', async () => {
    await stack.runSchedules();
    await expectLive(d);
    const left = await objects();
    const brought = left.filter((key) => key.startsWith('releases/'));
    expect(brought.filter((key) => key.startsWith(`releases/${c}/`))).toEqual([]);
    expect(brought.filter((key) => key.startsWith(`releases/${b}/`))).toEqual([]);
    expect(left.filter((key) => key.startsWith('assets/'))).toEqual(
      ['a', 'b'].flatMap((name) => [`assets/app-${name}.js`, `assets/lazy-${name}.js`]).sort(),
    );
  });

  test('A is complete as well: back in one step, then D again', async () => {
    expect((await run('rollback', '--yes')).status).toBe(0);
    await expectLive(a);
    expect((await run('promote', d, '--yes')).status).toBe(0);
    await expectLive(d);
  });

  test('B and C are gone, and nobody can make them live', async () => {
    for (const id of [b, c]) {
      const { status, err } = await run('promote', id, '--yes');
      expect(status).not.toBe(0);
      expect(err).toContain('retired');
    }
    await expectLive(d);
  });

  test('the next push builds on what is left, and the clean-up after it takes A', async () => {
    const e = await publish('E', {
      'index.html': page('E', 'app-e'),
      'assets/app-b.js': null,
      'assets/lazy-b.js': null,
      'assets/app-e.js': '\n',
      '404.html': page('Not in E', 'app-e'),
      ...Object.fromEntries(
        CHAPTERS.filter((path) => !path.includes('-7/')).map((path) => [path, page(path, 'app-e')]),
      ),
      'news/d/index.html': null,
    });
    await expectLive(e);
    await publish('F', { 'index.html': page('F', 'app-e') });
    await stack.runSchedules();
    const f = (await stack.liveRelease()) as string;
    await expectLive(f);
    const left = await objects();
    expect(left.filter((key) => key.startsWith('assets/'))).toEqual(['assets/app-e.js']);
    const folders = new Set(left.map((key) => key.split('/').slice(0, 2).join('/')));
    expect([...folders].filter((key) => key.startsWith('releases/')).sort()).toEqual(
      [e, f].map((id) => `releases/${id}`),
    );
  });
});
