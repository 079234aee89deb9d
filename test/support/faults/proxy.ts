import { once } from 'node:events';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as passed } from 'node:timers/promises';
import { type Endpoint, serve } from '../handlers.ts';
import { nameOf, type Strike } from './field.ts';
import {
  errorOf,
  garbled,
  notTheServices,
  type Result,
  resultOf,
  type Service,
} from './services.ts';

const HANG_MS = 120_000;
/** What is given up arrives so much later. */
const LATE_MS = 400;

export interface FaultProxyOptions {
  readonly strike: Strike | undefined;
  /** Ends the process that calls. */
  kill(): void;
  /** Delivers its event again. */
  twice(): void;
  /** Looks at what every call has left that may have changed something. */
  changed(): Promise<void>;
}

/** Stands between the shipped bundles and the local services, and lets one call go wrong. */
export class FaultProxy {
  /** Every call, by name and number. */
  readonly calls: string[] = [];
  struck = false;
  /** What was said of jobs, whether it arrived or not. */
  readonly reports: Result[] = [];
  /** What has to be over before anybody looks at the outcome. */
  readonly late: Promise<unknown>[] = [];
  readonly #options: FaultProxyOptions;
  readonly #counts = new Map<string, number>();
  readonly #endpoints: Endpoint[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: FaultProxyOptions) {
    this.#options = options;
  }

  /** The port of an endpoint that leads to that service. */
  async before(service: Service, target: string): Promise<number> {
    const endpoint = await serve((request, response) =>
      this.#take(service, target, request, response),
    );
    this.#endpoints.push(endpoint);
    return endpoint.port;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()));
    await Promise.all(this.late);
  }

  async #take(
    service: Service,
    target: string,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    const { method = 'GET', url = '/' } = request;
    const body = await buffer(request);
    const headers = request.headers as Record<string, string>;
    const called = url.startsWith('/artifacts/') ? 'artifact' : service;
    const name = lasting(nameOf(called, { method, url, headers, body }));
    const number = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, number);
    const call = `${name} #${number}`;
    this.calls.push(call);
    if (called === 'pipeline') this.reports.push(resultOf({ headers, body }));
    const { strike, kill, twice, changed } = this.#options;
    const forward = async () => {
      const answer = await forwarded(target, method, url, headers, body);
      if (method !== 'GET' && method !== 'HEAD') await changed();
      return answer;
    };
    const strikes = !this.struck && strike?.call === call;
    if (!strikes) return end(response, method, await forward());
    this.struck = true;
    const { effect } = strike.fault;
    const pause = (ms: number) =>
      new Promise<void>((resolve) => this.#timers.add(setTimeout(resolve, ms)));
    switch (effect.kind) {
      case 'refused': {
        const { status } = effect;
        const wrong = effect.readable === false ? notTheServices(status) : errorOf(called, status);
        return end(response, method, wrong);
      }
      case 'broken':
        if (effect.done === true) await forward();
        if (effect.done === 'late')
          this.late.push(
            once(response, 'close')
              .then(() => passed(LATE_MS))
              .then(forward)
              .catch(() => {}),
          );
        if (!effect.silent) return void request.socket.resetAndDestroy();
        await pause(HANG_MS);
        return void response.destroy();
      case 'garbled': {
        if (effect.done === false) return end(response, method, notTheServices(200));
        return end(response, method, garbled(await forward(), effect.how));
      }
      case 'slow': {
        const answered = await forward();
        await pause(effect.ms);
        return end(response, method, answered);
      }
      case 'crash':
        if (effect.done) await forward();
        return kill();
      case 'twice':
        twice();
        return end(response, method, await forward());
      default:
        throw new Error(`no such fault here: ${effect.kind}`);
    }
  }
}

/** The revision of a release that a case makes. */
export const NEW_REVISION = 'fedcba9';

/** The same in every run: without the time and the id that a run gives its release and its job. */
const lasting = (name: string): string =>
  name
    .replace(new RegExp(`\\d{8}T\\d{6}Z-${NEW_REVISION}`, 'g'), 'NEW')
    .replace(/jobs\/[0-9a-f-]{36}/, 'jobs/JOB');

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly breaks?: boolean;
}

function forwarded(
  target: string,
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<Answer> {
  const { hostname, port } = new URL(target);
  return new Promise((resolve, reject) => {
    const host = hostname === 'localhost' ? '127.0.0.1' : hostname;
    ask({ host, port, path: url, method, headers, agent: false }, async (answer) => {
      const answered = await buffer(answer).catch(reject);
      if (answered === undefined) return;
      const { statusCode: status = 0, headers: said } = answer;
      resolve({ status, headers: said as Record<string, string>, body: answered });
    })
      .once('error', reject)
      .end(body);
  });
}

function end(response: ServerResponse, method: string, { status, headers, body, breaks }: Answer) {
  const { 'transfer-encoding': _, connection: __, ...rest } = headers;
  // Of a HEAD its own: there is no body to measure.
  const length =
    method === 'HEAD' ? rest['content-length'] : String(body.length + (breaks ? 9 : 0));
  response.writeHead(status, {
    ...rest,
    ...(length !== undefined && { 'content-length': length }),
  });
  if (!breaks) return void response.end(method === 'HEAD' ? undefined : body);
  response.write(body, () => response.socket?.resetAndDestroy());
}
