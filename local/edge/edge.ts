import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { EdgeCache, type Stored } from './cache.ts';
import { compress, type Encoding, encodingsFor, isCompressible, weakened } from './compression.ts';
import {
  type Behavior,
  DEFAULT_ERROR_TTL,
  type EdgeConfiguration,
  type FunctionSource,
  readConfiguration,
  type Selection,
} from './configuration.ts';
import { errorTtl, lifetimeOf } from './expiration.ts';
import { compileEdgeFunction, type EdgeFunction } from './function-sandbox.ts';
import { FUNCTION_FAILED, ownErrorPage, refusalOf } from './own-errors.ts';
import { isInvalidatedBy, matchesPattern, rawQueryOf, splitTarget } from './paths.ts';
import {
  isNotModified,
  notModified,
  partOf,
  type Representation,
  rangeOf,
  withPolicy,
} from './representation.ts';
import type {
  EdgeInput,
  OriginRequestHeaders,
  OriginResponse,
  Properties,
  ViewerRequest,
  ViewerResponse,
} from './types.ts';
import {
  changedResponse,
  type EventContext,
  eventFor,
  responseEventFor,
  unchanged,
  type Verdict,
  verdictOf,
} from './viewer-function.ts';

/** Counted since the edge began. */
export interface EdgeStats {
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly refreshHits: number;
  readonly errors: number;
  readonly functionResponses: number;
  readonly functionErrors: number;
  readonly originRequests: number;
}

/** Of a whole request with its headers, in bytes ("Request and response behavior for Amazon S3 origins"). */
const LARGEST_REQUEST = 20_480;

/** What concerns one connection only, and what the edge says itself. */
const NOT_PASSED_ON = [
  'age',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'set-cookie',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
];

type Outcome = 'Hit' | 'Miss' | 'RefreshHit';

/** A cacheable request: the same key, the same answer. */
interface Lookup {
  readonly key: string;
  readonly behavior: Behavior;
  /** With the query, where it is part of the key: what is sent to the origin and purged. */
  readonly path: string;
}

/** An origin request under way, which identical requests wait for instead of making their own. */
interface Fetching {
  readonly path: string;
  readonly answer: Promise<{ stored: Stored; outcome: Outcome }>;
  /** Set by an invalidation: what comes may be what it was meant to remove, so it is not kept. */
  outdated: boolean;
}

/**
 * One edge location of one distribution, for what this template uses: behaviors, the functions at viewer
 * request and response, the cache with its times and invalidations, compression, conditional and range
 * requests, error pages, response headers policies.
 *
 * The constructor throws an Error that lists everything in the properties which it cannot stand in for.
 */
export class Edge {
  readonly #input: EdgeInput;
  readonly #configuration: EdgeConfiguration;
  readonly #functions = new Map<string, EdgeFunction>();
  readonly #cache = new EdgeCache();
  readonly #fetching = new Map<string, Fetching>();
  readonly #via = `1.1 ${randomBytes(16).toString('hex')}.cloudfront.net (CloudFront)`;
  readonly #stats = {
    requests: 0,
    hits: 0,
    misses: 0,
    refreshHits: 0,
    errors: 0,
    functionResponses: 0,
    functionErrors: 0,
    originRequests: 0,
  };
  /** For the access log, by request id, until the answer has left. */
  readonly #logData = new Map<string, string>();
  #server: Server | undefined;

  constructor(input: EdgeInput) {
    // Taken apart here, so that nothing reads the template's properties later.
    const { domainName, id, logicalId } = input.distribution;
    this.#input = { ...input, distribution: { domainName, id, logicalId, properties: undefined } };
    this.#configuration = readConfiguration(input);
    const sources = this.#configuration.behaviors.flatMap(({ viewerRequest, viewerResponse }) =>
      [viewerRequest ?? [], viewerResponse ?? []].flat(),
    );
    for (const { arn, code, keyValueStore, logicalId } of sources) {
      if (this.#functions.has(arn)) continue;
      const log = (line: string) => this.#log(`${logicalId}: ${line}`);
      try {
        this.#functions.set(arn, compileEdgeFunction({ code, keyValueStore, log }));
      } catch (cause) {
        throw new Error(
          `${logicalId} (AWS::CloudFront::Function): FunctionCode: ${(cause as Error).message}`,
          { cause },
        );
      }
    }
  }

  /** The host names that lead to this distribution on AWS. */
  get hosts(): readonly string[] {
    return [this.#input.distribution.domainName, ...this.#configuration.aliases];
  }

  get stats(): EdgeStats {
    return { ...this.#stats };
  }

  /** Rejects when the port is taken. Port 0 picks a free one. */
  listen(port: number, host = '127.0.0.1'): Promise<{ port: number }> {
    const server = createServer({ maxHeaderSize: 4 * LARGEST_REQUEST }, (request, response) => {
      void this.#answer(request, response);
    });
    // Node's five seconds race with visitors who keep a connection for the next page: a request sent just as a busy edge
    // hangs up is a reset for nothing. `close` does not wait for them.
    server.keepAliveTimeout = 120_000;
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve({ port: (server.address() as AddressInfo).port });
      });
    });
  }

  /** Ends open connections too. */
  close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /**
   * Removes what is cached under these paths, now: exact, or everything that begins with what stands
   * before a trailing `*`. Paths are those of the cache key, so after the viewer-request function;
   * all compressed copies go together. An error page kept under a failing path goes with that path.
   */
  invalidate(paths: readonly string[]): void {
    const matches = (path: string) => paths.some((one) => isInvalidatedBy(one, path));
    this.#cache.purge(matches);
    for (const [key, fetching] of this.#fetching) {
      if (!matches(fetching.path)) continue;
      fetching.outdated = true;
      this.#fetching.delete(key);
    }
  }

  /** Answers one request without a socket. A HEAD gets the body's headers, and the body as well. */
  async handle(request: ViewerRequest): Promise<ViewerResponse> {
    this.#stats.requests += 1;
    const requestId = randomBytes(42).toString('base64url');
    const refused = refusalOf(request);
    if (refused !== undefined) return this.#ownError(...refused, requestId);

    const behavior = this.#behaviorFor(splitTarget(request.target).path);
    const verdict = await this.#runFunction(behavior, this.#addressed(request), requestId);
    if ('error' in verdict) return this.#ownError(...verdict.error, requestId);
    if (verdict.kind === 'response') {
      this.#stats.functionResponses += 1;
      return this.#send(verdict, 'FunctionGeneratedResponse', requestId);
    }

    // Whether CloudFront does this before or after the function is documented nowhere.
    const { defaultRootObject } = this.#configuration;
    const uri =
      verdict.uri === '/' && defaultRootObject !== undefined
        ? `/${defaultRootObject}`
        : verdict.uri;
    const lookup = this.#lookup(behavior, uri, verdict.query, verdict.headers, request);
    const { stored, outcome } = await this.#obtain(lookup);
    return this.#deliver(stored, outcome, behavior, verdict.headers, request, requestId);
  }

  /**
   * CloudFront finds a distribution by the host of a request, so no function there ever sees a host that is none of the
   * distribution's names. Here the edge is asked at an address of this machine, or at that of a tunnel to it: each of them
   * stands for the first of the distribution's own names.
   */
  #addressed(request: ViewerRequest): ViewerRequest {
    const [first] = this.#configuration.aliases;
    const host = hostName([request.headers.host ?? ''].flat()[0] ?? '');
    if (first === undefined || this.hosts.includes(host)) return request;
    return { ...request, headers: { ...request.headers, host: first } };
  }

  /** The behavior is chosen on the path as the visitor sent it, before the function changes it. */
  #behaviorFor(path: string): Behavior {
    const { behaviors } = this.#configuration;
    const found = behaviors.find(({ pattern }) => matchesPattern(pattern, path));
    return found ?? (behaviors.at(-1) as Behavior);
  }

  async #runFunction(
    behavior: Behavior,
    request: ViewerRequest,
    requestId: string,
  ): Promise<Verdict | { error: [number, string, string] }> {
    const source = behavior.viewerRequest;
    if (source === undefined) return unchanged(request);

    return this.#run(source, eventFor(request, this.#eventContext(requestId)), request, verdictOf);
  }

  #eventContext(requestId: string): EventContext {
    const { domainName, id } = this.#input.distribution;
    return { distributionDomainName: domainName, distributionId: id, requestId };
  }

  async #run<T>(
    source: FunctionSource,
    event: Properties,
    request: ViewerRequest,
    read: (returned: Properties, event: Properties) => T,
  ): Promise<T | { error: [number, string, string] }> {
    let returned: unknown;
    try {
      returned = await this.#functions
        .get(source.arn)
        ?.run(
          event,
          rawQueryOf(request.target),
          (text) => this.#input.accessLog && this.#logData.set(event.context.requestId, text),
        );
    } catch (error) {
      this.#stats.functionErrors += 1;
      this.#log(`${source.logicalId} failed at ${request.target}: ${(error as Error).message}`);
      return { error: [503, FUNCTION_FAILED, 'FunctionExecutionError'] };
    }
    try {
      return read(returned, event);
    } catch (error) {
      // 502, as "Restrictions on all edge functions" says; the name in X-Cache as people report it.
      this.#stats.functionErrors += 1;
      const { message } = error as Error;
      this.#log(`${source.logicalId} failed at ${request.target}: ${message}`);
      return { error: [502, message, 'FunctionValidationError'] };
    }
  }

  #lookup(
    behavior: Behavior,
    uri: string,
    query: string,
    headers: Readonly<Record<string, string>>,
    request: Pick<ViewerRequest, 'httpVersion'>,
  ): Lookup {
    const { cachePolicy, origin } = behavior;
    const queryInKey = selected(cachePolicy.queryStrings, query.split('&').filter(Boolean)).join(
      '&',
    );
    const cookies = (headers.cookie ?? '').split('; ').filter(Boolean);
    const path = queryInKey === '' ? uri : `${uri}?${queryInKey}`;
    return {
      behavior,
      path,
      key: JSON.stringify([
        this.#configuration.behaviors.indexOf(behavior),
        origin.domainName,
        path,
        encodingsOf(behavior, headers, request),
        cachePolicy.headers.names.map((name) => headers[name]),
        selected(cachePolicy.cookies, cookies),
      ]),
    };
  }

  /**
   * From the cache or the origin. `forError`: the object is to become the page for another path's
   * error, so its own error is neither dressed up nor kept.
   */
  async #obtain(lookup: Lookup, forError = false): Promise<{ stored: Stored; outcome: Outcome }> {
    const cached = this.#cache.get(lookup.key);
    if (cached !== undefined && cached.expiresAt > this.#now() && !(forError && cached.isError)) {
      return { stored: cached, outcome: 'Hit' };
    }
    // Apart from each other: the error page may itself be the object that is missing, and would wait
    // for itself.
    const flight = `${forError ? 'error page' : 'object'} ${lookup.key}`;
    const underWay = this.#fetching.get(flight);
    if (underWay !== undefined) {
      // "Simultaneous requests for the same object": all but the first count as hits.
      const { stored } = await underWay.answer;
      return { stored, outcome: 'Hit' };
    }
    const fetching: Fetching = {
      path: lookup.path,
      answer: this.#fetch(lookup, cached, forError, () => fetching.outdated),
      outdated: false,
    };
    this.#fetching.set(flight, fetching);
    try {
      return await fetching.answer;
    } finally {
      if (this.#fetching.get(flight) === fetching) this.#fetching.delete(flight);
    }
  }

  async #fetch(
    lookup: Lookup,
    expired: Stored | undefined,
    forError: boolean,
    isOutdated: () => boolean,
  ): Promise<{ stored: Stored; outcome: Outcome }> {
    const previous = expired?.isError ? undefined : expired;
    const response = await this.#askOrigin(lookup, previous);
    const answer = await this.#storedFrom(response, lookup, previous, forError);
    if (answer.keep && !isOutdated()) this.#cache.set(lookup.key, answer.stored);
    return answer;
  }

  async #storedFrom(
    response: OriginResponse,
    { behavior, path }: Lookup,
    previous: Stored | undefined,
    forError: boolean,
  ): Promise<{ stored: Stored; outcome: Outcome; keep: boolean }> {
    const headers = passedOn(response.headers);
    const { body, status } = response;
    const fresh = { path, status, headers, body, isError: status >= 400, encoded: new Map() };
    const lasting = (seconds: number) => {
      const now = this.#now();
      return { storedAt: now, expiresAt: now + seconds * 1000 };
    };

    if (status === 304 && previous !== undefined) {
      const refreshed = { ...previous, headers: { ...previous.headers, ...headers } };
      const { ttl } = lifetimeOf(refreshed.headers, behavior.cachePolicy, this.#now());
      return { stored: { ...refreshed, ...lasting(ttl) }, outcome: 'RefreshHit', keep: true };
    }
    if (status >= 400) {
      const minimum = this.#configuration.errorResponses.get(status)?.ttl ?? DEFAULT_ERROR_TTL;
      const seconds = errorTtl(status, headers, minimum);
      if (status >= 500 && previous !== undefined) {
        // Better an expired page than none: CloudFront goes on with what it has and asks again
        // when the error caching time is over ("The requested object is in the edge cache").
        const { expiresAt } = lasting(seconds);
        return { stored: { ...previous, expiresAt }, outcome: 'Hit', keep: true };
      }
      const shown = forError ? fresh : { ...fresh, ...(await this.#errorPage(status)) };
      return {
        stored: { ...shown, ...lasting(seconds) },
        outcome: 'Miss',
        keep: seconds > 0 && !forError,
      };
    }
    const { ttl, keep } = lifetimeOf(headers, behavior.cachePolicy, this.#now());
    return { stored: { ...fresh, ...lasting(ttl) }, outcome: 'Miss', keep };
  }

  /**
   * Always GET and always the whole object, also for HEAD and for ranges: CloudFront "may request a larger range
   * than the client requested", and one copy then serves every later request.
   */
  async #askOrigin(lookup: Lookup, previous: Stored | undefined): Promise<OriginResponse> {
    const { origin } = lookup.behavior;
    const conditions: OriginRequestHeaders = {
      ...(previous?.headers.etag && { 'if-none-match': previous.headers.etag }),
      ...(previous?.headers['last-modified'] && {
        'if-modified-since': previous.headers['last-modified'],
      }),
    };
    this.#stats.originRequests += 1;
    try {
      return await this.#input.origin.read(
        origin.domainName,
        'GET',
        `${origin.path}${lookup.path}`,
        conditions,
      );
    } catch (error) {
      this.#log(`The origin ${origin.domainName} failed at ${lookup.path}: ${String(error)}`);
      const page = ownErrorPage(502, "CloudFront wasn't able to connect to the origin.", '');
      return { status: 502, headers: { 'content-type': 'text/html' }, body: page };
    }
  }

  /**
   * What visitors get instead of an error of the origin, if the template has a page for it. The page
   * comes through the behavior that its own path matches, but without the viewer-request function,
   * and is cached under its own path too. If it cannot be had, visitors get what the origin
   * answered to the request for it ("Generate custom error responses", CloudFront Developer Guide).
   */
  async #errorPage(status: number): Promise<Representation | undefined> {
    const page = this.#configuration.errorResponses.get(status)?.page;
    if (page === undefined) return undefined;
    const lookup = this.#lookup(this.#behaviorFor(page.path), page.path, '', {}, {});
    const { stored } = await this.#obtain(lookup, true);
    const { body, headers } = stored;
    return { status: stored.isError ? stored.status : page.status, headers, body };
  }

  async #deliver(
    stored: Stored,
    outcome: Outcome,
    behavior: Behavior,
    headers: Readonly<Record<string, string>>,
    request: ViewerRequest,
    requestId: string,
  ): Promise<ViewerResponse> {
    const counted = { Hit: 'hits', Miss: 'misses', RefreshHit: 'refreshHits' } as const;
    this.#stats[stored.isError ? 'errors' : counted[outcome]] += 1;

    const plain: Representation = stored;
    let result: Representation = await this.#compressed(stored, behavior, headers, request);
    if (stored.status === 200) {
      // Ranges are of the uncompressed object: CloudFront compresses nothing but 200, 403 and 404.
      const range =
        request.method === 'GET' ? rangeOf(headers, plain.headers, plain.body.length) : undefined;
      if (isNotModified(headers, result.headers)) result = notModified(result);
      else if (range === 'unsatisfiable') {
        return this.#ownError(416, 'The requested range is not satisfiable.', 'Error', requestId, {
          'content-range': `bytes */${plain.body.length}`,
        });
      } else if (range !== undefined) {
        result = partOf({ ...plain, headers: { ...plain.headers, ...varyOf(result) } }, range);
      }
    }

    const age = Math.floor((this.#now() - stored.storedAt) / 1000);
    const sent = {
      ...withPolicy(result.headers, behavior.headersPolicy),
      ...(outcome === 'Hit' && { age: String(Math.max(0, age)) }),
    };
    const label = stored.isError ? 'Error' : outcome;
    const { viewerResponse } = behavior;
    // "CloudFront doesn't invoke edge functions for viewer response events when the origin returns HTTP status code 400 or
    // higher", which its own page for that error does not change. The policy's headers are there already.
    if (viewerResponse === undefined || stored.isError) {
      return this.#send({ ...result, headers: sent }, label, requestId);
    }
    const event = responseEventFor(request, this.#eventContext(requestId), {
      ...result,
      headers: sent,
    });
    const changed = await this.#run(viewerResponse, event, request, changedResponse);
    if ('error' in changed) return this.#ownError(...changed.error, requestId);
    return this.#send({ ...changed, body: result.body }, label, requestId);
  }

  async #compressed(
    stored: Stored,
    behavior: Behavior,
    headers: Readonly<Record<string, string>>,
    request: Pick<ViewerRequest, 'httpVersion'>,
  ): Promise<Representation> {
    const { cachePolicy } = behavior;
    if (
      !behavior.compress ||
      !(cachePolicy.gzip || cachePolicy.brotli) ||
      !isCompressible(stored.status, stored.headers, stored.body.length)
    ) {
      return stored;
    }
    const vary = { ...stored.headers, vary: withAcceptEncoding(stored.headers.vary) };
    const [encoding] = encodingsOf(behavior, headers, request);
    if (encoding === undefined) return { ...stored, headers: vary };

    const copy = stored.encoded.get(encoding) ?? compress(encoding, stored.body);
    stored.encoded.set(encoding, copy);
    const { etag, 'accept-ranges': _, ...others } = vary as Record<string, string>;
    const weak = weakened(etag);
    return {
      status: stored.status,
      headers: { ...others, ...(weak && { etag: weak }), 'content-encoding': encoding },
      body: await copy,
    };
  }

  #ownError(
    status: number,
    reason: string,
    label: string,
    requestId: string,
    headers: Record<string, string> = {},
  ): ViewerResponse {
    if (label === 'Error') this.#stats.errors += 1;
    const body = ownErrorPage(status, reason, requestId);
    const own = { 'content-type': 'text/html', server: 'CloudFront', ...headers };
    return this.#send({ status, headers: own, body }, label, requestId);
  }

  #send(response: ViewerResponse, label: string, requestId: string): ViewerResponse {
    return {
      status: response.status,
      headers: {
        ...response.headers,
        ...(response.status !== 304 && { 'content-length': String(response.body.length) }),
        'x-cache': `${label} from cloudfront`,
        via: this.#via,
        // No airport has this code, so nobody takes the answer for one of CloudFront's.
        'x-amz-cf-pop': 'LOCAL1-C1',
        'x-amz-cf-id': requestId,
      },
      body: response.body,
    };
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const size = message.rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
    let answer: ViewerResponse;
    const request = viewerRequestFrom(message);
    const logAccess = this.#accessLogger(request, message.socket);
    try {
      if (size + (message.url ?? '').length > LARGEST_REQUEST) {
        answer = this.#ownError(413, 'Request header fields too large.', 'Error', '');
      } else {
        answer = await this.handle(request);
      }
    } catch (error) {
      this.#log(`The local edge itself failed at ${message.url}: ${String(error)}`);
      answer = this.#ownError(500, 'The local edge itself failed; its log says why.', 'Error', '');
    }
    if (answer.status === 413) response.shouldKeepAlive = false;
    // "How requests are logged when the request URL or headers exceed the maximum size": they are not.
    else response.once('close', () => logAccess(answer));
    response.writeHead(answer.status, titled(answer.headers));
    response.end(message.method === 'HEAD' ? undefined : answer.body);
  }

  #accessLogger(request: ViewerRequest, socket: Socket): (response: ViewerResponse) => void {
    const { accessLog } = this.#input;
    if (accessLog === undefined) return () => {};
    const startedAt = this.#now();
    const sentBefore = socket.bytesWritten;
    return (response) => {
      const requestId = String(response.headers['x-amz-cf-id']);
      const logData = this.#logData.get(requestId);
      this.#logData.delete(requestId);
      const { pattern } = this.#behaviorFor(splitTarget(request.target).path);
      const sentBytes = socket.bytesWritten - sentBefore;
      const endedAt = this.#now();
      accessLog({ request, response, pattern, logData, startedAt, endedAt, sentBytes });
    };
  }

  #now(): number {
    return (this.#input.now ?? Date.now)();
  }

  #log(line: string): void {
    const log = this.#input.log ?? ((text: string) => process.stderr.write(`${text}\n`));
    log(line);
  }
}

function viewerRequestFrom(message: IncomingMessage): ViewerRequest {
  const url = message.url ?? '/';
  const bytes = Buffer.from(url, 'latin1');
  return {
    method: message.method ?? 'GET',
    // Node hands on bytes one by one; CloudFront takes them for UTF-8 where they can be, and else
    // for ISO-8859-1, which Node's form is.
    target: isUtf8(bytes) ? bytes.toString('utf8') : url,
    headers: message.headersDistinct as Record<string, string[]>,
    ip: message.socket.remoteAddress ?? '127.0.0.1',
    httpVersion: message.httpVersion,
  };
}

/** Of a Host header, without its port, the dot at its end and the case of its letters. */
const hostName = (host: string): string =>
  host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');

/** HTTP/1.0 visitors get nothing compressed ("Serve compressed files", CloudFront Developer Guide). */
function encodingsOf(
  behavior: Behavior,
  headers: Readonly<Record<string, string>>,
  request: Pick<ViewerRequest, 'httpVersion'>,
): readonly Encoding[] {
  if (request.httpVersion === '1.0') return [];
  return encodingsFor(headers['accept-encoding'], behavior.cachePolicy);
}

/** Of `name=value` pairs those that the policy makes part of the key, in the visitor's order. */
function selected({ kind, names }: Selection, pairs: readonly string[]): string[] {
  if (kind === 'none') return [];
  if (kind === 'all') return [...pairs];
  return pairs.filter(
    (pair) => names.includes(pair.split('=')[0] ?? '') === (kind === 'whitelist'),
  );
}

function passedOn(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !NOT_PASSED_ON.includes(name)),
  );
}

const varyOf = ({ headers }: Representation): Record<string, string> =>
  headers.vary === undefined ? {} : { vary: headers.vary };

function withAcceptEncoding(vary: string | undefined): string {
  if (vary === undefined) return 'Accept-Encoding';
  return /(^|,)\s*(\*|accept-encoding)\s*(,|$)/i.test(vary) ? vary : `${vary}, Accept-Encoding`;
}

/** As CloudFront spells them over HTTP/1.1: `X-Amz-Cf-Id`. */
const titled = (headers: ViewerResponse['headers']): ViewerResponse['headers'] =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name === 'etag' ? 'ETag' : name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      value,
    ]),
  );
