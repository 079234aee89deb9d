import { createHash, type Hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  type Algorithm,
  type Checksum,
  checkFormat,
  type Hasher,
  hasher,
  isAlgorithm,
} from './s3-checksums.ts';
import { ServiceError } from './service.ts';

const STREAMING = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
const MAX_PUT_BYTES = 5 * 1024 ** 3;

/**
 * The body of an S3 request as the client meant it: `bytes()` takes the aws-chunked framing off
 * and, at the end, throws S3's error if length, checksum or digest do not agree with the headers.
 *
 * The JavaScript SDK sends every stream in this framing with a checksum behind the data; servers
 * that do not know it store the framing as content.
 */
export interface Body {
  bytes(): AsyncGenerator<Buffer, Verified>;
}

/** What is known about a body that was read to its end. */
export interface Verified {
  readonly size: number;
  readonly md5: Buffer;
  readonly checksum: Checksum;
}

/**
 * Reads what the headers promise. `unknown` makes the error for a promise that the local S3 cannot
 * check.
 */
export function bodyOf(
  source: AsyncIterable<Buffer>,
  headers: IncomingHttpHeaders,
  unknown: (what: string) => ServiceError,
): Body {
  const payload = one(headers['x-amz-content-sha256']);
  const streaming = payload === STREAMING;
  if (payload === undefined) {
    throw invalid('Missing required header for this request: x-amz-content-sha256');
  }
  if (!streaming && payload !== 'UNSIGNED-PAYLOAD' && !/^[0-9a-f]{64}$/.test(payload)) {
    throw unknown(`x-amz-content-sha256 ${payload}`);
  }
  const declared = streaming
    ? one(headers['x-amz-decoded-content-length'])
    : headers['content-length'];
  if (declared === undefined || !/^\d+$/.test(declared)) {
    throw new ServiceError(
      411,
      'MissingContentLength',
      'You must provide the Content-Length HTTP header.',
    );
  }
  const length = Number(declared);
  if (length > MAX_PUT_BYTES) {
    throw new ServiceError(
      400,
      'EntityTooLarge',
      'Your proposed upload exceeds the maximum allowed size',
    );
  }
  const md5 = contentMd5(one(headers['content-md5']));
  const { given, trailer } = promisedChecksum(headers, streaming, unknown);

  return {
    async *bytes() {
      const trailers = new Map<string, string>();
      // S3 keeps this one when the client sends none of its own.
      const algorithm = given?.algorithm ?? trailer ?? 'crc64nvme';
      const checksum: Hasher = hasher(algorithm);
      const digest: Hash = createHash('md5');
      const sha256 = /^[0-9a-f]{64}$/.test(payload) ? createHash('sha256') : undefined;
      let size = 0;
      for await (const chunk of streaming ? unchunked(source, trailers) : source) {
        size += chunk.length;
        if (size > length) throw incomplete();
        digest.update(chunk);
        sha256?.update(chunk);
        checksum.update(chunk);
        yield chunk;
      }
      if (size !== length) throw incomplete();
      if (sha256 !== undefined && sha256.digest('hex') !== payload) {
        throw new ServiceError(
          400,
          'XAmzContentSHA256Mismatch',
          "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
      }
      const actual = digest.digest();
      if (md5 !== undefined && !md5.equals(actual)) {
        throw badDigest('The Content-MD5 you specified did not match what we received.');
      }
      const value = Buffer.from(await checksum.digest()).toString('base64');
      const expected = given?.value ?? (trailer && trailers.get(`x-amz-checksum-${trailer}`));
      if (trailer !== undefined && expected === undefined) throw malformedTrailer();
      if (expected !== undefined) {
        checkFormat({ algorithm, value: expected });
        if (expected !== value) {
          throw badDigest(
            `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
          );
        }
      }
      return { size, md5: actual, checksum: { algorithm, value } };
    },
  };
}

/** Takes off the aws-chunked framing: `<hex size>\r\n<data>\r\n` … `0\r\n<name>:<value>\r\n\r\n`. */
export async function* unchunked(
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const pieces = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const { value, done } = await pieces.next();
    if (!done) rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
    return !done;
  };
  const line = async (): Promise<string> => {
    for (;;) {
      const end = rest.indexOf('\r\n');
      if (end !== -1) {
        const text = rest.toString('latin1', 0, end);
        rest = rest.subarray(end + 2);
        return text;
      }
      // A size or a trailer is short: what has no end by now is not one.
      if (rest.length > 8192) throw malformed();
      if (!(await more())) throw incomplete();
    }
  };
  try {
    for (;;) {
      const size = await line();
      if (!/^[0-9a-f]{1,12}$/i.test(size)) throw malformed();
      let left = Number.parseInt(size, 16);
      if (left === 0) break;
      while (left > 0) {
        if (rest.length === 0 && !(await more())) throw incomplete();
        const part = rest.subarray(0, left);
        rest = rest.subarray(part.length);
        left -= part.length;
        yield part;
      }
      if ((await line()) !== '') throw malformed();
    }
    for (;;) {
      const text = await line();
      if (text === '') break;
      const colon = text.indexOf(':');
      if (colon < 1) throw malformedTrailer();
      trailers.set(text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim());
    }
    if (rest.length > 0 || (await more())) throw malformed();
  } finally {
    // Lets go of the request, so that what is left of a refused body can be drained.
    await pieces.return?.();
  }
}

function promisedChecksum(
  headers: IncomingHttpHeaders,
  streaming: boolean,
  unknown: (what: string) => ServiceError,
): { given?: Checksum; trailer?: Algorithm } {
  const names = Object.keys(headers).filter((name) => name.startsWith('x-amz-checksum-'));
  const announced = one(headers['x-amz-trailer'])?.toLowerCase();
  const wanted = one(headers['x-amz-sdk-checksum-algorithm'])?.toLowerCase();
  if (announced !== undefined && !streaming) throw malformedTrailer();
  if (names.length + (announced === undefined ? 0 : 1) > 1) {
    throw invalid(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const name = names[0] ?? announced;
  if (name === undefined) {
    if (wanted !== undefined) throw withoutChecksum();
    return {};
  }
  const algorithm = name.slice('x-amz-checksum-'.length);
  if (!name.startsWith('x-amz-checksum-') || !isAlgorithm(algorithm)) {
    throw unknown(announced === undefined ? `header ${name}` : `trailing header ${name}`);
  }
  if (wanted !== undefined && wanted !== algorithm) throw withoutChecksum();
  if (announced !== undefined) return { trailer: algorithm };
  const given = { algorithm, value: one(headers[name]) ?? '' };
  checkFormat(given);
  return { given };
}

function contentMd5(header: string | undefined): Buffer | undefined {
  if (header === undefined) return undefined;
  const bytes = Buffer.from(header, 'base64');
  if (bytes.length !== 16) {
    throw new ServiceError(400, 'InvalidDigest', 'The Content-MD5 you specified was invalid.');
  }
  return bytes;
}

const one = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header;

const invalid = (message: string) => new ServiceError(400, 'InvalidRequest', message);
const badDigest = (message: string) => new ServiceError(400, 'BadDigest', message);
const malformed = () => invalid('The aws-chunked body is not well-formed.');
const withoutChecksum = () =>
  invalid(
    'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
  );
const incomplete = () =>
  new ServiceError(
    400,
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length HTTP header',
  );
const malformedTrailer = () =>
  new ServiceError(
    400,
    'MalformedTrailerError',
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  );
