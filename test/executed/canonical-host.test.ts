import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poolCode, routerCode } from '../../lib/hosting/edge/code.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';

const CONFIG = {
  name: 'my-site',
  source: { kind: 'codecommit', branch: 'main' },
  domain: { name: 'www.example.com', aliases: ['example.com'], hostedZoneId: 'Z1' },
} as const;
const FUNCTIONS = [
  ['the router', routerCode(CONFIG), '/releases/20261123T061500Z-1a2b3c4/feed.xml'],
  ['the function of the pool', poolCode(CONFIG), '/feed.xml'],
] as const;
const ID = '20261123T061500Z-1a2b3c4';
const LIVE = JSON.stringify({ id: ID, base: ID, delta: '' });

interface Request {
  host?: string;
  uri?: string;
  /** As sent; none without a question mark. */
  query?: string;
}
interface Answer {
  uri?: string;
  statusCode?: number;
  headers?: Record<string, { value: string }>;
}

const eventOf = ({ host, uri = '/feed.xml' }: Request) => ({
  version: '1.0',
  context: { eventType: 'viewer-request' },
  viewer: { ip: '198.51.100.11' },
  request: {
    method: 'GET',
    uri,
    // Nothing that is read: a query put together again from these would not be the one that was sent.
    querystring: {},
    headers: host === undefined ? {} : { host: { value: host } },
    cookies: {},
  },
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'canonical-host-'));
  writeFileSync(
    join(folder, 'cloudfront'),
    `export default { kvs() { return { async get() { return ${LIVE}; } }; } };`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const inSandbox = async (code: string, request: Request): Promise<Answer> =>
  (await compileEdgeFunction({
    code,
    keyValueStore: { get: async () => LIVE },
  }).run(eventOf(request), request.query)) as Answer;

async function inNjs(code: string, request: Request): Promise<Answer> {
  const call = `const event = ${JSON.stringify(eventOf(request))};
    event.request.rawQueryString = () => ${JSON.stringify(request.query)};
    Promise.resolve(handler(event)).then((answer) => console.log('ANSWER ' + JSON.stringify(answer)));`;
  writeFileSync(join(folder, 'function.js'), `${code}\n${call}`);
  const output = execFileSync('njs', ['-p', folder, join(folder, 'function.js')]).toString();
  return JSON.parse(output.slice(output.indexOf('ANSWER ') + 7));
}

const ENGINES = [
  ['node:vm', inSandbox],
  ...(spawnSync('njs', ['-v']).status === 0 ? [['njs', inNjs] as const] : []),
] as const;

describe.each(ENGINES)('in %s', (_engine, run) => {
  describe.each(FUNCTIONS)('%s', (_name, code, served) => {
    test.each([
      ['a further name', { host: 'example.com' }, '/feed.xml'],
      ["the distribution's own name", { host: 'd111111abcdef8.cloudfront.net' }, '/feed.xml'],
      ['a name in capitals', { host: 'EXAMPLE.com' }, '/feed.xml'],
      ['a port', { host: 'example.com:443' }, '/feed.xml'],
      ['a dot at its end', { host: 'www.example.com.' }, '/feed.xml'],
      [
        'a name that only contains the right one',
        { host: 'www.example.com.evil.example' },
        '/feed.xml',
      ],
      ['no host', {}, '/feed.xml'],
      ['the start page', { host: 'example.com', uri: '/' }, '/'],
      ['a query', { host: 'example.com', query: 'b=2&a=1&b=3' }, '/feed.xml?b=2&a=1&b=3'],
      ['an empty query', { host: 'example.com', query: '' }, '/feed.xml?'],
      [
        'an address with percent-encoding',
        { host: 'example.com', uri: '/caf%C3%A9/a%2Fb%20c', query: 'q=%26%3D+x&y=%zz?&z' },
        '/caf%C3%A9/a%2Fb%20c?q=%26%3D+x&y=%zz?&z',
      ],
      [
        'an address beyond ASCII',
        { host: 'example.com', uri: '/café/日本', query: 'é=1' },
        '/caf%C3%A9/%E6%97%A5%E6%9C%AC?%C3%A9=1',
      ],
      ['two slashes', { host: 'example.com', uri: '//evil.example/' }, '//evil.example/'],
      [
        "the release's own address",
        { host: 'example.com', uri: '/.well-known/release' },
        '/.well-known/release',
      ],
    ])('answers %s with one permanent redirect', async (_, request: Request, address) => {
      const answer = await run(code, request);
      expect(answer.statusCode).toBe(301);
      expect(answer.headers).toEqual({
        location: { value: `https://www.example.com${address}` },
        'cache-control': { value: 'public, max-age=0, must-revalidate' },
        'strict-transport-security': { value: 'max-age=31536000' },
      });
    });

    test.each(['www.example.com', 'WWW.Example.COM', 'www.example.com:443', 'www.example.com:'])(
      'lets %s through',
      async (host) => {
        const answer = await run(code, { host });
        expect(answer.uri).toBe(served);
        expect(answer.statusCode).toBeUndefined();
      },
    );
  });
});

test('a redirect costs no read of the store, and needs no release', async () => {
  const reads: string[] = [];
  const router = compileEdgeFunction({
    code: routerCode(CONFIG),
    keyValueStore: { get: async (key) => void reads.push(key) },
  });
  expect(await router.run(eventOf({ host: 'example.com' }))).toMatchObject({ statusCode: 301 });
  expect(reads).toEqual([]);
});

test('without a domain, nothing asks for the host', () => {
  const { domain: _, ...without } = CONFIG;
  expect(routerCode(without)).not.toMatch(/host|redirect|301/i);
});

describe('a request that needs another name and another address gets one redirect for both', () => {
  const code = routerCode({ ...CONFIG, urls: { style: 'directory', fallback: 'none' } });
  const askedOf = async (host: string, uri: string, live: string | undefined) => {
    const answer = (await compileEdgeFunction({
      code,
      keyValueStore: { get: async () => live },
    }).run(eventOf({ host, uri }), 'a=1&a=2')) as Answer;
    return answer.headers?.location?.value ?? answer.uri ?? answer.statusCode;
  };
  const styled = JSON.stringify({ ...JSON.parse(LIVE), style: 'directory' });

  test.each([
    ['example.com', '/about', 'https://www.example.com/about/?a=1&a=2'],
    ['example.com', '/about/', 'https://www.example.com/about/?a=1&a=2'],
    ['example.com', '/index.html', 'https://www.example.com/?a=1&a=2'],
    ['example.com', '/.well-known/release', 'https://www.example.com/.well-known/release?a=1&a=2'],
    ['www.example.com', '/about', '/about/?a=1&a=2'],
    ['www.example.com', '/about/', `/releases/${ID}/about/index.html`],
  ])('%s%s', async (host, uri, expected) => {
    expect(await askedOf(host, uri, styled)).toBe(expected);
  });

  test('and the one for its name before there is a release', async () => {
    expect(await askedOf('example.com', '/about', undefined)).toBe(
      'https://www.example.com/about?a=1&a=2',
    );
    expect(await askedOf('www.example.com', '/about', undefined)).toBe(503);
  });
});
