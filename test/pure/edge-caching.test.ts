import { describe, expect, test } from 'vitest';
import { EdgeCache, type Stored } from '../../local/edge/cache.ts';
import { encodingsFor, isCompressible, weakened } from '../../local/edge/compression.ts';
import { errorTtl, lifetimeOf } from '../../local/edge/expiration.ts';
import { isInvalidatedBy, matchesPattern } from '../../local/edge/paths.ts';
import { isNotModified, rangeOf, withPolicy } from '../../local/edge/representation.ts';

const NOW = Date.parse('2026-11-23T06:00:00Z');

describe('a path pattern', () => {
  test.each([
    ['/assets/*', '/assets/app.js', true],
    ['assets/*', '/assets/app.js', true],
    ['/assets/*', '/assets/deep/er/app.js', true],
    ['/assets/*', '/Assets/app.js', false],
    ['/assets/*', '/assets', false],
    ['/assets/*', '/x/assets/app.js', false],
    ['/*.js', '/a/b.js', true],
    ['/a?c', '/abc', true],
    ['/a?c', '/ac', false],
    ['/a.c', '/abc', false],
    ['/_site/404.html', '/_site/404.html', true],
    ['/_site/404.html', '/_site/404.html.bak', false],
    ['*', '/', true],
    // Normalised for the choice of the behavior, and only for that.
    ['/assets/*', '//assets//app.js', true],
    ['/assets/*', '/./x/../assets/app.js', true],
    ['/assets/*', '/assets/../secret.js', false],
    ['/assets/*', '/%61ssets/app.js', true],
    ['/assets/*', '/assets%2Fapp.js', false],
  ])('%s against %s: %s', (pattern, path, matches) => {
    expect(matchesPattern(pattern, path)).toBe(matches);
  });
});

describe('an invalidation of', () => {
  test.each([
    ['/*', '/anything', true],
    ['/a.html', '/a.html', true],
    ['/a.html', '/A.html', false],
    ['/a.html', '/a.html?x=1', false],
    ['/a.html*', '/a.html?x=1', true],
    ['/a/', '/a', false],
    ['/_site/*', '/_site/404.html', true],
    ['/_site/*', '/_sites', false],
    ['/caf%C3%A9', '/café', true],
    ['/café', '/caf%c3%a9', true],
    ['/caf%C3%A9/*', '/café/menu', true],
    ['/a*b', '/axb', false],
    ['/a*b', '/a*b', true],
    ['/50%', '/50%', true],
  ])('%s takes %s away: %s', (invalidation, path, matches) => {
    expect(isInvalidatedBy(invalidation, path)).toBe(matches);
  });
});

describe('an object stays at the edge', () => {
  const optimized = { minTtl: 1, defaultTtl: 86_400, maxTtl: 31_536_000 };
  const open = { minTtl: 0, defaultTtl: 0, maxTtl: 31_536_000 };
  const bounded = { minTtl: 60, defaultTtl: 120, maxTtl: 600 };
  const disabled = { minTtl: 0, defaultTtl: 0, maxTtl: 0 };
  test.each([
    ['its max-age', 'public, max-age=31536000, immutable', optimized, 31_536_000, true],
    ['its s-maxage before its max-age', 'max-age=5, s-maxage=50', open, 50, true],
    ['no longer than the maximum', 'max-age=9999', bounded, 600, true],
    ['no shorter than the minimum', 'max-age=1', bounded, 60, true],
    ['the default without a word', undefined, bounded, 120, true],
    ['at least the minimum without a word', undefined, { ...bounded, defaultTtl: 1 }, 60, true],
    ['the minimum for no-store', 'no-store', bounded, 60, true],
    ['the minimum for private', 'private, max-age=500', bounded, 60, true],
    ['a second for no-cache under CachingOptimized', 'no-cache', optimized, 1, true],
    ['not at all for no-store with minimum 0', 'no-store', open, 0, false],
    ['only to be asked about for no-cache with minimum 0', 'no-cache', open, 0, true],
    ['not at all under CachingDisabled', 'max-age=9999', disabled, 0, false],
    ['the default for an unreadable max-age', 'max-age=soon', bounded, 120, true],
  ])('%s', (_, cacheControl, policy, ttl, keep) => {
    const headers: Record<string, string> = cacheControl ? { 'cache-control': cacheControl } : {};
    expect(lifetimeOf(headers, policy, NOW)).toEqual({ ttl, keep });
  });

  test('until its Expires date', () => {
    const expires = (date: string) => lifetimeOf({ expires: date }, open, NOW).ttl;
    expect(expires('Mon, 23 Nov 2026 06:05:00 GMT')).toBe(300);
    expect(expires('Mon, 23 Nov 2020 06:05:00 GMT')).toBe(0);
    expect(expires('0')).toBe(0);
    expect(
      lifetimeOf(
        { expires: 'Mon, 23 Nov 2026 06:05:00 GMT', 'cache-control': 'max-age=7' },
        open,
        NOW,
      ),
    ).toEqual({ ttl: 7, keep: true });
  });
});

describe('an error stays at the edge', () => {
  test.each([
    [404, undefined, 10, 10],
    [404, 'max-age=60', 10, 60],
    [404, 'max-age=5', 10, 10],
    [503, undefined, 10, 10],
    [503, undefined, 0, 0],
    [403, undefined, 10, 0],
    [403, 'max-age=60', 10, 60],
  ])('a %i with %s and minimum %i for %i seconds', (status, cacheControl, minimum, ttl) => {
    const headers: Record<string, string> = cacheControl ? { 'cache-control': cacheControl } : {};
    expect(errorTtl(status, headers, minimum)).toBe(ttl);
  });
});

describe('compression', () => {
  const both = { gzip: true, brotli: true };
  test.each([
    ['gzip, deflate, br, zstd', both, ['br', 'gzip']],
    ['br;q=1.0, gzip;q=0.8', both, ['br', 'gzip']],
    ['gzip', both, ['gzip']],
    ['GZIP', both, ['gzip']],
    ['gzip;q=0, br', both, ['br']],
    ['br; q=0.000', both, []],
    ['deflate', both, []],
    ['*', both, []],
    [undefined, both, []],
    ['br, gzip', { gzip: true, brotli: false }, ['gzip']],
    ['br, gzip', { gzip: false, brotli: false }, []],
  ])('for %s by %o is %o', (acceptEncoding, policy, encodings) => {
    expect(encodingsFor(acceptEncoding, policy)).toEqual(encodings);
  });

  test.each([
    [200, 'text/html; charset=utf-8', 1_000, {}, true],
    [200, 'Text/HTML', 5_000, {}, true],
    [200, 'text/html', 999, {}, false],
    [200, 'text/html', 10_000_000, {}, true],
    [200, 'text/html', 10_000_001, {}, false],
    [404, 'text/html', 5_000, {}, true],
    [403, 'application/xml', 5_000, {}, true],
    [500, 'text/html', 5_000, {}, false],
    [206, 'text/html', 5_000, {}, false],
    [200, 'text/css', 5_000, { 'content-encoding': 'gzip' }, false],
    [200, 'text/javascript', 5_000, {}, true],
    [200, 'application/json', 5_000, {}, true],
    [200, 'image/svg+xml', 5_000, {}, true],
    [200, 'application/wasm', 5_000, {}, true],
    [200, 'application/manifest+json', 5_000, {}, false],
    [200, 'font/woff2', 5_000, {}, false],
    [200, 'image/png', 5_000, {}, false],
    [200, 'image/x-icon', 5_000, {}, false],
    [200, 'application/octet-stream', 5_000, {}, false],
  ])('of a %i with %s and %i bytes %o: %s', (status, type, size, more, compressed) => {
    expect(isCompressible(status, { 'content-type': type, ...more }, size)).toBe(compressed);
  });

  test.each([
    ['"abc"', 'W/"abc"'],
    ['W/"abc"', 'W/"abc"'],
    ['abc', undefined],
    [undefined, undefined],
  ])('turns the ETag %s into %s', (etag, weak) => {
    expect(weakened(etag)).toBe(weak);
  });
});

describe('a visitor with a copy', () => {
  const stored = { etag: '"abc"', 'last-modified': 'Mon, 23 Nov 2026 06:00:00 GMT' };
  test.each([
    [{ 'if-none-match': '"abc"' }, true],
    [{ 'if-none-match': 'W/"abc"' }, true],
    [{ 'if-none-match': '"x", W/"abc"' }, true],
    [{ 'if-none-match': '"a,b", "abc"' }, true],
    [{ 'if-none-match': '*' }, true],
    [{ 'if-none-match': '"x"' }, false],
    [{ 'if-modified-since': 'Mon, 23 Nov 2026 06:00:00 GMT' }, true],
    [{ 'if-modified-since': 'Mon, 23 Nov 2026 05:59:59 GMT' }, false],
    [{ 'if-modified-since': 'yesterday' }, false],
    // The ETag decides where both are sent.
    [{ 'if-none-match': '"x"', 'if-modified-since': 'Tue, 24 Nov 2026 06:00:00 GMT' }, false],
    [{}, false],
  ])('and %o keeps it: %s', (request, kept) => {
    expect(isNotModified(request as Record<string, string>, stored)).toBe(kept);
  });
});

describe('a range', () => {
  const stored = { etag: '"abc"', 'last-modified': 'Mon, 23 Nov 2026 06:00:00 GMT' };
  test.each([
    [{ range: 'bytes=0-9' }, { start: 0, end: 9 }],
    [{ range: 'bytes=90-' }, { start: 90, end: 99 }],
    [{ range: 'bytes=-10' }, { start: 90, end: 99 }],
    [{ range: 'bytes=95-400' }, { start: 95, end: 99 }],
    [{ range: 'bytes=100-' }, 'unsatisfiable'],
    [{ range: 'bytes=0-1,5-6' }, undefined],
    [{ range: 'bytes=abc' }, undefined],
    [{ range: 'lines=0-9' }, undefined],
    [
      { range: 'bytes=0-9', 'if-range': '"abc"' },
      { start: 0, end: 9 },
    ],
    [{ range: 'bytes=0-9', 'if-range': '"old"' }, undefined],
    [{ range: 'bytes=0-9', 'if-range': 'W/"abc"' }, undefined],
    [
      { range: 'bytes=0-9', 'if-range': 'Mon, 23 Nov 2026 06:00:00 GMT' },
      { start: 0, end: 9 },
    ],
    [{ range: 'bytes=0-9', 'if-range': 'Mon, 23 Nov 2026 05:00:00 GMT' }, undefined],
    [{}, undefined],
  ])('%o of 100 bytes is %o', (request, range) => {
    expect(rangeOf(request as Record<string, string>, stored, 100)).toEqual(range);
  });
});

test('a response headers policy removes, then adds, and overrides only where it says so', () => {
  const policy = {
    remove: ['x-powered-by', 'x-frame-options'],
    add: [
      { name: 'cache-control', value: 'no-cache', override: true },
      { name: 'referrer-policy', value: 'no-referrer', override: false },
      { name: 'x-frame-options', value: 'DENY', override: false },
    ],
  };
  const headers = {
    'cache-control': 'max-age=1',
    'referrer-policy': 'origin',
    'x-frame-options': 'ALLOWALL',
    'x-powered-by': 'x',
  };
  expect(withPolicy(headers, policy)).toEqual({
    'cache-control': 'no-cache',
    'referrer-policy': 'origin',
    'x-frame-options': 'DENY',
  });
});

describe('the cache', () => {
  const stored = (path: string, size: number): Stored => ({
    path,
    status: 200,
    headers: {},
    body: Buffer.alloc(size),
    isError: false,
    storedAt: 0,
    expiresAt: 1,
    encoded: new Map(),
  });

  test('lets the least recently used go when it holds too many', () => {
    const cache = new EdgeCache({ entries: 2 });
    cache.set('a', stored('/a', 1));
    cache.set('b', stored('/b', 1));
    cache.get('a');
    cache.set('c', stored('/c', 1));
    expect(['a', 'b', 'c'].filter((key) => cache.get(key))).toEqual(['a', 'c']);
  });

  test('stays within its bytes, also when entries are replaced or purged', () => {
    const cache = new EdgeCache({ bytes: 100 });
    cache.set('a', stored('/a', 60));
    cache.set('a', stored('/a', 40));
    cache.set('b', stored('/b', 60));
    expect(cache.size).toBe(2);
    cache.set('c', stored('/c', 1));
    expect(cache.get('a')).toBeUndefined();
    cache.purge((path) => path === '/b');
    cache.set('d', stored('/d', 99));
    expect(['c', 'd'].filter((key) => cache.get(key))).toEqual(['c', 'd']);
    cache.set('huge', stored('/huge', 101));
    expect(cache.size).toBe(0);
  });
});
