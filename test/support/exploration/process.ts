import { createHash } from 'node:crypto';
import type { CloudFrontKeyValueStoreClient } from '@aws-sdk/client-cloudfront-keyvaluestore';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../../../lambda/shared/clock.ts';
import type { Invocation } from '../../../lambda/shared/run-job.ts';
import { type Access, accessOf, probe } from './access.ts';
import type { ServiceName } from './account.ts';
import { Connection } from './connection.ts';
import type { Answered, Asked } from './exchange.ts';

/** A call that a process has sent, and that nobody has carried out yet. */
export interface Call {
  /** Nothing: a question to the site, which an edge answers. */
  readonly service: ServiceName | undefined;
  readonly asked: Asked;
  readonly access: Access;
  /** When it was signed, by the time of the world. */
  readonly at: number;
  resolve(answered: Answered): void;
  reject(error: Error): void;
}

interface Sleep {
  readonly ms: number;
  resolve(): void;
  reject(error: unknown): void;
}

export type End =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown };

/** The time that all processes share, in milliseconds since 1970. */
export interface WorldTime {
  now: number;
}

export interface ProcessOptions {
  readonly name: string;
  readonly time: WorldTime;
  /** How far its clock is ahead: of a process that begins later than others were stopped. */
  readonly aheadMs?: number;
  /** A sleep never takes less than this: a process may be held up at any time. */
  readonly leastSleepMs?: number;
  /** @default 14 minutes */
  readonly remainingMs?: number;
}

/**
 * One invocation of a function, or one run of the operator's command. Whatever it asks of AWS waits until
 * somebody decides that it is carried out; so does every sleep.
 */
export class Process {
  readonly name: string;
  readonly calls: Call[] = [];
  readonly sleeps: Sleep[] = [];
  /** Everything that it has seen so far, in one hash: two processes that agree in it do the same from here. */
  history = '';
  end: End | undefined;
  crashed = false;
  /** Grows whenever it does something that others can see. */
  activity = 0;
  readonly clock: Clock;
  readonly #options: ProcessOptions;
  #abort = new AbortController();
  readonly #timers: { readonly at: number; readonly controller: AbortController }[] = [];
  readonly #connection: Connection;
  #slept = 0;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.clock = { now: () => this.#now(), sleep: (ms, signal) => this.#sleep(ms, signal) };
    this.#connection = Connection.of(this);
  }

  get s3(): S3Client {
    return this.#connection.s3;
  }

  get store(): CloudFrontKeyValueStoreClient {
    return this.#connection.store;
  }

  get sleptMs(): number {
    return this.#slept;
  }

  invocation(): Invocation {
    return {
      endAt: this.#now() + (this.#options.remainingMs ?? 14 * 60_000),
      signal: this.#abort.signal,
      log: () => {},
    };
  }

  run(main: (process: Process) => Promise<unknown>): void {
    const ended = (end: End) => {
      this.end = end;
      this.activity += 1;
    };
    main(this).then(
      (value) => ended({ kind: 'returned', value }),
      (error) => ended({ kind: 'threw', error }),
    );
  }

  get over(): boolean {
    return this.crashed || this.end !== undefined;
  }

  remember(what: string): void {
    this.history = createHash('sha1').update(`${this.history}\n${what}`).digest('base64');
  }

  /** Lets the first sleep end. */
  wake(): void {
    const sleep = this.sleeps.shift();
    if (sleep === undefined) return;
    this.#slept += Math.max(sleep.ms, this.#options.leastSleepMs ?? 0);
    this.remember(`slept until ${this.#slept}`);
    sleep.resolve();
    this.tick();
  }

  /** A signal that aborts by the clock of this process. */
  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#timers.push({ at: this.#now() + ms, controller });
    return controller.signal;
  }

  /** Called when time has passed. */
  tick(): void {
    for (const { at, controller } of this.#timers) {
      if (at <= this.#now() && !controller.signal.aborted) {
        controller.abort(new DOMException('The operation timed out', 'TimeoutError'));
      }
    }
  }

  /** A new invocation of the same job. */
  begin(): void {
    if (this.crashed) throw new Error('the process is gone');
    this.#abort = new AbortController();
  }

  /** The time of the invocation is over. */
  stop(): void {
    this.#abort.abort();
  }

  /** What it still waits for is refused, so that it unwinds and leaves nothing behind. */
  discard(): void {
    this.crashed = true;
    this.#abort.abort();
    const gone = new Error('the process is gone');
    for (const { reject } of [...this.calls.splice(0), ...this.sleeps.splice(0)]) reject(gone);
  }

  release(): void {
    this.#connection.release();
  }

  /** A question to the site, as one of the calls. */
  ask(path: string, signal: AbortSignal): Promise<Answered> {
    const request = { method: 'GET', url: path, headers: {}, body: Buffer.alloc(0) };
    return this.#send(undefined, request, probe(path), signal);
  }

  send(service: ServiceName, request: Asked, signal?: AbortSignal): Promise<Answered> {
    return this.#send(service, request, accessOf(service, request), signal);
  }

  #send(
    service: ServiceName | undefined,
    request: Asked,
    access: Access,
    signal: AbortSignal | undefined,
  ): Promise<Answered> {
    return new Promise((resolve, reject) => {
      if (this.crashed) return reject(new Error('the process is gone'));
      const aborted = () => {
        const at = this.calls.indexOf(call);
        if (at >= 0) this.calls.splice(at, 1);
        reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }));
      };
      const call: Call = {
        service,
        asked: request,
        access,
        at: this.#options.time.now,
        resolve: (answered) => {
          signal?.removeEventListener('abort', aborted);
          resolve(answered);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', aborted);
          reject(error);
        },
      };
      if (signal?.aborted) return aborted();
      signal?.addEventListener('abort', aborted, { once: true });
      this.calls.push(call);
      this.activity += 1;
    });
  }

  #now(): number {
    return this.#options.time.now + (this.#options.aheadMs ?? 0) + this.#slept;
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.crashed) return reject(new Error('the process is gone'));
      if (signal?.aborted) return reject(signal.reason);
      const aborted = () => {
        const at = this.sleeps.indexOf(sleep);
        if (at >= 0) this.sleeps.splice(at, 1);
        reject(signal?.reason);
      };
      const sleep: Sleep = {
        ms,
        resolve: () => {
          signal?.removeEventListener('abort', aborted);
          resolve();
        },
        reject,
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.sleeps.push(sleep);
      this.activity += 1;
    });
  }
}
