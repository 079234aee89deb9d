import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { CachePolicy } from './configuration.ts';

export type Encoding = 'br' | 'gzip';

/**
 * Which of the visitor's encodings count, best first. This is the normalised Accept-Encoding of
 * the cache key: everything but gzip and br is dropped, and those too unless the policy enables them.
 */
export function encodingsFor(
  acceptEncoding: string | undefined,
  policy: Pick<CachePolicy, 'gzip' | 'brotli'>,
): readonly Encoding[] {
  const accepted = (acceptEncoding ?? '')
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => !/;\s*q=0(\.0*)?$/.test(item))
    .map((item) => item.split(';')[0]?.trim());
  const encodings: Encoding[] = [];
  if (policy.brotli && accepted.includes('br')) encodings.push('br');
  if (policy.gzip && accepted.includes('gzip')) encodings.push('gzip');
  return encodings;
}

/** Bounds in bytes, both included. */
const SMALLEST = 1_000;
const LARGEST = 10_000_000;

/**
 * Whether CloudFront would compress an answer: by its status, size and type, and only once.
 *
 * Source: "Serve compressed files", CloudFront Developer Guide, for these rules and the list below.
 */
export function isCompressible(
  status: number,
  headers: Readonly<Record<string, string>>,
  size: number,
): boolean {
  const type = (headers['content-type'] ?? '').split(';')[0] ?? '';
  return (
    (status === 200 || status === 403 || status === 404) &&
    size >= SMALLEST &&
    size <= LARGEST &&
    headers['content-encoding'] === undefined &&
    COMPRESSED_TYPES.has(type.trim().toLowerCase())
  );
}

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/** CloudFront says nothing about its effort; this one costs milliseconds, not seconds, on large files. */
const BROTLI_OPTIONS = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };

export const compress = (encoding: Encoding, body: Buffer): Promise<Buffer> =>
  encoding === 'br' ? brotli(body, BROTLI_OPTIONS) : gzipped(body);

/**
 * The ETag of a compressed copy: a strong one becomes weak, a weak one stays, and one that is
 * neither is dropped ("ETag header conversion", same page).
 */
export function weakened(etag: string | undefined): string | undefined {
  if (etag?.startsWith('W/')) return etag;
  return etag?.startsWith('"') ? `W/${etag}` : undefined;
}

/** Notably absent: application/manifest+json, application/ld+json, image/x-icon and font/woff2. */
const COMPRESSED_TYPES: ReadonlySet<string> = new Set([
  'application/dash+xml',
  'application/eot',
  'application/font',
  'application/font-sfnt',
  'application/javascript',
  'application/json',
  'application/opentype',
  'application/otf',
  'application/pdf',
  'application/pkcs7-mime',
  'application/protobuf',
  'application/rss+xml',
  'application/truetype',
  'application/ttf',
  'application/vnd.apple.mpegurl',
  'application/vnd.mapbox-vector-tile',
  'application/vnd.ms-fontobject',
  'application/wasm',
  'application/xhtml+xml',
  'application/xml',
  'application/x-font-opentype',
  'application/x-font-truetype',
  'application/x-font-ttf',
  'application/x-httpd-cgi',
  'application/x-javascript',
  'application/x-mpegurl',
  'application/x-opentype',
  'application/x-otf',
  'application/x-perl',
  'application/x-ttf',
  'font/eot',
  'font/opentype',
  'font/otf',
  'font/ttf',
  'image/svg+xml',
  'text/css',
  'text/csv',
  'text/html',
  'text/javascript',
  'text/js',
  'text/plain',
  'text/richtext',
  'text/tab-separated-values',
  'text/xml',
  'text/x-component',
  'text/x-java-source',
  'text/x-script',
  'vnd.apple.mpegurl',
]);
