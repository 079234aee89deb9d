import { describe, expect, test } from 'vitest';
import {
  DEFAULT_CONTENT_SECURITY_POLICY,
  resolveConfig,
  type SiteConfig,
} from '../../lib/config.ts';
import { config } from '../../site.config.ts';

const CONNECTION =
  'arn:aws:codeconnections:eu-west-1:123456789012:connection/0f1e2d3c-0000-4000-8000-000000000000';

const complaintsAbout = (value: unknown): string[] => {
  try {
    resolveConfig(value as SiteConfig);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
};

test('the config of this repository resolves', () => {
  expect(resolveConfig(config).name).toBe(config.name);
});

test('a name is enough: every other option has a default', () => {
  expect(resolveConfig({ name: 'shop' })).toEqual({
    name: 'shop',
    source: { kind: 'codecommit', branch: 'main' },
    build: { kind: 'folder', directory: '.' },
    immutable: [],
    rebaseShare: 1,
    contentOnDestroy: 'retain',
    contentSecurityPolicy: DEFAULT_CONTENT_SECURITY_POLICY,
    gates: {
      maxFiles: 100_000,
      maxFileMegabytes: 1_000,
      maxTotalMegabytes: 10_000,
      massLoss: 0.5,
      links: 'report',
    },
    health: { path: '/', deadlineSeconds: 120 },
    retention: { newest: 10, days: 30 },
    urls: { style: 'any', fallback: 'none' },
  });
});

test('a gate that is set leaves the others at their defaults', () => {
  expect(resolveConfig({ name: 'shop', gates: { links: 'strict' } }).gates).toEqual({
    ...resolveConfig({ name: 'shop' }).gates,
    links: 'strict',
  });
});

test('each kind of source and build fills its own gaps', () => {
  const resolved = resolveConfig({
    name: 'shop',
    source: { kind: 'connection', connectionArn: CONNECTION, repository: 'group/team/shop' },
    build: { kind: 'commands', commands: ['make'] },
  });
  expect(resolved.source).toEqual({
    kind: 'connection',
    connectionArn: CONNECTION,
    repository: 'group/team/shop',
    branch: 'main',
  });
  expect(resolved.build).toEqual({
    kind: 'commands',
    directory: '.',
    commands: ['make'],
    output: 'dist',
    nodeVersion: 24,
  });
  expect(resolveConfig({ name: 'shop', build: { kind: 'buildspec' } }).build).toEqual({
    kind: 'buildspec',
    file: 'buildspec.yml',
  });
});

test('all mistakes are told at once, each with the option, the value and the remedy', () => {
  expect(
    complaintsAbout({
      name: 'My Site',
      sorce: {},
      build: {
        kind: 'commands',
        commands: [' '],
        output: '../dist',
        nodeVersion: 18,
        outputs: 'x',
      },
      immutable: ['*.js', 'assets/*', 'releases/*'],
      contentOnDestroy: 'keep',
    }),
  ).toEqual([
    'site.config.ts:',
    '  - name: got "My Site"; use up to 30 lower-case letters, digits and hyphens, starting with a letter and not ending in a hyphen',
    `  - build.commands.0: got " "; use a shell command such as 'npm ci'`,
    `  - build.output: got "../dist"; use a folder relative to directory, such as 'dist'`,
    '  - build.nodeVersion: got 18; use 22 or 24, the versions in the build image',
    '  - build.outputs: no such option; use one of kind, directory, commands, output, nodeVersion',
    `  - immutable.0: got "*.js"; use a path pattern that begins with a folder and has no leading slash, such as 'assets/*'`,
    '  - immutable.2: got "releases/*"; choose another folder: releases/, _site/ and /.well-known/release are taken',
    `  - contentOnDestroy: got "keep"; use 'retain' or 'delete'`,
    '  - sorce: no such option; use one of name, source, build, immutable, rebaseShare, contentOnDestroy, contentSecurityPolicy, gates, health, retention, urls',
  ]);
});

describe('a value that would fail only in AWS is refused here', () => {
  test.each<[string, unknown, string]>([
    ['no name', {}, 'name: got nothing; it has no default, give it a value'],
    ['an upper-case name', { name: 'Shop' }, 'name: got "Shop";'],
    ['a name of 31 characters', { name: 'a'.repeat(31) }, 'name: got "aaa'],
    ['a name that ends in a hyphen', { name: 'shop-' }, 'name: got "shop-";'],
    [
      'an unknown source',
      { source: { kind: 'svn' } },
      `source.kind: got "svn"; use 'codecommit' or 'connection'`,
    ],
    [
      'a connection without its ARN',
      { source: { kind: 'connection', repository: 'a/b' } },
      'source.connectionArn: got nothing; it has no default, give it a value',
    ],
    [
      'the ARN of something else',
      { source: { kind: 'connection', connectionArn: 'arn:aws:s3:::x', repository: 'a/b' } },
      'source.connectionArn: got "arn:aws:s3:::x"; use the ARN of an available connection',
    ],
    [
      'a repository without its owner',
      { source: { kind: 'connection', connectionArn: CONNECTION, repository: 'shop' } },
      `source.repository: got "shop"; use 'owner/name', as in the repository's address`,
    ],
    [
      'a branch that git refuses',
      { source: { kind: 'codecommit', branch: 'a..b' } },
      'source.branch: got "a..b";',
    ],
    [
      'a build without commands',
      { build: { kind: 'commands', commands: [] } },
      'build.commands: got []; name at least one command',
    ],
    [
      'an absolute folder',
      { build: { kind: 'folder', directory: '/srv' } },
      'build.directory: got "/srv";',
    ],
    [
      'a folder above the repository',
      { build: { kind: 'folder', directory: 'a/../..' } },
      'build.directory: got "a/../..";',
    ],
    [
      'a buildspec that is no YAML',
      { build: { kind: 'buildspec', file: 'build.json' } },
      'build.file: got "build.json";',
    ],
    [
      'a health path with a host',
      { health: { path: 'https://example.com/' } },
      `health.path: got "https://example.com/"; use an address of the site without its host, such as '/' or '/about/'`,
    ],
    ['a health path that names a host', { health: { path: '//h/' } }, 'health.path: got "//h/";'],
    ['a health path with a fragment', { health: { path: '/#a' } }, 'health.path: got "/#a";'],
    [
      'a release that is given up before edges know of it',
      { health: { deadlineSeconds: 10 } },
      'health.deadlineSeconds: got 10; use a whole number of seconds from 30 to 3600',
    ],
    ['a pattern over everything', { immutable: ['*'] }, 'immutable.0: got "*";'],
    [
      'a pattern with a leading slash',
      { immutable: ['/assets/*'] },
      'immutable.0: got "/assets/*";',
    ],
    [
      'a pattern over the manifests',
      { immutable: ['_site/*'] },
      'immutable.0: got "_site/*"; choose another folder',
    ],
    [
      'a pattern over the release address',
      { immutable: ['.well-known/*'] },
      'immutable.0: got ".well-known/*"; choose another folder',
    ],
    [
      'the same pattern twice',
      { immutable: ['a/*', 'a/*'] },
      'immutable: got ["a/*","a/*"]; name every pattern once',
    ],
    [
      'a policy on two lines',
      { contentSecurityPolicy: 'a\nb' },
      'contentSecurityPolicy: got "a\\nb";',
    ],
    ['half a file', { gates: { maxFiles: 0.5 } }, 'gates.maxFiles: got 0.5; use a whole number'],
    ['no files', { gates: { maxFiles: 0 } }, 'gates.maxFiles: got 0; use a whole number of at'],
    [
      'a file that S3 does not take in one request',
      { gates: { maxFileMegabytes: 5_369 } },
      'gates.maxFileMegabytes: got 5369; use a whole number from 1 to 5368',
    ],
    [
      'sizes as text',
      { gates: { maxTotalMegabytes: '10 GB' } },
      'gates.maxTotalMegabytes: got "10 GB"; use a whole number of at least 1',
    ],
    [
      'a share in percent',
      { gates: { massLoss: 50 } },
      'gates.massLoss: got 50; use a share from 0 (no page may go) to 1 (all may)',
    ],
    [
      'a switch for links',
      { gates: { links: true } },
      `gates.links: got true; use 'report', 'strict' or 'off'`,
    ],
    [
      'no release at all kept',
      { retention: { newest: 0 } },
      'retention.newest: got 0; use a whole number from 1 to 10000',
    ],
    [
      'a retention of less than nothing',
      { retention: { days: -1 } },
      'retention.days: got -1; use a whole number of days from 0 to 3650',
    ],
    [
      'a retention in words',
      { retention: { days: '30 days' } },
      'retention.days: got "30 days"; use a whole number of days from 0 to 3650',
    ],
    [
      'a style that does not exist',
      { urls: { style: 'slash' } },
      `urls.style: got "slash"; use 'any', 'directory' or 'file'`,
    ],
    [
      'a switch for the fallback',
      { urls: { fallback: true } },
      `urls.fallback: got true; use 'none' or 'single-page'`,
    ],
    [
      'a health path that the style redirects',
      { urls: { style: 'directory' }, health: { path: '/about?x=/' } },
      `health.path: got "/about?x=/"; use '/about/?x=/', where urls.style 'directory' redirects it to`,
    ],
    [
      'a gate that does not exist',
      { gates: { maxSize: 1 } },
      'gates.maxSize: no such option; use one of maxFiles, maxFileMegabytes, maxTotalMegabytes, massLoss, links',
    ],
  ])('%s', (_, over, complaint) => {
    const value = {
      ...((over as { name?: string }).name || _ === 'no name' ? {} : { name: 'shop' }),
      ...(over as object),
    };
    expect(complaintsAbout(value).join('\n')).toContain(`  - ${complaint}`);
  });
});
