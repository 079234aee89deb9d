import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExecutionRecord } from '../../local/pipeline/records.ts';
import type { LocalStack } from '../../local/stack.ts';
import { aLocalStack, anAssembly, Clone, removeDirectories } from '../support/local-stack.ts';

let stack: LocalStack;
let clone: Clone;

/** Status, target and one header of an answer, redirects not followed. */
async function ask(path: string): Promise<readonly (string | number | null)[]> {
  const response = await fetch(`${stack.siteUrl}${path}`, { redirect: 'manual' });
  const { headers } = response;
  const body = await response.text();
  return [response.status, headers.get('location') ?? body.slice(0, 40), headers.get('x-release')];
}

async function publish(files: Record<string, string>): Promise<ExecutionRecord> {
  for (const [path, content] of Object.entries(files)) await clone.write(`pages/${path}`, content);
  await clone.commit(`release ${JSON.stringify(files).length}`);
  await clone.push();
  return stack.executions().at(-1) as ExecutionRecord;
}

const actionOf = (record: ExecutionRecord, name: string) =>
  record.stages.flatMap(({ actions }) => actions).find((action) => action.name === name);
const summaryOf = (record: ExecutionRecord, name: string) => actionOf(record, name)?.summary;
const failureOf = (record: ExecutionRecord, name: string) => actionOf(record, name)?.error ?? '';

let one: ExecutionRecord;

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'pages' },
    immutable: ['assets/*'],
    redirectsFile: true,
    headersFile: true,
  });
  ({ stack } = await aLocalStack(assembly));
  clone = await Clone.of(stack);
  one = await publish({
    'index.html': 'start',
    'about/index.html': 'about',
    'assets/a-1.js': 'script',
    '404.html': 'none',
    _redirects: '/old /about\n/blog/* /news/:splat 302\n/app/* /index.html 200\n',
    _headers: '/*\n  X-Release: one\n/about\n  Cache-Control: public, max-age=60\n',
  });
  expect(one.status).toBe('Succeeded');
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

test('a release goes live with its redirects, rewrites and headers', async () => {
  expect(await ask('/old')).toEqual([301, '/about', null]);
  expect(await ask('/blog/a/b?x=1')).toEqual([302, '/news/a/b?x=1', null]);
  expect(await ask('/app/deep/link')).toEqual([200, 'start', 'one']);
  expect(await ask('/about/')).toEqual([200, 'about', 'one']);
  expect(await ask('/assets/a-1.js')).toEqual([200, 'script', 'one']);
  expect(await ask('/none')).toEqual([404, 'none', null]);
  expect((await ask('/_redirects'))[0]).toBe(404);
  expect((await ask('/_headers'))[0]).toBe(404);
  const { headers } = await fetch(`${stack.siteUrl}/about`);
  expect(headers.get('cache-control')).toBe('public, max-age=60');
  expect(headers.has('x-amz-meta-headers')).toBe(false);
});

describe('the next release', () => {
  test('has its own, all at once, for pages that did not change as well', async () => {
    const two = await publish({
      _redirects: '/old /other 302\n/about /x 301!\n',
      _headers: '/*\n  X-Release: two\n',
    });
    expect(two.status).toBe('Succeeded');
    expect(await ask('/old')).toEqual([302, '/other', null]);
    expect(await ask('/about')).toEqual([301, '/x', null]);
    expect(await ask('/app/deep/link')).toEqual([404, 'none', null]);
    expect(await ask('/')).toEqual([200, 'start', 'two']);
    // A pool file never changes, and neither does what was stored with it: the summary says so.
    expect(await ask('/assets/a-1.js')).toEqual([200, 'script', 'one']);
    expect(summaryOf(two, 'Upload')).toContain(
      '_headers: 1 file under the immutable patterns (assets/a-1.js) keeps the headers of the first upload; under a new name they get the new ones',
    );
  });

  test('goes back with a rollback', async () => {
    const record = await stack.rollbackStage('Deploy', one.id).result;
    expect(record.status).toBe('Succeeded');
    expect(await ask('/old')).toEqual([301, '/about', null]);
    expect(await ask('/about')).toEqual([200, 'about', 'one']);
    expect(await ask('/')).toEqual([200, 'start', 'one']);
  });

  test('is refused with everything that is wrong, and changes nothing', async () => {
    const record = await publish({
      _redirects: '/a /b 301 Country=de\n/c/* https://c.example/:splat 200\n',
      _headers: '/*\n  Content-Length: 1\n',
    });
    expect(record.status).toBe('Failed');
    const told = failureOf(record, 'Upload');
    for (const line of [
      '_redirects, line 1: got "/a /b 301 Country=de"; conditions (Country) cannot be honoured',
      '_redirects, line 2: got "/c/* https://c.example/:splat 200"; files of other hosts cannot be served from here',
      '_headers, line 2: got "Content-Length: 1"; CloudFront or the file itself decides this header',
    ]) {
      expect(told).toContain(line);
    }
    expect(await ask('/old')).toEqual([301, '/about', null]);
  });
});

test('a release without the files has neither', async () => {
  await clone.shell('git rm --quiet pages/_redirects pages/_headers');
  const record = await publish({ 'index.html': 'plain' });
  expect(record.status).toBe('Succeeded');
  expect(await ask('/old')).toEqual([404, 'none', null]);
  expect(await ask('/')).toEqual([200, 'plain', null]);
});

test('the clean-up may look through the values of the rules, and leaves those that are needed', async () => {
  await stack.rollbackStage('Deploy', one.id).result;
  await stack.runSchedules();
  expect(await ask('/old')).toEqual([301, '/about', null]);
});
