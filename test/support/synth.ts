import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { resolveConfigs, type SiteConfig } from '../../lib/config.ts';
import { SiteStack } from '../../lib/site-stack.ts';

// The rules have a test of their own, on the very output of `cdk synth`; here they would only cost time.
process.env.CDK_VALIDATION = 'false';

/** A config that resolves, with only what a test is about said by the test. */
export const aConfig = (over: Partial<SiteConfig> = {}): SiteConfig => ({
  name: 'a-site',
  ...over,
});

/** A site with two names of its own, its DNS in Route 53 or elsewhere. */
const NAMES = { name: 'www.example.com', aliases: ['example.com'] } as const;
export const ZONE_DOMAIN = { ...NAMES, hostedZoneId: 'Z0123456789ABCDEFGHIJ' } as const;
export const CERTIFICATE_DOMAIN = {
  ...NAMES,
  certificateArn:
    'arn:aws:acm:us-east-1:123456789012:certificate/0f1e2d3c-0000-4000-8000-000000000000',
} as const;

/** A build that uses every option that is off by default. */
export const EVERY_BUILD_OPTION = {
  kind: 'commands',
  directory: 'site',
  install: 'auto',
  commands: ['npm run build'],
  nodeVersion: 20,
  environment: {
    PUBLIC_ORIGIN: 'https://example.com',
    ANALYTICS_ID: { parameter: '/site/analytics-id' },
    TOKEN: { secret: 'site/token' },
    CMS_TOKEN: {
      secret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:cms-AbCdEf',
      key: 'token',
    },
  },
  cache: true,
  image: 'aws/codebuild/amazonlinux-x86_64-standard:5.0',
  size: 'large',
  timeoutMinutes: 45,
} as const satisfies SiteConfig['build'];

/** The flags that `cdk deploy` uses: without them a test is about a stack that nobody owns. */
export const cdkJson = JSON.parse(
  readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'),
) as { app: string; context: Record<string, unknown> };

/** Production's stack of a config, its functions not bundled: what is in the bundles is not the subject. */
export const aStack = (over: Partial<SiteConfig> = {}, region?: string): SiteStack =>
  stacksOf(over, region)[0];

/** The stacks of all environments of a config, production's first. */
export function stacksOf(
  over: Partial<SiteConfig>,
  region: string | undefined = over.domain === undefined ? 'eu-west-1' : 'us-east-1',
): [SiteStack, ...SiteStack[]] {
  const app = new App({ context: { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] } });
  const [first, ...others] = resolveConfigs(aConfig(over)).map(
    (config) => new SiteStack(app, config.name, { config, env: { region } }),
  );
  return [first as SiteStack, ...others];
}

const memo = new Map<string, Template>();

/** The synthesised template of a config, made once. */
export function aTemplate(over: Partial<SiteConfig> = {}): Template {
  const key = JSON.stringify(over);
  const template = memo.get(key) ?? Template.fromStack(aStack(over));
  memo.set(key, template);
  return template;
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

export const list = <T>(value: T | T[] | undefined): T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** `Fn::Join` and friends as one line of text, with logical ids in braces: `{Content.Arn}/releases/*`. */
export function text(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [name, argument] = Object.entries(value)[0] as [string, unknown];
  if (name === 'Ref') return `{${String(argument)}}`;
  if (name === 'Fn::GetAtt') return `{${(argument as string[]).join('.')}}`;
  if (name === 'Fn::Sub') return String(argument).replace(/\$\{/g, '{');
  const [separator, parts] = argument as [string, unknown[]];
  return parts.map(text).join(separator);
}

/** Logical ids without the hash that CDK puts at their end. */
export const withoutHash = (value: string): string =>
  value.replace(/([A-Za-z]+?[a-z])[0-9A-F]{8}(?=[.}\s]|$)/g, '$1');
