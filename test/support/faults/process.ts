import type { CloudFrontKeyValueStoreClient } from '@aws-sdk/client-cloudfront-keyvaluestore';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../../../lambda/shared/clock.ts';
import type { Invocation } from '../../../lambda/shared/run-job.ts';
import type { ServiceName } from '../exploration/account.ts';
import { Connection } from '../exploration/connection.ts';
import type { Answered, Asked } from '../exploration/exchange.ts';
import { Clients } from './clients.ts';
import type { Field } from './field.ts';
import type { Service } from './services.ts';

/** One invocation of a function, or one run of the operator's command, in the time of the field. */
export class Process {
  /** How far its clock is ahead of the truth. */
  skewMs = 0;
  /** Vanished without an end: crashed, or out of Lambda's time. */
  isGone = false;
  ended: { readonly value: unknown } | { readonly error: unknown } | undefined;
  activity = 0;
  readonly clock: Clock;
  readonly clients: Clients;
  readonly #field: Field;
  readonly #connection: Connection;
  readonly #endAt: number;
  readonly #pending = new Set<(error: Error) => void>();
  #waiting = 0;
  #isDiscarded = false;

  constructor(field: Field, lifeMs: number) {
    this.#field = field;
    this.#endAt = field.time.now + lifeMs;
    this.clock = {
      now: () => coarse(field.time.now, CLOCK_MS) + this.skewMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
    const send = (service: Service, asked: Asked, signal?: AbortSignal) =>
      this.send(service, asked, signal);
    this.#connection = Connection.of({
      send: (service: ServiceName, asked, signal) => send(service, asked, signal),
    });
    this.clients = Clients.of(send);
    // Lambda ends whatever has not ended by then.
    this.after(lifeMs, () => this.vanish());
  }

  get s3(): S3Client {
    return this.#connection.s3;
  }

  get store(): CloudFrontKeyValueStoreClient {
    return this.#connection.store;
  }

  remainingMs(): number {
    return this.#endAt - this.#field.time.now;
  }

  /** Of a process without CodePipeline: the clean-up, or the operator's command. */
  invocation(): Invocation {
    const leftMs = this.remainingMs() - 10_000;
    return {
      endAt: this.clock.now() + leftMs,
      signal: this.#field.time.timeout(leftMs),
      log: () => {},
    };
  }

  run(main: () => Promise<unknown>): void {
    const ended = (how: NonNullable<Process['ended']>) => {
      // Of one that is gone, it is only what it left that unwinds.
      if (!this.isGone) this.ended ??= how;
      this.activity += 1;
    };
    main().then(
      (value) => ended({ value }),
      (error) => ended({ error }),
    );
  }

  get over(): boolean {
    return this.isGone || this.ended !== undefined;
  }

  get isThinking(): boolean {
    return !this.over && this.#waiting === 0;
  }

  vanish(): void {
    if (this.over) return;
    this.isGone = true;
    this.activity += 1;
  }

  /** Its clients may serve others once nothing of it is under way any more. */
  async release(): Promise<void> {
    // What still waits is refused, so that it unwinds and leaves nothing open behind.
    this.#isDiscarded = true;
    for (const refuse of [...this.#pending]) refuse(new Error('the process is gone'));
    if (this.isGone) await new Promise(setImmediate);
    this.#connection.release();
    this.clients.release();
  }

  /** Something that it waits for. @returns what to call when that is over. */
  pends(refuse: (error: Error) => void): () => void {
    this.#pending.add(refuse);
    return () => this.#pending.delete(refuse);
  }

  /** @returns what to call when the waiting is over. */
  waits(): () => void {
    this.#waiting += 1;
    this.activity += 1;
    return () => {
      this.#waiting -= 1;
      this.activity += 1;
    };
  }

  after(ms: number, action: () => void): () => void {
    return this.#field.time.after(ms, () => {
      if (!this.over) action();
    });
  }

  ask(path: string, signal: AbortSignal): Promise<Answered> {
    return this.send('site', { method: 'GET', url: path, headers: {}, body: EMPTY }, signal);
  }

  send(service: Service, asked: Asked, signal?: AbortSignal): Promise<Answered> {
    if (this.#isDiscarded) return Promise.reject(new Error('the process is gone'));
    return this.#field.take(this, service, asked, signal);
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#isDiscarded) return Promise.reject(new Error('the process is gone'));
    return new Promise((resolve, reject) => {
      this.pends(reject);
      if (signal?.aborted) return reject(signal.reason);
      const over = this.waits();
      const aborted = () => {
        cancel();
        over();
        reject(signal?.reason);
      };
      const cancel = this.#field.time.after(ms, () => {
        signal?.removeEventListener('abort', aborted);
        over();
        if (!this.isGone) resolve();
      });
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * Clocks tick so seldom that most cases write the same texts at the same time: what the services answered then is known,
 * and asked once for thousands of cases.
 */
const CLOCK_MS = 10_000;

export const coarse = (ms: number, tickMs: number): number => Math.floor(ms / tickMs) * tickMs;
