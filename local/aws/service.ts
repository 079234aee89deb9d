import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import { type Authority, RESOURCES_ONLY } from '../iam/account.ts';
import { type Caller, nameOf } from '../iam/callers.ts';
import { Credentials } from '../iam/credentials.ts';
import type { Policy } from '../iam/policy.ts';

/** One request to a local service, in the words of an IAM policy. */
export interface Call {
  /** The ARN of a role's session, the name of a user that the access key was registered with, or a service's name. */
  readonly principal: string;
  /** For example `s3:GetObject`. */
  readonly action: string;
  /** The ARN of what is acted on. */
  readonly resource: string;
}

export interface ServiceOptions {
  /** Share one value between services, so that a key registered once is known to all of them. */
  readonly credentials?: Credentials;
  /** Told of every call before it is decided. */
  readonly onCall?: (call: Call) => void;
  /** Decides by policies. @default - every registered caller may do what the resource's policy does not deny */
  readonly authority?: Authority;
  /** `false` takes a right away, as if none of the caller's own policies gave it. @default - takes none */
  readonly allow?: (call: Call) => boolean;
  /**
   * Told what a caller asked for that the local service does not know. The caller got an error too;
   * this is for the person at the terminal.
   */
  readonly onUnknown?: (what: string) => void;
}

/** An answer in a service's own error format. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  /** The service's name for the error, which the SDK gives the exception as its name. */
  readonly code: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The access key that a request is signed with; nothing if it is not signed. */
export const accessKeyIdOf = ({ headers }: IncomingMessage): string | undefined =>
  /^AWS4-[A-Z0-9-]+ Credential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1];

/** A local stand-in for one AWS service: an HTTP server on the loopback interface. */
export abstract class LocalService {
  readonly #server: Server;
  readonly #options: ServiceOptions;
  readonly #credentials: Credentials;
  readonly #underWay = new Set<Promise<void>>();

  protected constructor(options: ServiceOptions) {
    this.#options = options;
    this.#credentials = options.credentials ?? new Credentials();
    this.#server = createServer((request, response) => void this.answer(request, response));
    // Node's five seconds race with clients that keep a connection for later: a request sent just
    // as the server hangs up is an ECONNRESET for nothing. `close` does not wait for them.
    this.#server.keepAliveTimeout = 120_000;
  }

  /** Makes a user's access key known to this service and to those that share its `credentials`. */
  registerCredentials(accessKeyId: string, user: string): void {
    this.#credentials.register(accessKeyId, user);
  }

  /** Starts on a free port of 127.0.0.1; resolves to the endpoint for the SDK. */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://${this.host}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts what is under way and returns when nothing touches the state any more. */
  async close(): Promise<void> {
    if (this.#server.listening) {
      const closed = new Promise((resolve) => this.#server.close(resolve));
      this.#server.closeAllConnections();
      await closed;
    }
    await Promise.all(this.#underWay);
  }

  /** Answers one request, however it came: over a socket, or handed in by a test that does without. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const work: Promise<void> = this.#serve(request, response).finally(() =>
      this.#underWay.delete(work),
    );
    this.#underWay.add(work);
    return work;
  }

  /** How the endpoint names the loopback interface. */
  protected readonly host: string = '127.0.0.1';

  protected abstract handle(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<void>;

  /** The service's format for errors. */
  protected abstract render(
    error: ServiceError,
    requestId: string,
    path: string,
  ): { contentType: string; body: string; headers?: Record<string, string> };

  /** The error for an unsigned request: the name that most services have for it, as for the two below. */
  protected unsigned(): ServiceError {
    return new ServiceError(403, 'MissingAuthenticationToken', 'Missing Authentication Token');
  }

  /** The error for an access key that was not registered. */
  protected stranger(_accessKeyId: string): ServiceError {
    return new ServiceError(
      403,
      'InvalidClientTokenId',
      'The security token included in the request is invalid.',
    );
  }

  /** The error for a caller who may not do that, and why: `because no identity-based policy allows …`. */
  protected denied({ principal, action, resource }: Call, because: string): ServiceError {
    return new ServiceError(
      403,
      'AccessDenied',
      `User: ${principal} is not authorized to perform: ${action} on resource: ${resource} ${because}`,
    );
  }

  /** Who sent a request, by the access key it is signed with. */
  protected callerOf(request: IncomingMessage): Caller {
    const id = accessKeyIdOf(request);
    if (id === undefined) throw this.unsigned();
    const caller = this.#credentials.callerOf(id);
    if (caller === undefined) throw this.stranger(id);
    return caller;
  }

  /**
   * Tells of a call and throws the service's access-denied error if its caller may not make it.
   *
   * @param policy - that of the resource, where it has one
   */
  protected authorise(caller: Caller, action: string, resource: string, policy?: Policy): void {
    const call = { principal: nameOf(caller), action, resource };
    this.#options.onCall?.(call);
    const because = this.refusal(caller, action, resource, policy);
    if (because !== undefined) throw this.denied(call, because);
  }

  /** Why a caller may not do something; nothing where they may. */
  protected refusal(
    caller: Caller,
    action: string,
    resource: string,
    policy?: Policy,
  ): string | undefined {
    const { allow, authority = RESOURCES_ONLY } = this.#options;
    const call = { principal: nameOf(caller), action, resource };
    const revoked = !('service' in caller) && allow?.(call) === false;
    const decision = authority.decide({ caller, action, resource, policy, revoked });
    return decision.allowed ? undefined : decision.because;
  }

  /** What the service does not know, said to the terminal and, as an error, to the caller. */
  protected unknown(status: number, code: string, what: string): ServiceError {
    this.#options.onUnknown?.(what);
    return new ServiceError(status, code, `${what}: the local run does not know this.`);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    response.setHeader('x-amz-request-id', requestId);
    response.setHeader('x-amzn-requestid', requestId);
    try {
      await this.handle(request, response, requestId);
    } catch (cause) {
      if (response.headersSent || request.socket.destroyed) {
        // Halfway through a body there is no way left to say it but to hang up.
        request.socket.destroy();
        return;
      }
      const error =
        cause instanceof ServiceError
          ? cause
          : new ServiceError(500, 'InternalError', String((cause as Error)?.message ?? cause));
      if (!request.complete) {
        // A client that is still sending would see a reset connection instead of the answer.
        request.resume();
        await finished(request, { writable: false }).catch(() => {});
      }
      const { contentType, body, headers } = this.render(
        error,
        requestId,
        (request.url ?? '').split('?')[0] ?? '',
      );
      response.writeHead(error.status, {
        ...headers,
        ...error.headers,
        'content-type': contentType,
        'content-length': Buffer.byteLength(body),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    }
  }
}

/** Collects a small body. Throws `tooLarge` when it is longer than `limit` bytes. */
export async function readBody(
  request: AsyncIterable<Buffer>,
  limit: number,
  tooLarge: () => ServiceError,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Splits the address as it was sent. `new URL()` would resolve `..` and repeated slashes, which are
 * ordinary characters of an S3 key.
 */
export function addressOf(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return mark === -1
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}
