import { MANAGED_CACHE_POLICIES, MANAGED_RESPONSE_HEADERS_POLICIES } from './managed-policies.ts';
import type { EdgeInput, KeyValueReader, Properties } from './types.ts';

/** A distribution in the edge's own words, every value checked. */
export interface EdgeConfiguration {
  /** The distribution's own names besides the one that CloudFront gave it, in lower case. */
  readonly aliases: readonly string[];
  /** The object for `/`, without its leading slash. */
  readonly defaultRootObject: string | undefined;
  /** In template order, the default behavior last: the first whose pattern matches serves. */
  readonly behaviors: readonly Behavior[];
  /** By the origin's status. */
  readonly errorResponses: ReadonlyMap<number, ErrorResponse>;
}

export interface Behavior {
  readonly pattern: string;
  readonly origin: Origin;
  readonly compress: boolean;
  readonly cachePolicy: CachePolicy;
  readonly headersPolicy: HeadersPolicy | undefined;
  readonly viewerRequest: FunctionSource | undefined;
  readonly viewerResponse: FunctionSource | undefined;
}

export interface Origin {
  readonly domainName: string;
  /** Put before every path; empty, or with a leading slash and none at its end. */
  readonly path: string;
}

/** Times in seconds. */
export interface CachePolicy {
  readonly minTtl: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly gzip: boolean;
  readonly brotli: boolean;
  /** Names in lower case. */
  readonly headers: Selection;
  readonly cookies: Selection;
  readonly queryStrings: Selection;
}

/** Which of the visitor's headers, cookies or query parameters are part of the cache key. */
export interface Selection {
  readonly kind: 'none' | 'whitelist' | 'allExcept' | 'all';
  readonly names: readonly string[];
}

export interface HeadersPolicy {
  /** Lower case. */
  readonly remove: readonly string[];
  readonly add: readonly PolicyHeader[];
}

export interface PolicyHeader {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
  /** Whether it replaces the origin's header of that name. */
  readonly override: boolean;
}

export interface FunctionSource {
  readonly arn: string;
  readonly logicalId: string;
  readonly code: string;
  readonly keyValueStore: KeyValueReader | undefined;
}

export interface ErrorResponse {
  /** In seconds. */
  readonly ttl: number;
  /** What visitors get instead of the origin's error; undefined: only the time is set. */
  readonly page: { readonly path: string; readonly status: number } | undefined;
}

/** "Error caching minimum TTL", CloudFront Developer Guide: 10 seconds where nothing is said. */
export const DEFAULT_ERROR_TTL = 10;

/**
 * Reads everything the edge honours, at once, and nothing else: what a template says beyond it
 * stays unread, so whoever watches the reads can tell. Throws one Error with every value that
 * the edge does not know.
 */
export function readConfiguration(input: EdgeInput): EdgeConfiguration {
  const problems: string[] = [];
  const { logicalId, properties } = input.distribution;
  const config = properties?.DistributionConfig ?? {};
  const read = new Reader(
    `${logicalId} (AWS::CloudFront::Distribution): DistributionConfig.`,
    problems,
  );

  if (config.Enabled !== true) read.refuse('Enabled', config.Enabled, 'true');

  const origins = readOrigins(config.Origins, read);
  const behavior = (value: Properties, place: string): Behavior =>
    readBehavior(value, place, read, origins, input);
  const behaviors = read
    .list(config.CacheBehaviors, 'CacheBehaviors')
    .map((value, index) => behavior(value, `CacheBehaviors.${index}`));
  behaviors.push(behavior(config.DefaultCacheBehavior ?? {}, 'DefaultCacheBehavior'));

  const result: EdgeConfiguration = {
    aliases: read
      .list(config.Aliases, 'Aliases')
      .map((alias, index) => read.text(alias, `Aliases.${index}`).toLowerCase()),
    defaultRootObject: readDefaultRootObject(config.DefaultRootObject, read),
    behaviors,
    errorResponses: readErrorResponses(config.CustomErrorResponses, read),
  };
  if (problems.length > 0) {
    // A policy that two behaviors share is read twice.
    const lines = [...new Set(problems)].map((problem) => `  - ${problem}`);
    throw new Error(`The local edge cannot stand in for this distribution:\n${lines.join('\n')}`);
  }
  return result;
}

/** Collects complaints in one form: place, value received, what the edge knows instead. */
class Reader {
  /** `root` ends where a place goes on: `Site (AWS::CloudFront::Distribution): DistributionConfig.` */
  constructor(
    private readonly root: string,
    private readonly problems: string[],
  ) {}

  refuse(place: string, got: unknown, known: string): void {
    const value = got === undefined ? 'nothing' : JSON.stringify(got);
    this.problems.push(`${this.root}${place}: got ${value}; the local edge knows ${known}`);
  }

  /** Of the same resource or another, with complaints in the same list. */
  of(root: string): Reader {
    return new Reader(root, this.problems);
  }

  list(value: Properties, place: string): Properties[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return [...value];
    this.refuse(place, value, 'a list');
    return [];
  }

  text(value: Properties, place: string): string {
    if (typeof value === 'string' && value !== '') return value;
    this.refuse(place, value, 'a text');
    return '';
  }

  seconds(value: Properties, place: string, fallback: number): number {
    if (value === undefined) return fallback;
    if (Number.isInteger(value) && value >= 0) return value;
    this.refuse(place, value, 'a whole number of seconds');
    return fallback;
  }

  flag(value: Properties, place: string, fallback = false): boolean {
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    this.refuse(place, value, 'true or false');
    return fallback;
  }

  oneOf(value: Properties, place: string, known: readonly unknown[], fallback?: unknown): void {
    if (value === undefined && fallback !== undefined) return;
    if (!known.includes(value)) {
      this.refuse(place, value, known.map((one) => JSON.stringify(one)).join(', '));
    }
  }
}

function readOrigins(value: Properties, read: Reader): ReadonlyMap<string, Origin> {
  const origins = new Map<string, Origin>();
  for (const [index, origin] of read.list(value, 'Origins').entries()) {
    const place = `Origins.${index}`;
    const id = read.text(origin.Id, `${place}.Id`);
    const path = origin.OriginPath ?? '';
    if (typeof path !== 'string' || !/^(\/.*[^/])?$/.test(path)) {
      read.refuse(`${place}.OriginPath`, path, 'a path such as "/site", or none');
    }
    if (origin.S3OriginConfig === undefined) {
      read.refuse(`${place}.S3OriginConfig`, undefined, 'S3 origins only');
    } else {
      read.oneOf(
        origin.S3OriginConfig.OriginAccessIdentity,
        `${place}.S3OriginConfig.OriginAccessIdentity`,
        [''],
        '',
      );
    }
    // Which bucket lets which distribution in is decided by the bucket's policy; without origin
    // access control the request would be anonymous, and no bucket of ours answers that.
    read.text(origin.OriginAccessControlId, `${place}.OriginAccessControlId`);
    origins.set(id, { domainName: read.text(origin.DomainName, `${place}.DomainName`), path });
  }
  return origins;
}

function readBehavior(
  value: Properties,
  place: string,
  read: Reader,
  origins: ReadonlyMap<string, Origin>,
  input: EdgeInput,
): Behavior {
  const origin = origins.get(value.TargetOriginId);
  if (origin === undefined) {
    read.refuse(`${place}.TargetOriginId`, value.TargetOriginId, 'the id of an origin in Origins');
  }
  // Plain HTTP on loopback stands for the visitor's TLS connection, so each of these is satisfied
  // as it is, and HSTS is sent as configured.
  read.oneOf(value.ViewerProtocolPolicy, `${place}.ViewerProtocolPolicy`, [
    'allow-all',
    'redirect-to-https',
    'https-only',
  ]);
  for (const property of ['AllowedMethods', 'CachedMethods'] as const) {
    const methods = value[property];
    if (methods === undefined) continue;
    const names = read.list(methods, `${place}.${property}`);
    if (names.toSorted().join() !== 'GET,HEAD') {
      read.refuse(`${place}.${property}`, methods, '["GET","HEAD"]');
    }
  }
  return {
    pattern:
      place === 'DefaultCacheBehavior' ? '*' : read.text(value.PathPattern, `${place}.PathPattern`),
    origin: origin ?? { domainName: '', path: '' },
    compress: read.flag(value.Compress, `${place}.Compress`),
    cachePolicy: readCachePolicy(value.CachePolicyId, place, read, input),
    headersPolicy: readHeadersPolicy(value.ResponseHeadersPolicyId, place, read, input),
    ...readFunctions(value.FunctionAssociations, place, read, input),
  };
}

function readCachePolicy(
  id: Properties,
  place: string,
  read: Reader,
  input: EdgeInput,
): CachePolicy {
  const properties = input.cachePolicies.get(id) ?? MANAGED_CACHE_POLICIES.get(id);
  if (properties === undefined) {
    read.refuse(
      `${place}.CachePolicyId`,
      id,
      `the template's own and ${namesOf(MANAGED_CACHE_POLICIES, 'CachePolicyConfig')}`,
    );
  }
  const config = properties?.CachePolicyConfig ?? {};
  const policy = read.of(`${id} (AWS::CloudFront::CachePolicy): CachePolicyConfig.`);
  const key = config.ParametersInCacheKeyAndForwardedToOrigin ?? {};
  const inKey = (what: 'Headers' | 'Cookies' | 'QueryStrings', kindName: string): Selection => {
    const selection = key[`${what}Config`] ?? {};
    const at = `ParametersInCacheKeyAndForwardedToOrigin.${what}Config`;
    const kind = selection[kindName] ?? 'none';
    const known =
      what === 'Headers' ? ['none', 'whitelist'] : ['none', 'whitelist', 'allExcept', 'all'];
    policy.oneOf(kind, `${at}.${kindName}`, known);
    const names =
      kind === 'none' || kind === 'all' ? [] : policy.list(selection[what], `${at}.${what}`);
    return { kind, names: what === 'Headers' ? names.map((n) => String(n).toLowerCase()) : names };
  };
  const minTtl = policy.seconds(config.MinTTL, 'MinTTL', 0);
  const at = 'ParametersInCacheKeyAndForwardedToOrigin';
  return {
    minTtl,
    // The defaults of the API: a day, a year, never less than the one below.
    defaultTtl: policy.seconds(config.DefaultTTL, 'DefaultTTL', Math.max(86_400, minTtl)),
    maxTtl: policy.seconds(config.MaxTTL, 'MaxTTL', Math.max(31_536_000, minTtl)),
    gzip: policy.flag(key.EnableAcceptEncodingGzip, `${at}.EnableAcceptEncodingGzip`),
    brotli: policy.flag(key.EnableAcceptEncodingBrotli, `${at}.EnableAcceptEncodingBrotli`),
    headers: inKey('Headers', 'HeaderBehavior'),
    cookies: inKey('Cookies', 'CookieBehavior'),
    queryStrings: inKey('QueryStrings', 'QueryStringBehavior'),
  };
}

function readHeadersPolicy(
  id: Properties,
  place: string,
  read: Reader,
  input: EdgeInput,
): HeadersPolicy | undefined {
  if (id === undefined) return undefined;
  const properties =
    input.responseHeadersPolicies.get(id) ?? MANAGED_RESPONSE_HEADERS_POLICIES.get(id);
  if (properties === undefined) {
    read.refuse(
      `${place}.ResponseHeadersPolicyId`,
      id,
      `the template's own and ${namesOf(MANAGED_RESPONSE_HEADERS_POLICIES, 'ResponseHeadersPolicyConfig')}`,
    );
  }
  const config = properties?.ResponseHeadersPolicyConfig ?? {};
  const policy = read.of(
    `${id} (AWS::CloudFront::ResponseHeadersPolicy): ResponseHeadersPolicyConfig.`,
  );
  for (const unknown of ['CorsConfig', 'ServerTimingHeadersConfig'] as const) {
    if (config[unknown] !== undefined) {
      policy.refuse(
        unknown,
        config[unknown],
        'SecurityHeadersConfig, CustomHeadersConfig and RemoveHeadersConfig',
      );
    }
  }

  const security = config.SecurityHeadersConfig ?? {};
  const add: PolicyHeader[] = [];
  const secure = (section: string, name: string, valueFrom: (from: Properties) => string) => {
    const from = security[section];
    if (from === undefined) return;
    const at = `SecurityHeadersConfig.${section}`;
    add.push({
      name,
      value: valueFrom(from),
      override: policy.flag(from.Override, `${at}.Override`),
    });
  };
  const own = (section: string, property: string) => (from: Properties) =>
    policy.text(from[property], `SecurityHeadersConfig.${section}.${property}`);
  secure(
    'ContentSecurityPolicy',
    'content-security-policy',
    own('ContentSecurityPolicy', 'ContentSecurityPolicy'),
  );
  secure('ContentTypeOptions', 'x-content-type-options', () => 'nosniff');
  secure('FrameOptions', 'x-frame-options', own('FrameOptions', 'FrameOption'));
  secure('ReferrerPolicy', 'referrer-policy', own('ReferrerPolicy', 'ReferrerPolicy'));
  secure('StrictTransportSecurity', 'strict-transport-security', (from) => {
    const at = 'SecurityHeadersConfig.StrictTransportSecurity';
    const age = policy.seconds(from.AccessControlMaxAgeSec, `${at}.AccessControlMaxAgeSec`, 0);
    return [
      `max-age=${age}`,
      ...(policy.flag(from.IncludeSubdomains, `${at}.IncludeSubdomains`)
        ? ['includeSubDomains']
        : []),
      ...(policy.flag(from.Preload, `${at}.Preload`) ? ['preload'] : []),
    ].join('; ');
  });
  secure('XSSProtection', 'x-xss-protection', (from) => {
    const at = 'SecurityHeadersConfig.XSSProtection';
    if (!policy.flag(from.Protection, `${at}.Protection`)) return '0';
    if (policy.flag(from.ModeBlock, `${at}.ModeBlock`)) return '1; mode=block';
    return from.ReportUri === undefined ? '1' : `1; report=${from.ReportUri}`;
  });

  for (const [index, header] of policy
    .list(config.CustomHeadersConfig?.Items, 'CustomHeadersConfig.Items')
    .entries()) {
    const at = `CustomHeadersConfig.Items.${index}`;
    add.push({
      name: policy.text(header.Header, `${at}.Header`).toLowerCase(),
      // The API allows a header without a value.
      value: String(header.Value ?? ''),
      override: policy.flag(header.Override, `${at}.Override`),
    });
  }
  return {
    add,
    remove: policy
      .list(config.RemoveHeadersConfig?.Items, 'RemoveHeadersConfig.Items')
      .map((item, index) =>
        policy.text(item.Header, `RemoveHeadersConfig.Items.${index}.Header`).toLowerCase(),
      ),
  };
}

function readFunctions(
  value: Properties,
  place: string,
  read: Reader,
  input: EdgeInput,
): Pick<Behavior, 'viewerRequest' | 'viewerResponse'> {
  const associations = read.list(value, `${place}.FunctionAssociations`);
  const sources = new Map<string, FunctionSource>();
  for (const [index, association] of associations.entries()) {
    const at = `${place}.FunctionAssociations.${index}`;
    const { EventType: event } = association;
    read.oneOf(event, `${at}.EventType`, ['viewer-request', 'viewer-response']);
    if (sources.has(event)) {
      read.refuse(`${place}.FunctionAssociations`, value, `one ${event} function a behavior`);
    }
    const found = input.functions.get(association.FunctionARN);
    if (found === undefined) {
      read.refuse(`${at}.FunctionARN`, association.FunctionARN, "the template's own functions");
      continue;
    }
    sources.set(event, readFunction(association.FunctionARN, found, read, input));
  }
  return {
    viewerRequest: sources.get('viewer-request'),
    viewerResponse: sources.get('viewer-response'),
  };
}

function readFunction(
  arn: string,
  { logicalId, properties }: { logicalId: string; properties: Properties },
  read: Reader,
  input: EdgeInput,
): FunctionSource {
  const own = read.of(`${logicalId} (AWS::CloudFront::Function): `);
  const config = properties.FunctionConfig ?? {};
  own.oneOf(config.Runtime, 'FunctionConfig.Runtime', ['cloudfront-js-2.0']);
  // Associations use the LIVE stage, and only this property puts the code there.
  own.oneOf(properties.AutoPublish, 'AutoPublish', [true]);
  const stores = own
    .list(config.KeyValueStoreAssociations, 'FunctionConfig.KeyValueStoreAssociations')
    .map((store) => store.KeyValueStoreARN);
  if (stores.length > 1) {
    own.refuse('FunctionConfig.KeyValueStoreAssociations', stores, 'one store, as CloudFront does');
  }
  const [store] = stores;
  const keyValueStore = input.keyValueStores.get(store);
  if (store !== undefined && keyValueStore === undefined) {
    own.refuse(
      'FunctionConfig.KeyValueStoreAssociations.0.KeyValueStoreARN',
      store,
      "the template's own stores",
    );
  }
  const code = own.text(properties.FunctionCode, 'FunctionCode');
  return { arn, logicalId, code, keyValueStore };
}

function readDefaultRootObject(value: Properties, read: Reader): string | undefined {
  if (value === undefined || value === '') return undefined;
  const name = read.text(value, 'DefaultRootObject');
  // With a slash, CloudFront answers every request for the root with 403.
  if (name.startsWith('/')) {
    read.refuse('DefaultRootObject', value, 'a name without a leading slash');
  }
  return name;
}

/** "HTTP 4xx and 5xx status codes", CloudFront Developer Guide, less 416: the edge makes that itself. */
const ERROR_CODES = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];

function readErrorResponses(value: Properties, read: Reader): ReadonlyMap<number, ErrorResponse> {
  const responses = new Map<number, ErrorResponse>();
  for (const [index, response] of read.list(value, 'CustomErrorResponses').entries()) {
    const place = `CustomErrorResponses.${index}`;
    read.oneOf(response.ErrorCode, `${place}.ErrorCode`, ERROR_CODES);
    const { ResponsePagePath: path, ResponseCode: status } = response;
    if (path !== undefined && !(typeof path === 'string' && path.startsWith('/'))) {
      read.refuse(`${place}.ResponsePagePath`, path, 'a path with a leading slash');
    }
    if ((path === undefined) !== (status === undefined)) {
      read.refuse(
        `${place}.ResponseCode`,
        status,
        'ResponseCode together with ResponsePagePath, or neither',
      );
    }
    if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 599)) {
      read.refuse(`${place}.ResponseCode`, status, 'a status from 200 to 599');
    }
    responses.set(response.ErrorCode, {
      ttl: read.seconds(
        response.ErrorCachingMinTTL,
        `${place}.ErrorCachingMinTTL`,
        DEFAULT_ERROR_TTL,
      ),
      page: path === undefined ? undefined : { path, status },
    });
  }
  return responses;
}

const namesOf = (policies: ReadonlyMap<string, Properties>, config: string): string =>
  [...policies.values()].map((policy) => policy[config].Name).join(', ');
