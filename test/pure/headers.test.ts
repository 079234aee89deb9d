import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllHeaders } from '@netlify/headers-parser';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readHeaders, resolveHeaders, withHeaders } from '../../lambda/upload/headers.ts';
import { eachLine } from '../../lambda/upload/lines.ts';
import { readRedirects } from '../../lambda/upload/redirects/read.ts';
import { runs } from '../support/fuzz.ts';

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'headers-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function resolved(text: string, paths: readonly string[]) {
  const { rules, problems } = await inFolder((folder) => readHeaders(text, folder));
  const result = resolveHeaders(rules, paths);
  return {
    ...result,
    problems: [...problems, ...result.problems],
    of: (path: string) => JSON.parse(result.texts.get(result.sets.get(path) ?? '') ?? 'null'),
  };
}

const FILES = [
  'index.html',
  'about/index.html',
  'feed.xml',
  'img/a.png',
  'img/b/c.png',
  'café/index.html',
];

test.each<[what: string, file: string, headers: Readonly<Record<string, object | null>>]>([
  ['all files', '/*\n  X-A: 1\n', { 'index.html': { 'x-a': '1' }, 'img/b/c.png': { 'x-a': '1' } }],
  [
    'a page, by its address in any form',
    '/about\n  X-A: 1',
    { 'about/index.html': { 'x-a': '1' }, 'index.html': null },
  ],
  ['a page, with a slash', '/about/\n  X-A: 1', { 'about/index.html': { 'x-a': '1' } }],
  ['a page, by its file', '/about/index.html\n  X-A: 1', { 'about/index.html': { 'x-a': '1' } }],
  ['the start page alone', '/\n  X-A: 1', { 'index.html': { 'x-a': '1' }, 'feed.xml': null }],
  [
    'a folder with all in it',
    '/img/*\n  X-A: 1',
    { 'img/a.png': { 'x-a': '1' }, 'img/b/c.png': { 'x-a': '1' }, 'feed.xml': null },
  ],
  [
    'a kind of files',
    '/*.png\n  X-A: 1',
    { 'img/a.png': { 'x-a': '1' }, 'img/b/c.png': { 'x-a': '1' }, 'feed.xml': null },
  ],
  ['a placeholder', '/img/:name\n  X-A: 1', { 'img/a.png': { 'x-a': '1' }, 'img/b/c.png': null }],
  ['an address percent-encoded', '/caf%C3%A9/\n  X-A: 1', { 'café/index.html': { 'x-a': '1' } }],
  ['and as it is written', '/café/\n  X-A: 1', { 'café/index.html': { 'x-a': '1' } }],
  [
    'several, of which the last stands',
    '/*\n  X-A: 1\n  X-B: 1\n/about/\n  x-a: 2',
    { 'about/index.html': { 'x-a': '2', 'x-b': '1' }, 'feed.xml': { 'x-a': '1', 'x-b': '1' } },
  ],
  [
    'a header twice, as a list',
    '/feed.xml\n  Link: </a>; rel=preload\n  Link: </b>; rel=preload',
    { 'feed.xml': { link: '</a>; rel=preload, </b>; rel=preload' } },
  ],
  [
    'comments and blank lines',
    '# all\n\n/*\n  # why\n  X-A: a: b\n',
    { 'feed.xml': { 'x-a': 'a: b' } },
  ],
  [
    'a header of the pages themselves',
    "/about\n  Content-Security-Policy: default-src 'self' https://e.example\n  Cache-Control: public, max-age=60\n",
    {
      'about/index.html': {
        'cache-control': 'public, max-age=60',
        'content-security-policy': "default-src 'self' https://e.example",
      },
    },
  ],
])('%s', async (_, file, headers) => {
  const { of, problems } = await resolved(file, FILES);
  expect(problems).toEqual([]);
  for (const [path, expected] of Object.entries(headers))
    expect([path, of(path)]).toEqual([path, expected]);
});

test('what cannot be honoured is told, all of it, each with its line', async () => {
  const file = [
    'X-A: 1',
    '/*',
    '  Content-Length: 3',
    '  Via: x',
    '  X-Amz-Meta-Headers: {}',
    '  X-Accel-Redirect: /x',
    '  Set-Cookie: a=b',
    '  Basic-Auth: ann:secret',
    '  Netlify-CDN-Cache-Control: public',
    '  X-Ünicode: 1',
    '  X-B: ü',
    '  X-C:',
    '  : 1',
    '  what is this',
    'https://b.example/*',
    '  X-D: 1',
  ].join('\n');
  const taken = 'CloudFront or the file itself decides this header; leave it out';
  expect((await resolved(file, FILES)).problems).toEqual([
    '_headers, line 1: got "X-A: 1"; a line with a path has to come first',
    `_headers, line 3: got "Content-Length: 3"; ${taken}`,
    `_headers, line 4: got "Via: x"; ${taken}`,
    `_headers, line 5: got "X-Amz-Meta-Headers: {}"; ${taken}`,
    `_headers, line 6: got "X-Accel-Redirect: /x"; ${taken}`,
    '_headers, line 7: got "Set-Cookie: a=b"; cookies cannot be stored with a file; set them in a script',
    '_headers, line 8: got "Basic-Auth: ann:secret"; passwords are not honoured here; leave it out',
    '_headers, line 9: got "Netlify-CDN-Cache-Control: public"; CloudFront does not read this header; leave it out, Cache-Control is for browsers',
    '_headers, line 10: got "X-Ünicode: 1"; this is no name of a header',
    '_headers, line 11: got "X-B: ü"; a value can hold ASCII characters only',
    '_headers, line 12: got "X-C:"; missing header value',
    '_headers, line 13: got ": 1"; missing header name',
    '_headers, line 14: got "what is this"; write a path, or a name and a value with a colon between them',
    '_headers, line 15: got "https://b.example/*"; a path cannot ask for a host; begin it with a slash',
  ]);
});

test('more than S3 stores with a file is told', async () => {
  const file = `/img/*\n  X-A: ${'a'.repeat(1_100)}\n/img/a.png\n  X-B: ${'b'.repeat(1_100)}\n`;
  expect((await resolved(file, FILES)).problems).toEqual([
    '_headers: got up to 2,226 bytes of headers for 1 file (img/a.png); S3 stores 2,048 with a file, so use fewer or shorter ones',
  ]);
});

test('a line that no file could keep is refused before the parser has it', async () => {
  const long = `X-A: a${' '.repeat(500_000)}b`;
  const { problems } = await resolved(`/*\n  ${long}\n`, FILES);
  expect(problems).toEqual([
    `_headers, line 2: got ${JSON.stringify(`${long.slice(0, 4_096)}…`)}; a line can have 4,096 characters`,
  ]);
});

test('more paths than anybody means are refused before any is read', async () => {
  const { problems } = await resolved('/a/**b/*c\n  X-A: 1\n'.repeat(2_001), FILES);
  expect(problems).toEqual([
    '_headers: got 2,001 paths; use at most 2,000, /images/* instead of one for each file',
  ]);
});

test.each<[string, (...of: Parameters<typeof readHeaders>) => Promise<unknown>]>([
  ['_headers', readHeaders],
  ['_redirects', readRedirects],
])('%s is given up between two lines where the caller says so', async (_, read) => {
  let lines = 0;
  const giveUp = () => {
    lines += 1;
    if (lines > 3) throw new Error('no more time');
  };
  const reading = inFolder((folder) => read('# a line\n'.repeat(9), folder, giveUp));
  await expect(reading).rejects.toThrow('no more time');
});

test('whoever gives up between two lines may remove the folder: no line is under way any more', async () => {
  let [begun, ended] = [0, 0];
  const parse = async () => {
    begun += 1;
    await sleep(50);
    ended += 1;
  };
  const giveUp = () => {
    if (begun === 3) throw new Error('no more time');
  };
  await expect(eachLine([...'abcdefghijkl'], 'file', parse, giveUp)).rejects.toThrow(
    'no more time',
  );
  expect([begun, ended]).toEqual([3, 3]);
});

test('many paths and many files are given up where the caller says so', async () => {
  const { rules } = await inFolder((folder) => readHeaders('/*\n  X-A: 1\n', folder));
  let files = 0;
  const giveUp = () => {
    files += 1;
    if (files > 3) throw new Error('no more time');
  };
  expect(() => resolveHeaders(rules, FILES, giveUp)).toThrow('no more time');
});

test('a path that is no file’s is told', async () => {
  const { findings, problems } = await resolved('/*\n  X-A: 1\n/imgs/*\n  X-B: 1\n', FILES);
  expect(problems).toEqual([]);
  expect(findings).toEqual(['_headers, line 3: /imgs/* is no address of a file of the release']);
});

test('files with the same headers share a set, and a file without any stays as it is', async () => {
  const result = await resolved('/img/*\n  X-A: 1\n', FILES);
  const file = (path: string) => ({ path, size: 1, sha256: '', type: 'image/png' });
  const [a, c, feed] = withHeaders(
    [file('img/a.png'), file('img/b/c.png'), file('feed.xml')],
    result,
  );
  expect(a?.headers).toMatch(/^[\w-]{16}$/);
  expect(c?.headers).toBe(a?.headers);
  expect(feed).toEqual(file('feed.xml'));
  expect(result.texts.size).toBe(1);
});

test('the file is read as Netlify’s parser reads it as a whole', async () => {
  const line = fc.oneof(
    fc.constantFrom('/*', '/a', '  /b/:c', '# no', '', '   ', '/a/*'),
    fc
      .tuple(
        fc.constantFrom('X-A', 'X-B', 'Link'),
        fc.constantFrom('1', 'a,b', 'x-probe: 1', ' </a>;  rel=x '),
      )
      .map(([name, value]) => `  ${name}: ${value}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      const text = ['/first', '  X-0: 1', ...lines].join('\n');
      await inFolder(async (folder) => {
        const { rules, problems } = await readHeaders(text, folder);
        expect(problems).toEqual([]);
        const file = join(folder, 'whole');
        writeFileSync(file, text);
        const whole = await parseAllHeaders({
          headersFiles: [file],
          configHeaders: [],
          minimal: true,
        });
        // The parser leaves out a rule that is there again later: which of two says the same makes no difference.
        const ours = rules
          .filter(({ headers }) => headers.size > 0)
          .map(({ path, headers }) => JSON.stringify([path, Object.fromEntries(headers)]));
        const theirs = whole.headers.map(({ for: path, values }) =>
          JSON.stringify([
            path,
            Object.fromEntries(
              Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]),
            ),
          ]),
        );
        expect(ours.filter((one, index) => ours.lastIndexOf(one) === index)).toEqual(theirs);
      });
    }),
    runs(60),
  );
});

/** What the parser itself makes of a path; nothing, if it is none to it. */
async function forRegExp(path: string): Promise<RegExp | undefined> {
  return inFolder(async (folder) => {
    const file = join(folder, '_headers');
    writeFileSync(file, `${path}\n  X-A: 1`);
    const { headers } = await parseAllHeaders({
      headersFiles: [file],
      configHeaders: [],
      minimal: false,
    });
    return (headers[0] as { forRegExp?: RegExp } | undefined)?.forRegExp;
  });
}

test('a path matches the addresses that Netlify’s regular expression matches', async () => {
  // The long s and the Kelvin sign are an s and a k where case makes no difference.
  const character = fc.constantFrom(...'aaabs\u017fkK\u212aß\u1e9e💩*:.-', ' ', '%');
  const part = fc.oneof(
    fc.constantFrom('*', '*', ':', ':p', 'a', 'a*', '*a*', 'a*b*a', '*.a', '**'),
    fc.array(character, { maxLength: 6 }).map((all) => all.join('')),
  );
  const path = fc.array(part, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
  const piece = fc.constantFrom(...'aaabbs\u017fSkK\u212aß\u1e9e💩///.-', ' ', '%', '*', ':p');
  const address = fc.array(piece, { maxLength: 9 }).map((pieces) => `/${pieces.join('')}`);
  let matched = 0;
  await fc.assert(
    fc.asyncProperty(
      path,
      fc.array(address, { minLength: 5, maxLength: 20 }),
      async (text, addresses) => {
        const { rules, problems } = await inFolder((folder) => readHeaders(text, folder));
        expect(problems).toEqual([]);
        const theirs = await forRegExp(text);
        const chosen = addresses.filter((one) => theirs?.test(one));
        matched += chosen.length;
        expect(addresses.filter((one) => rules[0]?.matches(one))).toEqual(chosen);
      },
    ),
    runs(300),
  );
  expect(matched).toBeGreaterThan(100);
});

test('what would be a regular expression beside a star is refused', async () => {
  const file = ['/(a+)+*', '/a.b-c*/(d)/:e*+', '/x|*', '/[a]/*', '/[*'].join('\n');
  const { problems } = await resolved(file, FILES);
  expect(problems.slice(0, 2)).toEqual([
    '_headers, line 1: got "/(a+)+*"; beside a *, ( is part of a regular expression; let the * stand for it as well',
    '_headers, line 3: got "/x|*"; beside a *, | is part of a regular expression; let the * stand for it as well',
  ]);
  expect(problems[2]).toMatch(/^_headers, line 5: got "\/\[\*"; invalid regular expression/);
  expect(problems).toHaveLength(3);
});
