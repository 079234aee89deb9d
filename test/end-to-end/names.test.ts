import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LocalStack } from '../../local/stack.ts';
import { raw } from '../support/local-aws.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';

/** The longest that a file may be named: with its release's prefix 1,024 bytes, in folders of 255 at most. */
const LONGEST = `${`${'é'.repeat(120)}/`.repeat(4)}${'l'.repeat(22)}.txt`;

/** What people and programs name files, or might. */
const NAMES = [
  ...[' ', ' leading', 'trailing ', 'two  spaces.txt', 'a b/c d.html', 'tab-free.txt'],
  ...['caf\u00e9.txt', 'cafe\u0301.txt', '\u212b.txt', '\u00c5.txt', '日本語/頁.html', 'שלום.txt'],
  ...[
    '🚀.txt',
    '👩‍👩‍👧.txt',
    'half\u{1f3f4}.txt',
    'zero\u200bwidth.txt',
    '\u202ertl.txt',
    '\u00a0.txt',
  ],
  ...[
    '100%.txt',
    '100%25.txt',
    '%2e%2e',
    '%2F',
    '%',
    '%zz',
    'a+b.txt',
    'a%2Bb.txt',
    '+',
    '&amp;.txt',
  ],
  ...[
    '.hidden',
    '.folder/.file',
    '...',
    '..a',
    'a..',
    '.well-known/security.txt',
    '-rf',
    '~',
    '~user',
  ],
  ...['Case.txt', 'case.txt', 'CASE.txt', 'Folder/x', 'folder/x', 'index.HTML', 'INDEX.html'],
  ...[
    'it\'s "quoted".txt',
    '`tick`',
    '$HOME',
    '$(id)',
    'a;b',
    'a|b',
    'a&b',
    'a>b<c',
    '*',
    '?',
    '[a]',
  ],
  ...[
    '#fragment',
    'query?a=b',
    'ab:c',
    'a=b',
    'a@b',
    '{a,b}',
    '^',
    '!',
    'a,b',
    '(1)',
    'con',
    'nul.txt',
  ],
  ...[
    'releases/x/index.html',
    '_sites/x',
    '__proto__',
    'constructor',
    'assets/no hash.js',
    LONGEST,
  ],
  // An address without a dot at its end is that of a folder's page.
].map((name) => (/\.[^/]*$/.test(name) ? name : `${name}.txt`));

/** Those that git takes and no release has, with our words for it. */
const REFUSED: Readonly<Record<string, string>> = {
  'new\nline.txt': 'the name has a control character',
  'tab\t.txt': 'the name has a control character',
  'bell\u0007.txt': 'the name has a control character',
  'next\u0085line.txt': 'the name has a control character',
  '_site/404.html': '_site/ belongs to the hosting',
  '.well-known/release': 'the hosting itself answers this address',
  [`${LONGEST}x`]: 'its key would have 1025 bytes; S3 takes 1024',
};

const SIZES: Readonly<Record<string, Buffer>> = {
  'empty.txt': Buffer.alloc(0),
  'one.bin': Buffer.from([0]),
  'zeros.bin': Buffer.alloc(3_000_000),
  'large.bin': randomBytes(6_000_000),
};

let stack: LocalStack;
let clone: Clone;

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'public' },
    immutable: ['assets/*'],
  });
  ({ stack } = await aLocalStack(assembly, { state: await aDirectory('state') }));
  clone = await Clone.of(stack);
  await clone.write('public/index.html', 'start');
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

/** What visitors get at the address of a file: every character of its name as it is. */
const fetched = (name: string) =>
  raw(`${stack.siteUrl}/${name.split('/').map(encodeURIComponent).join('/')}`);

test('names that no release can have are refused in our own words, all at once', async () => {
  for (const name of Object.keys(REFUSED)) await clone.write(`public/${name}`, 'x');
  await clone.commit('Names that cannot be');
  const said = await clone.push();
  expect(said).toMatch(/^FAILED in Deploy · Upload: /m);
  for (const [name, problem] of Object.entries(REFUSED)) {
    expect(said).toContain(`${JSON.stringify(name)}: ${problem}`);
  }
  expect(await stack.liveRelease()).toBeUndefined();
});

test('odd names and sizes are pushed, published and come back byte for byte', async () => {
  await clone.shell('git rm -rq public');
  const files = new Map<string, Buffer>([
    ['index.html', Buffer.from('start')],
    ...NAMES.map((name): [string, Buffer] => [name, Buffer.from(`file ${name}`)]),
    ...Object.entries(SIZES),
  ]);
  for (const [name, content] of files) await clone.write(`public/${name}`, content);
  await clone.commit('Odd names');
  expect(await clone.push()).toMatch(/^published /m);
  const wrong: string[] = [];
  for (const [name, content] of files) {
    const { status, bytes } = await fetched(name);
    if (status !== 200 || !bytes.equals(content)) wrong.push(`${name}: ${status}`);
  }
  expect(wrong).toEqual([]);
});
