import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalStack } from '../../local/stack.ts';
import { raw } from '../support/local-aws.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';
import { releases } from '../support/releases.ts';

let stack: LocalStack;
let state: string;
let said: string;

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'pages' },
    immutable: ['assets/*'],
    health: { path: '/about/?from=watch' },
    domain: {
      name: 'www.example.com',
      aliases: ['example.com', 'old.example.org'],
      certificateArn:
        'arn:aws:acm:us-east-1:123456789012:certificate/0f1e2d3c-0000-4000-8000-000000000000',
    },
  });
  state = await aDirectory('state');
  ({ stack } = await aLocalStack(assembly, { state }));
  const clone = await Clone.of(stack);
  await clone.write('pages/index.html', '<h1>home</h1>');
  await clone.write('pages/about/index.html', '<h1>about</h1>');
  await clone.write('pages/404.html', '<h1>not here</h1>');
  await clone.write('pages/assets/app-1A2B.js', 'export {};');
  await clone.commit('A site');
  said = await clone.push();
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

/** Of the address as it stands: fetch would normalise it, and write the host itself. */
async function get(host: string | undefined, path: string, method = 'GET') {
  const own = host === undefined ? undefined : { headers: { host } };
  const { status, headers, body } = await raw(`${stack.siteUrl}${path}`, { method, ...own });
  return { status, location: headers.location, body };
}

test('its first release comes up, although no DNS leads here', () => {
  expect(said).toMatch(/^published /m);
});

describe('over HTTP', () => {
  const twin = () => String(stack.assembly.outputs.DistributionDomainName);
  const ADDRESSES = [
    '/',
    '/about/',
    '/about?b=2&a=1&a=3',
    '/about/?',
    '/caf%C3%A9/a%2Fb?q=%26+%3D',
    '/a//b/../c?next=https://example.com/?x',
    '/.well-known/release',
    '/assets/app-1A2B.js?v=1',
    '/assets/none.js',
    '/no/such/page',
  ];

  test.each<[string, () => string]>([
    ['the apex', () => 'example.com'],
    ['a name in another zone', () => 'old.example.org'],
    ["the distribution's own name", twin],
    ['a name in capitals, with its port', () => 'Example.COM:443'],
    ['the right name with a dot at its end', () => 'www.example.com.'],
  ])('%s leads every address to the canonical name in one step', async (_, host) => {
    for (const address of ADDRESSES) {
      const { status, location } = await get(host(), address);
      expect({ status, location }).toEqual({
        status: 301,
        location: `https://www.example.com${address}`,
      });
      // What it leads to is an answer, and no further redirect.
      expect((await get('www.example.com', address)).status).not.toBe(301);
    }
    expect(await get(host(), '/about/', 'HEAD')).toEqual({
      status: 301,
      location: 'https://www.example.com/about/',
      body: '',
    });
  });

  test.each<[string, string | undefined]>([
    ['the canonical name', 'www.example.com'],
    ['the canonical name with its port', 'WWW.example.com:443'],
    ["this machine's address", undefined],
    ['localhost', 'localhost:8080'],
    ['a tunnel to this machine', 'abc-8080.tunnel.example'],
  ])('%s is answered with the site', async (_, host) => {
    expect(await get(host, '/')).toMatchObject({ status: 200, body: '<h1>home</h1>' });
    expect(await get(host, '/about?x')).toMatchObject({ status: 200, body: '<h1>about</h1>' });
    expect(await get(host, '/assets/app-1A2B.js')).toMatchObject({ status: 200 });
    expect(await get(host, '/none')).toMatchObject({ status: 404, body: '<h1>not here</h1>' });
    expect(await get(host, '/.well-known/release')).toMatchObject({
      status: 200,
      body: await stack.liveRelease(),
    });
  });
});

test("the operator's command shows the canonical address, and sees a release come up", async () => {
  const live = String(await stack.liveRelease());
  const list = await releases(state, 'a-site', 'list');
  expect(list).toMatchObject({ status: 0, err: '' });
  expect(list.out).toContain(`https://www.example.com shows ${live}`);
  const promoted = await releases(state, 'a-site', 'promote', live, '--yes');
  expect(promoted.status, promoted.err).toBe(0);
});
