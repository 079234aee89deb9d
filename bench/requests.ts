import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { accessKeyIdOf } from '../local/aws/service.ts';
import type { Counts, Kind } from './prices.ts';

/** What was asked of the services. */
export interface Asked {
  readonly counts: Counts;
  /** Bodies of objects. */
  readonly sentBytes: number;
}

interface SignedRequest {
  readonly accessKeyId: string;
  readonly kind: Kind;
  readonly sentBytes: number;
}

const CHANNEL = 'http.server.request.start';

/**
 * Counts what arrives at the local services of this process. The requests as they were sent, tries included, and not the
 * permissions that they need: a copy needs two, and a GET and a HEAD the same one.
 */
export class RequestCounter {
  #requests: SignedRequest[] = [];
  readonly #listener = (message: unknown) => {
    const request = readRequest((message as { request: IncomingMessage }).request);
    if (request) this.#requests.push(request);
  };

  /** Begins anew. */
  start(): void {
    this.#requests = [];
    subscribe(CHANNEL, this.#listener);
  }

  stop(): void {
    unsubscribe(CHANNEL, this.#listener);
  }

  /** What came between the last start and the stop, from those whose access key the filter takes. */
  askedBy(isMeant: (accessKeyId: string) => boolean = () => true): Asked {
    const counts = new Map<Kind, number>();
    let sentBytes = 0;
    for (const request of this.#requests) {
      if (!isMeant(request.accessKeyId)) continue;
      counts.set(request.kind, (counts.get(request.kind) ?? 0) + 1);
      sentBytes += request.sentBytes;
    }
    return { counts, sentBytes };
  }
}

/** Nothing for what no visitor and no bill notices: who does not sign is a visitor, and the other services' calls are free. */
function readRequest(request: IncomingMessage) {
  const { method = '', url = '', headers } = request;
  const accessKeyId = accessKeyIdOf(request);
  const kind = kindOf(method, url, headers['x-amz-copy-source'] !== undefined);
  if (accessKeyId === undefined || kind === undefined) return undefined;
  const length = headers['x-amz-decoded-content-length'] ?? headers['content-length'] ?? 0;
  return { accessKeyId, kind, sentBytes: kind === 'PUT' ? Number(length) : 0 };
}

function kindOf(method: string, url: string, isCopy: boolean): Kind | undefined {
  const [path = '', query = ''] = url.split('?');
  if (path.startsWith('/key-value-stores/')) return method === 'GET' ? 'store read' : 'store write';
  if (/^\/\d{4}-\d\d-\d\d\/distribution\//.test(path)) {
    // Looking how far one is costs nothing.
    return method === 'POST' && path.endsWith('/invalidation') ? 'invalidation' : undefined;
  }
  // CodePipeline, CloudFormation, STS.
  if (path === '/') return undefined;
  const parameters = new URLSearchParams(query);
  if (method === 'GET') return parameters.has('list-type') ? 'LIST' : 'GET';
  if (method === 'PUT') return isCopy ? 'COPY' : 'PUT';
  if (method === 'HEAD') return 'HEAD';
  return method === 'DELETE' || parameters.has('delete') ? 'DELETE' : undefined;
}
