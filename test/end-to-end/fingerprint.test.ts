import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExecutionRecord } from '../../local/pipeline/records.ts';
import type { LocalStack } from '../../local/stack.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';
import { releases } from '../support/releases.ts';

let stack: LocalStack;
let clone: Clone;
let state: string;

/** A site without a hash in any name, each file naming its release. */
const site = (release: string): Record<string, string> => ({
  'index.html': `<link rel="stylesheet" href="css/site.css"><script type="module" src="/js/app.js"></script><img alt="" src="img/logo.svg"><a href="/about/">${release}</a>`,
  'about/index.html': '<img alt="" src="../img/logo.svg">',
  'css/site.css': `@import "more.css"; .${release}{}`,
  'css/more.css': `.${release}-more{background:url(../img/logo.svg)}`,
  'js/app.js': `import './lib.js'; '${release}'; export const later = () => import('./later.js');`,
  'js/lib.js': `'${release}'`,
  'js/later.js': `import './lib.js'; '${release}'`,
  'img/logo.svg': `<svg xmlns="http://www.w3.org/2000/svg"><desc>${release}</desc></svg>`,
});

async function publish(files: Record<string, string>): Promise<ExecutionRecord> {
  for (const [path, content] of Object.entries(files)) await clone.write(`pages/${path}`, content);
  await clone.commit(Object.values(files).join().slice(0, 40));
  await clone.push();
  const record = stack.executions().at(-1) as ExecutionRecord;
  expect(record.status).toBe('Succeeded');
  return record;
}

const summaryOf = (record: ExecutionRecord) =>
  record.stages.flatMap(({ actions }) => actions).find(({ name }) => name === 'Upload')?.summary;

const get = async (address: string) => {
  const response = await fetch(address);
  return { status: response.status, text: await response.text(), headers: response.headers };
};

/** Everything that a page is made of, its own bytes given, followed to the end: by address, what came. */
async function load(html: string): Promise<Map<string, string>> {
  const loaded = new Map<string, string>();
  const follow = async (text: string, base: string) => {
    for (const [, address = ''] of text.matchAll(
      /(?:src="|rel="stylesheet" href="|@import "|url\(|import\(?\s*')([^"')]+)/g,
    )) {
      const { href } = new URL(address, base);
      if (loaded.has(href)) continue;
      const answer = await get(href);
      loaded.set(href, answer.status === 200 ? answer.text : String(answer.status));
      await follow(answer.text, href);
    }
  };
  await follow(html, stack.siteUrl);
  return loaded;
}

const releasesIn = (loaded: ReadonlyMap<string, string>) =>
  new Set([...loaded.values()].map((text) => /one|two/.exec(text)?.[0] ?? text));

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'pages' },
    fingerprint: true,
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

let before: string;

test('a page that was begun before a release goes live is made of the release that it came from', async () => {
  const first = await publish(site('one'));
  expect(summaryOf(first)).toContain('6 of them copies under fingerprinted names');
  before = (await get(`${stack.siteUrl}/`)).text;
  expect(releasesIn(await load(before))).toEqual(new Set(['one']));

  await publish(site('two'));
  const late = await load(before);
  expect(late.size).toBe(6);
  expect(releasesIn(late)).toEqual(new Set(['one']));

  const after = (await get(`${stack.siteUrl}/`)).text;
  expect(releasesIn(await load(after))).toEqual(new Set(['two']));
});

test('originals are there by their names, for whoever asks for them, and of the live release', async () => {
  const { text, headers } = await get(`${stack.siteUrl}/js/lib.js`);
  expect(text).toBe("'two'");
  expect(headers.get('cache-control')).toBe('public, max-age=0, must-revalidate');
  const [copy = ''] = (await load(before)).keys();
  expect((await get(copy)).headers.get('cache-control')).toBe(
    'public, max-age=31536000, immutable',
  );
});

test('what does not change stays where it is, copies too', async () => {
  const same = await publish({ 'new/index.html': 'new' });
  expect(summaryOf(same)).toContain(
    'of which 0 files new in the pool and 6 there already, 6 of them copies',
  );
});

test('releases are told apart by the files that the build made, copies by their number', async () => {
  const [one, two] = stack.executions().map(({ stages }) => {
    const actions = stages.flatMap((stage) => stage.actions);
    return actions.find(({ name }) => name === 'Upload')?.variables.releaseId as string;
  });
  const { out } = await releases(state, 'a-site', 'diff', one as string, two as string);
  expect(out).not.toContain('pinned');
  expect(out).toContain('~ 8 changed');
  expect(out).toContain('Copies under fingerprinted names: 6 added, 6 removed, 0 the same');
  const shown = await releases(state, 'a-site', 'show', two as string);
  expect(shown.out).toMatch(/Copies\s+6 files of these under fingerprinted names/);
});
