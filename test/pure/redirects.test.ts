import fc from 'fast-check';
import redirector from 'netlify-redirector';
import { describe, expect, test } from 'vitest';
import { VALUE_BYTES } from '../../lambda/shared/store.ts';
import { MOST_VALUES } from '../../lambda/upload/redirects/program.ts';
import { Ruling } from '../../lambda/upload/redirects/ruling.ts';
import { spelled, takenBy } from '../../lib/release/redirects.ts';
import { runs } from '../support/fuzz.ts';
import { compiled } from '../support/rules.ts';

const FILES = ['index.html', '404.html', 'about/index.html', 'data.json', 'assets/app-1.js'];

test.each<[file: string, problem: string]>([
  ['/a', '_redirects, line 1: got "/a"; missing destination path/URL'],
  [
    '/a b',
    '_redirects, line 1: got "/a b"; the destination path/URL must start with "/", "http:" or "https:"',
  ],
  ['/a /b moved', '_redirects, line 1: got "/a /b moved"; invalid status code: moved'],
  ['a /b', '_redirects, line 1: got "a /b"; begin the address with a slash'],
  ['/a?x=1 /b', '_redirects, line 1: got "/a?x=1 /b"; leave out the query and what follows #'],
  [
    'https://old.example/* /:splat',
    '_redirects, line 1: got "https://old.example/* /:splat"; a rule cannot ask for a host; begin the address with a slash',
  ],
  [
    '/store id=:id /about 301',
    '_redirects, line 1: got "/store id=:id /about 301"; query parameters (id) are not matched; leave them out',
  ],
  [
    '/a /about 302 Country=de Language=en',
    '_redirects, line 1: got "/a /about 302 Country=de Language=en"; conditions (Language, Country) cannot be honoured; leave them out, or decide in a script on the page',
  ],
  [
    '/a https://b.example/ 301 Sign=KEY',
    '_redirects, line 1: got "/a https://b.example/ 301 Sign=KEY"; conditions (Sign) cannot be honoured; leave them out, or decide in a script on the page',
  ],
  [
    '/a/*/b /about',
    '_redirects, line 1: got "/a/*/b /about"; * stands for all that follows; use it once, after the last slash',
  ],
  [
    '/a* /about',
    '_redirects, line 1: got "/a* /about"; * stands for all that follows; use it once, after the last slash',
  ],
  [
    '/p/:id.html /about',
    '_redirects, line 1: got "/p/:id.html /about"; :id.html is no placeholder; one is a colon and a name, and stands between two slashes',
  ],
  [
    '/:a/:a /about',
    '_redirects, line 1: got "/:a/:a /about"; :a is in the address twice; give each its own name',
  ],
  [
    '/a /about 410',
    '_redirects, line 1: got "/a /about 410"; use one of the status codes 301, 302, 303, 307, 308, 200, 404',
  ],
  [
    '/a /closed 404',
    '_redirects, line 1: got "/a /closed 404"; the only page with status 404 is /404.html, and only where there is no file; use /404.html 404',
  ],
  [
    '/api/* https://api.example/:splat 200',
    '_redirects, line 1: got "/api/* https://api.example/:splat 200"; files of other hosts cannot be served from here; use 302 to send visitors there',
  ],
  [
    '/a //other.example/y 302',
    '_redirects, line 1: got "/a //other.example/y 302"; name the protocol of another host: https://other.example/y',
  ],
  [
    '/a /about?x=1 200',
    '_redirects, line 1: got "/a /about?x=1 200"; a file has no query; leave out ? and # and what follows them',
  ],
  [
    '/a /b/:c',
    '_redirects, line 1: got "/a /b/:c"; nothing in the address is called :c; write %3A for a colon that is one',
  ],
  [
    '/:h/* https://:h.example/:splat',
    '_redirects, line 1: got "/:h/* https://:h.example/:splat"; name the host of the target, without a placeholder or a password',
  ],
  ['/a /none 200', '_redirects, line 1: got /none; the release has no such file'],
  [
    '/a /assets/app-1.js 200',
    '_redirects, line 1: got /assets/app-1.js; a file under the immutable patterns is only served from its own address, use 302',
  ],
  [
    '/assets/old.js /about',
    '_redirects, line 1: got /assets/old.js; rules do not reach files under the immutable patterns (assets/*): their addresses never change',
  ],
  [
    '/assets/* /about',
    '_redirects, line 1: got /assets/*; rules do not reach files under the immutable patterns (assets/*): their addresses never change',
  ],
  [
    '/.well-known/release /about',
    '_redirects, line 1: got /.well-known/release; the hosting itself answers this address',
  ],
  [
    '/a /a/',
    '_redirects, line 1: got /a to /a/; visitors are sent round for ever (/a to /a/ to /a/)',
  ],
  [
    '/a/* /a/b/:splat',
    '_redirects, line 1: got /a/* to /a/b/:splat; visitors are sent on more than 10 times, or to longer and longer addresses (/a/x to /a/b/x to /a/b/b/x to /a/b/b/b/b/b/b/b/b/b/b/b/x); lead to the last one at once',
  ],
])('%s is refused', async (file, problem) => {
  expect((await compiled(file, FILES)).problems).toEqual([problem]);
});

test('a chain of rules that browsers would give up is refused where it is too long, and not called a round', async () => {
  const chain = (length: number) =>
    Array.from({ length }, (_, step) => `/a${step} /a${step + 1}`).join('\n');
  expect((await compiled(chain(10), FILES)).problems).toEqual([]);
  expect((await compiled(chain(11), FILES)).problems).toEqual([
    '_redirects, line 1: got /a0 to /a1; visitors are sent on more than 10 times, or to longer and longer addresses (/a0 to /a1 to /a2 to /a11); lead to the last one at once',
  ]);
});

test('a rule that is longer than a value of the store is refused', async () => {
  const { problems } = await compiled(`/a https://b.example/${'c'.repeat(1_000)}`, FILES);
  expect(problems).toEqual([
    '_redirects, line 1: got a rule of 1,028 characters, its number included; the key-value store takes 1,023',
  ]);
});

test('a line that no rule needs is refused before it is looked at', async () => {
  const { problems } = await compiled(`/a /${':b'.repeat(400_000)}`, FILES);
  expect(problems).toEqual([
    `_redirects, line 1: got "/a /${':b'.repeat(2_046)}…"; a line can have 4,096 characters`,
  ]);
});

test('all that is wrong is told together, each with its line', async () => {
  const { problems } = await compiled(
    '# moved\n/a /b 410\n\n/c /about\n/d\n/e /f\n/f /e 302\n',
    FILES,
  );
  expect(problems).toEqual([
    '_redirects, line 2: got "/a /b 410"; use one of the status codes 301, 302, 303, 307, 308, 200, 404',
    '_redirects, line 5: got "/d"; missing destination path/URL',
    '_redirects, line 6: got /e to /f; visitors are sent round for ever (/e to /f to /e)',
    '_redirects, line 7: got /f to /e; visitors are sent round for ever (/f to /e to /f)',
  ]);
});

test('a rule that a file goes before is told', async () => {
  const { findings, program } = await compiled('/about /x\n/data.json /y 302\n', FILES);
  expect(findings).toEqual([
    '_redirects, line 1: /about is a file of the release, which goes before the rule; write 301! to turn that round',
    '_redirects, line 2: /data.json is a file of the release, which goes before the rule; write 302! to turn that round',
  ]);
  expect(program).toBeUndefined();
});

test('a target that makes an address longer with every step is told before it fills the memory', async () => {
  const { problems } = await compiled(`/:a /${':a'.repeat(300)}`, FILES);
  expect(problems).toEqual([
    expect.stringMatching(
      /^_redirects, line 1: got \/:a to \/[:a]{600}; visitors are sent on more than 10 times, or to longer and longer addresses \(\/x to \/x{59}…x{60} to \/x{59}…x{60}\); lead to the last one at once$/,
    ),
  ]);
});

test('one step that ends is no loop', async () => {
  const rules = '/* /about 302\n/about/* /about 301\n/x /y\n';
  expect((await compiled(rules, FILES)).problems).toEqual([]);
});

describe('the values', () => {
  const rules = (count: number) =>
    Array.from({ length: count }, (_, i) => `/old/page-${i}.html /new/page-${i}/`).join('\n');

  test('are none for a file without rules', async () => {
    expect((await compiled('# nothing yet\n', FILES)).program).toBeUndefined();
  });

  test('hold some hundred rules, each value within the store’s limit', async () => {
    const { program, problems } = await compiled(rules(600), FILES);
    expect(problems).toEqual([]);
    const sizes = Object.values(program?.values ?? {}).map((value) => Buffer.byteLength(value));
    expect(sizes.length).toBeLessThanOrEqual(MOST_VALUES);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(VALUE_BYTES);
  });

  test('are not more than one flip can write', async () => {
    const { problems } = await compiled(rules(1_500), FILES);
    expect(problems).toEqual([
      expect.stringMatching(
        /^_redirects: got 1,500 rules, which take \d+ values of the key-value store; one release goes live with 40 at most, so use fewer or shorter rules$/,
      ),
    ]);
  });

  test('are not more than a request can read', async () => {
    const { problems } = await compiled(
      Array.from({ length: 300 }, (_, i) => `/section-${i}/* /archive/${i}/:splat`).join('\n'),
      FILES,
    );
    expect(problems).toEqual([
      expect.stringMatching(
        /^_redirects: got 300 rules with a placeholder or \*, which take \d+ values of the key-value store; a request can read 8, so use fewer or shorter ones$/,
      ),
    ]);
  });

  test('name the files that go before a pattern, of which there can be too many', async () => {
    const pages = (count: number) =>
      Array.from({ length: count }, (_, i) => `page-${i}/index.html`);
    expect(
      (await compiled('/* /index.html 200', ['index.html', ...pages(4_000)])).problems,
    ).toEqual([]);
    const { problems } = await compiled('/* /index.html 200', ['index.html', ...pages(20_000)]);
    expect(problems).toEqual([
      expect.stringMatching(
        /^_redirects: got 1 rules, which take \d+ values of the key-value store \(\d+ of them for the 20,001 files that go before rules with a placeholder or \*: with ! after the status, or an address that covers fewer of them, those are not needed\); one release goes live with 40 at most/,
      ),
    ]);
    expect(
      (await compiled('/* /index.html 200!', ['index.html', ...pages(20_000)])).problems,
    ).toEqual([]);
  });

  test('are the same for the same rules, and stand under another hash for others', async () => {
    const one = (await compiled('/a /b\n', FILES)).program;
    expect((await compiled('# the same\n/a   /b   301', FILES)).program).toEqual(one);
    expect((await compiled('/a /c\n', FILES)).program?.rules).not.toBe(one?.rules);
  });
});

test('the rule that decides is the first one that matches, in whatever file', () => {
  const part = fc.constantFrom('a', 'b', ':p', ':q', '');
  const from = fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([parts, splat]) => `/${[...parts, ...(splat ? ['*'] : [])].join('/')}`);
  const rule = fc.record({ from, force: fc.boolean() });
  const address = fc
    .array(fc.constantFrom('a', 'b', 'c', '', '%61'), { minLength: 1, maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), fc.array(address), (rules, addresses) => {
      const redirects = rules.map((one, index) => ({
        ...one,
        line: index + 1,
        to: `/${index}`,
        status: 302 as const,
      }));
      const ruling = new Ruling(redirects, (one) => one.startsWith('/a/b'));
      for (const one of addresses) {
        const parts = one.slice(1).split('/');
        const matching = redirects.filter((redirect) =>
          takenBy(redirect.from.slice(1).split('/'), parts, spelled(parts)),
        );
        const first = matching.slice(0, 1).filter(({ force }) => force || !one.startsWith('/a/b'));
        expect([one, ruling.at(one)?.rule]).toEqual([one, first[0]]);
        expect(ruling.decides(one)).toBe(first.length > 0);
        for (const number of redirects.keys()) {
          expect([one, number, ruling.after(number, one)]).toEqual([
            one,
            number,
            matching.some(({ force, line }) => force && line > number + 1),
          ]);
        }
      }
    }),
    runs(300),
  );
});

describe('Netlify’s own matcher', () => {
  const part = fc.constantFrom('a', 'b', 'about', 'x.html', '%20');
  const from = fc
    .tuple(
      fc.array(fc.oneof(part, fc.constantFrom(':p', ':q')), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
    )
    .filter(
      ([parts]) =>
        new Set(parts.filter((one) => one.startsWith(':'))).size ===
        parts.filter((one) => one.startsWith(':')).length,
    )
    .map(([parts, splat]) => ({
      names: [...parts.filter((one) => one.startsWith(':')), ...(splat ? [':splat'] : [])],
      text: `/${[...parts, ...(splat ? ['*'] : [])].join('/')}`,
    }));
  const rule = from.chain(({ names, text }) =>
    fc
      .tuple(fc.subarray(names), fc.constantFrom(301, 302), fc.boolean())
      .map(
        ([used, status, force]) =>
          `${text} https://e.example/${['t', ...used].join('/')} ${status}${force ? '!' : ''}`,
      ),
  );
  const address = fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '/'))
    .map(([parts, end]) => `/${parts.join('/')}${end}`);

  test('sends visitors to the same place, for whatever rules', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(rule, { minLength: 1, maxLength: 5 }),
        fc.array(address, { maxLength: 6 }),
        async (rules, addresses) => {
          const { ruling, problems } = await compiled(rules.join('\n'), []);
          expect(problems).toEqual([]);
          const matcher = await redirector.parsePlain(rules.join('\n'), {});
          for (const path of addresses) {
            const request = {
              scheme: 'https',
              host: 'site.example',
              path,
              query: '',
              getHeader: () => '',
              getCookie: () => '',
            };
            const theirs = matcher.match(request);
            const ours = ruling.at(path);
            expect([path, ours && `${ours.rule.status} ${ours.to}`]).toEqual([
              path,
              theirs ? `${theirs.status} ${theirs.to}` : undefined,
            ]);
          }
        },
      ),
      runs(80),
    );
  });
});
