import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SiteConfig } from '../../lib/config.ts';
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

const config = (style: 'directory' | 'file'): SiteConfig => ({
  name: 'a-site',
  build: { kind: 'folder', directory: 'public' },
  immutable: ['assets/*'],
  urls: { style, fallback: 'single-page' },
});

let state: string;
let stack: LocalStack;
let clone: Clone;

/** `301 /about`, or the status with the first line of what came, after the path exactly as it is written. */
async function ask(path: string, method = 'GET'): Promise<string> {
  const { status, headers, body } = await raw(`${stack.siteUrl}${path}`, { method });
  return `${status} ${headers.location ?? body.split('\n')[0]}`.trim();
}

beforeAll(async () => {
  state = await aDirectory('state');
  ({ stack } = await aLocalStack(await anAssembly(config('file')), { state }));
  clone = await Clone.of(stack);
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

describe('a site in file style, with a single page', () => {
  test('goes live with pages in both layouts', async () => {
    await clone.write('public/index.html', 'start');
    await clone.write('public/404.html', 'not here');
    await clone.write('public/about.html', 'about');
    await clone.write('public/docs/index.html', 'docs');
    await clone.write('public/assets/app-1.js', 'app');
    await clone.commit('A site');
    expect(await clone.push()).toMatch(/^published /m);
  });

  test.each([
    ['/', '200 start'],
    ['/about', '200 about'],
    ['/docs', '200 docs'],
    ['/index.html', '301 /'],
    ['/about/', '301 /about'],
    ['/about.html', '301 /about'],
    ['/about/index.html', '301 /about'],
    ['/docs/', '301 /docs'],
    ['/docs/?a=1&b=2&a=3', '301 /docs?a=1&b=2&a=3'],
    ['/users/17', '200 start'],
    ['/users/17.json', '404 not here'],
    ['/app.js', '404 not here'],
    ['/assets/app-1.js', '200 app'],
    ['/assets/none', '404 not here'],
    ['//evil.example/', '200 start'],
  ])('%s is answered by %s', async (path, answer) => {
    expect(await ask(path)).toBe(answer);
    expect(await ask(path, 'HEAD')).toBe(answer.startsWith('301') ? answer : answer.slice(0, 3));
  });

  test('does not go live with two files for one page', async () => {
    await clone.write('public/about/index.html', 'about');
    await clone.commit('Twice');
    expect(await clone.push()).toContain(
      'is the same page as about.html, because urls.style gives every page one address',
    );
    expect(await ask('/about')).toBe('200 about');
  });
});

describe('another style', () => {
  beforeAll(async () => {
    await stack.stop();
    ({ stack } = await aLocalStack(await anAssembly(config('directory')), { state }));
  });

  test('does not change the live release', async () => {
    expect(await ask('/about')).toBe('200 about');
    expect(await ask('/about/')).toBe('301 /about');
  });

  test('shows with the next release, and is gone with it', async () => {
    await clone.shell('rm public/about.html');
    await clone.commit('In directories');
    expect(await clone.push()).toMatch(/^published /m);
    expect(await ask('/about')).toBe('301 /about/');
    expect(await ask('/about/')).toBe('200 about');
    expect(await ask('/users/17/')).toBe('200 start');

    const { status, err } = await releases(state, 'a-site', 'rollback', '--yes');
    expect([status, err]).toEqual([0, expect.any(String)]);
    expect(await ask('/about')).toBe('200 about');
    expect(await ask('/about/')).toBe('301 /about');
  });
});
