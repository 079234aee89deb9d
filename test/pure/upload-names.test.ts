import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentType } from '../../lambda/upload/content-type.ts';
import { problemInName } from '../../lambda/upload/names.ts';
import { releaseId, releasePrefix } from '../../lib/release/contract.ts';

test.each([
  ['index.html'],
  ['docs/v1.2/..hidden'],
  ['a/...'],
  ['.well-known/security.txt'],
  ['.well-known/release.json'],
  ['_site.html'],
  ['_sitemap/index.html'],
  ['ümlaut/日本語.html'],
  ['a b+c%20?#&.html'],
  ['a'.repeat(990)],
])('%s is published under its name', (path) => {
  expect(problemInName(path)).toBeUndefined();
});

test.each([
  ['', 'the name is empty'],
  ['/etc/passwd', 'the name is absolute'],
  ['../a', 'the name leads out of the site (..)'],
  ['a/../../b', 'the name leads out of the site (..)'],
  ['a/..', 'the name leads out of the site (..)'],
  ['..', 'the name leads out of the site (..)'],
  ['./a', 'the name has a segment "."'],
  ['a//b', 'the name has an empty segment (//)'],
  ['a\\b', 'the name has a backslash; a zip separates folders by /'],
  ['..\\a', 'the name has a backslash; a zip separates folders by /'],
  ['a\nb', 'the name has a control character'],
  ['a\u0000', 'the name has a control character'],
  ['a\u0085b', 'the name has a control character'],
  ['_site/404.html', '_site/ belongs to the hosting'],
  ['_site/releases/x.json', '_site/ belongs to the hosting'],
  ['.well-known/release', 'the hosting itself answers this address'],
  ['a'.repeat(991), 'its key would have 1025 bytes; S3 takes 1024'],
  ['é'.repeat(496), 'its key would have 1026 bytes; S3 takes 1024'],
])('%j is refused', (path, problem) => {
  expect(problemInName(path)).toBe(problem);
});

test('a name that is published never leaves the prefix of its release, and fits S3', () => {
  const prefix = releasePrefix(releaseId(new Date(), 'abcdef0123'));
  const segment = fc.oneof(fc.constantFrom('.', '..', '', '\\', 'a', '_site'), fc.string());
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
      const path = segments.join('/');
      fc.pre(problemInName(path) === undefined);
      const key = prefix + path;
      expect(new URL(`s3://bucket/${encodeURI(key)}`).pathname.startsWith(`/${prefix}`)).toBe(true);
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1_024);
    }),
  );
});

test.each([
  ['index.html', 'text/html; charset=utf-8'],
  ['a.b/page.HTML', 'text/html; charset=utf-8'],
  ['style.css', 'text/css; charset=utf-8'],
  ['app.js', 'text/javascript; charset=utf-8'],
  ['app.mjs', 'text/javascript; charset=utf-8'],
  ['robots.txt', 'text/plain; charset=utf-8'],
  ['site.webmanifest', 'application/manifest+json; charset=utf-8'],
  ['data.json', 'application/json'],
  ['app.js.map', 'application/json'],
  ['sitemap.xml', 'application/xml'],
  ['feed.atom', 'application/atom+xml'],
  ['logo.svg', 'image/svg+xml'],
  ['a.wasm', 'application/wasm'],
  ['a.avif', 'image/avif'],
  ['a.webp', 'image/webp'],
  ['favicon.ico', 'image/vnd.microsoft.icon'],
  ['a.woff2', 'font/woff2'],
  ['a.pdf', 'application/pdf'],
  ['LICENSE', 'application/octet-stream'],
  ['folder.html/LICENSE', 'application/octet-stream'],
  ['a.unknown-to-all', 'application/octet-stream'],
  ['.nojekyll', 'application/octet-stream'],
  ['.well-known/apple-app-site-association', 'application/json'],
  ['.well-known/matrix/client', 'application/json'],
  ['.well-known/security.txt', 'text/plain; charset=utf-8'],
])('%s is served as %s', (path, type) => {
  expect(contentType(path)).toBe(type);
});
