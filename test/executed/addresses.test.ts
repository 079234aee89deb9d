import { connect } from 'node:net';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { contentType } from '../../lambda/upload/content-type.ts';
import { deltaOf, placesOf, setOf } from '../../lambda/upload/layers.ts';
import { problemInName } from '../../lambda/upload/names.ts';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import {
  CACHE_FOR_EVER,
  ledgerKey,
  manifestKey,
  type Pointer,
} from '../../lib/release/contract.ts';
import { rawQueryOf } from '../../local/edge/paths.ts';
import type { LocalStack } from '../../local/stack.ts';
import { inSandbox } from '../support/engines.ts';
import { bounded, runs } from '../support/fuzz.ts';
import { expectKeyWithin } from '../support/keys.ts';
import {
  aDirectory,
  aLocalStack,
  contentOf,
  pointTo,
  removeDirectories,
} from '../support/local-stack.ts';
import { aStack } from '../support/synth.ts';

const LIVE = '20261123T061500Z-1111111';
const BASE = '20261101T000000Z-2222222';
const OTHER = '20251101T000000Z-3333333';

/** 100 bytes, each of which says where it stands. */
const NUMBERS = Array.from({ length: 50 }, (_, index) => String(index).padStart(2, '0')).join('');
/** Large enough to be compressed. */
const LARGE = 'x'.repeat(2_000);
/** The longest that a file may be named, all of it in letters of two bytes. */
const LONGEST = `${'é'.repeat(493)}a.js`;

const NEWS = 'news/index.html';
/** What the live release consists of. A file holds its own key, unless its bytes are the subject. */
const FILES: Readonly<Record<string, string | undefined>> = {
  'index.html': undefined,
  'about/index.html': undefined,
  'a b.html': undefined,
  'a+b.html': undefined,
  'a b/index.html': undefined,
  '100%.txt': undefined,
  '100%25.txt': undefined,
  'q?.txt': undefined,
  'h#.txt': undefined,
  "it's (1)!,;=@&$~*.txt": undefined,
  'v1.2': undefined,
  'v1.2/index.html': undefined,
  '.hidden': undefined,
  'dots...txt': undefined,
  '.well-known/security.txt': undefined,
  'caf\u00e9/index.html': undefined,
  'cafe\u0301.txt': undefined,
  '日本/index.html': undefined,
  'numbers.bin': NUMBERS,
  'large/index.html': LARGE,
  'empty.txt': '',
  [LONGEST]: undefined,
};

const POINTER: Pointer = {
  id: LIVE,
  base: BASE,
  delta: deltaOf(LIVE, [{ id: LIVE, set: setOf([placesOf(NEWS)], 20) }]),
};

let stack: LocalStack;

/** The synthesised stack with its services and its edge; the release is put where an upload would put it. */
beforeAll(async () => {
  const assembly = aStack({ immutable: ['assets/*'] });
  const { directory } = (assembly.node.root as import('aws-cdk-lib').App).synth();
  ({ stack } = await aLocalStack(directory, { state: await aDirectory('state') }));

  const { s3, Bucket } = contentOf(stack);
  const put = (Key: string, Body = Key) =>
    s3.send(
      new PutObjectCommand({
        Bucket,
        Key,
        Body: Buffer.from(Body),
        ContentType: contentType(Key),
        CacheControl: CACHE_FOR_EVER,
      }),
    );
  for (const [path, body] of Object.entries(FILES)) {
    expect(problemInName(path), path).toBeUndefined();
    await put(`releases/${BASE}/${path}`, body);
  }
  await put(`releases/${LIVE}/${NEWS}`);
  for (const name of ['a-1.js', 'a b.js', 'a+b.js', '..js']) await put(`assets/${name}`);
  await put('assets/numbers.bin', NUMBERS);
  // What nobody is to get.
  for (const path of ['index.html', NEWS, 'secret.html', 'about/index.html', 'assets/a-1.js']) {
    await put(`releases/${OTHER}/${path}`);
  }
  for (const id of [LIVE, BASE, OTHER]) {
    await put(manifestKey(id));
    await put(ledgerKey(id));
  }
  await put('_site/jobs/1');
  await put('_site/pool-sweep.json');
  await put('secret.txt');
  await put('_site/404.html', 'NOT HERE');

  await pointTo(stack, POINTER);
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends the request line byte for byte: every client of Node.js would mend or refuse some of these. */
function ask(
  target: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  const lines = Object.entries({ host: 'x', connection: 'close', ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return new Promise((resolve, reject) => {
    const { port } = new URL(stack.siteUrl);
    const socket = connect(Number(port), '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const answer = Buffer.concat(chunks).toString();
      const end = answer.indexOf('\r\n\r\n');
      const [first = '', ...others] = answer.slice(0, end).split('\r\n');
      resolve({
        status: Number(first.split(' ')[1]),
        headers: new Map(
          others.map((line) => [
            line.slice(0, line.indexOf(':')).toLowerCase(),
            line.slice(line.indexOf(':') + 2),
          ]),
        ),
        body: answer.slice(end + 4),
      });
    });
    socket.write(`${method} ${target} HTTP/1.1\r\n${head}\r\n`);
  });
}

const MISSING = '404 NOT HERE';
const base = (path: string) => `200 releases/${BASE}/${path}`;
const shown = async (target: string) => {
  const { status, body } = await ask(target);
  return `${status} ${body}`;
};

describe('an address leads to the file with its name', () => {
  test.each<[string, string]>([
    ['/', base('index.html')],
    ['/index.html', base('index.html')],
    ['/about', base('about/index.html')],
    ['/about/', base('about/index.html')],
    ['/about/index.html', base('about/index.html')],
    ['/news/', `200 releases/${LIVE}/news/index.html`],
    // Spaces and pluses.
    ['/a%20b.html', base('a b.html')],
    ['/a+b.html', base('a+b.html')],
    ['/a%2Bb.html', base('a+b.html')],
    ['/a%2bb.html', base('a+b.html')],
    ['/a%20b', base('a b/index.html')],
    ['/a+b', MISSING],
    // Percent-encoding, once and twice, needed or not.
    ['/%61bout/', base('about/index.html')],
    ['/a%62out', base('about/index.html')],
    ['/about%2Findex.html', base('about/index.html')],
    ['/100%25.txt', base('100%.txt')],
    ['/100%2525.txt', base('100%25.txt')],
    ['/q%3F.txt', base('q?.txt')],
    ['/q?.txt', MISSING],
    ['/h%23.txt', base('h#.txt')],
    ["/it's%20(1)!,;=@&$~*.txt", base("it's (1)!,;=@&$~*.txt")],
    // Dots.
    ['/v1.2', base('v1.2')],
    ['/v1.2/', base('v1.2/index.html')],
    ['/.hidden', base('.hidden')],
    ['/dots...txt', base('dots...txt')],
    ['/about%2Ehtml', MISSING],
    ['/.well-known/security.txt', base('.well-known/security.txt')],
    ['/.well-known/', MISSING],
    // Letters beyond ASCII, and the two forms of one letter, which are two names.
    ['/caf%C3%A9/', base('caf\u00e9/index.html')],
    ['/caf%c3%a9', base('caf\u00e9/index.html')],
    ['/cafe%CC%81.txt', base('cafe\u0301.txt')],
    ['/caf%C3%A9.txt', MISSING],
    ['/cafe%CC%81/', MISSING],
    ['/%E6%97%A5%E6%9C%AC/', base('日本/index.html')],
    ['/%e6%97%a5%E6%9C%AC', base('日本/index.html')],
    // Case.
    ['/About', MISSING],
    // The pool, where no router runs: a plus is S3's, so it is a space.
    ['/assets/a-1.js', '200 assets/a-1.js'],
    ['/assets/a%20b.js', '200 assets/a b.js'],
    ['/assets/a+b.js', '200 assets/a b.js'],
    ['/assets/a%2Bb.js', '200 assets/a+b.js'],
    ['/%61ssets/a-1.js', '200 assets/a-1.js'],
    ['/assets/', MISSING],
    ['/assets', MISSING],
  ])('%s: %s', async (target, answer) => {
    expect(await shown(target)).toBe(answer);
  });

  test('/.well-known/release names the release', async () => {
    expect(await shown('/.well-known/release')).toBe(`200 ${LIVE}`);
    expect(await shown('/.well-known/release?x')).toBe(`200 ${LIVE}`);
    expect(await shown('/.well-known/release/')).toBe(MISSING);
  });
});

describe('no address leads out of the live release', () => {
  test.each([
    'secret.txt',
    '_site/jobs/1',
    '_site/pool-sweep.json',
    manifestKey(LIVE),
    ledgerKey(LIVE),
    `releases/${OTHER}/secret.html`,
    `releases/${OTHER}/about/index.html`,
    `releases/${LIVE}/${NEWS}`,
  ])('not to %s', async (key) => {
    const encoded = key.replaceAll('/', '%2f');
    const above = ['..', '%2e%2e', '.%2E', '..;', '%252e%252e', '%c0%ae%c0%ae'];
    const targets = [
      `/${key}`,
      `//${key}`,
      `/${encoded}`,
      `/.//${key}`,
      `/./${key}`,
      `/about/../${key}`,
      `/assets/../${key}`,
      `/assets/%2e%2e/${key}`,
      `/assets/..%2f${key}`,
      `/assets/..%2f${encoded}`,
      `/assets//../../${key}`,
      `/_site/404.html/../../${key}`,
      `/_site/404.html/..%2f..%2f${encoded}`,
      `/.well-known/../${key}`,
      `/%00/../${key}`,
      `/\\..\\..\\${key.replaceAll('/', '\\')}`,
      `/%5c..%5c..%5c${key.replaceAll('/', '%5c')}`,
      ...above.flatMap((up) => [
        `/${up}/${key}`,
        `/${up}/${up}/${key}`,
        `/${up}/${up}/${up}/${key}`,
        `/${up}%2f${up}%2f${encoded}`,
      ]),
    ];
    for (const target of targets) expect(await shown(target), target).toBe(MISSING);
  });

  test.each([
    '/?list-type=2',
    '/?prefix=_site/&max-keys=1000',
    '/?versions',
    '/?../../secret.txt',
    `/?/releases/${OTHER}/index.html`,
  ])('no listing, no other file: %s', async (target) => {
    expect(await shown(target)).toBe(base('index.html'));
  });

  test.each([
    '/x/../_site/404.html',
    '/_site/../_site/404.html',
    '/_site//404.html',
    '//',
    '///',
    '/.',
    '/..',
    '/../',
    '/./',
    '//about/',
    '/about//',
    '/about//index.html',
    '//index.html',
    '/about/.',
    '/about/./',
    '/about/../about/',
    '/x/../assets/a-1.js',
    '//assets/a-1.js',
    '/assets//a-1.js',
    '/assets/./a-1.js',
    '/about\\',
    '/about%5C',
    '/about%00',
    '/%00',
    '/about%0d%0aX-Injected:%201',
    '/about;x=1',
    '/*',
    '/~',
  ])('S3 takes a name as it is written: %s is missing', async (target) => {
    const answer = await ask(target);
    expect(`${answer.status} ${answer.body}`).toBe(MISSING);
    expect(answer.headers.has('x-injected')).toBe(false);
  });

  test.each(['/%', '/100%', '/%zz', '/about%2', '/%FF', '/%C3', '/%E0%A4%A', '/%ED%A0%80'])(
    'what cannot be decoded is missing: %s',
    async (target) => expect(await shown(target)).toBe(MISSING),
  );

  test.each([
    ['a space in the address', '/a b.html'],
    // By Node.js: no browser sends them. CloudFront is said to take them.
    ['letters beyond ASCII that are not encoded', '/café/'],
    ['NUL', '/a\0b'],
    ['a line break', '/a\rb'],
    ['no slash', 'about'],
    ['nothing', ''],
  ])('%s is refused before anything runs', async (_, target) => {
    expect((await ask(target)).status).toBe(400);
  });
});

describe('an address may be long', () => {
  const encoded = LONGEST.replaceAll('é', '%C3%A9');

  test('the longest name that can be published is found, however it is encoded', async () => {
    expect(problemInName(`x${LONGEST}`)).toMatch(/^its key would have 1025 bytes/);
    // But the dot, without which it would be a page.
    const everyByte = [...Buffer.from(LONGEST)].map((byte) => `%${byte.toString(16)}`).join('');
    for (const target of [encoded, everyByte.replace('%2e', '.')]) {
      expect(await shown(`/${target}`)).toBe(base(LONGEST));
    }
  });

  test.each([
    ['one byte more than a key may have', `/x${encoded}`],
    ['more than a key may have', `/${'a'.repeat(1_100)}`],
    ['in the pool', `/assets/${'a'.repeat(1_100)}`],
    ['all that CloudFront takes', `/${'a'.repeat(8_190)}`],
    ['all that CloudFront takes, in folders', `/${'a/'.repeat(4_095)}`],
    ['all that CloudFront takes, in pluses', `/${'+'.repeat(8_190)}`],
    ['all that CloudFront takes, encoded', `/${'%61'.repeat(2_730)}`],
    ['all that CloudFront takes, in the pool', `/assets/${'a'.repeat(8_183)}`],
  ])('%s is missing', async (_, target) => {
    expect(target.length).toBeLessThan(8_192);
    expect(await shown(target)).toBe(MISSING);
  });

  test('and so may its query', async () => {
    for (const query of [
      'a'.repeat(8_184),
      'a=b&'.repeat(2_046),
      `${'k'.repeat(2_000)}=1&`.repeat(4),
    ]) {
      expect(await shown(`/about?${query}`)).toBe(base('about/index.html'));
    }
  });

  test('more than CloudFront takes is refused', async () => {
    for (const target of [`/${'a'.repeat(8_191)}`, `/about?${'a'.repeat(8_185)}`]) {
      expect(target).toHaveLength(8_192);
      expect((await ask(target)).status).toBe(413);
    }
  });
});

describe('a query changes nothing', () => {
  test.each(['?', '?x', '?x=1&x=2', '?utm_source=a%20b+c', '?/../x', '?%zz', '?a?b', '?#'])(
    '/about/%s is the same page, from the cache',
    async (query) => {
      await ask('/about/');
      const { status, body, headers } = await ask(`/about/${query}`);
      expect(`${status} ${body}`).toBe(base('about/index.html'));
      expect(headers.get('x-cache')).toBe('Hit from cloudfront');
    },
  );
});

describe('a part of a file', () => {
  /** `206 bytes 0-9/100 0001020304`. */
  const part = async (headers: Record<string, string>, target = '/numbers.bin', method = 'GET') => {
    const answer = await ask(target, headers, method);
    const range = answer.headers.get('content-range');
    const body = answer.body === NUMBERS ? 'all' : answer.body;
    if (answer.status !== 304 && method === 'GET') {
      expect(answer.headers.get('content-length')).toBe(String(answer.body.length));
    }
    return [answer.status, range, answer.status === 416 ? undefined : body]
      .filter(Boolean)
      .join(' ');
  };

  test.each([
    ['bytes=0-9', '206 bytes 0-9/100 0001020304'],
    ['bytes=98-', '206 bytes 98-99/100 49'],
    ['bytes=-4', '206 bytes 96-99/100 4849'],
    ['bytes=0-0', '206 bytes 0-0/100 0'],
    ['bytes=90-1000', '206 bytes 90-99/100 4546474849'],
    ['bytes=-1000', '206 bytes 0-99/100 all'],
    ['bytes=0-', '206 bytes 0-99/100 all'],
    ['bytes=100-', '416 bytes */100'],
    ['bytes=100-200', '416 bytes */100'],
    ['bytes=-0', '416 bytes */100'],
    // Ignored, so all of it.
    ['bytes=0-1,4-5', '200 all'],
    ['bytes=9-0', '200 all'],
    ['bytes=a-b', '200 all'],
    ['bytes', '200 all'],
    ['items=0-9', '200 all'],
    ['', '200 all'],
  ])('Range: %s gives %s', async (range, answer) => {
    expect(await part({ range })).toBe(answer);
    expect(await part({ range }, '/assets/numbers.bin')).toBe(answer);
  });

  test('is of the same release whatever the address', async () => {
    const range = 'bytes=0-8';
    expect(await part({ range }, '/about')).toMatch(/^206 bytes 0-8\/\d+ releases\/$/);
    expect(await part({ range }, '/none')).toBe('404 NOT HERE');
    expect(await part({ range }, '/empty.txt')).toBe('416 bytes */0');
  });

  test('is told to be possible, and is of the file as it is stored', async () => {
    const whole = await ask('/numbers.bin');
    expect(whole.headers.get('accept-ranges')).toBe('bytes');
    const compressed = await ask('/large/', { 'accept-encoding': 'gzip' });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    const some = await ask('/large/', { 'accept-encoding': 'gzip', range: 'bytes=0-4' });
    expect([some.status, some.body, some.headers.get('content-encoding')]).toEqual([
      206,
      'xxxxx',
      undefined,
    ]);
  });

  test('only of the file that the visitor has the beginning of (If-Range)', async () => {
    const { headers } = await ask('/numbers.bin');
    const [etag = '', modified = ''] = [headers.get('etag'), headers.get('last-modified')];
    const range = 'bytes=0-1';
    for (const validator of [etag, modified]) {
      expect(await part({ range, 'if-range': validator })).toBe('206 bytes 0-1/100 00');
    }
    for (const validator of ['"other"', `W/${etag}`, 'Mon, 01 Jan 2001 00:00:00 GMT']) {
      expect(await part({ range, 'if-range': validator })).toBe('200 all');
    }
  });

  test('HEAD has all headers and no body', async () => {
    const whole = await ask('/numbers.bin');
    const head = await ask('/numbers.bin', {}, 'HEAD');
    expect([head.status, head.body]).toEqual([200, '']);
    for (const name of [
      'content-length',
      'content-type',
      'etag',
      'last-modified',
      'accept-ranges',
    ]) {
      expect(head.headers.get(name), name).toBe(whole.headers.get(name));
    }
    expect(head.headers.get('content-length')).toBe('100');
    const missing = await ask('/none', {}, 'HEAD');
    expect([missing.status, missing.body, missing.headers.get('content-length')]).toEqual([
      404,
      '',
      '8',
    ]);
    expect(await part({ range: 'bytes=0-9' }, '/numbers.bin', 'HEAD')).toBe('200');
  });
});

describe('what the visitor has already is not sent again', () => {
  test.each<[string, (etag: string, modified: string) => Record<string, string>, number]>([
    ['the same file', (etag) => ({ 'if-none-match': etag }), 304],
    ['the same file, weakly', (etag) => ({ 'if-none-match': `W/${etag}` }), 304],
    ['one of several', (etag) => ({ 'if-none-match': `"x", ${etag}` }), 304],
    ['any file', () => ({ 'if-none-match': '*' }), 304],
    ['another file', () => ({ 'if-none-match': '"x"' }), 200],
    ['the same date', (_, modified) => ({ 'if-modified-since': modified }), 304],
    ['an older date', () => ({ 'if-modified-since': 'Mon, 01 Jan 2001 00:00:00 GMT' }), 200],
    [
      'another file of the same date',
      (_, modified) => ({ 'if-none-match': '"x"', 'if-modified-since': modified }),
      200,
    ],
    ['no date', () => ({ 'if-modified-since': 'yesterday' }), 200],
    [
      'the same file, and a part of it',
      (etag) => ({ 'if-none-match': etag, range: 'bytes=0-1' }),
      304,
    ],
  ])('%s', async (_, conditions, status) => {
    const { headers } = await ask('/numbers.bin');
    const given = conditions(headers.get('etag') ?? '', headers.get('last-modified') ?? '');
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask('/numbers.bin', given, method);
      expect(answer.status).toBe(status);
      if (status === 304) expect(answer.body).toBe('');
    }
  });
});

describe('whatever the router is asked for', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '//',
      '..',
      '.',
      '../',
      '%2e%2e',
      '%2f',
      '%5c',
      '\\',
      '%00',
      '%',
      '+',
      '?',
    ),
    fc.constantFrom(
      '_site',
      'releases',
      OTHER,
      LIVE,
      'assets',
      '.well-known',
      'index.html',
      'about',
    ),
    fc.constantFrom('%c0%ae', '%ED%A0%80', 'é', '日本', '*', ':', '@', '&', '='),
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.integer({ min: 1, max: 8_100 }).map((length) => 'a'.repeat(length)),
  );
  const anAddress = fc
    .array(piece, { maxLength: 8 })
    .map((pieces) => `/${pieces.join('')}`)
    .filter((target) => target.length < 8_192);
  const site = { name: 'a-site', source: { kind: 'codecommit', branch: 'main' } } as const;

  test.each([
    ['by default', {}, {}],
    ['in directory style', { style: 'directory' }, { style: 'directory' }],
    [
      'in file style with a single page',
      { style: 'file', fallback: 'single-page' },
      { style: 'file', pages: '' },
    ],
  ] as const)(
    '%s, it asks for a file of the live release or answers itself',
    async (_, urls, addressing) => {
      const router = inSandbox(
        routerCode({ ...site, urls: { style: 'any', fallback: 'none', ...urls } }),
      );
      const live = pointerText({ ...POINTER, ...addressing });
      const objects = new Set([
        ...[LIVE, BASE, OTHER].flatMap((id) => [
          `releases/${id}/${NEWS}`,
          ...Object.keys(FILES).map((path) => `releases/${id}/${path}`),
        ]),
        ...['_site/404.html', 'secret.txt'],
      ]);
      await fc.assert(
        fc.asyncProperty(
          anAddress,
          bounded(async (target) => {
            const { uri, statusCode, querystring, headers } = await router(target, { live });
            if (statusCode !== undefined) {
              // The release's name, or an address of this site.
              expect([200, 301]).toContain(statusCode);
              const location = headers?.location?.value ?? '/';
              expect(new URL(location, 'https://site.example').host).toBe('site.example');
              return;
            }
            expectKeyWithin(uri, target, [LIVE, BASE], objects);
            // CloudFront refuses what is as long as this.
            const query = Object.keys(querystring ?? {}).length === 0 ? '' : rawQueryOf(target);
            expect(`${uri}?${query}`.length).toBeLessThan(8_192);
          }),
        ),
        runs(400),
      );
    },
  );
});
