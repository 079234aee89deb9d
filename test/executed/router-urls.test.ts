import { beforeAll, describe, expect, test } from 'vitest';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { placesOf, setOf } from '../../lambda/upload/layers.ts';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import type { UrlRules } from '../../lib/release/addresses.ts';
import type { Addressing } from '../../lib/release/contract.ts';
import { type Ask, engines } from '../support/engines.ts';

const ID = '20261123T061500Z-1a2b3c4';
const liveWith = (addressing: Addressing) =>
  pointerText({ id: ID, base: ID, delta: '', ...addressing });

const codeFor = (urls: UrlRules) =>
  routerCode({ name: 'a-site', source: { kind: 'codecommit', branch: 'main' }, urls });
/** The largest one: whatever a style is, the release says it. */
const CODE = codeFor({ style: 'file', fallback: 'single-page' });

for (const [engine, present, start] of engines) {
  describe.skipIf(!present)(`the router with URL styles in ${engine}`, () => {
    let ask: Ask;
    beforeAll(() => {
      const started = start(CODE);
      ask = started.ask;
      return started.end;
    });
    /** `301 /about/`, or the file of the release. */
    const shown = async (target: string, addressing: Addressing) => {
      const { statusCode, headers, uri } = await ask(target, { live: liveWith(addressing) });
      if (statusCode !== undefined) return `${statusCode} ${headers?.location?.value}`;
      return uri?.replace(`/releases/${ID}`, '');
    };

    test.each([
      // directory, file
      ['/', '/index.html', '/index.html'],
      ['/index.html', '301 /', '301 /'],
      ['/about', '301 /about/', '/about/index.html'],
      ['/about/', '/about/index.html', '301 /about'],
      ['/about.html', '301 /about/', '301 /about'],
      ['/about/index.html', '301 /about/', '301 /about'],
      ['/a/b/c', '301 /a/b/c/', '/a/b/c/index.html'],
      ['/v1.2', '/v1.2', '/v1.2'],
      ['/v1.2/', '/v1.2/index.html', '/v1.2/index.html'],
      ['/v1.2.html', '301 /v1.2/', '301 /v1.2/'],
      ['/v1.2/notes', '301 /v1.2/notes/', '/v1.2/notes/index.html'],
      ['/feed.xml', '/feed.xml', '/feed.xml'],
      ['/.html', '/.html', '/.html'],
      ['/.well-known/x.html', '/.well-known/x.html', '/.well-known/x.html'],
      ['/.well-known/folder/', '/.well-known/folder/', '/.well-known/folder/'],
      ['/caf%C3%A9', '301 /caf%C3%A9/', '/caf%C3%A9/index.html'],
      ['/café', '301 /caf%C3%A9/', '/café/index.html'],
      // Where a redirect would leave the site.
      ['//evil.example', '//evil.example', '//evil.example'],
      ['//evil/', '//evil/index.html', '//evil/index.html'],
      ['//evil/index.html', '//evil/index.html', '//evil/index.html'],
      ['/\\evil/', '/\\evil/index.html', '/\\evil/index.html'],
      ['/a//b', '/a//b/index.html', '/a//b/index.html'],
      // In place of `/`, should CloudFront put the default root object there first.
      ['/_site/start', '/index.html', '/index.html'],
    ])('%s is in directory style %s, in file style %s', async (target, directory, file) => {
      expect(await shown(target, { style: 'directory' })).toBe(directory);
      expect(await shown(target, { style: 'file' })).toBe(file);
    });

    test.each([
      ['?a=1&b=2&a=3&c', '?a=1&b=2&a=3&c'],
      ['?q=a+b%20c&utm=%C3%BC', '?q=a+b%20c&utm=%C3%BC'],
      ['?next=https://x/?y=1', '?next=https://x/?y=1'],
      ['?', '?'],
      ['?q=ü', '?q=%C3%BC'],
    ])('a redirect keeps the query %s', async (query, kept) => {
      expect(await shown(`/about${query}`, { style: 'directory' })).toBe(`301 /about/${kept}`);
    });

    test('a redirect is permanent, and asked for again, so that a change of style is no circle', async () => {
      const live = liveWith({ style: 'file' });
      for (const method of ['GET', 'HEAD']) {
        const { statusCode, headers } = await ask('/about/', { live }, method);
        expect(statusCode).toBe(301);
        expect(headers?.['cache-control']?.value).toBe('public, max-age=0, must-revalidate');
      }
    });

    test('a release without a style is served as it was before the site had one', async () => {
      for (const [target, file] of [
        ['/about', '/about/index.html'],
        ['/about/', '/about/index.html'],
        ['/about.html', '/about.html'],
        ['/index.html', '/index.html'],
      ] as const) {
        expect(await shown(target, {})).toBe(file);
      }
    });

    describe('with a single page', () => {
      const PAGES = ['about/index.html', 'blog/a b/index.html', 'café/index.html'];
      const pages = setOf(PAGES.map(placesOf), 16);

      test.each([
        ['/', '/index.html'],
        ['/settings', '/index.html'],
        ['/users/17/', '/index.html'],
        ['/about', '/about/index.html'],
        ['/about/', '/about/index.html'],
        ['/about/team', '/index.html'],
        ['/blog/a%20b/', '/blog/a%20b/index.html'],
        ['/caf%C3%A9', '/caf%C3%A9/index.html'],
        ['/app.js', '/app.js'],
        ['/users/17.json', '/users/17.json'],
        ['/settings/index.html', '/settings/index.html'],
        ['/.well-known/none', '/.well-known/none'],
        ['/releases/20250101T000000Z-0000000/', '/index.html'],
        ['/100%', '/index.html'],
      ])('%s is answered by %s', async (target, file) => {
        expect(await shown(target, { pages })).toBe(file);
      });

      test('a release of one page needs no set', async () => {
        expect(await shown('/about', { pages: '' })).toBe('/index.html');
        expect(await shown('/app.js', { pages: '' })).toBe('/app.js');
      });

      test('a release that says nothing of its pages has no fallback', async () => {
        expect(await shown('/settings', {})).toBe('/settings/index.html');
      });

      test('goes together with a style', async () => {
        expect(await shown('/users/17/', { style: 'file', pages })).toBe('301 /users/17');
        expect(await shown('/users/17', { style: 'file', pages })).toBe('/index.html');
        expect(await shown('/about', { style: 'file', pages })).toBe('/about/index.html');
      });
    });

    test('the release names itself under any rules', async () => {
      const live = liveWith({ style: 'directory', pages: '' });
      expect((await ask('/.well-known/release', { live })).body).toBe(ID);
    });
  });
}

test('what is off is not in the router', () => {
  const any = codeFor({ style: 'any', fallback: 'none' });
  expect(any).toBe(routerCode({ name: 'a-site', source: { kind: 'codecommit', branch: 'main' } }));
  expect(any).not.toMatch(/301|style|pages/);
  expect(codeFor({ style: 'any', fallback: 'single-page' })).not.toMatch(/301|style/);
  expect(codeFor({ style: 'file', fallback: 'none' })).not.toContain('live.pages');
});
