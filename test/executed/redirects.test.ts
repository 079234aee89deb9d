import { describe, expect, test } from 'vitest';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import {
  DOMAIN,
  hasNjs,
  inNjs,
  inSandbox,
  SITE,
  STYLED_ROUTER,
  shown,
  viewOf,
} from '../support/rules.ts';

const FILES = [
  'index.html',
  '404.html',
  'about/index.html',
  'feed.xml',
  'a b/index.html',
  'app/index.html',
  'blog/first/index.html',
];

/** What visitors get, by the syntax's own documentation: rules, then addresses and answers. */
const TABLE: readonly [what: string, rules: string, answers: Readonly<Record<string, string>>][] = [
  [
    'a plain rule is a 301, with and without a slash at the end',
    '/home /about',
    {
      '/home': '301 /about',
      '/home/': '301 /about',
      '/home//': '/home//index.html',
      '/HOME': '/HOME/index.html',
      '/homes': '/homes/index.html',
      '/home/x': '/home/x/index.html',
    },
  ],
  [
    'status codes',
    '/a /about 302\n/b /about 303\n/c /about 307\n/d /about 308\n/e /feed.xml 200',
    {
      '/a': '302 /about',
      '/b': '303 /about',
      '/c': '307 /about',
      '/d': '308 /about',
      '/e': '/feed.xml',
      '/e/': '/feed.xml',
    },
  ],
  [
    'another host',
    '/google https://www.google.com 301',
    { '/google': '301 https://www.google.com' },
  ],
  [
    'placeholders',
    '/news/:month/:date/:year/:slug /blog/:year/:month/:date/:slug',
    {
      '/news/02/12/2004/my-story': '301 /blog/2004/02/12/my-story',
      '/news/02/12/2004/my-story/': '301 /blog/2004/02/12/my-story',
      '/news/02/12/2004': '/news/02/12/2004/index.html',
      '/news/02/12/2004/a/b': '/news/02/12/2004/a/b/index.html',
      '/news//12/2004/a': '/news//12/2004/a/index.html',
    },
  ],
  [
    'placeholders within a part of the target',
    '/n/:y/:m /b-:y-:m.html',
    { '/n/1/a%20b': '301 /b-1-a%20b.html' },
  ],
  [
    'a splat',
    '/news/* /weblog/:splat',
    {
      '/news/2004/01/10/my-story': '301 /weblog/2004/01/10/my-story',
      '/news': '301 /weblog/',
      '/news/': '301 /weblog/',
      '/news/a/': '301 /weblog/a/',
      '/newsletter': '/newsletter/index.html',
      '/news/caf%C3%A9': '301 /weblog/caf%C3%A9',
      '/news/a%2Fb': '301 /weblog/a%2Fb',
    },
  ],
  [
    'the first rule that matches',
    '/a /one\n/a /two 302\n/b/* /three\n/b/c /four',
    { '/a': '301 /one', '/b/c': '301 /three' },
  ],
  [
    'the first one also where a later one is exact, and an exact one before a pattern',
    '/b/c /four\n/b/* /three',
    { '/b/c': '301 /four', '/b/d': '301 /three' },
  ],
  [
    'a single-page app',
    '/* /index.html 200',
    {
      '/': '/index.html',
      '/user/12': '/index.html',
      '/about': '/about/index.html',
      '/about/': '/about/index.html',
      '/feed.xml': '/feed.xml',
      '/none.js': '/index.html',
      '/a%20b': '/a%20b/index.html',
    },
  ],
  [
    'files go before a rule',
    '/about /x\n/blog/* /x',
    {
      '/about': '/about/index.html',
      '/blog/first': '/blog/first/index.html',
      '/blog/second': '301 /x',
    },
  ],
  [
    'unless it is forced',
    '/about /feed.xml 200!\n/blog/* /x 302!',
    { '/about': '/feed.xml', '/blog/first': '302 /x' },
  ],
  [
    'a file goes before a later rule too',
    '/about /x\n/* https://e.example/y 301!',
    { '/about': '/about/index.html', '/other': '301 https://e.example/y' },
  ],
  [
    'rewrites with what was asked for',
    '/v1/* /:splat 200',
    { '/v1/about': '/about/index.html', '/v1': '/index.html', '/v1/feed.xml': '/feed.xml' },
  ],
  [
    'no page: later rules are not asked',
    '/old/* /404.html 404\n/* /index.html 200',
    { '/old/x': '/old/x/index.html', '/new/x': '/index.html' },
  ],
  [
    'the query goes along',
    '/a /about\n/b /about?x=1\n/c https://e.example/#top\n/s/* /t/:splat',
    {
      '/a?u=1&v=': '301 /about?u=1&v=',
      '/b?u=1': '301 /about?x=1',
      '/c?u=a%20b': '301 https://e.example/?u=a%20b#top',
      '/s/x?u=1': '301 /t/x?u=1',
    },
  ],
  [
    'addresses in any spelling',
    '/café /about\n/gr%C3%BC%C3%9Fe /about\n/with%20space /about\n/to /é',
    {
      '/caf%C3%A9': '301 /about',
      '/café': '301 /about',
      '/caf%c3%a9/': '301 /about',
      '/gr%C3%BC%C3%9Fe': '301 /about',
      '/with%20space': '301 /about',
      '/to': '301 /%C3%A9',
    },
  ],
  [
    'an address that is not well-formed',
    '/a% /about\n/b/* /c/:splat',
    { '/a%': '301 /about', '/b/%zz': '301 /c/%zz', '/b/é?é=1': '301 /c/%C3%A9?%C3%A9=1' },
  ],
  [
    'no other host by a trick',
    '/go/* /:splat 301!',
    {
      '/go//evil.example': '301 /evil.example',
      '/go/\\evil.example': '301 /evil.example',
      '/go//': '301 /',
    },
  ],
  ['comments and blank lines', '# all of it\n\n/a /about # why\n', { '/a': '301 /about' }],
];

const engines = [
  ['node:vm', true, inSandbox],
  ['njs', hasNjs, inNjs],
] as const;
for (const [engine, present, ask] of engines) {
  describe.skipIf(!present)(`_redirects by the shipped router in ${engine}`, () => {
    test.each(TABLE)('%s', async (_, rules, answers) => {
      const view = await viewOf(rules, FILES);
      const got: Record<string, string> = {};
      for (const address of Object.keys(answers)) got[address] = shown(await ask(address, view));
      expect(got).toEqual(answers);
    });

    test('where pages have one address each: rules go before its redirects, files before rules', async () => {
      const rules = '/old.html /new\n/more /about.html 200\n/app/* /index.html 200\n/go /x 302!\n';
      const view = await viewOf(rules, FILES, { style: 'directory' });
      const answers = {
        '/old.html': '301 /new',
        '/more': '/about/index.html',
        '/app/deep': '/index.html',
        '/app': '301 /app/',
        '/app/': '/app/index.html',
        '/app.html': '301 /app/',
        '/about.html': '301 /about/',
        '/none': '301 /none/',
        '/none/': '/none/index.html',
        '/_site/start': '/index.html',
      };
      const got: Record<string, string> = {};
      for (const address of Object.keys(answers)) {
        got[address] = shown(await ask(address, view, { code: STYLED_ROUTER }));
      }
      expect(got).toEqual(answers);
    });

    test('under another of the site’s names: one redirect puts name and form of the address right', async () => {
      const view = await viewOf('/more /about 200\n/old /about\n', FILES, { style: 'directory' });
      const answers = {
        '/about?x=1': '301 https://www.example.com/about/?x=1',
        '/about/': '301 https://www.example.com/about/',
        '/_site/start': '301 https://www.example.com/',
        // The rules are for the right name, and come after it.
        '/more?x=1': '301 https://www.example.com/more?x=1',
        '/old': '301 https://www.example.com/old',
      };
      const got: Record<string, string> = {};
      for (const address of Object.keys(answers)) {
        const options = { code: STYLED_ROUTER, host: 'example.com' };
        got[address] = shown(await ask(address, view, options));
      }
      expect(got).toEqual(answers);
    });

    test('under another name without a style, and where the store fails', async () => {
      const code = routerCode({ ...SITE, redirectsFile: true, domain: DOMAIN });
      const view = await viewOf('/old /about\n', FILES);
      const options = { code, host: 'example.com' };
      expect(shown(await ask('/about', view, options))).toBe('301 https://www.example.com/about');
      expect(shown(await ask('/old', view, options))).toBe('301 https://www.example.com/old');
      expect(shown(await ask('/about', {}, options))).toBe('301 https://www.example.com/about');
    });
  });
}
