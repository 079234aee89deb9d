import { afterAll, expect, test } from 'vitest';
import { aLocalStack, anAssembly, Clone, removeDirectories } from '../support/local-stack.ts';

afterAll(removeDirectories);

test('what the config says about headers is in the answers: pages, hashed files, the error page', async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'public' },
    immutable: ['assets/*'],
    headers: {
      contentSecurityPolicy: "default-src 'self' https://example.com",
      permissionsPolicy: 'camera=()',
      frameOptions: 'deny',
      referrerPolicy: 'no-referrer',
      strictTransportSecurity: { days: 730, includeSubdomains: true, preload: true },
      robots: 'noindex',
      custom: { 'X-Team': 'web' },
    },
  });
  const { stack } = await aLocalStack(assembly);
  try {
    const clone = await Clone.of(stack);
    await clone.write('public/index.html', '<h1>Hello</h1>');
    await clone.write('public/assets/a-1234.js', 'export {};');
    await clone.commit('A site');
    expect(await clone.push(stack.branch)).toMatch(/^published /m);

    const headersOf = async (path: string) => {
      const { status, headers } = await fetch(`${stack.siteUrl}${path}`);
      return { status, ...Object.fromEntries(headers) };
    };
    const everywhere = {
      'strict-transport-security': 'max-age=63072000; includeSubDomains; preload',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': 'noindex, nofollow',
      'x-team': 'web',
    };
    const pages = {
      ...everywhere,
      'cache-control': 'public, max-age=0, must-revalidate',
      'content-security-policy': "default-src 'self' https://example.com",
      'permissions-policy': 'camera=()',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    };
    expect(await headersOf('/')).toMatchObject({ status: 200, ...pages });
    expect(await headersOf('/no-such-page')).toMatchObject({ status: 404, ...pages });
    const hashed = await headersOf('/assets/a-1234.js');
    expect(hashed).toMatchObject({
      status: 200,
      ...everywhere,
      'cache-control': 'public, max-age=31536000, immutable',
    });
    expect(hashed).not.toHaveProperty('content-security-policy');
  } finally {
    await stack.stop();
  }
});
