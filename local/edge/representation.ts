import type { HeadersPolicy } from './configuration.ts';

export interface Representation {
  readonly status: number;
  /** Lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

type RequestHeaders = Readonly<Record<string, string>>;

/** Whether the visitor's copy is still the right one (RFC 9110, section 13.2.2). */
export function isNotModified(request: RequestHeaders, headers: RequestHeaders): boolean {
  const ifNoneMatch = request['if-none-match'];
  if (ifNoneMatch !== undefined) {
    const { etag } = headers;
    if (ifNoneMatch.trim() === '*') return true;
    return (
      etag !== undefined &&
      (ifNoneMatch.match(/(W\/)?"[^"]*"/g) ?? []).some((one) => opaque(one) === opaque(etag))
    );
  }
  const since = Date.parse(request['if-modified-since'] ?? '');
  const modified = Date.parse(headers['last-modified'] ?? '');
  return modified <= since;
}

/** If-None-Match compares weakly: the compressed and the plain copy of an object are the same. */
const opaque = (etag: string): string => etag.replace(/^W\//, '');

/** Headers that describe a body which a 304 does not have. */
const OF_THE_BODY = ['content-type', 'content-length', 'content-encoding', 'accept-ranges'];

export function notModified({ headers }: Representation): Representation {
  const kept = Object.entries(headers).filter(([name]) => !OF_THE_BODY.includes(name));
  return { status: 304, headers: Object.fromEntries(kept), body: Buffer.alloc(0) };
}

export interface ByteRange {
  readonly start: number;
  /** Included. */
  readonly end: number;
}

/**
 * The part of the object that the visitor asks for; undefined: all of it. Malformed ranges are ignored,
 * as "How CloudFront processes partial requests for an object" says, and so are lists of several,
 * which RFC 9110, section 14.2, lets a server do; S3 does the same.
 */
export function rangeOf(
  request: RequestHeaders,
  headers: RequestHeaders,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const { range, 'if-range': ifRange } = request;
  if (range === undefined) return undefined;
  if (ifRange !== undefined && !isUnchangedSince(ifRange, headers)) return undefined;
  // Section 14.1.2; range-parser has no answer for the last bytes of an object that has fewer.
  const [, first, last, suffix] = /^bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*$/.exec(range) ?? [];
  if (first === undefined && suffix === undefined) return undefined;
  if (last && Number(last) < Number(first)) return undefined;
  const start = suffix === undefined ? Number(first) : Math.max(0, size - Number(suffix));
  const end = last ? Math.min(Number(last), size - 1) : size - 1;
  return start <= end && suffix !== '0' ? { start, end } : 'unsatisfiable';
}

/** If-Range compares strongly (RFC 9110, section 13.1.5): a weak ETag never matches. */
function isUnchangedSince(validator: string, headers: RequestHeaders): boolean {
  return validator.startsWith('"')
    ? validator === headers.etag
    : validator === headers['last-modified'];
}

export function partOf({ headers, body }: Representation, range: ByteRange): Representation {
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${range.start}-${range.end}/${body.length}` },
    body: body.subarray(range.start, range.end + 1),
  };
}

/**
 * Removes first, then adds; a header without `override` gives way to the origin's ("Understand
 * response headers policies", CloudFront Developer Guide). For the visitor only: the edge keeps
 * and times its copy by what the origin said.
 */
export function withPolicy(
  headers: Readonly<Record<string, string>>,
  policy: HeadersPolicy | undefined,
): Record<string, string> {
  const result = { ...headers };
  for (const name of policy?.remove ?? []) delete result[name];
  for (const { name, value, override } of policy?.add ?? []) {
    if (override || result[name] === undefined) result[name] = value;
  }
  return result;
}
