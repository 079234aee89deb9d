import { splitTarget } from './paths.ts';
import type { Representation } from './representation.ts';
import type { Properties, ViewerRequest, ViewerResponse } from './types.ts';

/** What a viewer-request function decided. */
export type Verdict =
  | {
      readonly kind: 'request';
      readonly uri: string;
      readonly query: string;
      /** Lower case, one value each. */
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly headers: Record<string, string | string[]>;
      readonly body: Buffer;
    };

/** Of a URI with its query string, in characters ("Restrictions on all edge functions", CloudFront Developer Guide). */
export const LONGEST_URI = 8_192;

/**
 * Never shown to a function and never taken from one, with the two families `x-amz-cf-*` and
 * `x-edge-*` (same page, "Disallowed headers").
 */
const DISALLOWED = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'trailer',
  'upgrade',
  'x-accel-buffering',
  'x-accel-charset',
  'x-accel-limit-rate',
  'x-accel-redirect',
  'x-amzn-auth',
  'x-amzn-cf-billing',
  'x-amzn-cf-id',
  'x-amzn-cf-xff',
  'x-amzn-errortype',
  'x-amzn-fle-profile',
  'x-amzn-header-count',
  'x-amzn-header-order',
  'x-amzn-lambda-integration-tag',
  'x-amzn-requestid',
  'x-cache',
  'x-forwarded-proto',
  'x-real-ip',
]);
/** Same page, "Read-only headers in viewer request events"; CDN-Loop by the newer editions. */
const READ_ONLY = ['cdn-loop', 'content-length', 'host', 'transfer-encoding', 'via'];

const isDisallowed = (name: string): boolean =>
  DISALLOWED.has(name) || /^x-(amz-cf|edge)-/.test(name);

export interface EventContext {
  readonly distributionDomainName: string;
  readonly distributionId: string;
  readonly requestId: string;
}

/** The event of a viewer request ("CloudFront Functions event structure", CloudFront Developer Guide). */
export function eventFor(request: ViewerRequest, context: EventContext): Properties {
  const { path, query } = splitTarget(request.target);
  const headers = Object.entries(request.headers).filter(
    ([name]) => name !== 'cookie' && !isDisallowed(name),
  );
  return {
    version: '1.0',
    context: { ...context, eventType: 'viewer-request' },
    viewer: { ip: request.ip ?? '127.0.0.1' },
    request: {
      method: request.method,
      uri: path,
      querystring: fields(query === '' ? [] : query.split('&').map(pair)),
      headers: fields(
        headers.flatMap(([name, value]) =>
          [value].flat().map((one): readonly [string, string] => [name, one]),
        ),
      ),
      cookies: fields(
        [request.headers.cookie ?? []].flat().flatMap((line) =>
          line
            .split(';')
            .filter((part) => part.trim() !== '')
            .map((part) => pair(part.trim())),
        ),
      ),
    },
  };
}

/** The event of a viewer response: the request as the visitor sent it, and the answer without its body. */
export function responseEventFor(
  request: ViewerRequest,
  context: EventContext,
  { status, headers }: Representation,
): Properties {
  const event = eventFor(request, context) as Properties;
  const shown = Object.entries(headers).filter(([name]) => !isDisallowed(name));
  return {
    ...event,
    context: { ...context, eventType: 'viewer-response' },
    response: { statusCode: status, headers: fields(shown), cookies: {} },
  };
}

/**
 * What a function at viewer response returned, checked as CloudFront checks it. The body stays the object's.
 *
 * Throws an Error in CloudFront's words, as `verdictOf` does.
 */
export function changedResponse(
  returned: Properties,
  event: Properties,
): Pick<ViewerResponse, 'status' | 'headers'> {
  if (typeof returned !== 'object' || returned === null || returned.statusCode === undefined) {
    throw invalid('the value must be a response object');
  }
  if (returned.body !== undefined) {
    throw invalid('response.body; the local edge knows functions that leave the body as it is');
  }
  const { status, headers } = responseOf(returned);
  for (const name of ['via', 'warning']) {
    if (headers[name] !== event.response.headers[name]?.value) {
      throw invalid(`response.headers["${name}"] is read-only`);
    }
  }
  return { status, headers };
}

function pair(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** One field a name; `multiValue` only where a name came more than once. */
function fields(pairs: readonly (readonly [string, string])[]): object {
  const values = new Map<string, { value: string }[]>();
  for (const [name, value] of pairs) {
    values.set(name, [...(values.get(name) ?? []), { value }]);
  }
  return Object.fromEntries(
    [...values].map(([name, all]) => [
      name,
      all.length > 1 ? { ...all[0], multiValue: all } : all[0],
    ]),
  );
}

/** The verdict where no function runs. */
export function unchanged(request: ViewerRequest): Verdict {
  const { path, query } = splitTarget(request.target);
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name,
    [value].flat().join(name === 'cookie' ? '; ' : ', '),
  ]);
  return {
    kind: 'request',
    uri: encoded(path),
    query: encoded(query),
    headers: Object.fromEntries(headers),
  };
}

/**
 * What the function returned, checked as CloudFront checks it.
 *
 * Throws an Error in CloudFront's words, `The CloudFront function returned an invalid value: …`.
 */
export function verdictOf(returned: Properties, event: Properties): Verdict {
  if (typeof returned !== 'object' || returned === null || Array.isArray(returned)) {
    throw invalid('the value must be a request or a response object');
  }
  return returned.statusCode === undefined
    ? requestOf(returned, event.request)
    : responseOf(returned);
}

const invalid = (what: string): Error =>
  new Error(`The CloudFront function returned an invalid value: ${what}`);

function requestOf(returned: Properties, original: Properties): Verdict {
  const { uri, method } = returned;
  if (typeof uri !== 'string') throw invalid('request.uri is missing');
  if (!uri.startsWith('/')) throw invalid('request.uri must begin with a slash');
  if (/[\s#]|\p{Cc}/u.test(uri)) {
    throw invalid('request.uri must not hold spaces, control characters or #');
  }
  if (method !== original.method) throw invalid('request.method cannot be modified');

  const headers: Record<string, string> = {};
  for (const [name, values] of valuesOf(returned.headers, 'request.headers')) {
    headers[name] = values.join(', ');
  }
  for (const name of READ_ONLY) {
    const before = original.headers[name]?.value;
    if (headers[name] !== before) throw invalid(`request.headers["${name}"] is read-only`);
  }
  const cookies = valuesOf(returned.cookies, 'request.cookies').flatMap(([name, values]) =>
    values.map((value) => `${name}=${value}`),
  );
  if (cookies.length > 0) headers.cookie = cookies.join('; ');

  const query =
    typeof returned.querystring === 'string'
      ? returned.querystring
      : valuesOf(returned.querystring, 'request.querystring')
          .flatMap(([name, values]) =>
            values.map((value) => (value === '' ? name : `${name}=${value}`)),
          )
          .join('&');
  if (uri.length + query.length + 1 >= LONGEST_URI) {
    throw invalid(`request.uri with its query string must be less than ${LONGEST_URI} characters`);
  }
  return { kind: 'request', uri: encoded(uri), query: encoded(query), headers };
}

function responseOf(returned: Properties): Extract<Verdict, { kind: 'response' }> {
  const { statusCode: status, body } = returned;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalid('response.statusCode must be a number from 200 to 599');
  }
  const headers: Record<string, string | string[]> = {};
  for (const [name, values] of valuesOf(returned.headers, 'response.headers')) {
    headers[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  const cookies = Object.entries<Properties>(returned.cookies ?? {}).flatMap(([name, field]) =>
    (field?.multiValue ?? [field]).map((one: Properties) =>
      [`${name}=${one?.value ?? ''}`, one?.attributes].filter(Boolean).join('; '),
    ),
  );
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  // The edge sets these two itself.
  delete headers['content-length'];
  delete headers['transfer-encoding'];
  return { kind: 'response', status, headers, body: bodyOf(body) };
}

function bodyOf(body: Properties): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  const { encoding, data } = body ?? {};
  if (typeof data === 'string' && encoding === 'text') return Buffer.from(data);
  if (typeof data === 'string' && encoding === 'base64') return Buffer.from(data, 'base64');
  throw invalid('response.body must be a text, or data with an encoding of text or base64');
}

/** Names with their values, from `{ name: { value, multiValue? } }`. */
function valuesOf(object: Properties, place: string): [string, string[]][] {
  if (object === undefined) return [];
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw invalid(`${place} must be an object`);
  }
  return Object.entries<Properties>(object).map(([name, field]) => {
    if (place.endsWith('.headers')) {
      if (name !== name.toLowerCase())
        throw invalid(`${place} must have header names in lower case`);
      if (isDisallowed(name)) throw invalid(`${place} must not have the header ${name}`);
    }
    const values = (field?.multiValue ?? [field]).map((one: Properties) => one?.value);
    if (!values.every((value: unknown) => typeof value === 'string')) {
      throw invalid(`${place}["${name}"].value must be a text`);
    }
    return [name, values];
  });
}

/** As UTF-8 escapes, the form in which CloudFront forwards what a function changed. */
const encoded = (text: string): string => text.replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
