import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import inject, { type InjectOptions } from 'light-my-request';

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
  /** Whether the connection breaks after the body. */
  readonly breaks?: boolean;
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
  if (typeof body === 'string') return Buffer.from(body);
  // Not a copy: the SDK's own arrays of bytes warn of whoever takes them for text, as copying does.
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return buffer(body as Readable);
}

/** Lets a local service answer without a socket between. */
export async function exchange(
  service: Service,
  { method, url, headers, body }: Asked,
): Promise<Answered> {
  const answer = await inject((request, response) => void service.answer(request, response), {
    method: method as NonNullable<InjectOptions['method']>,
    url,
    headers: { ...headers },
    ...(body.length > 0 && { payload: body }),
  });
  return {
    status: answer.statusCode,
    headers: Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
    ),
    body: answer.rawPayload,
  };
}

/** An answer as the SDK's HTTP client hands it on. */
export function responseOf({ status, headers, body, breaks = false }: Answered) {
  async function* chunks() {
    if (body.length > 0) yield body;
    if (breaks) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
  }
  return { response: { statusCode: status, headers, body: Readable.from(chunks()) } };
}
