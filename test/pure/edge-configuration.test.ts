import { describe, expect, test } from 'vitest';
import { excuseFor } from '../../local/assembly/no-local-meaning.ts';
import { readConfiguration } from '../../local/edge/configuration.ts';
import { Edge } from '../../local/edge/edge.ts';
import type { EdgeInput, Properties } from '../../local/edge/types.ts';

const OPTIMIZED = '658327ea-f89d-4fab-a63d-7e88639e58f6';
const SECURITY_HEADERS = '67f7725c-6f97-4210-82d7-5512b31e9d03';

/** The distribution as CDK synthesises it here, references resolved. */
function aDistribution(): Properties {
  const behavior = {
    AllowedMethods: ['GET', 'HEAD'],
    CachePolicyId: OPTIMIZED,
    Compress: true,
    ResponseHeadersPolicyId: 'pages',
    TargetOriginId: 'bucket',
    ViewerProtocolPolicy: 'redirect-to-https',
  };
  return {
    DistributionConfig: {
      CacheBehaviors: [
        { ...behavior, PathPattern: '/_site/404.html' },
        { ...behavior, PathPattern: '/assets/*', ResponseHeadersPolicyId: SECURITY_HEADERS },
      ],
      Comment: 'a-site',
      CustomErrorResponses: [
        {
          ErrorCachingMinTTL: 10,
          ErrorCode: 404,
          ResponseCode: 404,
          ResponsePagePath: '/_site/404.html',
        },
      ],
      DefaultCacheBehavior: {
        ...behavior,
        CachePolicyId: 'own',
        FunctionAssociations: [{ EventType: 'viewer-request', FunctionARN: 'function-arn' }],
      },
      DefaultRootObject: 'index.html',
      Enabled: true,
      HttpVersion: 'http2and3',
      IPV6Enabled: true,
      Origins: [
        {
          DomainName: 'bucket.s3.eu-central-1.amazonaws.com',
          Id: 'bucket',
          OriginAccessControlId: 'E123',
          OriginPath: '',
          S3OriginConfig: { OriginAccessIdentity: '' },
        },
      ],
    },
  };
}

const aCachePolicy = (): Properties => ({
  CachePolicyConfig: {
    MinTTL: 0,
    DefaultTTL: 60,
    MaxTTL: 600,
    ParametersInCacheKeyAndForwardedToOrigin: {
      EnableAcceptEncodingGzip: true,
      EnableAcceptEncodingBrotli: true,
      HeadersConfig: { HeaderBehavior: 'whitelist', Headers: ['X-Plan'] },
      CookiesConfig: { CookieBehavior: 'none' },
      QueryStringsConfig: { QueryStringBehavior: 'all' },
    },
  },
});

const aHeadersPolicy = (): Properties => ({
  ResponseHeadersPolicyConfig: {
    Name: 'pages',
    Comment: 'pages',
    CustomHeadersConfig: {
      Items: [{ Header: 'Cache-Control', Override: true, Value: 'no-cache' }],
    },
    RemoveHeadersConfig: { Items: [{ Header: 'Server' }] },
    SecurityHeadersConfig: {
      ContentSecurityPolicy: { ContentSecurityPolicy: "default-src 'self'", Override: true },
      ContentTypeOptions: { Override: true },
      FrameOptions: { FrameOption: 'SAMEORIGIN', Override: true },
      ReferrerPolicy: { ReferrerPolicy: 'no-referrer', Override: true },
      StrictTransportSecurity: {
        AccessControlMaxAgeSec: 31_536_000,
        IncludeSubdomains: true,
        Preload: true,
        Override: true,
      },
      XSSProtection: { Protection: true, ModeBlock: true, Override: false },
    },
  },
});

const aFunction = (): Properties => ({
  Name: 'router',
  AutoPublish: true,
  FunctionCode: 'function handler(event) { return event.request; }',
  FunctionConfig: {
    Comment: 'router',
    Runtime: 'cloudfront-js-2.0',
    KeyValueStoreAssociations: [{ KeyValueStoreARN: 'store-arn' }],
  },
});

interface Parts {
  distribution: Properties;
  cachePolicy: Properties;
  headersPolicy: Properties;
  function: Properties;
}

function anInput(change: (parts: Parts) => void = () => {}): EdgeInput {
  const parts: Parts = {
    distribution: aDistribution(),
    cachePolicy: aCachePolicy(),
    headersPolicy: aHeadersPolicy(),
    function: aFunction(),
  };
  change(parts);
  return {
    distribution: {
      logicalId: 'Site',
      id: 'E1',
      domainName: 'd1.cloudfront.net',
      properties: parts.distribution,
    },
    cachePolicies: new Map([['own', parts.cachePolicy]]),
    responseHeadersPolicies: new Map([['pages', parts.headersPolicy]]),
    functions: new Map([['function-arn', { logicalId: 'Router', properties: parts.function }]]),
    keyValueStores: new Map([['store-arn', { get: async () => undefined }]]),
    origin: { read: () => Promise.reject(new Error('unused')) },
  };
}

test('the distribution of this stack is understood as a whole', () => {
  const { behaviors, defaultRootObject, errorResponses } = readConfiguration(anInput());
  expect(behaviors.map(({ pattern }) => pattern)).toEqual(['/_site/404.html', '/assets/*', '*']);
  expect(behaviors.map(({ viewerRequest }) => viewerRequest?.logicalId)).toEqual([
    undefined,
    undefined,
    'Router',
  ]);
  expect(behaviors[0]?.cachePolicy).toMatchObject({ minTtl: 1, defaultTtl: 86_400, brotli: true });
  expect(behaviors[2]?.cachePolicy).toMatchObject({
    minTtl: 0,
    defaultTtl: 60,
    maxTtl: 600,
    headers: { kind: 'whitelist', names: ['x-plan'] },
    queryStrings: { kind: 'all', names: [] },
  });
  expect(behaviors[2]?.headersPolicy?.add).toContainEqual({
    name: 'strict-transport-security',
    value: 'max-age=31536000; includeSubDomains; preload',
    override: true,
  });
  expect(behaviors[1]?.headersPolicy?.add).toContainEqual({
    name: 'x-frame-options',
    value: 'SAMEORIGIN',
    override: false,
  });
  expect(defaultRootObject).toBe('index.html');
  expect(errorResponses.get(404)).toEqual({
    ttl: 10,
    page: { path: '/_site/404.html', status: 404 },
  });
});

/** Notes every property whose value is taken, as the local run does to find what nobody honours. */
function tracked(value: Properties, read: Set<string>, path = ''): Properties {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const inner = Reflect.get(target, key);
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return inner;
      const place = path === '' ? key : `${path}.${key}`;
      read.add(place);
      return tracked(inner, read, place);
    },
  });
}

function leavesOf(value: Properties, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner, path === '' ? key : `${path}.${key}`),
  );
}

test.each([
  ['AWS::CloudFront::Distribution', 'distribution'],
  ['AWS::CloudFront::CachePolicy', 'cachePolicy'],
  ['AWS::CloudFront::ResponseHeadersPolicy', 'headersPolicy'],
  ['AWS::CloudFront::Function', 'function'],
] as const)(
  'every property of %s is honoured or has a reason why not, before the first request',
  (type, part) => {
    const read = new Set<string>();
    let leaves: string[] = [];
    new Edge(
      anInput((parts) => {
        leaves = leavesOf(parts[part]);
        parts[part] = tracked(parts[part], read);
      }),
    );
    const unread = leaves
      .filter((leaf) => !read.has(leaf))
      .map((leaf) => leaf.replace(/\.\d+/g, '[]'));
    expect(unread.filter((leaf) => excuseFor(type, leaf) === undefined)).toEqual([]);
  },
);

describe('what the edge cannot stand in for is refused by name:', () => {
  const D = 'Site (AWS::CloudFront::Distribution): DistributionConfig';
  test.each<[string, (parts: Parts) => void, string]>([
    [
      'a distribution that is off',
      ({ distribution }) => {
        distribution.DistributionConfig.Enabled = false;
      },
      `${D}.Enabled: got false; the local edge knows true`,
    ],
    [
      'an origin that is not S3',
      ({ distribution }) => {
        distribution.DistributionConfig.Origins[0].S3OriginConfig = undefined;
      },
      `${D}.Origins.0.S3OriginConfig: got nothing; the local edge knows S3 origins only`,
    ],
    [
      'an origin without access control',
      ({ distribution }) => {
        distribution.DistributionConfig.Origins[0].OriginAccessControlId = undefined;
      },
      `${D}.Origins.0.OriginAccessControlId: got nothing; the local edge knows a text`,
    ],
    [
      'a behavior for an unknown origin',
      ({ distribution }) => {
        distribution.DistributionConfig.CacheBehaviors[1].TargetOriginId = 'other';
      },
      `${D}.CacheBehaviors.1.TargetOriginId: got "other"; the local edge knows the id of an origin in Origins`,
    ],
    [
      'methods that write',
      ({ distribution }) => {
        distribution.DistributionConfig.DefaultCacheBehavior.AllowedMethods = [
          'GET',
          'HEAD',
          'POST',
        ];
      },
      `${D}.DefaultCacheBehavior.AllowedMethods: got ["GET","HEAD","POST"]; the local edge knows ["GET","HEAD"]`,
    ],
    [
      'an unknown cache policy',
      ({ distribution }) => {
        distribution.DistributionConfig.DefaultCacheBehavior.CachePolicyId = 'nope';
      },
      `${D}.DefaultCacheBehavior.CachePolicyId: got "nope"; the local edge knows the template's own and CachingOptimized, CachingOptimizedForUncompressedObjects, CachingDisabled, UseOriginCacheControlHeaders, UseOriginCacheControlHeaders-QueryStrings`,
    ],
    [
      'an unknown response headers policy',
      ({ distribution }) => {
        distribution.DistributionConfig.CacheBehaviors[0].ResponseHeadersPolicyId = 'nope';
      },
      `${D}.CacheBehaviors.0.ResponseHeadersPolicyId: got "nope"; the local edge knows the template's own and SecurityHeadersPolicy`,
    ],
    [
      'a function at another event',
      ({ distribution }) => {
        distribution.DistributionConfig.DefaultCacheBehavior.FunctionAssociations[0].EventType =
          'origin-response';
      },
      `${D}.DefaultCacheBehavior.FunctionAssociations.0.EventType: got "origin-response"; the local edge knows "viewer-request", "viewer-response"`,
    ],
    [
      'a default root object with a slash',
      ({ distribution }) => {
        distribution.DistributionConfig.DefaultRootObject = '/index.html';
      },
      `${D}.DefaultRootObject: got "/index.html"; the local edge knows a name without a leading slash`,
    ],
    [
      'an error page without a status',
      ({ distribution }) => {
        distribution.DistributionConfig.CustomErrorResponses[0].ResponseCode = undefined;
      },
      `${D}.CustomErrorResponses.0.ResponseCode: got nothing; the local edge knows ResponseCode together with ResponsePagePath, or neither`,
    ],
    [
      'an error code that the edge makes itself',
      ({ distribution }) => {
        distribution.DistributionConfig.CustomErrorResponses[0].ErrorCode = 416;
      },
      `${D}.CustomErrorResponses.0.ErrorCode: got 416; the local edge knows 400, 403, 404, 405, 414, 500, 501, 502, 503, 504`,
    ],
    [
      'CORS headers',
      ({ headersPolicy }) => {
        headersPolicy.ResponseHeadersPolicyConfig.CorsConfig = { OriginOverride: true };
      },
      'pages (AWS::CloudFront::ResponseHeadersPolicy): ResponseHeadersPolicyConfig.CorsConfig: got {"OriginOverride":true}; the local edge knows SecurityHeadersConfig, CustomHeadersConfig and RemoveHeadersConfig',
    ],
    [
      'all headers in the cache key',
      ({ cachePolicy }) => {
        cachePolicy.CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig = {
          HeaderBehavior: 'allViewer',
        };
      },
      'own (AWS::CloudFront::CachePolicy): CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig.HeaderBehavior: got "allViewer"; the local edge knows "none", "whitelist"',
    ],
    [
      'the older runtime',
      ({ function: router }) => {
        router.FunctionConfig.Runtime = 'cloudfront-js-1.0';
      },
      'Router (AWS::CloudFront::Function): FunctionConfig.Runtime: got "cloudfront-js-1.0"; the local edge knows "cloudfront-js-2.0"',
    ],
    [
      'a function that is not published',
      ({ function: router }) => {
        router.AutoPublish = false;
      },
      'Router (AWS::CloudFront::Function): AutoPublish: got false; the local edge knows true',
    ],
    [
      'a store from elsewhere',
      ({ function: router }) => {
        router.FunctionConfig.KeyValueStoreAssociations[0].KeyValueStoreARN = 'other';
      },
      'Router (AWS::CloudFront::Function): FunctionConfig.KeyValueStoreAssociations.0.KeyValueStoreARN: got "other"; the local edge knows the template\'s own stores',
    ],
  ])('%s', (_, change, problem) => {
    expect(() => new Edge(anInput(change))).toThrow(
      new Error(`The local edge cannot stand in for this distribution:\n  - ${problem}`),
    );
  });

  test('all of it together', () => {
    const input = anInput(({ distribution, function: router }) => {
      distribution.DistributionConfig.Enabled = false;
      router.AutoPublish = undefined;
    });
    expect(() => new Edge(input)).toThrow(
      /Enabled: got false.*\n {2}- Router .*AutoPublish: got nothing/,
    );
  });

  test('function code that imports what is not there', () => {
    const input = anInput(({ function: router }) => {
      router.FunctionCode = "import fs from 'fs';\nfunction handler() {}";
    });
    expect(() => new Edge(input)).toThrow(
      "Router (AWS::CloudFront::Function): FunctionCode: got import fs from 'fs';; the local edge knows import cf from 'cloudfront'",
    );
  });
});
