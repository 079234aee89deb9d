import { expect, test } from 'vitest';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import { fileFor } from '../../lib/release/addresses.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';

const ROUTER = routerCode({ name: 'site', source: { kind: 'codecommit', branch: 'main' } });
const ID = '20261123T061500Z-1a2b3c4';

test.each([
  '/',
  '/index.html',
  '/about',
  '/about/',
  '/about/index.html',
  '/feed.xml',
  '/v1.2',
  '/v1.2/',
  '/v1.2/notes',
  '/a%20b/%C3%A9',
  '/a%2Eb',
  '/.hidden',
  '/.well-known/security.txt',
  '/.well-known/apple-app-site-association',
  '/.well-known/folder/',
  '/well-known',
  '/a//b',
  '//',
])('the link check leads %s to the file that the shipped router leads it to', async (uri) => {
  const router = compileEdgeFunction({
    code: ROUTER,
    keyValueStore: { get: async () => JSON.stringify({ id: ID, base: ID, delta: '' }) },
  });
  const routed = (await router.run({
    version: '1.0',
    context: { eventType: 'viewer-request' },
    viewer: { ip: '198.51.100.11' },
    request: { method: 'GET', uri, querystring: {}, headers: {}, cookies: {} },
  })) as { uri: string };
  expect(routed.uri).toBe(`/releases/${ID}${fileFor(uri)}`);
});
