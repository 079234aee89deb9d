import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';

/** One request to a local service, in the words of an IAM policy. */
export interface Call {
  /** The label that the access key was registered with, or a service principal's name. */
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
  /**
   * Stands for the caller's own IAM policy: `false` answers the service's access-denied error.
   *
   * @default - every registered caller may do everything
   */
  readonly allow?: (call: Call) => boolean;
  /**
   * Told what a caller asked for that the local service does not know. The caller got an error too;
   * this is for the person at the terminal.
   */
  readonly onUnknown?: (what: string) => void;
}

/**
 * The access keys that the local services know. Only the key's id counts: signatures are not
 * verified, because whoever can reach the loopback interface can read the secrets as well.
 */
export class Credentials {
  readonly #labels = new Map<string, string>();

  register(accessKeyId: string, label: string): void {
    this.#labels.set(accessKeyId, label);
  }

  labelOf(accessKeyId: string): string | undefined {
    return this.#labels.get(accessKeyId);
  }
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

  /** Makes an access key known to this service and to those that share its `credentials`. */
  registerCredentials(accessKeyId: string, label: string): void {
    this.#credentials.register(accessKeyId, label);
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

  /** The error when `allow` says no. */
  protected denied({ principal, action, resource }: Call): ServiceError {
    return new ServiceError(
      403,
      'AccessDenied',
      `User: ${principal} is not authorized to perform: ${action} on resource: ${resource}`,
    );
  }

  /** Who sent a request, by the access key it is signed with. */
  protected principalOf(request: IncomingMessage): string {
    const id = accessKeyIdOf(request);
    if (id === undefined) throw this.unsigned();
    const label = this.#credentials.labelOf(id);
    if (label === undefined) throw this.stranger(id);
    return label;
  }

  /** Records a call and throws the service's access-denied error if its caller may not make it. */
  protected authorise(call: Call): void {
    this.record(call);
    if (!this.mayCall(call)) throw this.denied(call);
  }

  protected record(call: Call): void {
    this.#options.onCall?.(call);
  }

  protected mayCall(call: Call): boolean {
    return this.#options.allow?.(call) ?? true;
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
