import { createHash } from 'node:crypto';
import { type IncomingHttpHeaders, request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import { Edge } from '../../local/edge/edge.ts';
import type { OriginRequestHeaders, OriginResponse, Properties } from '../../local/edge/types.ts';

const ROUTER = routerCode({ name: 'a-site', source: { kind: 'codecommit', branch: 'main' } });
const IMMUTABLE = 'public, max-age=31536000, immutable';
const ONE = '20261123T061500Z-1111111';
const TWO = '20261123T071500Z-2222222';
const pointerTo = (id: string) => JSON.stringify({ id, base: id, delta: '' });

interface S3Object {
  body: string | Buffer;
  headers?: Record<string, string>;
}
interface Call {
  path: string;
  headers: OriginRequestHeaders;
}

/** A bucket in memory with S3's answers. */
function aBucket() {
  const objects = new Map<string, S3Object>();
  const calls: Call[] = [];
  const bucket = {
    calls,
    /** What S3 answers in place of the object, once set. */
    failing: undefined as number | 'unreachable' | undefined,
    /** Awaited before every answer. */
    gate: undefined as Promise<void> | undefined,
    put(path: string, body: string | Buffer, headers: Record<string, string> = {}) {
      objects.set(path, { body, headers });
    },
    delete: (path: string) => objects.delete(path),
    async read(
      domainName: string,
      _method: string,
      path: string,
      headers: OriginRequestHeaders,
    ): Promise<OriginResponse> {
      expect(domainName).toBe('bucket.s3.eu-central-1.amazonaws.com');
      calls.push({ path, headers });
      const object = objects.get(path);
      await bucket.gate;
      const xml = (status: number, code: string) => ({
        status,
        headers: { 'Content-Type': 'application/xml', Server: 'AmazonS3' },
        body: Buffer.from(`<Error><Code>${code}</Code></Error>`),
      });
      if (bucket.failing === 'unreachable') throw new Error('connect ECONNREFUSED');
      if (bucket.failing !== undefined) return xml(bucket.failing, 'SlowDown');
      if (object === undefined) return xml(404, 'NoSuchKey');
      const body = Buffer.from(object.body);
      const ETag = `"${createHash('md5').update(body).digest('hex')}"`;
      const answer = {
        ETag,
        'Last-Modified': 'Mon, 23 Nov 2026 06:00:00 GMT',
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Length': String(body.length),
        'Cache-Control': IMMUTABLE,
        'Accept-Ranges': 'bytes',
        Server: 'AmazonS3',
        ...object.headers,
      };
      return headers['if-none-match'] === ETag
        ? { status: 304, headers: { ETag }, body: Buffer.alloc(0) }
        : { status: 200, headers: answer, body };
    },
  };
  return bucket;
}

interface Options {
  code?: string;
  /** Of a viewer-response function, with the default behavior. */
  responseCode?: string;
  live?: string | undefined;
  change?: (config: Properties) => void;
  cachePolicy?: Properties;
}

const running: Edge[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((edge) => edge.close()));
});

/** The stack's distribution with its real router, a bucket with one release, and a clock to turn. */
async function aSite({
  code = ROUTER,
  responseCode,
  live = pointerTo(ONE),
  change,
  cachePolicy,
}: Options = {}) {
  const bucket = aBucket();
  const clock = { now: Date.parse('2026-11-23T06:30:00Z') };
  const log: string[] = [];
  const store = { live: live as string | undefined };
  const behavior = {
    AllowedMethods: ['GET', 'HEAD'],
    CachePolicyId: cachePolicy === undefined ? '658327ea-f89d-4fab-a63d-7e88639e58f6' : 'own',
    Compress: true,
    ResponseHeadersPolicyId: 'pages',
    TargetOriginId: 'bucket',
    ViewerProtocolPolicy: 'redirect-to-https',
  };
  const config = {
    Enabled: true,
    DefaultRootObject: 'index.html',
    Origins: [
      {
        Id: 'bucket',
        DomainName: 'bucket.s3.eu-central-1.amazonaws.com',
        OriginAccessControlId: 'E1',
        S3OriginConfig: { OriginAccessIdentity: '' },
      },
    ],
    DefaultCacheBehavior: {
      ...behavior,
      FunctionAssociations: [{ EventType: 'viewer-request', FunctionARN: 'router' }],
    },
    CacheBehaviors: [
      { ...behavior, PathPattern: '/_site/404.html' },
      {
        ...behavior,
        PathPattern: '/assets/*',
        ResponseHeadersPolicyId: '67f7725c-6f97-4210-82d7-5512b31e9d03',
      },
    ],
    CustomErrorResponses: [
      {
        ErrorCode: 404,
        ErrorCachingMinTTL: 10,
        ResponseCode: 404,
        ResponsePagePath: '/_site/404.html',
      },
    ],
  };
  if (responseCode !== undefined) {
    config.DefaultCacheBehavior.FunctionAssociations.push({
      EventType: 'viewer-response',
      FunctionARN: 'response',
    });
  }
  change?.(config);
  const edge = new Edge({
    distribution: {
      logicalId: 'Site',
      id: 'EDFDVBD6EXAMPLE',
      domainName: 'd111111abcdef8.cloudfront.net',
      properties: { DistributionConfig: config },
    },
    cachePolicies: new Map([['own', { CachePolicyConfig: cachePolicy }]]),
    responseHeadersPolicies: new Map([
      [
        'pages',
        {
          ResponseHeadersPolicyConfig: {
            CustomHeadersConfig: {
              Items: [
                {
                  Header: 'Cache-Control',
                  Override: true,
                  Value: 'public, max-age=0, must-revalidate',
                },
              ],
            },
            SecurityHeadersConfig: {
              ContentSecurityPolicy: {
                ContentSecurityPolicy: "default-src 'self'",
                Override: true,
              },
              StrictTransportSecurity: { AccessControlMaxAgeSec: 31_536_000, Override: true },
            },
          },
        },
      ],
    ]),
    functions: new Map([
      [
        'router',
        {
          logicalId: 'Router',
          properties: {
            AutoPublish: true,
            FunctionCode: code,
            FunctionConfig: {
              Runtime: 'cloudfront-js-2.0',
              KeyValueStoreAssociations: [{ KeyValueStoreARN: 'store' }],
            },
          },
        },
      ],
      [
        'response',
        {
          logicalId: 'Response',
          properties: {
            AutoPublish: true,
            FunctionCode: responseCode,
            FunctionConfig: { Runtime: 'cloudfront-js-2.0' },
          },
        },
      ],
    ]),
    keyValueStores: new Map([
      ['store', { get: async (key) => (key === 'live' ? store.live : undefined) }],
    ]),
    origin: bucket,
    now: () => clock.now,
    log: (line) => log.push(line),
  });
  running.push(edge);
  const { port } = await edge.listen(0);
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    send(port, path, headers, method);
  bucket.put(`/releases/${ONE}/index.html`, '<h1>one</h1>');
  bucket.put(`/releases/${ONE}/about/index.html`, `<h1>about one</h1>${'x'.repeat(2000)}`);
  bucket.put('/_site/404.html', '<h1>not here</h1>', { 'Cache-Control': 'public, max-age=60' });
  return {
    bucket,
    clock,
    edge,
    get,
    log,
    port,
    store,
    seconds: (n: number) => (clock.now += n * 1000),
  };
}

interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
  cache: string | undefined;
}

function send(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string,
): Promise<Received> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, headers, method }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const received = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: received,
          text: received.toString(),
          cache: response.headers['x-cache'] as string | undefined,
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const MISS = 'Miss from cloudfront';
const HIT = 'Hit from cloudfront';
const REFRESH = 'RefreshHit from cloudfront';
const ERROR = 'Error from cloudfront';

describe('a page', () => {
  test('is a miss once and then a hit that tells its age', async () => {
    const { get, bucket, seconds } = await aSite();
    const first = await get('/');
    expect([first.status, first.text, first.cache]).toEqual([200, '<h1>one</h1>', MISS]);
    expect(first.headers.age).toBeUndefined();
    seconds(90);
    const second = await get('/');
    expect([second.text, second.cache, second.headers.age]).toEqual(['<h1>one</h1>', HIT, '90']);
    expect(bucket.calls.map(({ path }) => path)).toEqual([`/releases/${ONE}/index.html`]);
  });

  test('is one object under all its addresses', async () => {
    const { get, bucket } = await aSite();
    const answers = [
      await get('/about'),
      await get('/about/'),
      await get('/about/index.html?utm=x'),
    ];
    expect(answers.map(({ cache }) => cache)).toEqual([MISS, HIT, HIT]);
    expect(bucket.calls).toHaveLength(1);
  });

  test('carries what CloudFront adds, and the policy speaks to the browser only', async () => {
    const { get, seconds } = await aSite();
    const { headers } = await get('/');
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=0, must-revalidate',
      'content-security-policy': "default-src 'self'",
      'strict-transport-security': 'max-age=31536000',
      etag: `"${createHash('md5').update('<h1>one</h1>').digest('hex')}"`,
      'last-modified': 'Mon, 23 Nov 2026 06:00:00 GMT',
      'content-length': '12',
      'accept-ranges': 'bytes',
      via: expect.stringMatching(/^1\.1 [0-9a-f]+\.cloudfront\.net \(CloudFront\)$/),
      'x-amz-cf-pop': expect.any(String),
      'x-amz-cf-id': expect.stringMatching(/^[\w-]{56}$/),
    });
    // A max-age of 0 for the edge would make this a refresh.
    seconds(86_400 * 300);
    expect((await get('/')).cache).toBe(HIT);
  });

  test('of a new release is there with the flip, and the old copy is never served again', async () => {
    const { get, bucket, store } = await aSite();
    bucket.put(`/releases/${TWO}/index.html`, '<h1>two</h1>');
    expect((await get('/')).text).toBe('<h1>one</h1>');
    store.live = pointerTo(TWO);
    const flipped = await get('/');
    expect([flipped.text, flipped.cache]).toEqual(['<h1>two</h1>', MISS]);
    store.live = pointerTo(ONE);
    expect([(await get('/')).text, (await get('/')).cache]).toEqual(['<h1>one</h1>', HIT]);
  });

  test('asked for by many at once is fetched once', async () => {
    const { get, bucket } = await aSite();
    let open = () => {};
    bucket.gate = new Promise((resolve) => {
      open = resolve;
    });
    const answers = Array.from({ length: 20 }, () => get('/'));
    while (bucket.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    open();
    const received = await Promise.all(answers);
    expect(new Set(received.map(({ text }) => text))).toEqual(new Set(['<h1>one</h1>']));
    expect(received.filter(({ cache }) => cache === MISS)).toHaveLength(1);
    expect(bucket.calls).toHaveLength(1);
  });

  test('may have any characters in its address, which reach the origin as they were sent but for a plus', async () => {
    const { get, bucket } = await aSite();
    bucket.put(`/releases/${ONE}/caf%C3%A9/index.html`, 'menu');
    bucket.put(`/releases/${ONE}/a%20b%2Bc%2Fd.txt`, 'odd');
    expect((await get('/caf%C3%A9/')).text).toBe('menu');
    expect((await get('/a%20b+c%2Fd.txt')).text).toBe('odd');
    for (const path of [`/../${TWO}/index.html`, '//index.html']) {
      await get(path);
      expect(bucket.calls.map((call) => call.path)).toContain(`/releases/${ONE}${path}`);
    }
  });
});

describe('a pool file', () => {
  test('comes from its public path without the router, its Cache-Control untouched', async () => {
    const { get, bucket, store } = await aSite();
    bucket.put('/assets/app-1a2b.js', 'let a;', { 'Content-Type': 'text/javascript' });
    store.live = undefined;
    const { status, headers } = await get('/assets/app-1a2b.js');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'cache-control': IMMUTABLE,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'strict-origin-when-cross-origin',
      'x-xss-protection': '1; mode=block',
    });
    expect(headers).not.toHaveProperty('content-security-policy');
  });

  test('sets no cookies and tells nothing about the connection to the origin', async () => {
    const { get, bucket } = await aSite();
    bucket.put('/assets/a.css', 'a{}', {
      'Set-Cookie': 'a=1',
      'Transfer-Encoding': 'chunked',
      Via: 'other',
    });
    const { headers } = await get('/assets/a.css');
    expect(headers).not.toHaveProperty('set-cookie');
    expect(headers).not.toHaveProperty('transfer-encoding');
    expect(headers.via).not.toContain('other');
  });

  test('stays a hit across releases', async () => {
    const { get, bucket, store } = await aSite();
    bucket.put('/assets/app-1a2b.js', 'let a;');
    await get('/assets/app-1a2b.js');
    store.live = pointerTo(TWO);
    expect((await get('/assets/app-1a2b.js')).cache).toBe(HIT);
  });
});

describe('an expired object', () => {
  const short = { 'Cache-Control': 'max-age=60' };

  test('that has not changed is only asked about', async () => {
    const { get, bucket, seconds } = await aSite();
    bucket.put('/assets/a.css', 'a{}', short);
    const { etag } = (await get('/assets/a.css')).headers;
    seconds(61);
    const again = await get('/assets/a.css');
    expect([again.status, again.text, again.cache]).toEqual([200, 'a{}', REFRESH]);
    expect(again.headers.age).toBeUndefined();
    expect(bucket.calls.at(-1)?.headers).toEqual({
      'if-none-match': etag,
      'if-modified-since': 'Mon, 23 Nov 2026 06:00:00 GMT',
    });
    seconds(59);
    const third = await get('/assets/a.css');
    expect([third.cache, third.headers.age]).toEqual([HIT, '59']);
  });

  test('that has changed is a miss', async () => {
    const { get, bucket, seconds } = await aSite();
    bucket.put('/assets/a.css', 'a{}', short);
    await get('/assets/a.css');
    bucket.put('/assets/a.css', 'b{}', short);
    expect((await get('/assets/a.css')).text).toBe('a{}');
    seconds(61);
    const again = await get('/assets/a.css');
    expect([again.text, again.cache]).toEqual(['b{}', MISS]);
  });

  test.each([503, 'unreachable'] as const)(
    'goes on being served while the origin answers %s, and is asked about after ten seconds',
    async (failing) => {
      const { get, bucket, seconds } = await aSite();
      bucket.put('/assets/a.css', 'a{}', short);
      await get('/assets/a.css');
      bucket.failing = failing;
      seconds(61);
      const stale = await get('/assets/a.css');
      expect([stale.status, stale.text]).toEqual([200, 'a{}']);
      await get('/assets/a.css');
      expect(bucket.calls).toHaveLength(2);
      bucket.failing = undefined;
      seconds(10);
      expect((await get('/assets/a.css')).cache).toBe(REFRESH);
    },
  );

  test('that is gone is gone', async () => {
    const { get, bucket, seconds } = await aSite();
    bucket.put('/assets/a.css', 'a{}', short);
    await get('/assets/a.css');
    bucket.delete('/assets/a.css');
    seconds(61);
    expect((await get('/assets/a.css')).status).toBe(404);
  });
});

test.each([
  ['no-store', 2],
  ['no-cache', 2],
  ['max-age=0', 2],
  ['max-age=60', 1],
])('an object with %s asks the origin %i times for two requests', async (cacheControl, times) => {
  const { get, bucket } = await aSite({
    cachePolicy: {
      MinTTL: 0,
      DefaultTTL: 0,
      MaxTTL: 3600,
      ParametersInCacheKeyAndForwardedToOrigin: {},
    },
  });
  bucket.put('/assets/a.css', 'a{}', { 'Cache-Control': cacheControl });
  await get('/assets/a.css');
  await get('/assets/a.css');
  expect(bucket.calls).toHaveLength(times);
});

test('the cache key has what the policy puts into it, and nothing else', async () => {
  const { get, bucket } = await aSite({
    cachePolicy: {
      MinTTL: 0,
      DefaultTTL: 60,
      MaxTTL: 3600,
      ParametersInCacheKeyAndForwardedToOrigin: {
        HeadersConfig: { HeaderBehavior: 'whitelist', Headers: ['X-Plan'] },
        CookiesConfig: { CookieBehavior: 'whitelist', Cookies: ['ab'] },
        QueryStringsConfig: { QueryStringBehavior: 'allExcept', QueryStrings: ['utm'] },
      },
    },
  });
  bucket.put('/assets/a.css', 'a{}');
  bucket.put('/assets/a.css?v=1', 'v1');
  const cacheOf = async (path: string, headers = {}) => (await get(path, headers)).cache;
  expect(await cacheOf('/assets/a.css')).toBe(MISS);
  expect(await cacheOf('/assets/a.css?utm=x', { 'x-other': '1', cookie: 'cd=1' })).toBe(HIT);
  expect(await cacheOf('/assets/a.css', { 'x-plan': 'b' })).toBe(MISS);
  expect(await cacheOf('/assets/a.css', { cookie: 'cd=1; ab=2' })).toBe(MISS);
  expect(await cacheOf('/assets/a.css', { cookie: 'ab=2; cd=3' })).toBe(HIT);
  expect((await get('/assets/a.css?utm=x&v=1')).text).toBe('v1');
});

describe('a text page', () => {
  test('is compressed with Brotli before gzip, each kept by itself, with a weak ETag', async () => {
    const { get } = await aSite();
    const plain = await get('/about');
    const br = await get('/about', { 'accept-encoding': 'gzip, deflate, br' });
    const gzip = await get('/about', { 'accept-encoding': 'gzip' });
    expect([plain.cache, br.cache, gzip.cache]).toEqual([MISS, MISS, MISS]);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(br.headers['content-encoding']).toBe('br');
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(brotliDecompressSync(br.body)).toEqual(plain.body);
    expect(gunzipSync(gzip.body)).toEqual(plain.body);
    for (const { headers } of [br, gzip]) {
      expect(headers.etag).toBe(`W/${plain.headers.etag}`);
      expect(headers['accept-ranges']).toBeUndefined();
    }
    for (const { headers, body } of [plain, br, gzip]) {
      expect(headers.vary).toBe('Accept-Encoding');
      expect(headers['content-length']).toBe(String(body.length));
    }
    const again = await get('/about', { 'accept-encoding': 'br;q=0.9, gzip, zstd' });
    expect([again.cache, again.headers['content-encoding']]).toEqual([HIT, 'br']);
  });

  test.each([
    ['is too small', '/'],
    ['has a type that CloudFront leaves alone', '/app.webmanifest'],
    ['is compressed already', '/done.css'],
  ])('is sent as it is when it %s', async (_, path) => {
    const { get, bucket } = await aSite();
    bucket.put(`/releases/${ONE}/app.webmanifest`, 'x'.repeat(2000), {
      'Content-Type': 'application/manifest+json',
    });
    bucket.put(`/releases/${ONE}/done.css`, 'x'.repeat(2000), {
      'Content-Type': 'text/css',
      'Content-Encoding': 'identity',
    });
    const { headers } = await get(path, { 'accept-encoding': 'gzip, br' });
    expect(headers['content-encoding'] ?? 'identity').toBe('identity');
    expect(headers.vary).toBeUndefined();
  });

  test('is not compressed for HTTP/1.0', async () => {
    const { edge } = await aSite();
    const headers = { 'accept-encoding': 'br' };
    const ask = (httpVersion: string) =>
      edge.handle({ method: 'GET', target: '/about', headers, httpVersion });
    expect((await ask('1.0')).headers).not.toHaveProperty('content-encoding');
    expect((await ask('1.1')).headers).toHaveProperty('content-encoding', 'br');
  });

  test('is not compressed where the behavior says so', async () => {
    const { get } = await aSite({
      change: (config) => {
        config.DefaultCacheBehavior.Compress = false;
      },
    });
    const { headers } = await get('/about', { 'accept-encoding': 'gzip, br' });
    expect(headers['content-encoding']).toBeUndefined();
  });
});

describe('a visitor with a copy', () => {
  test('gets a 304 with the headers that a page would have, and no body', async () => {
    const { get } = await aSite();
    for (const encoding of ['identity', 'br']) {
      const page = await get('/about', { 'accept-encoding': encoding });
      const again = await get('/about', {
        'accept-encoding': encoding,
        'if-none-match': page.headers.etag ?? '',
      });
      expect([again.status, again.body.length, again.cache]).toEqual([304, 0, HIT]);
      expect(again.headers).toMatchObject({
        etag: page.headers.etag,
        vary: 'Accept-Encoding',
        'cache-control': 'public, max-age=0, must-revalidate',
        'content-security-policy': "default-src 'self'",
      });
      expect(again.headers).not.toHaveProperty('content-length');
      expect(again.headers).not.toHaveProperty('content-encoding');
    }
  });

  test('gets a 304 by date, and the page when it has changed', async () => {
    const { get } = await aSite();
    const since = (date: string) => get('/', { 'if-modified-since': date });
    expect((await since('Mon, 23 Nov 2026 06:00:00 GMT')).status).toBe(304);
    expect((await since('Mon, 23 Nov 2026 05:00:00 GMT')).status).toBe(200);
    expect((await get('/', { 'if-none-match': '"old"' })).status).toBe(200);
  });

  test('of a page that is gone gets the 404', async () => {
    const { get } = await aSite();
    expect((await get('/nowhere', { 'if-none-match': '*' })).status).toBe(404);
  });
});

describe('a part of an object', () => {
  test('is cut from the one copy at the edge, uncompressed', async () => {
    const { get, bucket } = await aSite();
    const whole = await get('/about');
    const part = await get('/about', { range: 'bytes=4-8', 'accept-encoding': 'br' });
    expect([part.status, part.text]).toEqual([206, 'about']);
    expect(part.headers).toMatchObject({
      'content-range': `bytes 4-8/${whole.body.length}`,
      'content-length': '5',
      etag: whole.headers.etag,
      vary: 'Accept-Encoding',
    });
    expect(part.headers['content-encoding']).toBeUndefined();
    expect(bucket.calls.every(({ headers }) => headers.range === undefined)).toBe(true);
  });

  test('beyond its end is a 416 that tells its size', async () => {
    const { get } = await aSite();
    const answer = await get('/', { range: 'bytes=12-' });
    expect([answer.status, answer.headers['content-range'], answer.cache]).toEqual([
      416,
      'bytes */12',
      ERROR,
    ]);
  });

  test.each([
    ['several parts', { range: 'bytes=0-1,4-5' }],
    ['nonsense', { range: 'bytes=x' }],
    ['a part of what it was before', { range: 'bytes=0-1', 'if-range': '"old"' }],
  ])('is the whole for %s', async (_, headers) => {
    const { get } = await aSite();
    const answer = await get('/', headers);
    expect([answer.status, answer.text]).toEqual([200, '<h1>one</h1>']);
  });
});

test('HEAD has the headers of GET and no body', async () => {
  const { get } = await aSite();
  const page = await get('/about', { 'accept-encoding': 'gzip' });
  const head = await get('/about', { 'accept-encoding': 'gzip' }, 'HEAD');
  expect([head.status, head.body.length, head.cache]).toEqual([200, 0, HIT]);
  expect(head.headers['content-length']).toBe(page.headers['content-length']);
  expect(head.headers.etag).toBe(page.headers.etag);
  expect((await get('/about', { range: 'bytes=0-1' }, 'HEAD')).status).toBe(200);
  expect((await get('/nowhere', {}, 'HEAD')).status).toBe(404);
});

describe('refused before anything runs', () => {
  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s', async (method) => {
    const { get, bucket } = await aSite();
    const answer = await get('/', {}, method);
    expect([answer.status, answer.cache]).toEqual([403, ERROR]);
    expect(answer.text).toContain('not configured to allow the HTTP request method');
    expect(bucket.calls).toEqual([]);
  });

  test('a GET with a body', async () => {
    const { port } = await aSite();
    expect((await send(port, '/', { 'content-length': '2' }, 'GET', 'ab')).status).toBe(403);
    const chunked = { 'transfer-encoding': 'chunked' };
    expect((await send(port, '/', chunked, 'GET', 'ab')).status).toBe(403);
  });

  test('an address of 8,192 characters or more, and headers beyond 20,480', async () => {
    const { get } = await aSite();
    expect((await get(`/?${'x'.repeat(8_189)}`)).status).not.toBe(413);
    expect((await get(`/?${'x'.repeat(8_190)}`)).status).toBe(413);
    expect((await get('/', { 'x-long': 'x'.repeat(20_480) })).status).toBe(413);
    expect((await get('/')).status).toBe(200);
  });
});

describe('a missing page', () => {
  test('shows the error page with its status, the page policy and the error label', async () => {
    const { get, bucket } = await aSite();
    const answer = await get('/nowhere');
    expect([answer.status, answer.text, answer.cache]).toEqual([404, '<h1>not here</h1>', ERROR]);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'self'",
      'cache-control': 'public, max-age=0, must-revalidate',
    });
    // Fetched by its key: the router would have put a release before it.
    expect(bucket.calls.map(({ path }) => path)).toEqual([
      `/releases/${ONE}/nowhere/index.html`,
      '/_site/404.html',
    ]);
  });

  test('is asked for again after the error caching time, not before', async () => {
    const { get, bucket, seconds } = await aSite();
    await get('/nowhere');
    bucket.put(`/releases/${ONE}/nowhere/index.html`, 'found');
    seconds(9);
    const cached = await get('/nowhere');
    expect([cached.status, cached.cache, cached.headers.age]).toEqual([404, ERROR, '9']);
    seconds(1);
    expect((await get('/nowhere')).text).toBe('found');
  });

  test('shares the one cached error page with other missing pages', async () => {
    const { get, bucket } = await aSite();
    await get('/nowhere');
    await get('/neither');
    expect(bucket.calls.filter(({ path }) => path === '/_site/404.html')).toHaveLength(1);
  });

  test('shows what the origin says where there is no error page', async () => {
    const { get, bucket } = await aSite();
    bucket.delete('/_site/404.html');
    const answers = await Promise.all([get('/nowhere'), get('/_site/404.html')]);
    for (const answer of answers) {
      expect([answer.status, answer.cache]).toEqual([404, ERROR]);
      expect(answer.text).toContain('NoSuchKey');
    }
    bucket.put('/_site/404.html', 'now');
    expect((await get('/elsewhere')).text).toBe('now');
  });

  test('never becomes a success because the error page is missing too', async () => {
    const { get, bucket } = await aSite({
      change: (config) => {
        config.CustomErrorResponses[0].ResponseCode = 200;
      },
    });
    bucket.delete('/_site/404.html');
    expect((await get('/nowhere')).status).toBe(404);
  });

  test('may be answered with another status', async () => {
    const { get } = await aSite({
      change: (config) => {
        config.CustomErrorResponses[0].ResponseCode = 200;
      },
    });
    const answer = await get('/nowhere');
    expect([answer.status, answer.text, answer.cache]).toEqual([200, '<h1>not here</h1>', ERROR]);
  });

  test('gets its error page compressed', async () => {
    const { get, bucket } = await aSite();
    bucket.put('/_site/404.html', 'x'.repeat(3000));
    const answer = await get('/nowhere', { 'accept-encoding': 'br' });
    expect(answer.headers['content-encoding']).toBe('br');
    expect(brotliDecompressSync(answer.body).length).toBe(3000);
  });
});

describe('an error of the origin', () => {
  test('without a rule is passed on and kept for ten seconds', async () => {
    const { get, bucket, seconds } = await aSite();
    bucket.failing = 503;
    const answer = await get('/');
    expect([answer.status, answer.cache]).toEqual([503, ERROR]);
    expect(answer.text).toContain('SlowDown');
    bucket.failing = undefined;
    seconds(9);
    expect((await get('/')).status).toBe(503);
    seconds(1);
    expect((await get('/')).status).toBe(200);
  });

  test('with status 403 is not kept', async () => {
    const { get, bucket } = await aSite();
    bucket.failing = 403;
    expect((await get('/')).status).toBe(403);
    bucket.failing = undefined;
    expect((await get('/')).status).toBe(200);
  });

  test('that cannot be reached is a 502, and the cause is in the log', async () => {
    const { get, bucket, log } = await aSite();
    bucket.failing = 'unreachable';
    expect((await get('/')).status).toBe(502);
    expect(log.join()).toContain('ECONNREFUSED');
  });
});

describe('an invalidation', () => {
  test('takes every copy of an exact path away, and nothing else', async () => {
    const { get, edge } = await aSite();
    const visit = async () => [
      (await get('/about')).cache,
      (await get('/about', { 'accept-encoding': 'br' })).cache,
      (await get('/')).cache,
    ];
    await visit();
    edge.invalidate([`/releases/${ONE}/about/index.html`]);
    expect(await visit()).toEqual([MISS, MISS, HIT]);
    edge.invalidate([`/releases/${ONE}/*`]);
    expect(await visit()).toEqual([MISS, MISS, MISS]);
    // The address that visitors type is not what the edge keeps it under.
    edge.invalidate(['/about', '/', '/index.html', '/a*t']);
    expect(await visit()).toEqual([HIT, HIT, HIT]);
    edge.invalidate(['/*']);
    expect(await visit()).toEqual([MISS, MISS, MISS]);
  });

  test('of the error page shows the new one to the next who gets lost', async () => {
    const { get, edge, bucket } = await aSite();
    await get('/nowhere');
    bucket.put('/_site/404.html', 'new');
    expect((await get('/lost')).text).toBe('<h1>not here</h1>');
    edge.invalidate(['/_site/*']);
    expect((await get('/astray')).text).toBe('new');
  });

  test('also reaches an answer that is still on its way', async () => {
    const { get, edge, bucket } = await aSite();
    bucket.put('/assets/a.css', 'old');
    let open = () => {};
    bucket.gate = new Promise((resolve) => {
      open = resolve;
    });
    const early = get('/assets/a.css');
    while (bucket.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    bucket.put('/assets/a.css', 'new');
    edge.invalidate(['/assets/*']);
    open();
    expect((await early).text).toBe('old');
    expect((await get('/assets/a.css')).text).toBe('new');
  });

  test('lets nobody wait for an answer from before it', async () => {
    const { get, edge, bucket } = await aSite();
    bucket.put('/assets/a.css', 'old');
    let open = () => {};
    bucket.gate = new Promise((resolve) => {
      open = resolve;
    });
    const early = get('/assets/a.css');
    while (bucket.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    bucket.put('/assets/a.css', 'new');
    edge.invalidate(['/assets/a.css']);
    const late = get('/assets/a.css');
    while (bucket.calls.length === 1) await new Promise((resolve) => setImmediate(resolve));
    open();
    expect([(await early).text, (await late).text]).toEqual(['old', 'new']);
  });
});

describe('the router at the edge', () => {
  test('answers before the first release, itself and without the bucket', async () => {
    const { get, store, bucket } = await aSite({ live: undefined });
    store.live = undefined;
    const answer = await get('/');
    expect([answer.status, answer.headers['retry-after'], answer.cache]).toEqual([
      503,
      '30',
      'FunctionGeneratedResponse from cloudfront',
    ]);
    expect(answer.text).toContain('Not published yet');
    expect(bucket.calls).toEqual([]);
  });

  test('names the live release at once after a flip', async () => {
    const { get, store } = await aSite();
    const probe = async (method = 'GET') => await get('/.well-known/release', {}, method);
    expect(await probe()).toMatchObject({
      status: 200,
      text: ONE,
      headers: { 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' },
    });
    store.live = pointerTo(TWO);
    expect((await probe()).text).toBe(TWO);
    expect(await probe('HEAD')).toMatchObject({
      status: 200,
      text: '',
      headers: { 'content-length': String(TWO.length) },
    });
  });

  test('never lets a failure become an error of CloudFront', async () => {
    const { get, store, edge } = await aSite();
    for (const live of ['{', 'null', '{}', '']) {
      store.live = live;
      const answer = await get('/');
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
      expect(answer.cache).toBe('FunctionGeneratedResponse from cloudfront');
    }
    expect(edge.stats.functionErrors).toBe(0);
  });
});

describe('any other function', () => {
  const returning = (value: string) => `function handler(event) { return ${value}; }`;

  test('gets the event that CloudFront documents', async () => {
    const { get } = await aSite({
      code: `function handler(event) { return { statusCode: 200, body: JSON.stringify(event) }; }`,
    });
    const answer = await get('/a%20b?x=1&y&x=2', {
      'X-One': 'a',
      Cookie: 'c=1; d=2',
      'x-amz-cf-id': 'hidden',
      'x-edge-location': 'hidden',
    });
    const event = JSON.parse(answer.text);
    expect(event).toEqual({
      version: '1.0',
      context: {
        distributionDomainName: 'd111111abcdef8.cloudfront.net',
        distributionId: 'EDFDVBD6EXAMPLE',
        eventType: 'viewer-request',
        requestId: answer.headers['x-amz-cf-id'],
      },
      viewer: { ip: '127.0.0.1' },
      request: {
        method: 'GET',
        uri: '/a%20b',
        querystring: {
          x: { value: '1', multiValue: [{ value: '1' }, { value: '2' }] },
          y: { value: '' },
        },
        headers: { host: { value: expect.stringContaining('127.0.0.1') }, 'x-one': { value: 'a' } },
        cookies: { c: { value: '1' }, d: { value: '2' } },
      },
    });
  });

  test('may answer with any status, headers, cookies and body', async () => {
    const { get } = await aSite({
      code: returning(
        `{ statusCode: 302, headers: { location: { value: '/x' } }, cookies: { a: { value: '1', attributes: 'Secure' } }, body: { encoding: 'base64', data: 'aGk=' } }`,
      ),
    });
    const answer = await get('/');
    expect(answer).toMatchObject({
      status: 302,
      text: 'hi',
      headers: { location: '/x', 'set-cookie': ['a=1; Secure'] },
    });
  });

  test('may change headers and the query, and the default root object still applies', async () => {
    const { get, bucket } = await aSite({
      code: `function handler(event) {
        const request = event.request;
        request.headers['accept-encoding'] = { value: 'gzip' };
        request.querystring = 'v=2';
        return request;
      }`,
    });
    bucket.put('/index.html', 'x'.repeat(2000));
    const answer = await get('/');
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(bucket.calls.map(({ path }) => path)).toEqual(['/index.html']);
  });

  test.each([
    ['throws', `function handler() { throw new Error('boom'); }`, 'boom'],
    ['fails while it is loaded', `const x = y.z; function handler() {}`, 'ReferenceError'],
    ['has no handler', `const x = 1;`, 'handler is not defined'],
  ])(
    'that %s is a 503 with CloudFront’s label, and the cause is in the log',
    async (_, code, cause) => {
      const { get, log, edge } = await aSite({ code });
      const answer = await get('/secret');
      expect([answer.status, answer.cache]).toEqual([
        503,
        'FunctionExecutionError from cloudfront',
      ]);
      expect(answer.text).not.toContain(cause);
      expect(log).toEqual([
        expect.stringMatching(new RegExp(`^Router failed at /secret: .*${cause}`)),
      ]);
      expect(edge.stats.functionErrors).toBe(1);
    },
  );

  test.each([
    ['nothing', 'undefined', 'a request or a response object'],
    ['a text', '"x"', 'a request or a response object'],
    ['no uri', '({ method: "GET" })', 'request.uri is missing'],
    ['a uri without a slash', '({ method: "GET", uri: "x" })', 'must begin with a slash'],
    ['a uri with a space', '({ method: "GET", uri: "/a b" })', 'must not hold spaces'],
    ['another method', '({ method: "HEAD", uri: "/" })', 'request.method cannot be modified'],
    [
      'another host',
      'Object.assign(event.request, { headers: { host: { value: "evil" } } })',
      'request.headers["host"] is read-only',
    ],
    ['headers without the host', '({ method: "GET", uri: "/" })', 'is read-only'],
    [
      'a URI that is too long',
      'Object.assign(event.request, { uri: "/".padEnd(8192, "x") })',
      'less than 8192 characters',
    ],
    ['a status as a text', '({ statusCode: "200" })', 'response.statusCode'],
    [
      'a header in upper case',
      '({ statusCode: 200, headers: { Location: { value: "/" } } })',
      'header names in lower case',
    ],
    [
      'a header that only CloudFront sets',
      '({ statusCode: 200, headers: { "x-cache": { value: "Hit" } } })',
      'must not have the header x-cache',
    ],
    ['a header without a value', '({ statusCode: 200, headers: { a: "b" } })', 'must be a text'],
    ['a body of another kind', '({ statusCode: 200, body: 1 })', 'response.body'],
  ])('that returns %s is a 502 that says so', async (_, value, reason) => {
    const { get, log } = await aSite({ code: returning(value) });
    const answer = await get('/');
    expect([answer.status, answer.cache]).toEqual([502, 'FunctionValidationError from cloudfront']);
    expect(answer.text).toContain('The CloudFront function returned an invalid value');
    expect(log.join()).toContain(reason);
  });
});

test('the edge counts what it did', async () => {
  const { get, edge } = await aSite();
  await get('/');
  await get('/');
  await get('/nowhere');
  await get('/.well-known/release');
  expect(edge.stats).toEqual({
    requests: 4,
    hits: 1,
    misses: 1,
    refreshHits: 0,
    errors: 1,
    functionResponses: 1,
    functionErrors: 0,
    originRequests: 3,
  });
});

test('visitors who stay may use their connection again after minutes, not only within seconds', async () => {
  const { get } = await aSite();
  const { headers } = await get('/', { connection: 'keep-alive' });
  expect(headers['keep-alive']).toBe('timeout=120');
});

test('a taken port is an error, and closing ends open connections', async () => {
  const { bucket, edge, port, get } = await aSite();
  const second = await aSite();
  await second.edge.close();
  await expect(second.edge.listen(port)).rejects.toThrow('EADDRINUSE');
  bucket.gate = new Promise(() => {});
  const waiting = get('/');
  waiting.catch(() => {});
  while (bucket.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await edge.close();
  await expect(waiting).rejects.toThrow();
  await expect(get('/')).rejects.toThrow();
});

describe('the viewer-response function', () => {
  const setting = (body: string) => `function handler(event) { ${body} return event.response; }`;

  test('gets the request and the answer, the policy’s headers with it, and what it returns is sent', async () => {
    const { get } = await aSite({
      responseCode: setting(
        "event.response.headers['x-seen'] = { value: JSON.stringify([event.context.eventType, event.request.method, event.response.statusCode, event.response.headers['cache-control'].value]) }; event.response.headers['cache-control'] = { value: 'no-cache' }; delete event.response.headers['content-security-policy'];",
      ),
    });
    const answer = await get('/');
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('<h1>one</h1>');
    expect(JSON.parse(String(answer.headers['x-seen']))).toEqual([
      'viewer-response',
      'GET',
      200,
      'public, max-age=0, must-revalidate',
    ]);
    expect(answer.headers['cache-control']).toBe('no-cache');
    expect(answer.headers).not.toHaveProperty('content-security-policy');
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
  });

  test('runs for hits, parts and 304 too, and the copy at the edge stays as it came', async () => {
    const { get, bucket } = await aSite({
      responseCode: setting(
        "event.response.headers['x-status'] = { value: String(event.response.statusCode) };",
      ),
    });
    const first = await get('/about');
    const again = await get('/about', { 'if-none-match': String(first.headers.etag) });
    const part = await get('/about', { range: 'bytes=0-3' });
    expect([first, again, part].map(({ headers }) => headers['x-status'])).toEqual([
      '200',
      '304',
      '206',
    ]);
    expect(bucket.calls).toHaveLength(1);
  });

  test('does not run for errors, nor for answers of the viewer-request function', async () => {
    const { get } = await aSite({
      responseCode: setting("event.response.headers['x-ran'] = { value: 'yes' };"),
    });
    for (const path of ['/none', '/.well-known/release']) {
      expect((await get(path)).headers).not.toHaveProperty('x-ran');
    }
    expect((await get('/')).headers['x-ran']).toBe('yes');
  });

  test.each<[string, string, number, RegExp]>([
    ['throws', 'throw new Error("no");', 503, /Response failed at \/: .*no/],
    [
      'sets a header that CloudFront keeps to itself',
      "event.response.headers['x-edge-x'] = { value: '1' };",
      502,
      /must not have the header x-edge-x/,
    ],
    [
      'sets a header that can only be read',
      "event.response.headers.via = { value: '1' };",
      502,
      /response.headers\["via"\] is read-only/,
    ],
    ['replaces the body', "event.response.body = 'x';", 502, /leave the body as it is/],
    ['returns no response', 'return {};', 502, /must be a response object/],
  ])('that %s fails the request, as in CloudFront', async (_, body, status, line) => {
    const { get, log } = await aSite({ responseCode: setting(body) });
    expect((await get('/')).status).toBe(status);
    expect(log.join('\n')).toMatch(line);
  });
});
