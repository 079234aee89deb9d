import { describe, expect, test } from 'vitest';
import { aTemplate } from '../support/synth.ts';

const POOL = { immutable: ['assets/*'] };
const off = () => aTemplate(POOL);
const redirects = () => aTemplate({ ...POOL, redirectsFile: true });
const headers = () => aTemplate({ ...POOL, headersFile: true });

type Json = Readonly<Record<string, any>>;
const resourcesOf = (template: ReturnType<typeof off>): Json => template.toJSON().Resources;

/** What one template has that the other has not, or has in another form. */
function changed(one: Json, other: Json): string[] {
  return Object.keys({ ...one, ...other })
    .filter((id) => JSON.stringify(one[id]) !== JSON.stringify(other[id]))
    .map((id) => `${(one[id] ?? other[id]).Type}${one[id] && other[id] ? '' : ' more'}`)
    .sort();
}

const functionOf = (template: ReturnType<typeof off>, name: RegExp) =>
  Object.entries(resourcesOf(template)).find(
    ([id, { Type }]) => Type === 'AWS::Lambda::Function' && name.test(id),
  )?.[1].Properties;

const codes = (template: ReturnType<typeof off>): string[] =>
  Object.values(template.findResources('AWS::CloudFront::Function')).map(
    ({ Properties }) => Properties.FunctionCode,
  );

test('off by default: no trace of them in the template', () => {
  const text = JSON.stringify(off().toJSON());
  expect(text).not.toMatch(/REDIRECTS_FILE|HEADERS_FILE|viewer-response|ListKeys|rules\//);
  expect(resourcesOf(aTemplate({ ...POOL, redirectsFile: false, headersFile: false }))).toEqual(
    resourcesOf(off()),
  );
});

describe('redirectsFile', () => {
  test('adds no resource: the router and the functions that write and remove the rules know of it', () => {
    expect(changed(resourcesOf(off()), resourcesOf(redirects()))).toEqual([
      'AWS::CloudFront::Function',
      'AWS::IAM::Policy',
      'AWS::Lambda::Function',
      'AWS::Lambda::Function',
    ]);
    for (const name of [/^Upload/, /^Prune/]) {
      expect(functionOf(redirects(), name).Environment.Variables.REDIRECTS_FILE).toBe('on');
    }
  });

  test('lets Prune list the keys of the one store, and nobody more', () => {
    const statements = (template: ReturnType<typeof off>) =>
      Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
        ({ Properties }) => Properties.PolicyDocument.Statement as Json[],
      );
    const listing = statements(redirects()).filter(({ Action }) =>
      JSON.stringify(Action).includes('ListKeys'),
    );
    expect(listing).toHaveLength(1);
    expect(listing[0]?.Action).toEqual([
      'cloudfront-keyvaluestore:DescribeKeyValueStore',
      'cloudfront-keyvaluestore:GetKey',
      'cloudfront-keyvaluestore:ListKeys',
      'cloudfront-keyvaluestore:UpdateKeys',
    ]);
    const without = ({ Action, ...rest }: Json) => ({
      ...rest,
      Action: Array.isArray(Action)
        ? Action.filter((one: string) => !one.endsWith('ListKeys'))
        : Action,
    });
    expect(statements(redirects()).map(without)).toEqual(statements(off()).map(without));
  });
});

describe('headersFile', () => {
  test('adds one function, for answers of pages and of the pool', () => {
    expect(changed(resourcesOf(off()), resourcesOf(headers()))).toEqual([
      'AWS::CloudFront::Distribution',
      'AWS::CloudFront::Function more',
      'AWS::Lambda::Function',
    ]);
    expect(functionOf(headers(), /^Upload/).Environment.Variables.HEADERS_FILE).toBe('on');
    const [distribution] = Object.values(headers().findResources('AWS::CloudFront::Distribution'));
    const { DefaultCacheBehavior, CacheBehaviors } = (distribution as Json).Properties
      .DistributionConfig;
    const events = (behavior: Json) =>
      (behavior.FunctionAssociations ?? []).map(({ EventType }: Json) => EventType);
    expect(events(DefaultCacheBehavior)).toEqual(['viewer-request', 'viewer-response']);
    const [errorPage, pool] = CacheBehaviors;
    expect(events(pool)).toEqual(['viewer-response']);
    expect(events(errorPage)).toEqual([]);
  });

  test('knows every header that the policies of pages and pool may set', () => {
    const all = aTemplate({
      ...POOL,
      headersFile: true,
      headers: {
        permissionsPolicy: 'camera=()',
        robots: 'noindex',
        custom: { 'X-Team': 'web' },
      },
    });
    const names: Readonly<Record<string, string>> = {
      ContentSecurityPolicy: 'content-security-policy',
      ContentTypeOptions: 'x-content-type-options',
      FrameOptions: 'x-frame-options',
      ReferrerPolicy: 'referrer-policy',
      StrictTransportSecurity: 'strict-transport-security',
    };
    const set = Object.values(all.findResources('AWS::CloudFront::ResponseHeadersPolicy')).flatMap(
      ({ Properties }) => {
        const { SecurityHeadersConfig, CustomHeadersConfig } =
          Properties.ResponseHeadersPolicyConfig;
        return [
          ...Object.keys(SecurityHeadersConfig).map((name) => names[name]),
          ...CustomHeadersConfig.Items.map(({ Header }: Json) => Header.toLowerCase()),
        ];
      },
    );
    const code = codes(all).find((one) => one.includes('x-amz-meta-headers')) ?? '';
    const known: string[] = JSON.parse(/= (\[[^\]]+\]);/.exec(code)?.[1] ?? '[]');
    expect(known.sort()).toEqual([...new Set(set)].sort());
  });
});
