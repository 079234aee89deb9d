import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Built, plain, published } from '../support/fingerprint.ts';

const PATHS = [
  'a.css',
  'b.css',
  'd/c.css',
  'a.js',
  'b.js',
  'd/c.js',
  'i.png',
  'd/é b.svg',
  'assets/h-1.js',
];

/** How some file may be written in another one, right or wrong. */
const anAddress = fc
  .tuple(
    fc.constantFrom('', '/', './', '../', '/d/', 'd/', ' ', 'https://x.example/', '//'),
    fc.constantFrom(...PATHS, 'd/%C3%A9%20b.svg', 'none.png', 'index.html', '%', ''),
    fc.constantFrom('', '?a=1.2', '#x', '?b&amp;c#d', ' ', ' 2x', ')', '"'),
  )
  .map((parts) => parts.join(''));

const aPiece = fc.oneof(
  { weight: 3, arbitrary: anAddress.map((address) => `<img src="${address}">`) },
  anAddress.map((address) => `<link rel=stylesheet href=${address}>`),
  anAddress.map((address) => `<script type=module src='${address}'></script>`),
  fc.tuple(anAddress, anAddress).map(([one, two]) => `<source srcset="${one} 1x, ${two}">`),
  anAddress.map((address) => `<p style="--a:url(${address});b:url('${address}')">`),
  anAddress.map((address) => `<style>@import "${address}";a{b:url(${address})}</style>`),
  anAddress.map((address) => `<script type=importmap>{"imports":{"x":"${address}"}}</script>`),
  anAddress.map((address) => `import "${address}"; import('${address}');`),
  anAddress.map((address) => `url(${address})image-set("${address}" 1x)`),
  fc.constantFrom(
    '<base href=/d/>',
    '<!--',
    '-->',
    '<template>',
    '</template>',
    '<svg>',
    '&',
    '<',
    '>',
    '"',
    "'",
    '\\',
    '/*',
    '*/',
    '{',
    '}',
    '\r\n',
    '\u0000',
    '\ufeff',
  ),
  fc.string({ unit: 'binary' }),
);

const aText = fc
  .array(aPiece, { maxLength: 12 })
  .map((pieces) => Buffer.from(pieces.join('')).toString());

const aSite: fc.Arbitrary<Built> = fc.record(
  Object.fromEntries(
    ['index.html', 'd/index.html', '404.html', ...PATHS].map((path) => [path, aText]),
  ),
);

test('whatever is in the files, tags are put in and nothing else changes, and every one leads to a copy', () =>
  fc.assert(
    fc.asyncProperty(aSite, async (site) => {
      const { files, contents, problems } = await published(site);
      expect(problems).toEqual([]);
      for (const [path, content] of Object.entries(site)) {
        expect(plain(contents[path]).replaceAll('.PIN', '')).toBe(content);
      }
      const copies = files.flatMap(({ path, original }) => (original ? path : []));
      for (const [tag] of JSON.stringify(contents).matchAll(/\.pinned-[0-9a-f]{12}/g)) {
        expect(copies.some((path) => path.includes(tag))).toBe(true);
      }
    }),
    { numRuns: 200 },
  ));

test('what has its tags stays as it is, and the order of the files makes no difference', () =>
  fc.assert(
    fc.asyncProperty(aSite, async (site) => {
      const { contents } = await published(site);
      const reversed = Object.fromEntries(Object.entries(site).reverse());
      expect((await published(reversed)).contents).toEqual(contents);
      expect((await published(contents)).contents).toEqual(contents);
    }),
    { numRuns: 100 },
  ));
