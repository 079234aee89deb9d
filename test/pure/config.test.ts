import { describe, expect, test } from 'vitest';
import { resolveConfig, resolveConfigs, type SiteConfig } from '../../lib/config.ts';
import { DEFAULT_CONTENT_SECURITY_POLICY } from '../../lib/options/headers.ts';
import { config } from '../../site.config.ts';

const CONNECTION =
  'arn:aws:codeconnections:eu-west-1:123456789012:connection/0f1e2d3c-0000-4000-8000-000000000000';

const CERTIFICATE =
  'arn:aws:acm:us-east-1:123456789012:certificate/0f1e2d3c-0000-4000-8000-000000000000';

const complaintsAbout = (value: unknown): string[] => {
  try {
    resolveConfig(value as SiteConfig);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
};

/** What a build has that says nothing of its machine. */
const MACHINE = {
  image: 'aws/codebuild/amazonlinux-aarch64-standard:4.0',
  size: 'small',
  timeoutMinutes: 30,
};

test('the config of this repository resolves', () => {
  expect(resolveConfig(config).name).toBe(config.name);
});

test('a name is enough: every other option has a default', () => {
  expect(resolveConfig({ name: 'shop' })).toEqual({
    name: 'shop',
    source: { kind: 'codecommit', branch: 'main' },
    build: { kind: 'folder', directory: '.', ...MACHINE },
    domain: undefined,
    immutable: [],
    rebaseShare: 1,
    contentOnDestroy: 'retain',
    headers: {
      contentSecurityPolicy: DEFAULT_CONTENT_SECURITY_POLICY,
      frameOptions: 'sameorigin',
      referrerPolicy: 'strict-origin-when-cross-origin',
      strictTransportSecurity: { days: 365, includeSubdomains: false, preload: false },
      robots: 'index',
      custom: {},
    },
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
    production: true,
    siteName: 'shop',
    redirectsFile: false,
    headersFile: false,
    fingerprint: false,
  });
});

test('copies under fingerprinted names are files of the pool, in each environment that has them', () => {
  const of = (fingerprint: boolean | 'serve') =>
    resolveConfigs({
      name: 'shop',
      immutable: ['assets/*'],
      fingerprint,
      environments: { staging: { source: { branch: 'develop' } }, bare: { fingerprint: false } },
    }).map(({ immutable }) => immutable);
  const withCopies = ['assets/*', '*.pinned-*'];
  expect(of(true)).toEqual([withCopies, withCopies, ['assets/*']]);
  expect(of('serve')).toEqual(of(true));
  expect(of(false)).toEqual([['assets/*'], ['assets/*'], ['assets/*']]);
  expect(() => resolveConfig({ name: 'shop', fingerprint: 'on' as 'serve' })).toThrow(
    'site.config.ts:\n  - fingerprint: got "on"; use true, false or \'serve\'',
  );
});

test('a gate that is set leaves the others at their defaults', () => {
  expect(resolveConfig({ name: 'shop', gates: { links: 'strict' } }).gates).toEqual({
    ...resolveConfig({ name: 'shop' }).gates,
    links: 'strict',
  });
});

test('a domain has one name, and no further ones unless they are named', () => {
  const domain = { name: 'example.com', hostedZoneId: 'Z0123456789ABCDEFGHIJ' };
  expect(resolveConfig({ name: 'shop', domain }).domain).toEqual({ ...domain, aliases: [] });
  const certificate = { name: 'xn--bcher-kva.example', aliases: [], certificateArn: CERTIFICATE };
  expect(resolveConfig({ name: 'shop', domain: certificate }).domain).toEqual(certificate);
});

test('an empty object turns access logs on, for 90 days and without addresses', () => {
  expect(resolveConfig({ name: 'shop', accessLogs: {} }).accessLogs).toEqual({
    days: 90,
    ipAddresses: false,
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
    paths: {},
  });
  expect(resolveConfig({ name: 'shop', source: { kind: 's3' } }).source).toEqual({
    kind: 's3',
    key: 'site.zip',
  });
  expect(resolved.build).toEqual({
    kind: 'commands',
    directory: '.',
    commands: ['make'],
    install: false,
    output: 'dist',
    nodeVersion: 24,
    environment: {},
    cache: false,
    ...MACHINE,
  });
  expect(resolveConfig({ name: 'shop', build: { kind: 'buildspec' } }).build).toEqual({
    kind: 'buildspec',
    file: 'buildspec.yml',
    environment: {},
    cache: false,
    ...MACHINE,
  });
});

test('every mistake in a build is told, those in names and those in values', () => {
  expect(
    complaintsAbout({
      name: 'shop',
      build: {
        kind: 'commands',
        commands: ['make'],
        install: 'bun',
        nodeVersion: 20,
        cache: 'yes',
        image: 'node:24',
        size: 'huge',
        timeoutMinutes: 600,
        environment: {
          'A-B': 'x',
          CODEBUILD_X: 'x',
          NUMBER: 5,
          NOTHING: {},
          PARAMETER: { parameter: '/a//b' },
          ANOTHER: { parameter: '/a', key: 'b' },
          SECRET: { secret: 'name:key' },
          HALF: { secret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:name' },
          KEY: { secret: 'name', key: 'a:b' },
        },
      },
    }),
  ).toEqual([
    'site.config.ts:',
    "  - build.install: got \"bun\"; use 'auto', 'npm', 'pnpm' or 'yarn', or false",
    '  - build.environment.A-B: got "A-B"; use letters, digits and _ in the name, no digit first, and none that begins with CODEBUILD_, which are reserved',
    '  - build.environment.CODEBUILD_X: got "CODEBUILD_X"; use letters, digits and _ in the name, no digit first, and none that begins with CODEBUILD_, which are reserved',
    "  - build.environment.NUMBER: got 5; use a text, { parameter: '/name' } from Parameter Store or { secret: 'name' } from Secrets Manager",
    '  - build.environment.NOTHING.parameter: got nothing; it has no default, give it a value',
    `  - build.environment.PARAMETER.parameter: got "/a//b"; use the name of a parameter, such as '/site/analytics-id'`,
    '  - build.environment.ANOTHER.key: no such option; use one of parameter',
    `  - build.environment.SECRET.secret: got "name:key"; use the name of a secret, such as 'site/api-token', or its whole ARN`,
    `  - build.environment.HALF.secret: got "arn:aws:secretsmanager:eu-west-1:123456789012:secret:name"; use the name of a secret, such as 'site/api-token', or its whole ARN`,
    '  - build.environment.KEY.key: got "a:b"; use a key of the secret, without colons or spaces',
    '  - build.cache: got "yes"; use true or false',
    '  - build.image: got "node:24"; use one of aws/codebuild/amazonlinux-aarch64-standard:3.0, aws/codebuild/amazonlinux-aarch64-standard:4.0, aws/codebuild/amazonlinux-x86_64-standard:5.0, aws/codebuild/amazonlinux-x86_64-standard:6.0, aws/codebuild/standard:7.0, aws/codebuild/standard:8.0',
    '  - build.size: got "huge"; use one of small, medium, large, xlarge, 2xlarge',
    '  - build.timeoutMinutes: got 600; use a whole number of minutes from 5 to 480',
  ]);
});

test('the version of Node.js has to be one that the image has', () => {
  const withVersion = (nodeVersion: number, image?: string) =>
    complaintsAbout({
      name: 'shop',
      build: { kind: 'commands', commands: ['make'], nodeVersion, ...(image && { image }) },
    }).slice(1);
  expect(withVersion(20)).toEqual([
    '  - build.nodeVersion: got 20; use 22 or 24, the versions in aws/codebuild/amazonlinux-aarch64-standard:4.0, or another build.image',
  ]);
  expect(withVersion(20, 'aws/codebuild/standard:7.0')).toEqual([]);
  expect(withVersion(19)).toEqual(['  - build.nodeVersion: got 19; use one of 18, 20, 22, 24']);
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
    '  - build.outputs: no such option; use one of kind, directory, install, commands, output, nodeVersion, environment, cache, image, size, timeoutMinutes',
    '  - build.nodeVersion: got 18; use 22 or 24, the versions in aws/codebuild/amazonlinux-aarch64-standard:4.0, or another build.image',
    `  - immutable.0: got "*.js"; use a path pattern that begins with a folder and has no leading slash, such as 'assets/*'`,
    '  - immutable.2: got "releases/*"; choose another folder: releases/, _site/ and /.well-known/release are taken',
    `  - contentOnDestroy: got "keep"; use 'retain' or 'delete'`,
    '  - sorce: no such option; use one of name, source, build, domain, immutable, fingerprint, rebaseShare, contentOnDestroy, headers, gates, health, retention, urls, accessLogs, redirectsFile, headersFile, approval, deploymentWindow, environments, notifications',
  ]);
});

test.each<[string, string[]]>([
  ['of every form', ['site/**', '**/*.{html,css}', 'app/(shop)/[[]slug]/?.ts', 'a\\*b', '[!a-c]']],
  ['as many and as long as it takes', Array.from({ length: 8 }, () => 'a'.repeat(255))],
])('patterns of files as AWS takes them: %s', (_, include) => {
  const source = { kind: 'connection', connectionArn: CONNECTION, repository: 'a/b' } as const;
  const resolved = resolveConfig({ name: 'shop', source: { ...source, paths: { include } } });
  expect(resolved.source).toMatchObject({ paths: { include } });
});

test('patterns of files that AWS refuses or never matches, and files where it has no filter', () => {
  const source = { kind: 'connection', connectionArn: CONNECTION, repository: 'a/b' };
  const paths = {
    include: ['/site/**', './site', 'a/../b', '', 'a'.repeat(256), 'a[b', '{a,{b}}', 'a\\', 7],
    exclude: [],
    ignore: [],
  };
  const pattern =
    "use a pattern of 1 to 255 characters relative to the repository's root, such as 'site/**'";
  const form = 'close every [ and {, put no { into another, and write something after a backslash';
  expect(complaintsAbout({ name: 'shop', source: { ...source, paths } })).toEqual([
    'site.config.ts:',
    `  - source.paths.include.0: got "/site/**"; ${pattern}`,
    `  - source.paths.include.1: got "./site"; ${pattern}`,
    `  - source.paths.include.2: got "a/../b"; ${pattern}`,
    `  - source.paths.include.3: got ""; ${pattern}`,
    `  - source.paths.include.4: got "${'a'.repeat(256)}"; ${pattern}`,
    `  - source.paths.include.5: got "a[b"; ${form}`,
    `  - source.paths.include.6: got "{a,{b}}"; ${form}`,
    `  - source.paths.include.7: got "a\\\\"; ${form}`,
    `  - source.paths.include.8: got 7; ${pattern}`,
    "  - source.paths.exclude: got []; use a list of 1 to 8 patterns such as ['site/**'], or leave it out",
    '  - source.paths.ignore: no such option; use one of include, exclude',
  ]);
  expect(complaintsAbout({ name: 'shop', source: { kind: 'codecommit', paths: {} } })).toEqual([
    'site.config.ts:',
    "  - source.paths: no such option; AWS filters a push by its files for connections only: leave it out, or use kind 'connection'",
  ]);
});

describe('of a domain', () => {
  const HOST_NAME =
    "use a host name in lower case, such as 'www.example.com', with other letters in their xn-- form";
  const ZONE = { name: 'www.example.com', hostedZoneId: 'Z0123456789ABCDEFGHIJ' };
  const names = (count: number) =>
    Array.from({ length: count }, (_, index) => `n${index}.example.com`);
  const complaints = (domain: unknown) => complaintsAbout({ name: 'shop', domain }).slice(1);

  test('every mistake is told, and with what to write instead', () => {
    expect(
      complaints({
        name: 'https://www.example.com',
        aliases: [
          'Example.com',
          '*.example.com',
          'example.com.',
          'a_b.example.com',
          '-a.example.com',
          '192.0.2.1',
          'localhost',
          `${'a'.repeat(64)}.example.com`,
          'd111111abcdef8.cloudfront.net',
        ],
        hostedZoneId: '/hostedzone/Z0123456789ABCDEFGHIJ',
        certificateArn: CERTIFICATE.replace('us-east-1', 'eu-west-1'),
        zone: 'example.com',
      }),
    ).toEqual([
      `  - domain.name: got "https://www.example.com"; ${HOST_NAME}`,
      `  - domain.aliases.0: got "Example.com"; ${HOST_NAME}`,
      `  - domain.aliases.1: got "*.example.com"; ${HOST_NAME}`,
      `  - domain.aliases.2: got "example.com."; ${HOST_NAME}`,
      `  - domain.aliases.3: got "a_b.example.com"; ${HOST_NAME}`,
      `  - domain.aliases.4: got "-a.example.com"; ${HOST_NAME}`,
      `  - domain.aliases.5: got "192.0.2.1"; ${HOST_NAME}`,
      `  - domain.aliases.6: got "localhost"; ${HOST_NAME}`,
      `  - domain.aliases.7: got "${'a'.repeat(64)}.example.com"; ${HOST_NAME}`,
      '  - domain.aliases.8: got "d111111abcdef8.cloudfront.net"; use a name of your own: the names of cloudfront.net are given by CloudFront',
      `  - domain.hostedZoneId: got "/hostedzone/Z0123456789ABCDEFGHIJ"; use the id of a public hosted zone, such as 'Z0123456789ABCDEFGHIJ', without /hostedzone/`,
      `  - domain.certificateArn: got "${CERTIFICATE.replace('us-east-1', 'eu-west-1')}"; use the ARN of an issued certificate in us-east-1, the one Region that CloudFront takes them from: arn:aws:acm:us-east-1:ACCOUNT:certificate/ID`,
      '  - domain.zone: no such option; use one of name, aliases, hostedZoneId, certificateArn',
    ]);
  });

  test.each<[string, object, string]>([
    [
      'neither zone nor certificate',
      { hostedZoneId: undefined },
      "give either hostedZoneId (the stack makes certificate and records) or certificateArn (the records are the stack's outputs)",
    ],
    [
      'both of them',
      { certificateArn: CERTIFICATE },
      "give either hostedZoneId (the stack makes certificate and records) or certificateArn (the records are the stack's outputs)",
    ],
    [
      'a name twice',
      { aliases: ['example.com', 'www.example.com'] },
      'name every name once, in name or in aliases',
    ],
    [
      'names that are in no zone together',
      { aliases: ['www.example.org'] },
      'use names that one hosted zone can hold, such as www.example.com and example.com, or give certificateArn',
    ],
    [
      'more names than a certificate has',
      { aliases: names(10) },
      'use at most 10 names together, as many as ACM puts into a certificate by default, or make a certificate with more and give certificateArn',
    ],
    [
      'a name that no certificate is named by',
      { name: `${'a'.repeat(53)}.example.com` },
      'use a name of up to 64 characters, as long as ACM names a certificate, or give certificateArn',
    ],
  ])('%s', (_, over, instead) => {
    const { name, ...zone } = ZONE;
    const domain = { name, aliases: [], ...zone, ...over };
    expect(complaints(domain)).toEqual([`  - domain: got ${JSON.stringify(domain)}; ${instead}`]);
  });

  test.each([
    ['more names', { aliases: names(99) }],
    ['names of several zones', { aliases: ['www.example.org'] }],
    ['a longer name', { name: `${'a'.repeat(53)}.example.com` }],
  ])('a certificate of your own may have %s', (_, over) => {
    const { hostedZoneId: _zone, ...name } = ZONE;
    expect(complaints({ ...name, certificateArn: CERTIFICATE, ...over })).toEqual([]);
  });

  test('CloudFront takes 100 names, whatever the certificate', () => {
    const { hostedZoneId: _zone, ...name } = ZONE;
    expect(complaints({ ...name, certificateArn: CERTIFICATE, aliases: names(100) })).toEqual([
      expect.stringContaining('; use at most 99, as many as CloudFront takes'),
    ]);
  });
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
      `source.kind: got "svn"; use 'codecommit' or 'connection' or 's3'`,
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
      'more than 8 patterns',
      {
        source: {
          kind: 'connection',
          connectionArn: CONNECTION,
          repository: 'a/b',
          paths: { include: Array.from({ length: 9 }, () => 'a') },
        },
      },
      'source.paths.include: got ["a","a","a","a","a","a","a","a","a"]; use a list of 1 to 8 patterns',
    ],
    [
      'an uploaded file that is no zip',
      { source: { kind: 's3', key: 'site.tar.gz' } },
      `source.key: got "site.tar.gz"; use a key of letters, digits and . _ / - that ends in .zip, such as 'site.zip'`,
    ],
    [
      'a key that is two',
      { source: { kind: 's3', key: 'a/../site.zip' } },
      'source.key: got "a/../site.zip";',
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
      { headers: { contentSecurityPolicy: 'a\nb' } },
      'headers.contentSecurityPolicy: got "a\\nb"; use 1 to 1,783 ASCII characters on one line',
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
      'access logs that nobody could read in time',
      { accessLogs: { days: 0 } },
      'accessLogs.days: got 0; use a whole number of days from 1 to 3650',
    ],
    [
      'access logs by a switch',
      { accessLogs: true },
      'accessLogs: got true; use an object with days, ipAddresses',
    ],
    [
      'addresses in words',
      { accessLogs: { ipAddresses: 'yes' } },
      'accessLogs.ipAddresses: got "yes"; use true or false',
    ],
    [
      'an option of access logs that does not exist',
      { accessLogs: { bucket: 'x' } },
      'accessLogs.bucket: no such option; use one of days, ipAddresses',
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

test('a header that has its place elsewhere is refused with that place, all of them together', () => {
  expect(
    complaintsAbout({
      name: 'shop',
      headers: {
        frameOptions: 'none',
        referrerPolicy: 'never',
        permissionsPolicy: '',
        strictTransportSecurity: { days: 365, preload: true },
        robots: false,
        custom: {
          'Content-Security-Policy': "default-src 'self'",
          'x-robots-tag': 'none',
          'Cache-Control': 'no-store',
          'Access-Control-Allow-Origin': '*',
          'X-Amz-Meta-Team': 'web',
          'X Team': 'web',
          'X-Lines': 'a\r\nb',
        },
      },
    }),
  ).toEqual([
    'site.config.ts:',
    `  - headers.permissionsPolicy: got ""; use 1 to 1,783 ASCII characters on one line, such as "camera=()"`,
    `  - headers.frameOptions: got "none"; use 'sameorigin', 'deny' or 'off'`,
    '  - headers.referrerPolicy: got "never"; use one of no-referrer, no-referrer-when-downgrade, origin, origin-when-cross-origin, same-origin, strict-origin, strict-origin-when-cross-origin, unsafe-url',
    '  - headers.strictTransportSecurity: got {"days":365,"includeSubdomains":false,"preload":true}; preload needs includeSubdomains: true and at least 365 days',
    `  - headers.robots: got false; use 'index' or 'noindex'`,
    `  - headers.custom.Content-Security-Policy: got "Content-Security-Policy"; use contentSecurityPolicy`,
    `  - headers.custom.x-robots-tag: got "x-robots-tag"; use robots: 'noindex'`,
    '  - headers.custom.Cache-Control: got "Cache-Control"; leave it out: it is what makes a release visible at once',
    '  - headers.custom.Access-Control-Allow-Origin: got "Access-Control-Allow-Origin"; leave it out: it belongs to CloudFront, or has a setting of its own there',
    '  - headers.custom.X-Amz-Meta-Team: got "X-Amz-Meta-Team"; leave it out: it belongs to CloudFront, or has a setting of its own there',
    '  - headers.custom.X Team: got "X Team"; use a name such as X-Team',
    '  - headers.custom.X-Lines: got "a\\r\\nb"; use 1 to 1,000 ASCII characters on one line',
  ]);
  for (const name of ['Set-Cookie', 'Content-Type', 'ETag', 'Location', 'Last-Modified', 'Age']) {
    expect(complaintsAbout({ name: 'shop', headers: { custom: { [name]: 'x' } } })).toEqual([
      'site.config.ts:',
      `  - headers.custom.${name}: got "${name}"; leave it out: it belongs to CloudFront, or has a setting of its own there`,
    ]);
  }
  const many = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`X-${n}`, 'y']));
  expect(complaintsAbout({ name: 'shop', headers: { custom: many } })[1]).toMatch(
    /headers\.custom: got \{.*\}; use at most 7 headers$/,
  );
  expect(
    complaintsAbout({ name: 'shop', headers: { custom: { 'X-A': '1', 'x-a': '2' } } })[1],
  ).toContain('name every header once, whatever its case');
});

describe('environments', () => {
  const names = (config: SiteConfig) => resolveConfigs(config).map(({ name }) => name);

  test('each is a stack of its own beside production, which comes first', () => {
    const config: SiteConfig = { name: 'shop', environments: { staging: {}, 'qa-2': {} } };
    expect(names(config)).toEqual(['shop', 'shop-staging', 'shop-qa-2']);
    expect(
      resolveConfigs(config).map(({ environment, production, siteName }) => [
        environment,
        production,
        siteName,
      ]),
    ).toEqual([
      [undefined, true, 'shop'],
      ['staging', false, 'shop'],
      ['qa-2', false, 'shop'],
    ]);
  });

  test('one is production with what it says: objects field by field, everything else replaced', () => {
    const config: SiteConfig = {
      name: 'shop',
      source: { kind: 'connection', connectionArn: CONNECTION, repository: 'a/b', branch: 'main' },
      build: { kind: 'commands', commands: ['make'], output: 'public' },
      immutable: ['assets/*'],
      health: { path: '/up/', deadlineSeconds: 60 },
      retention: { newest: 50 },
      approval: true,
      environments: {
        staging: {
          source: { branch: 'develop' },
          build: { kind: 'folder', directory: 'site' },
          immutable: [],
          health: { deadlineSeconds: 30 },
          retention: undefined,
          approval: false,
        },
      },
    };
    const [production, staging] = resolveConfigs(config);
    expect(production.source).toMatchObject({ branch: 'main' });
    expect(production.approval).toEqual({ timeoutMinutes: 10_080 });
    expect(staging).toMatchObject({
      source: {
        kind: 'connection',
        connectionArn: CONNECTION,
        repository: 'a/b',
        branch: 'develop',
      },
      build: { kind: 'folder', directory: 'site' },
      immutable: [],
      health: { path: '/up/', deadlineSeconds: 30 },
      retention: { newest: 10, days: 30 },
    });
    expect(staging?.build).not.toHaveProperty('output');
    expect(staging?.approval).toBeUndefined();
    expect(staging).not.toHaveProperty('environments');
  });

  test('two may follow one branch: one of them can wait for an approval', () => {
    expect(
      names({ name: 'shop', approval: true, environments: { staging: { approval: false } } }),
    ).toHaveLength(2);
  });

  test('all mistakes of all of them are told at once, each with its place', () => {
    expect(
      complaintsAbout({
        name: 'shop',
        health: { path: 'up' },
        environments: {
          staging: { source: { branch: 'a..b' }, sorce: {} },
          qa: { health: { deadlineSeconds: 1 } },
          Test: {},
          production: {},
          demo: true,
        },
      }),
    ).toEqual([
      'site.config.ts:',
      `  - health.path: got "up"; use an address of the site without its host, such as '/' or '/about/'`,
      `  - environments.Test: got "Test"; use lower-case letters, digits and hyphens, starting with a letter, and not 'production', which is the config itself`,
      `  - environments.production: got "production"; use lower-case letters, digits and hyphens, starting with a letter, and not 'production', which is the config itself`,
      '  - environments.demo: got true; use an object with the options that differ',
      `  - environments.staging.source.branch: got "a..b"; use a branch name such as 'main'`,
      // All options but those that only production has.
      expect.stringMatching(
        /^ {2}- environments\.staging\.sorce: no such option; use one of source, (?!.*\b(name|environments)\b).*deploymentWindow/,
      ),
      '  - environments.qa.health.deadlineSeconds: got 1; use a whole number of seconds from 30 to 3600',
    ]);
  });

  test('an option that production has wrong is told once, though others have other options', () => {
    expect(
      complaintsAbout({ name: 'shop', sorce: {}, environments: { qa: {}, demo: { sorce: {} } } }),
    ).toEqual([
      'site.config.ts:',
      expect.stringMatching(/^ {2}- sorce: no such option; /),
      expect.stringMatching(/^ {2}- environments\.demo\.sorce: no such option; /),
    ]);
  });

  test('a mistake that one of them repeats is told for it, too', () => {
    const health = { path: 'up' };
    const complaints = complaintsAbout({ name: 'shop', health, environments: { qa: { health } } });
    expect(complaints.map((line) => line.split(':')[0])).toEqual([
      'site.config.ts',
      '  - health.path',
      '  - environments.qa.health.path',
    ]);
  });

  test('a stack whose name would be too long for CloudFront is refused', () => {
    const name = 'a'.repeat(22);
    expect(names({ name, environments: { staging: {} } })[1]).toHaveLength(30);
    expect(complaintsAbout({ name, environments: { staging2: {} } })).toEqual([
      'site.config.ts:',
      `  - environments.staging2: got "staging2"; use a shorter name: the stack ${name}-staging2 would have 31 characters, and a stack's name has up to 30`,
    ]);
  });

  test("what belongs to the public stays production's: its names, and its place in search engines", () => {
    const domain = { name: 'example.com', hostedZoneId: 'Z0123456789' };
    const own = { name: 'staging.example.com', hostedZoneId: 'Z0123456789' };
    const [production, staging, demo] = resolveConfigs({
      name: 'shop',
      domain,
      headers: { frameOptions: 'deny' },
      environments: {
        staging: { domain: own },
        demo: { headers: { robots: 'index' } },
      },
    });
    expect(production.headers).toMatchObject({ robots: 'index', frameOptions: 'deny' });
    expect(staging?.domain).toMatchObject(own);
    expect(staging?.headers).toMatchObject({ robots: 'noindex', frameOptions: 'deny' });
    expect(demo?.domain).toBeUndefined();
    expect(demo?.headers.robots).toBe('index');
  });

  test('a name that two of them have is refused: CloudFront gives it to one', () => {
    const domain = (name: string, ...aliases: string[]) => ({
      domain: { name, aliases, hostedZoneId: 'Z0123456789' },
    });
    expect(
      complaintsAbout({
        name: 'shop',
        ...domain('example.com', 'www.example.com'),
        environments: {
          staging: domain('staging.example.com', 'www.example.com'),
          qa: domain('staging.example.com'),
        },
      }),
    ).toEqual([
      'site.config.ts:',
      '  - environments.staging.domain: got "www.example.com"; use another name: production has this one',
      '  - environments.qa.domain: got "staging.example.com"; use another name: staging has this one',
    ]);
  });

  test('one that is named as the second stack of another is refused', () => {
    expect(
      complaintsAbout({ name: 'shop', environments: { 'us-east-1': {}, 'qa-us-east-1': {} } }),
    ).toEqual([
      'site.config.ts:',
      `  - environments.us-east-1: got "us-east-1"; choose another name: the end 'us-east-1' is taken`,
      `  - environments.qa-us-east-1: got "qa-us-east-1"; choose another name: the end 'us-east-1' is taken`,
    ]);
  });

  test('one cannot follow a CodeCommit repository that nobody creates', () => {
    expect(
      complaintsAbout({
        name: 'shop',
        source: { kind: 'connection', connectionArn: CONNECTION, repository: 'a/b' },
        environments: { staging: { source: { kind: 'codecommit' } } },
      }),
    ).toEqual([
      'site.config.ts:',
      `  - environments.staging.source.kind: got "codecommit"; use 'connection' as production does, whose stack would have to create the repository`,
    ]);
  });
});

describe('an approval', () => {
  test.each<[unknown, unknown]>([
    [undefined, undefined],
    [false, undefined],
    [true, { timeoutMinutes: 10_080 }],
    [
      { message: 'Look at the shop.', timeoutMinutes: 60 },
      { message: 'Look at the shop.', timeoutMinutes: 60 },
    ],
  ])('%j', (approval, resolved) => {
    expect(resolveConfig({ name: 'shop', approval } as SiteConfig).approval).toEqual(resolved);
  });

  test.each<[unknown, string]>([
    ['yes', 'approval: got "yes"; use true, or { message, timeoutMinutes }'],
    [
      { message: 'a #{Source.CommitMessage}' },
      'approval.message: got "a #{Source.CommitMessage}"; use 1 to 500 characters on one line, without #{ which begins a variable',
    ],
    [
      { message: 'a\nb' },
      'approval.message: got "a\\nb"; use 1 to 500 characters on one line, without #{ which begins a variable',
    ],
    [
      { timeoutMinutes: 4 },
      'approval.timeoutMinutes: got 4; use a whole number of minutes from 5 to 86400',
    ],
    [{ timeout: 60 }, 'approval.timeout: no such option; use one of message, timeoutMinutes'],
  ])('%j is refused', (approval, complaint) => {
    expect(complaintsAbout({ name: 'shop', approval })).toEqual([
      'site.config.ts:',
      `  - ${complaint}`,
    ]);
  });
});

describe('a deployment window', () => {
  test.each([
    '* * 9-16 ? * MON-THU',
    '* * 9-16 ? * 2-5 *',
    '* 0/15 9 ? * * 2999',
    '* * * L * ?',
    '* * * 15W * ?',
    '* * * ? * 6L',
    '* * * ? JAN-MAR,DEC 6#3',
  ])('%s', (cron) => {
    expect(resolveConfig({ name: 'shop', deploymentWindow: { cron } }).deploymentWindow).toEqual({
      cron,
      timeZone: 'UTC',
    });
  });

  const FIELDS =
    "use six or seven fields separated by single spaces, the first * and one of the two days ?, such as '* * 9-16 ? * MON-THU'";
  const VALUES =
    "use values that exist, ranges that run forward (22-23,0-3 for 22-3), and a time that is still to come, such as '* * 9-16 ? * MON-THU'";

  test.each<[string, unknown, string]>([
    ['no expression', {}, 'cron: got nothing; it has no default, give it a value'],
    ['five fields', { cron: '* 9-16 ? * MON' }, `cron: got "* 9-16 ? * MON"; ${FIELDS}`],
    [
      'a second, which is over before a release is live',
      { cron: '0 * 9 ? * *' },
      `cron: got "0 * 9 ? * *"; ${FIELDS}`,
    ],
    ['both days', { cron: '* * 9 1 * MON' }, `cron: got "* * 9 1 * MON"; ${FIELDS}`],
    ['neither day', { cron: '* * 9 ? * ?' }, `cron: got "* * 9 ? * ?"; ${FIELDS}`],
    [
      'an hour that does not exist',
      { cron: '* * 9-24 ? * *' },
      `cron: got "* * 9-24 ? * *"; ${VALUES}`,
    ],
    [
      'a range over midnight in one piece',
      { cron: '* * 22-3 ? * *' },
      `cron: got "* * 22-3 ? * *"; ${VALUES}`,
    ],
    [
      'a day that does not exist',
      { cron: '* * 9 30 FEB ?' },
      `cron: got "* * 9 30 FEB ?"; ${VALUES}`,
    ],
    [
      'a month by number',
      { cron: '* * 9 ? 2 MON' },
      'cron: got "* * 9 ? 2 MON"; write months by name, such as JAN-MAR: AWS documents two ways to number them',
    ],
    [
      'a year that is over',
      { cron: '* * 9 ? * * 2020' },
      `cron: got "* * 9 ? * * 2020"; ${VALUES}`,
    ],
    [
      'a zone of several places',
      { cron: '* * 9 ? * *', timeZone: 'IST' },
      `timeZone: got "IST"; use 'UTC' or a time zone such as 'Europe/Berlin'`,
    ],
    [
      'a place that does not exist',
      { cron: '* * 9 ? * *', timeZone: 'Europe/Atlantis' },
      `timeZone: got "Europe/Atlantis"; use 'UTC' or a time zone such as 'Europe/Berlin'`,
    ],
  ])('%s is refused', (_, deploymentWindow, complaint) => {
    expect(complaintsAbout({ name: 'shop', deploymentWindow })).toEqual([
      'site.config.ts:',
      `  - deploymentWindow.${complaint}`,
    ]);
  });
});

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:web';

test('notifications are off unless somebody is named, and alarms come with them', () => {
  expect(resolveConfig({ name: 'shop' }).notifications).toBeUndefined();
  expect(
    resolveConfig({ name: 'shop', notifications: { email: ['jo@example.com'] } }).notifications,
  ).toEqual({ email: ['jo@example.com'], alarms: true });
  expect(
    resolveConfig({ name: 'shop', notifications: { topicArn: TOPIC, alarms: false } })
      .notifications,
  ).toEqual({ email: [], topicArn: TOPIC, alarms: false });
});

test('of notifications every mistake is named, all of them together', () => {
  expect(
    complaintsAbout({
      name: 'shop',
      notifications: {
        email: ['jo', 'jo@example.com, al@example.com'],
        topicArn: `${TOPIC}.fifo`,
        alarms: 'all',
        slack: 'x',
      },
    }),
  ).toEqual([
    'site.config.ts:',
    '  - notifications.email.0: got "jo"; use an address, such as web@example.com',
    '  - notifications.email.1: got "jo@example.com, al@example.com"; use an address, such as web@example.com',
    `  - notifications.topicArn: got "${TOPIC}.fifo"; use the ARN of an SNS topic that is not FIFO, such as arn:aws:sns:eu-west-1:123456789012:web`,
    '  - notifications.alarms: got "all"; use true or false',
    '  - notifications.slack: no such option; use one of email, topicArn, alarms',
  ]);
});

test.each<[unknown, string]>([
  [
    {},
    'notifications: got {"email":[],"alarms":true}; name at least one address in email, or a topic in topicArn',
  ],
  [
    { email: [] },
    'notifications: got {"email":[],"alarms":true}; name at least one address in email, or a topic in topicArn',
  ],
  [
    { email: ['a@b.c', 'a@b.c'] },
    'notifications.email: got ["a@b.c","a@b.c"]; name every address once',
  ],
  [
    { email: 'a@b.c' },
    `notifications.email: got "a@b.c"; use a list of addresses, such as ['web@example.com']`,
  ],
  [true, 'notifications: got true; use an object with email, topicArn, alarms'],
])('notifications %j', (notifications, complaint) => {
  expect(complaintsAbout({ name: 'shop', notifications })).toEqual([
    'site.config.ts:',
    `  - ${complaint}`,
  ]);
});
