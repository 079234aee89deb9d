/**
 * The policies that AWS keeps ready under fixed ids, as CloudFormation would spell them. Only those
 * a static site has a use for; an id that is not here is an error that names it.
 *
 * Sources: "Use managed cache policies" and "Use managed response headers policies", CloudFront
 * Developer Guide.
 */
import type { Properties } from './types.ts';

const NOTHING_IN_KEY = {
  EnableAcceptEncodingGzip: false,
  EnableAcceptEncodingBrotli: false,
  HeadersConfig: { HeaderBehavior: 'none' },
  CookiesConfig: { CookieBehavior: 'none' },
  QueryStringsConfig: { QueryStringBehavior: 'none' },
};
const COMPRESSED = { EnableAcceptEncodingGzip: true, EnableAcceptEncodingBrotli: true };
const ORIGIN_DECIDES = {
  ...NOTHING_IN_KEY,
  ...COMPRESSED,
  HeadersConfig: {
    HeaderBehavior: 'whitelist',
    Headers: ['Host', 'Origin', 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'],
  },
  CookiesConfig: { CookieBehavior: 'all' },
};

const cachePolicy = (
  Name: string,
  [MinTTL, DefaultTTL, MaxTTL]: readonly [number, number, number],
  ParametersInCacheKeyAndForwardedToOrigin: object,
): Properties => ({
  CachePolicyConfig: {
    Name,
    MinTTL,
    DefaultTTL,
    MaxTTL,
    ParametersInCacheKeyAndForwardedToOrigin,
  },
});

export const MANAGED_CACHE_POLICIES: ReadonlyMap<string, Properties> = new Map([
  [
    '658327ea-f89d-4fab-a63d-7e88639e58f6',
    cachePolicy('CachingOptimized', [1, 86_400, 31_536_000], { ...NOTHING_IN_KEY, ...COMPRESSED }),
  ],
  [
    'b2884449-e4de-46a7-ac36-70bc7f1ddd6d',
    cachePolicy('CachingOptimizedForUncompressedObjects', [1, 86_400, 31_536_000], NOTHING_IN_KEY),
  ],
  [
    '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
    cachePolicy('CachingDisabled', [0, 0, 0], NOTHING_IN_KEY),
  ],
  [
    '83da9c7e-98b4-4e11-a168-04f0df8e2c65',
    cachePolicy('UseOriginCacheControlHeaders', [0, 0, 31_536_000], ORIGIN_DECIDES),
  ],
  [
    '4cc15a8a-d715-48a4-82b8-cc0b614638fe',
    cachePolicy('UseOriginCacheControlHeaders-QueryStrings', [0, 0, 31_536_000], {
      ...ORIGIN_DECIDES,
      QueryStringsConfig: { QueryStringBehavior: 'all' },
    }),
  ],
]);

export const MANAGED_RESPONSE_HEADERS_POLICIES: ReadonlyMap<string, Properties> = new Map([
  [
    '67f7725c-6f97-4210-82d7-5512b31e9d03',
    {
      ResponseHeadersPolicyConfig: {
        Name: 'SecurityHeadersPolicy',
        SecurityHeadersConfig: {
          // The one of them that wins over the object's own header.
          ContentTypeOptions: { Override: true },
          FrameOptions: { FrameOption: 'SAMEORIGIN', Override: false },
          ReferrerPolicy: { ReferrerPolicy: 'strict-origin-when-cross-origin', Override: false },
          StrictTransportSecurity: { AccessControlMaxAgeSec: 31_536_000, Override: false },
          XSSProtection: { Protection: true, ModeBlock: true, Override: false },
        },
      },
    },
  ],
]);
