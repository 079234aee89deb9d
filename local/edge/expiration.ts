import type { CachePolicy } from './configuration.ts';

export interface Lifetime {
  /** In seconds; 0: the next request asks the origin again. */
  readonly ttl: number;
  /** Whether a copy may be kept at all, be it only to ask the origin if it still holds. */
  readonly keep: boolean;
}

/**
 * How long the edge keeps a good answer: what the object says, within the policy's bounds.
 *
 * Source: the table in "Manage how long content stays in the cache (expiration)", CloudFront
 * Developer Guide. A minimum above zero wins even over `no-store`.
 */
export function lifetimeOf(
  headers: Readonly<Record<string, string>>,
  policy: Pick<CachePolicy, 'minTtl' | 'defaultTtl' | 'maxTtl'>,
  now: number,
): Lifetime {
  const { minTtl, defaultTtl, maxTtl } = policy;
  if (maxTtl === 0) return { ttl: 0, keep: false };
  const directives = directivesOf(headers['cache-control']);
  if (directives.has('no-store') || directives.has('private')) {
    return { ttl: minTtl, keep: minTtl > 0 };
  }
  if (directives.has('no-cache')) return { ttl: minTtl, keep: true };
  const said = secondsIn(directives) ?? secondsUntil(headers.expires, now);
  return said === undefined
    ? { ttl: Math.max(minTtl, defaultTtl), keep: true }
    : { ttl: Math.min(Math.max(said, minTtl), maxTtl), keep: true };
}

/**
 * "How CloudFront processes HTTP 4xx and 5xx status codes from your origin", CloudFront Developer
 * Guide: these are cached only where the origin gives them a time.
 */
const ONLY_WITH_MAX_AGE = [400, 403, 405, 412, 415];

/** How long the edge keeps an error, in seconds. `minimum` is the error caching minimum TTL. */
export function errorTtl(
  status: number,
  headers: Readonly<Record<string, string>>,
  minimum: number,
): number {
  const said = secondsIn(directivesOf(headers['cache-control']));
  if (said === undefined && ONLY_WITH_MAX_AGE.includes(status)) return 0;
  return Math.max(minimum, said ?? 0);
}

function directivesOf(cacheControl = ''): ReadonlyMap<string, string> {
  return new Map(
    cacheControl.split(',').map((directive) => {
      const [name = '', value = ''] = directive.split('=');
      return [name.trim().toLowerCase(), value.trim().replace(/^"|"$/g, '')];
    }),
  );
}

function secondsIn(directives: ReadonlyMap<string, string>): number | undefined {
  const said = directives.get('s-maxage') ?? directives.get('max-age');
  return said !== undefined && /^\d+$/.test(said) ? Number(said) : undefined;
}

function secondsUntil(expires: string | undefined, now: number): number | undefined {
  if (expires === undefined) return undefined;
  const time = Date.parse(expires);
  // An unreadable date means "already expired" (RFC 9111, section 5.3).
  return Number.isNaN(time) ? 0 : Math.max(0, Math.floor((time - now) / 1000));
}
