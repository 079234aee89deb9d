import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

/** A request as the SDK hands it to its HTTP client. */
export interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The same once its body is known. */
export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Service {
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export async function asked({ method, path, query, headers, body }: SdkRequest): Promise<Asked> {
  const parameters = Object.entries(query ?? {}).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`),
  );
  const url = parameters.length === 0 ? path : `${path}?${parameters.join('&')}`;
  return { method, url, headers, body: await bytesOf(body) };
}

async function bytesOf(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body);
  return buffer(body as Readable);
}

/** Lets a local service answer without a socket between. */
export async function exchange(
  service: Service,
  { method, url, headers, body }: Asked,
): Promise<Answered> {
  const request = Object.assign(Readable.from(body.length > 0 ? [body] : []), {
    method,
    url,
    // As Node's server has them: lower case, and a length whenever there is a body.
    headers: {
      ...Object.fromEntries(Object.entries(headers).map(([n, value]) => [n.toLowerCase(), value])),
      ...(body.length > 0 && { 'content-length': String(body.length) }),
    },
    complete: true,
    socket: { destroyed: false, destroy() {} },
  });
  const response = new Response();
  await service.answer(
    request as unknown as IncomingMessage,
    response as unknown as ServerResponse,
  );
  await response.ended;
  return { status: response.statusCode, headers: response.head, body: response.body() };
}

/** As much of a `ServerResponse` as the local services use. */
class Response extends Writable {
  statusCode = 200;
  headersSent = false;
  readonly head: Record<string, string> = {};
  readonly ended: Promise<unknown>;
  readonly #chunks: Buffer[] = [];

  constructor() {
    super();
    this.ended = new Promise((resolve, reject) => {
      this.once('finish', resolve);
      this.once('error', reject);
    });
  }

  setHeader(name: string, value: string | number): void {
    this.head[name.toLowerCase()] = String(value);
  }

  writeHead(status: number, headers: Readonly<Record<string, string | number>> = {}): this {
    this.statusCode = status;
    this.headersSent = true;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    return this;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  body(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
