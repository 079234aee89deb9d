import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../local/aws/service.ts';
import type { LocalStack } from '../../local/stack.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';

/** Actions that a role has lost: what a missing grant in the template would do. */
const denied = new Set<string>();
const allow = ({ action }: Call) => !denied.has(action);

let stack: LocalStack;
let clone: Clone;

const home = async () => (await fetch(`${stack.siteUrl}/`)).text();

const BUILDSPEC = `version: 0.2
phases:
  build:
    commands:
      - mkdir -p out && cp pages/* out/
artifacts:
  base-directory: out
  files: ['**/*']
`;

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'buildspec', file: 'build.yml' },
  });
  ({ stack } = await aLocalStack(assembly, { allow }));
  clone = await Clone.of(stack);
  await clone.write('build.yml', BUILDSPEC);
  await clone.write('pages/index.html', '<h1>one</h1>');
  await clone.commit('One');
  expect(await clone.push()).toMatch(/^published /m);
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

describe('a release that fails leaves the live site alone and says why; the next good push publishes', () => {
  test('a failing build', async () => {
    await clone.edit('build.yml', (text) => text.replace('mkdir -p out', 'echo no disk; false'));
    await clone.write('pages/index.html', '<h1>two</h1>');
    await clone.commit('Two');
    const said = await clone.push();
    expect(said).toMatch(/^ +no disk$/m);
    expect(said).toMatch(
      /^FAILED in Build: .*COMMAND_EXECUTION_ERROR.*exit status 1.*; the live site is unchanged$/m,
    );
    expect(said).not.toContain('Deploy');
    expect(await home()).toBe('<h1>one</h1>');
  });

  test('an invalid buildspec', async () => {
    await clone.write('build.yml', 'version: 0.2\nphases:\n  biuld:\n    commands: [make]\n');
    await clone.commit('Three');
    const said = await clone.push();
    expect(said).toContain('biuld');
    expect(said).toMatch(/^FAILED in Build: .*; the live site is unchanged$/m);
    expect(await home()).toBe('<h1>one</h1>');
  });

  test('a site without a start page', async () => {
    await clone.write(
      'build.yml',
      BUILDSPEC.replace('cp pages/* out/', 'cp pages/* out/ && mv out/index.html out/start.html'),
    );
    await clone.commit('Four');
    const said = await clone.push();
    expect(said).toContain('- index.html: missing at the top of the artifact');
    expect(said).toMatch(/^ +Visitors still get release \S+\.$/m);
    expect(said).toMatch(/^FAILED in Deploy · Upload: .*nothing was written$/m);
    expect(said).not.toContain('Promote');
    expect(await home()).toBe('<h1>one</h1>');
  });

  test('a promotion that may not write the pointer', async () => {
    await clone.write('build.yml', BUILDSPEC);
    await clone.write('pages/index.html', '<h1>five</h1>');
    await clone.commit('Five');
    denied.add('cloudfront-keyvaluestore:UpdateKeys');
    const said = await clone.push().finally(() => denied.clear());
    expect(said).toMatch(/^FAILED in Deploy · Promote: .*AccessDenied/m);
    expect(said).not.toContain('Invalidate');
    expect(await home()).toBe('<h1>one</h1>');
  });

  test('an invalidation that is refused: the release is live, and the message says what is not', async () => {
    await clone.write('pages/index.html', '<h1>six</h1>');
    await clone.commit('Six');
    denied.add('cloudfront:CreateInvalidation');
    const said = await clone.push().finally(() => denied.clear());
    expect(said).toMatch(/^FAILED in Invalidate: .*AccessDenied/m);
    expect(await home()).toBe('<h1>six</h1>');
  });

  test('the next good push', async () => {
    await clone.write('pages/index.html', '<h1>seven</h1>');
    await clone.commit('Seven');
    expect(await clone.push()).toMatch(/^published /m);
    expect(await home()).toBe('<h1>seven</h1>');
  });
});

test('a push to another branch is kept and publishes nothing', async () => {
  await clone.write('pages/index.html', '<h1>draft</h1>');
  await clone.commit('Draft');
  expect(await clone.push('draft')).toContain(
    'draft: only pushes to main publish, the live site stays as it is',
  );
  expect(await home()).toBe('<h1>seven</h1>');
});

test('the stack goes on from its kept state, and a second one on the same state is refused', async () => {
  const state = await aDirectory('state');
  const assembly = await anAssembly({
    name: 'b-site',
    build: { kind: 'folder', directory: 'pages' },
  });
  const first = await aLocalStack(assembly, { state });
  const other = await Clone.of(first.stack);
  await other.write('pages/index.html', '<h1>kept</h1>');
  await other.commit('Kept');
  expect(await other.push()).toMatch(/^published /m);
  const release = await first.stack.liveRelease();
  await expect(aLocalStack(assembly, { state })).rejects.toThrow('another `npm start`');
  await first.stack.stop();

  // Pushed while nothing runs: taken by git, published by the next start.
  await other.write('pages/index.html', '<h1>meanwhile</h1>');
  const commit = await other.commit('Meanwhile');
  expect(await other.push()).toContain('will be published at the next `npm start`');

  const second = await aLocalStack(assembly, { state });
  try {
    expect(await second.stack.liveRelease()).toBe(release);
    expect(await second.stack.unpublishedCommit()).toBe(commit);
    await second.stack.publish(commit, 'npm start').result;
    expect(await (await fetch(`${second.stack.siteUrl}/`)).text()).toBe('<h1>meanwhile</h1>');
    expect(await second.stack.unpublishedCommit()).toBeUndefined();
  } finally {
    await second.stack.stop();
  }
});
