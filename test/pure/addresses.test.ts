import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressingFor, placementFor } from '../../lambda/upload/addressing.ts';
import { contentType } from '../../lambda/upload/content-type.ts';
import { holds, placesOf } from '../../lambda/upload/layers.ts';
import { addressFor, fileFor, placeFor, type UrlRules } from '../../lib/release/addresses.ts';
import { bounded, runs } from '../support/fuzz.ts';

// Plain JavaScript, for CloudFront.
const { redirect } = await import(
  new URL('../../lib/hosting/edge/redirect.js', import.meta.url).href
);

const STYLES = ['directory', 'file'] as const;

/** Addresses with all that they may be made of, far more often than chance would have it. */
const anAddress = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '//', '\\', '.', '..', '.html', 'index.html', 'index', 'a', 'v1.2'),
      fc.constantFrom('.well-known', '_site', 'releases', '%2e%2e', '%2F', '%', '+', ' ', 'é'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => `/${parts.join('')}`);

describe('a style gives every page one address', () => {
  test.each(STYLES)(
    'in %s style the redirect leads to an address that is not redirected',
    (style) => {
      fc.assert(
        fc.property(
          anAddress,
          bounded((uri) => {
            const address = addressFor(uri, style);
            expect(addressFor(address, style)).toBe(address);
          }),
        ),
        runs(5_000),
      );
    },
  );

  test.each(STYLES)('in %s style a redirect never leaves the site', (style) => {
    fc.assert(
      fc.property(
        anAddress,
        bounded((uri) => {
          const address = addressFor(uri, style);
          if (address !== uri) {
            // As it is sent, with what a header cannot hold encoded.
            const { location } = redirect({ rawQueryString: () => undefined }, address).headers;
            expect(new URL(location.value, 'https://site.example').host).toBe('site.example');
          }
        }),
      ),
      runs(5_000),
    );
  });

  test.each(STYLES)('in %s style all forms of a file lead to where the release has it', (style) => {
    const name = fc.stringMatching(/^[a-z.]{1,5}$/).filter((one) => !/^\.{1,2}$/.test(one));
    const aPath = fc
      .tuple(fc.array(name, { maxLength: 3 }), fc.constantFrom('.html', '/index.html'))
      .map(([folders, end]) => `${folders.join('/')}${end}`.replace(/^\//, ''))
      .filter((path) => !/(^|\/)\.|^404\.html$/.test(path) && path !== '.html');
    fc.assert(
      fc.property(
        aPath,
        bounded((path) => {
          const placed = placeFor(path);
          expect(placed.endsWith('index.html')).toBe(true);
          const page = `/${placed.slice(0, -'/index.html'.length)}`;
          for (const form of [
            `/${path}`,
            `/${placed}`,
            ...(placed === 'index.html' ? ['/'] : [`${page}/`]),
          ]) {
            expect(fileFor(addressFor(form, style)).slice(1), form).toBe(placed);
          }
        }),
      ),
      runs(2_000),
    );
  });

  test('without a style every address is its own', () => {
    fc.assert(
      fc.property(
        anAddress,
        bounded((uri) => {
          expect(addressFor(uri, undefined)).toBe(uri);
          expect(addressFor(uri, 'any')).toBe(uri);
        }),
      ),
    );
  });
});

const RULES: UrlRules = { style: 'any', fallback: 'none' };
const IMMUTABLE = ['assets/*'];

describe('where the release has a file', () => {
  test.each([
    ['about.html', 'about/index.html'],
    ['a/b.html', 'a/b/index.html'],
    ['v1.2.html', 'v1.2/index.html'],
    ['index.html', 'index.html'],
    ['about/index.html', 'about/index.html'],
    ['docs/404.html', 'docs/404/index.html'],
    ['404.html', '404.html'],
    ['feed.xml', 'feed.xml'],
    ['.well-known/x.html', '.well-known/x.html'],
    ['assets/frame.html', 'assets/frame.html'],
  ])('%s is at %s with a style, and where it was without', (path, place) => {
    for (const style of STYLES) {
      expect(placementFor({ ...RULES, style }, IMMUTABLE)(path)).toBe(place);
    }
    expect(placementFor(RULES, IMMUTABLE)(path)).toBe(path);
  });
});

describe('what the pointer says of addresses', () => {
  const addressing = (paths: readonly string[], rules: Partial<UrlRules>) =>
    addressingFor(
      paths.map((path) => ({ path, size: 1, sha256: '', type: contentType(path) })),
      { ...RULES, ...rules },
      IMMUTABLE,
    );
  const SITE = [
    'index.html',
    '404.html',
    'app.js',
    'assets/a/index.html',
    '.well-known/a/index.html',
  ];

  test.each([
    ['nothing by default', {}, {}],
    ['the style', { style: 'file' }, { style: 'file' }],
    ['that there is no other page', { fallback: 'single-page' }, { pages: '' }],
    ['both', { style: 'directory', fallback: 'single-page' }, { style: 'directory', pages: '' }],
  ] as const)('%s', (_, rules, said) => {
    expect(addressing(SITE, rules)).toEqual({ addressing: said, problems: [] });
  });

  const pagesTo = (count: number) =>
    Array.from({ length: count }, (_, index) => `blog/${index}/index.html`);

  test('128 pages are all in the set, and no other address of 100,000', () => {
    const paths = pagesTo(128);
    const { pages = '' } = addressing([...SITE, ...paths], { fallback: 'single-page' }).addressing;
    expect(paths.every((path) => holds(pages, placesOf(path)))).toBe(true);
    const others = Array.from({ length: 100_000 }, (_, index) => `users/${index}/index.html`);
    expect(others.filter((path) => holds(pages, placesOf(path)))).toEqual([]);
  });

  test('one page more stops the upload', () => {
    expect(addressing([...SITE, ...pagesTo(129)], { fallback: 'single-page' }).problems).toEqual([
      "urls.fallback: got 129 pages besides index.html with 'single-page'; publish at most 128, or set it to 'none' in site.config.ts and deploy",
    ]);
  });
});
