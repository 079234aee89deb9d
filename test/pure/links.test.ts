import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { contentType } from '../../lambda/upload/content-type.ts';
import { checkLinks, type LinkCheck } from '../../lambda/upload/links.ts';
import type { UrlRules } from '../../lib/release/addresses.ts';
import { aClock } from '../support/job.ts';

type Site = Readonly<Record<string, string>>;

/** A site that is read in pieces of a few characters, so that every tag is cut somewhere. */
function aCheck(site: Site, changes: Partial<LinkCheck> = {}) {
  const opened: string[] = [];
  const clock = aClock();
  const check: LinkCheck = {
    files: Object.entries(site).map(([path, content]) => ({
      path,
      size: Buffer.byteLength(content),
      sha256: '',
      type: contentType(path),
    })),
    immutable: ['assets/*'],
    urls: { style: 'any', fallback: 'none' },
    isRuled: () => false,
    open: async (path) => {
      opened.push(path);
      return Readable.from(inPieces(Buffer.from(site[path] as string)), { objectMode: false });
    },
    clock,
    until: clock.now() + 1,
    signal: new AbortController().signal,
    ...changes,
  };
  return { check, clock, opened, run: () => checkLinks(check) };
}

function* inPieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}

const REST: Site = {
  'about/index.html': '',
  'a b/é+%.html': '',
  'v1.2/index.html': '',
  'feed.xml': '',
  'assets/app-1.js': '',
  'assets/docs/index.html': '',
};

/** The sentences about one page with that HTML, on a site with those other files. */
const brokenIn = async (html: string, path = 'index.html', rest: Site = REST) =>
  (await aCheck({ 'index.html': '', ...rest, [path]: html }).run()).broken;

const missing = (address: string, hint = '', page = 'index.html') =>
  `${page} refers to ${address}, which is not in the release${hint}`;

describe('what leads somewhere is not reported', () => {
  test.each([
    ['the start page', '<a href="/">'],
    ['a folder, with and without its slash', '<a href="/about/"><a href="/about">'],
    ['a file by its name', '<a href="/about/index.html"><link href="/feed.xml">'],
    ['a folder with a dot in its name', '<a href="/v1.2/">'],
    ['an address with parameters and a fragment', '<a href="/about?from=home#team">'],
    ['the page itself', '<a href=""><a href="#top"><a href="?page=2">'],
    ['a relative address', '<a href="about/"><a href="./feed.xml"><a href="../about">'],
    ['percent-encoded letters', '<a href="/a%20b/%C3%A9+%25.html">'],
    ['letters as they are', '<a href="/a b/é+%25.html">'],
    ['entities', '<a href="&#x2f;about&sol;">'],
    ['white space around it', '<a href="\n  /about/\t">'],
    ['a file of the pool', '<script src="/assets/app-1.js"></script>'],
    ['the address that the hosting answers', '<a href="/.well-known/release">'],
  ])('%s', async (_, html) => expect(await brokenIn(html)).toEqual([]));
});

describe('what is not part of the release is nobody’s business', () => {
  test.each([
    'https://example.com/x',
    '//example.com/x',
    'HTTP://example.com',
    'mailto:a@example.com',
    'tel:+41',
    'data:text/html,<a href=/x>',
    'javascript:void(0)',
    'blob:https://example.com/1',
    '#x',
  ])('%s', async (address) => {
    expect(await brokenIn(`<a href='${address}'><img srcset='${address}'>`)).toEqual([]);
  });

  test.each([
    ['comments', '<!-- <a href="/x"> -->'],
    ['scripts', '<script>document.write("<a href=/x>")</script>'],
    ['text', '<title><a href="/x"></title><textarea><a href="/x"></textarea>'],
    ['templates that wait for a script', '<template><i><a href="{{x}}"></i></template>'],
    ['other attributes', '<a title="/x" data-href="/x"><p href="/x" src="/x">'],
  ])('%s', async (_, html) => expect(await brokenIn(html)).toEqual([]));
});

describe('every element that loads or links is looked at', () => {
  test.each([
    '<a href="/x">',
    '<A HREF=/x>',
    '<area href="/x">',
    '<audio src="/x">',
    '<button formaction="/x">',
    '<embed src="/x">',
    '<form action="/x">',
    '<iframe src="/x"></iframe>',
    '<img src="/x">',
    '<img srcset="/about 1x, /x 2x">',
    '<input type="image" src="/x">',
    '<link rel="stylesheet" href="/x">',
    '<link rel="preload" imagesrcset="/x 100w">',
    '<object data="/x">',
    '<script src="/x"></script>',
    '<picture><source srcset="/x"></picture>',
    '<video src="/x">',
    '<video poster="/x">',
    '<video><source src="/x"></video>',
    '<track src="/x">',
    '<svg><a href="/x"/></svg>',
    '<svg><use xlink:href="/x#icon"/></svg>',
    '<svg><image href="/x"/></svg>',
    '<noscript><img src="/x"></noscript>',
    '<meta http-equiv="Refresh" content="0; URL=\'/x\'">',
    '<meta http-equiv="refresh" content="5;/x">',
    '<div><template shadowrootmode="open"><a href="/x"></template></div>',
    '<template><i></template><a href="/x">',
    '<a href="/x"',
  ])('%s', async (html) => {
    // The last one is no element: the page ends before its tag does.
    expect(await brokenIn(html)).toEqual(html.endsWith('"') ? [] : [missing('/x')]);
  });

  test('every candidate of a set of images', async () => {
    const set = ' /1.png , /2.png 2x,/3.png 100w (a, b), data:image/png,xx 2x, /4,.png, ,/5.png,';
    expect(await brokenIn(`<img srcset="${set}">`)).toEqual(
      ['/1.png', '/2.png', '/3.png', '/4,.png', '/5.png'].map((address) => missing(address)),
    );
  });
});

describe('addresses are resolved as a browser does', () => {
  test.each([
    ['from a folder', 'a/b/index.html', '<a href="x"><a href="../y">', ['/a/b/x', '/a/y']],
    ['from a file', 'a/b.html', '<a href="x"><a href="../y">', ['/a/x', '/y']],
    ['from a page with an odd name', 'a b/é?.html', '<a href="x">', ['/a%20b/x']],
    ['out of the site', 'a/index.html', '<a href="../../../x">', ['/x']],
    ['from the base', 'a/index.html', '<base href="/c/"><a href="x">', ['/c/x']],
    [
      'the first base counts',
      'index.html',
      '<base href="/c/"><base href="/d/"><a href="x">',
      ['/c/x'],
    ],
    ['a base elsewhere', 'index.html', '<base href="https://example.com/"><a href="x">', []],
  ])('%s', async (_, path, html, addresses) => {
    expect(await brokenIn(html, path)).toEqual(
      addresses.map((address) => missing(address, '', path)),
    );
  });

  test('in the pool an address is a file: no function runs there that knows folders', async () => {
    expect(await brokenIn('<a href="/assets/docs/index.html">')).toEqual([]);
    expect(await brokenIn('<a href="/assets/docs/">')).toEqual([
      missing('/assets/docs/', '; did you mean /assets/docs/index.html?'),
    ]);
  });

  test('the error page is shown at any address, so it has to refer by absolute ones', async () => {
    const broken = await brokenIn('<img src="feed.xml"><a href="/"><a href="/x">', '404.html');
    expect(broken).toEqual([
      '404.html refers to "feed.xml", which leads elsewhere at every address where the error page is shown; begin it with a slash',
      missing('/x', '', '404.html'),
    ]);
    expect(await brokenIn('<base href="/"><img src="feed.xml">', '404.html')).toEqual([]);
  });
});

describe('with other rules for addresses', () => {
  const brokenUnder = async (urls: UrlRules, html: string, path = 'index.html') =>
    (await aCheck({ 'index.html': '', ...REST, [path]: html }, { urls }).run()).broken;

  test.each(['directory', 'file'] as const)(
    'in %s style every form of a page leads to it',
    async (style) => {
      const links = [
        '/about',
        '/about/',
        '/about.html',
        '/about/index.html',
        '/index.html',
        '/v1.2/',
      ];
      const html = [...links, '/feed.xml', '/assets/docs/index.html'].map(
        (link) => `<a href="${link}">`,
      );
      expect(await brokenUnder({ style, fallback: 'none' }, html.join(''))).toEqual([]);
      expect(
        await brokenUnder({ style, fallback: 'none' }, '<a href="/abuot"><a href="/v1.2">'),
      ).toEqual([missing('/abuot'), missing('/v1.2', '; did you mean /v1.2/?')]);
    },
  );

  test('a hint is the one address of the page', async () => {
    const html = '<a href="/About">';
    for (const [style, address] of [
      ['directory', '/about/'],
      ['file', '/about'],
    ] as const) {
      expect(await brokenUnder({ style, fallback: 'none' }, html)).toEqual([
        missing('/About', `; did you mean ${address}?`),
      ]);
    }
  });

  test('relative addresses are relative to the one address of the page', async () => {
    const html = '<a href="x">';
    const under = (style: UrlRules['style']) =>
      brokenUnder({ style, fallback: 'none' }, html, 'c/d/index.html');
    expect(await under('any')).toEqual([missing('/c/d/x', '', 'c/d/index.html')]);
    expect(await under('directory')).toEqual([missing('/c/d/x', '', 'c/d/index.html')]);
    expect(await under('file')).toEqual([missing('/c/x', '', 'c/d/index.html')]);
  });

  test('a single page answers every address but those of files', async () => {
    const html = '<a href="/users/17"><a href="/a/b/"><img src="/none.png"><a href="/assets/none">';
    expect(await brokenUnder({ style: 'any', fallback: 'single-page' }, html)).toEqual([
      missing('/assets/none'),
      missing('/none.png'),
    ]);
  });
});

describe('a report says what to mend', () => {
  test.each([
    ['another spelling', '/About', '/about/'],
    ['a file without its ending', '/contact', '/contact.html'],
    ['a folder with a dot and without its slash', '/v1.2', '/v1.2/'],
    ['a file in small letters', '/Feed.XML', '/feed.xml'],
    ['a file in large letters', '/readme.txt', '/README.txt'],
  ])('%s', async (_, address, near) => {
    expect(
      await brokenIn(`<a href="${address}">`, 'index.html', {
        ...REST,
        'contact.html': '',
        'README.txt': '',
      }),
    ).toEqual([missing(address, `; did you mean ${near}?`)]);
  });

  test('an address that is none', async () => {
    expect(await brokenIn('<a href="http://{{host}}:x/">')).toEqual([
      'index.html refers to "http://{{host}}:x/", which is no address',
    ]);
    expect(await brokenIn('<a href="/%zz">')).toEqual([missing('/%zz')]);
  });

  test('one line an address, however often and on however many pages, the most frequent first', async () => {
    const pages = Object.fromEntries(
      Array.from({ length: 3 }, (_, index) => [
        `p${index}/index.html`,
        '<link href="/gone.css"><a href="/gone.css"><a href="/gone.css#2">',
      ]),
    );
    expect(await brokenIn('<a href="/x">', 'index.html', pages)).toEqual([
      'p0/index.html and 2 more pages refer to /gone.css, which is not in the release',
      missing('/x'),
    ]);
  });

  test('the page that is named is the same every time, whichever was read first', async () => {
    const pages = { 'a.html': `${' '.repeat(5_000)}<a href="/x">`, 'b.html': '<a href="/x">' };
    expect(await brokenIn('', 'index.html', pages)).toEqual([
      'a.html and 1 more page refer to /x, which is not in the release',
    ]);
  });

  test('any number of broken addresses of any length, in bounded words', async () => {
    const links = Array.from(
      { length: 1_100 },
      (_, index) => `<a href="/${index}/${'é'.repeat(700)}">`,
    );
    const broken = await brokenIn(links.join(''));
    expect(broken).toHaveLength(1_000);
    expect(Math.max(...broken.map((sentence) => sentence.length))).toBeLessThan(400);
  });
});

test('more broken addresses than anybody reads are not kept', async () => {
  const links = (page: string) =>
    Array.from({ length: 800 }, (_, index) => `<a href="/${page}/${index}">`).join('');
  const broken = await brokenIn(links('a'), 'a.html', { 'b.html': links('b') });
  expect(broken).toHaveLength(1_001);
  expect(broken.at(-1)).toBe('more than 1,000 addresses lead nowhere');
});

describe('what was not looked at is said', () => {
  const THREE = {
    'index.html': '<a href="/1">',
    'a/index.html': '<a href="/2">',
    'a/b/index.html': '<a href="/3">',
  };

  test('when the time is over, and the start page is read before that', async () => {
    const deeper = Array.from({ length: 8 }, (_, index) => [
      `${index}/index.html`,
      '<a href="/y">',
    ]);
    const { check, clock, opened, run } = aCheck({
      'index.html': '<a href="/x">',
      ...Object.fromEntries(deeper),
    });
    const { open } = check;
    Object.assign(check, {
      open: async (path: string) => {
        // Four are read at a time: with the fifth, the first one is through.
        if (opened.length === 4) clock.time += 1;
        return open(path);
      },
    });
    const { broken, notLookedAt } = await run();
    expect(broken).toContain(missing('/x'));
    expect(notLookedAt).toEqual([
      expect.stringMatching(
        /^The links of [5-8] of 9 pages were not looked at, or not to the end \(the time for it was over\), such as \d\/index\.html\.$/,
      ),
    ]);
    expect(opened).toHaveLength(5);
  });

  test('a page that is no page any more by its size', async () => {
    const { check, opened, run } = aCheck(THREE);
    Object.assign(check.files[1] as object, { size: 10_000_001 });
    expect((await run()).notLookedAt).toEqual([
      'The links of 1 of 3 pages were not looked at, or not to the end (larger than 10 MB), such as a/index.html.',
    ]);
    expect(opened).not.toContain('a/index.html');
  });

  test('a page whose elements are never closed', async () => {
    const { run } = aCheck({ 'index.html': `<a href="/x">${'<b>'.repeat(20_000)}<a href="/y">` });
    expect(await run()).toMatchObject({
      broken: [missing('/x')],
      notLookedAt: [
        'The links of 1 of 1 page were not looked at, or not to the end (more than 10,000 elements deep), such as index.html.',
      ],
    });
  });

  test('only pages are opened', async () => {
    const { opened, run } = aCheck({ ...THREE, 'a.js': '<a href="/x">', 'b.svg': '', 'c.xml': '' });
    expect((await run()).notLookedAt).toEqual([]);
    expect(opened.sort()).toEqual(Object.keys(THREE).sort());
  });
});

test('at the end of the invocation it stops, in the middle of a page', async () => {
  const abort = new AbortController();
  let pieces = 0;
  const content = Readable.from(
    (function* () {
      for (; pieces < 100; pieces += 1) {
        if (pieces === 10) abort.abort(new Error('over'));
        yield Buffer.alloc(64 * 1024, '<p>text');
      }
    })(),
    { objectMode: false },
  );
  const { run } = aCheck({ 'index.html': '' }, { signal: abort.signal, open: async () => content });
  const closed = new Promise((resolve) => content.once('close', resolve));
  await expect(run()).rejects.toThrow('over');
  await closed;
  expect(pieces).toBeLessThan(20);
});
