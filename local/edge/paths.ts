import { wildcard } from '../wildcard.ts';

/**
 * Whether a behavior's path pattern covers a path. Patterns are case-sensitive, a leading slash makes no
 * difference, `*` stands for any characters and `?` for exactly one.
 *
 * CloudFront normalises the path for this one question and uses it as it was sent for everything
 * else ("Path pattern" and "Path normalization", CloudFront Developer Guide).
 */
export function matchesPattern(pattern: string, path: string): boolean {
  return wildcard(pattern.replace(/^\/?/, '/'))(normalised(path));
}

/** RFC 3986, section 6.2.2: needless escapes, dot segments, and, as CloudFront adds, repeated slashes. */
function normalised(path: string): string {
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escaped.toUpperCase();
  });
  const segments: string[] = [];
  const parts = decoded.split('/').slice(1);
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (part === '..') segments.pop();
    if (part === '.' || part === '..' || part === '') {
      if (last) segments.push('');
    } else {
      segments.push(part);
    }
  }
  return `/${segments.join('/')}`;
}

/**
 * Whether an invalidation path covers a cached one. `*` is a wildcard as the last character and a
 * plain character elsewhere; case counts; an escaped character and the character itself are the
 * same ("What you need to know when invalidating files", CloudFront Developer Guide).
 */
export function isInvalidatedBy(invalidation: string, cachedPath: string): boolean {
  const cached = unescaped(cachedPath);
  return invalidation.endsWith('*')
    ? cached.startsWith(unescaped(invalidation.slice(0, -1)))
    : cached === unescaped(invalidation);
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Splits `/about?x=1` at the first question mark. */
export function splitTarget(target: string): { path: string; query: string } {
  const query = rawQueryOf(target);
  return query === undefined
    ? { path: target, query: '' }
    : { path: target.slice(0, -query.length - 1), query };
}

/** What follows the first question mark; undefined where there is none. */
export function rawQueryOf(target: string): string | undefined {
  const mark = target.indexOf('?');
  return mark < 0 ? undefined : target.slice(mark + 1);
}
