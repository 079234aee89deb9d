import { beforeAll, describe, expect, test } from 'vitest';
import { deltaOf, placesOf, setOf } from '../../lambda/upload/layers.ts';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';
import { type Answer, engines, inSandbox, type Store } from '../support/engines.ts';

const NAME = 'my-site';
const CODE = routerCode({
  name: NAME,
  // A name that git allows and the configuration does not: the page has to be safe all the same.
  source: { kind: 'codecommit', branch: 'release/a&<b>' },
});

const ID = '20261123T061500Z-1a2b3c4';
const LIVE = JSON.stringify({ id: ID, base: ID, delta: '' });

/** Asks the default router, with a live release unless the test says otherwise. */
type Route = (target: string, store?: Store, method?: string) => Promise<Answer>;

for (const [engine, present, start] of engines) {
  describe.skipIf(!present)(`the shipped router in ${engine}`, () => {
    let route: Route;
    beforeAll(() => {
      const { ask, end } = start(CODE);
      route = (target, store = { live: LIVE }, method) => ask(target, store, method);
      return end;
    });

    test.each([
      ['/', '/index.html'],
      ['/index.html', '/index.html'],
      ['/about', '/about/index.html'],
      ['/about/', '/about/index.html'],
      ['/about/index.html', '/about/index.html'],
      ['/guide/first-release', '/guide/first-release/index.html'],
      ['/feed.xml', '/feed.xml'],
      ['/assets/app-1A2B.js', '/assets/app-1A2B.js'],
      ['/docs/v1.2/', '/docs/v1.2/index.html'],
      ['/docs/v1.2/intro', '/docs/v1.2/intro/index.html'],
      ['/docs/v1.2', '/docs/v1.2'],
      ['/.well-known/apple-app-site-association', '/.well-known/apple-app-site-association'],
      ['/.well-known/acme-challenge/token', '/.well-known/acme-challenge/token'],
      ['/.well-known/release/', '/.well-known/release/'],
      ['/a/.well-known/x', '/a/.well-known/x/index.html'],
      ['/caf%C3%A9', '/caf%C3%A9/index.html'],
      ['/a%20b.html', '/a%20b.html'],
      ['/a%2Fb', '/a%2Fb/index.html'],
      ['//about', '//about/index.html'],
      // S3 takes a plus for a space.
      ['/a+b+c.html', '/a%2Bb%2Bc.html'],
      // No key is as long, and CloudFront refuses to go on with 8,192 characters.
      [`/${'a'.repeat(3_060)}`, `/${'a'.repeat(3_060)}/index.html`],
      [`/${'a'.repeat(3_061)}`, '/'],
      [`/${'+'.repeat(1_020)}.x`, `/${'%2B'.repeat(1_020)}.x`],
      [`/${'+'.repeat(8_190)}`, '/'],
    ])('%s is answered by the file %s of the live release', async (address, file) => {
      expect((await route(address)).uri).toBe(`/releases/${ID}${file}`);
    });

    test('a query that leaves no room for the address is dropped, and no other', async () => {
      const long = await route(`/about?${'a=b&'.repeat(1_025)}`);
      expect([long.uri, long.querystring]).toEqual([`/releases/${ID}/about/index.html`, {}]);
      const { querystring } = await route('/about?a=1&b=');
      expect(querystring).toEqual({ a: { value: '1' }, b: { value: '' } });
    });

    test.each([
      '/releases/20250101T000000Z-0000000/index.html',
      '/_site/404.html',
      '/_site/releases/20250101T000000Z-0000000.json',
      '/../20250101T000000Z-0000000/index.html',
      '/%2e%2e/20250101T000000Z-0000000/index.html',
    ])('%s leads to nothing outside the live release', async (address) => {
      expect((await route(address)).uri).toBe(`/releases/${ID}${address}`);
    });

    test.each(['GET', 'HEAD'])('%s /.well-known/release names the live release', async (method) => {
      const answer = await route('/.well-known/release', { live: LIVE }, method);
      expect(answer.statusCode).toBe(200);
      expect(answer.body).toBe(ID);
      expect(answer.headers).toEqual({
        'content-type': { value: 'text/plain; charset=utf-8' },
        'cache-control': { value: 'no-store' },
        'content-security-policy': { value: "default-src 'none'" },
        'x-content-type-options': { value: 'nosniff' },
      });
    });

    test('unchanged files come from the base of a release, and the probe names the release', async () => {
      const live = JSON.stringify({ id: 'newer', base: 'older', delta: '' });
      expect((await route('/about', { live })).uri).toBe('/releases/older/about/index.html');
      expect((await route('/.well-known/release', { live })).body).toBe('newer');
    });

    describe('a pointer with layers', () => {
      const NEWER = '20261123T061500Z-1111111';
      const OLDER = '20261120T061500Z-2222222';
      const BASE = '20251101T000000Z-3333333';
      const layer = (id: string, ...paths: string[]) => ({
        id,
        set: setOf(paths.map(placesOf), 40),
      });
      const layers = [
        layer(NEWER, 'about/index.html', 'café/index.html', 'a+b.html', '.well-known/x'),
        layer(OLDER, 'about/index.html', 'news/index.html', '100%/index.html'),
      ];
      const live = JSON.stringify({ id: NEWER, base: BASE, delta: deltaOf(NEWER, layers) });

      test.each([
        ['/about', NEWER, '/about/index.html'],
        ['/about/', NEWER, '/about/index.html'],
        ['/caf%C3%A9', NEWER, '/caf%C3%A9/index.html'],
        ['/caf%c3%a9/', NEWER, '/caf%c3%a9/index.html'],
        ['/a%2Bb.html', NEWER, '/a%2Bb.html'],
        ['/a+b.html', NEWER, '/a%2Bb.html'],
        ['/.well-known/x', NEWER, '/.well-known/x'],
        ['/news/', OLDER, '/news/index.html'],
        ['/100%25', OLDER, '/100%25/index.html'],
        ['/100%', OLDER, '/100%/index.html'],
        ['/', BASE, '/index.html'],
        ['/none', BASE, '/none/index.html'],
      ])('leads %s to %s', async (address, id, file) => {
        expect((await route(address, { live })).uri).toBe(`/releases/${id}${file}`);
      });

      test('is itself told by the probe', async () => {
        expect((await route('/.well-known/release', { live })).body).toBe(NEWER);
      });
    });

    test.each(['/', '/.well-known/release'])(
      'before the first release, %s tells the owner what to do next',
      async (address) => {
        const answer = await route(address, {});
        expect(answer.statusCode).toBe(503);
        expect(answer.headers?.['retry-after']).toEqual({ value: '30' });
        expect(answer.headers?.['cache-control']).toEqual({ value: 'no-store' });
        expect(answer.body).toContain('Not published yet');
        expect(answer.body).toContain('push to the branch release/a&amp;&lt;b>');
        expect(answer.body).toContain('watch the pipeline in the console');
        expect(answer.body).toContain(NAME);
      },
    );

    test.each<[string, Store]>([
      ['a store that fails once', { live: LIVE, failing: 'get' }],
      ['a store that fails at every call', { live: LIVE, failing: 'always' }],
      ['damaged JSON', { live: '{"id":' }],
      ['JSON null', { live: 'null' }],
      ['an empty value', { live: '' }],
      ['a pointer without an id', { live: '{"base":"x","delta":""}' }],
      ['a pointer without a base', { live: '{"id":"x"}' }],
    ])('%s gives visitors a page that asks for patience', async (_, store) => {
      const answer = await route('/about', store);
      expect(answer.statusCode).toBe(503);
      expect(answer.headers?.['retry-after']).toEqual({ value: '5' });
      expect(answer.body).toContain('Back in a moment');
      expect(answer.body).not.toContain('Not published yet');
    });

    test('the pages it makes need no style, script or other file', async () => {
      for (const store of [{}, { live: 'null' }]) {
        const answer = await route('/', store);
        expect(answer.headers?.['content-type']).toEqual({ value: 'text/html; charset=utf-8' });
        expect(answer.headers?.['content-security-policy']).toEqual({
          value: "default-src 'none'",
        });
        expect(answer.body).not.toMatch(/<(style|script|img|link)|style=|src=|href=|\son\w+=/);
      }
    });
  });
}

test('a page costs one read of the store', async () => {
  const reads: string[] = [];
  await inSandbox(CODE, reads)('/about', { live: LIVE });
  expect(reads).toEqual(['live']);
});

test('the cause of a failure is in the log of the function', async () => {
  const lines: string[] = [];
  const keyValueStore = { get: async () => '{}' };
  const router = compileEdgeFunction({
    code: CODE,
    keyValueStore,
    log: (line) => lines.push(line),
  });
  await router.run({ request: { method: 'GET', uri: '/', querystring: {} } });
  expect(lines).toEqual(['No release to lead to: Error: "live" names no release']);
});
