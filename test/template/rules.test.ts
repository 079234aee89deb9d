import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SiteConfig } from '../../lib/config.ts';
import type { SiteStack } from '../../lib/site-stack.ts';
import { Assembly } from '../../local/assembly/assembly.ts';
import { config } from '../../site.config.ts';
import {
  aStack,
  aTemplate,
  CERTIFICATE_DOMAIN,
  EVERY_BUILD_OPTION,
  ZONE_DOMAIN,
} from '../support/synth.ts';

const CONNECTION = {
  kind: 'connection',
  connectionArn:
    'arn:aws:codeconnections:eu-west-1:123456789012:connection/0f1e2d3c-0000-4000-8000-000000000000',
  repository: 'a/b',
  paths: { include: ['site/**'], exclude: ['site/drafts/**'] },
} as const;
const UPLOAD = { kind: 's3' } as const;
/** Those that the fork's own config does not have. */
const SOURCES = [CONNECTION, UPLOAD];

/** Throws what the pack finds, each finding with its place. */
function audit(stack: SiteStack): void {
  const app = stack.node.root as App;
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
}

describe("cdk-nag's AwsSolutions pack", () => {
  test.each<[string, Partial<SiteConfig>]>([
    ['the default stack', {}],
    ['pool patterns', { immutable: ['assets/*', '_next/static/*'] }],
    ['notifications by mail', { notifications: { email: ['jo@example.com'] } }],
    [
      'notifications to a topic',
      { notifications: { topicArn: 'arn:aws:sns:eu-west-1:123456789012:web' } },
    ],
    ['URL styles', { urls: { style: 'file', fallback: 'single-page' } }],
    ['content that goes with the stack', { contentOnDestroy: 'delete' }],
    ['access logs', { accessLogs: {} }],
    ['rules of the site', { immutable: ['assets/*'], redirectsFile: true, headersFile: true }],
    [
      'a connection',
      {
        source: CONNECTION,
      },
    ],
    ['a zip in S3', { source: UPLOAD }],
    ['a domain in a hosted zone', { domain: ZONE_DOMAIN }],
    ['a domain with a certificate', { domain: CERTIFICATE_DOMAIN, immutable: ['assets/*'] }],
    [
      'an approval, a window and a second environment',
      {
        approval: true,
        deploymentWindow: { cron: '* * 9-16 ? * MON-THU', timeZone: 'Europe/Berlin' },
        environments: { staging: { source: { branch: 'develop' } } },
      },
    ],
    ['a build with everything', { build: EVERY_BUILD_OPTION }],
    ['copies under fingerprinted names', { fingerprint: true }],
  ])('has nothing left to say: %s', (_, over) => {
    expect(() => audit(aStack(over))).not.toThrow();
  });

  test('would say something: an open bucket is found', () => {
    const stack = aStack();
    new Bucket(stack, 'Open');
    expect(() => audit(stack)).toThrow('AwsSolutions-S10');
  });
});

/** The SDK asks whether this native signer is there and takes the bundled one when it is not. */
const OPTIONAL = '@aws-sdk/signature-v4-crt';

describe('npx cdk synth', () => {
  const out = mkdtempSync(join(tmpdir(), 'synth-'));
  let said = '';

  beforeAll(() => {
    // Without any network where the system allows a process to be cut off; the proxies below stop some of it elsewhere.
    const offline = spawnSync('unshare', ['-rn', 'true']).status === 0 ? ['unshare', '-rn'] : [];
    const [command = '', ...args] = [...offline, 'npx', 'cdk', 'synth', '--quiet', '--output', out];
    const result = spawnSync(command, args, {
      encoding: 'utf8',
      // As on a machine that has never heard of AWS.
      env: {
        PATH: process.env.PATH,
        HOME: mkdtempSync(join(tmpdir(), 'home-')),
        AWS_EC2_METADATA_DISABLED: 'true',
        http_proxy: 'http://127.0.0.1:9',
        https_proxy: 'http://127.0.0.1:9',
      },
    });
    said = result.stdout + result.stderr;
    expect(result.status, said).toBe(0);
  });

  test('needs no credentials and no network, and prints no warning', () => {
    expect(said).not.toMatch(/\[warning|\bwarn(ing)?\b|deprecat|credential/i);
  });

  test('gives one stack, which the rules of CloudFormation accept', () => {
    expect(readdirSync(out).filter((file) => file.endsWith('.template.json'))).toEqual([
      `${config.name}.template.json`,
    ]);
    const report = JSON.parse(readFileSync(join(out, 'validation-report.json'), 'utf8'));
    expect(report.pluginReports).toEqual([]);
  });

  test('bundles the SDK into every function, and Invalidate into 360 KB', () => {
    const assembly = new Assembly(out);
    const bundles = assembly.ofType('AWS::Lambda::Function').flatMap((resource) => {
      const job = /^(Upload|Promote|Invalidate|Prune)/.exec(resource.logicalId)?.[0];
      if (!job) return [];
      return [
        [
          job,
          readFileSync(join(assembly.assetFolder(resource.properties.Code.S3Key), 'index.js')),
        ] as const,
      ];
    });
    expect(bundles.map(([job]) => job)).toEqual(['Upload', 'Promote', 'Invalidate', 'Prune']);
    for (const [job, code] of bundles) {
      const required = [...code.toString().matchAll(/require\("([^"]+)"\)/g)].map(([, name]) =>
        String(name),
      );
      expect(
        required.filter((name) => !isBuiltin(name) && name !== OPTIONAL),
        job,
      ).toEqual([]);
    }
    expect(bundles[2]?.[1].length).toBeLessThanOrEqual(360 * 1024);
  });

  const cfnLint = spawnSync('cfn-lint', ['--version']).status === 0;

  test.runIf(cfnLint)('passes cfn-lint without errors', () => {
    // Warnings are about dependencies that CDK states twice.
    const lint = ['--non-zero-exit-code', 'error', '--format', 'parseable'];
    const others = SOURCES.map((source) => {
      const file = join(out, `${source.kind}.template.json`);
      writeFileSync(file, JSON.stringify(aTemplate({ source }).toJSON()));
      return file;
    });
    // In one call: it takes longer to start than to look at a template.
    execFileSync('cfn-lint', [...lint, join(out, `${config.name}.template.json`), ...others]);
  });

  test.runIf(cfnLint)('and so does that of a site with notifications', () => {
    const file = join(out, 'notifications.template.json');
    const notifications = { email: ['jo@example.com'] };
    writeFileSync(file, JSON.stringify(aTemplate({ notifications }).toJSON()));
    execFileSync('cfn-lint', ['--non-zero-exit-code', 'error', '--format', 'parseable', file]);
  });

  test.runIf(cfnLint)('and so does that of a site with names of its own', () => {
    const file = join(out, 'domain.template.json');
    const domain = aStack({ domain: ZONE_DOMAIN, immutable: ['assets/*'] });
    writeFileSync(file, JSON.stringify(Template.fromStack(domain).toJSON()));
    execFileSync('cfn-lint', ['--non-zero-exit-code', 'error', '--format', 'parseable', file]);
  });
});
