import type { Invocation } from '../../../lambda/shared/run-job.ts';
import { accessOf } from '../exploration/access.ts';
import type { Account, ServiceName, State } from '../exploration/account.ts';
import type { Answered, Asked } from '../exploration/exchange.ts';
import { Invariants } from '../exploration/invariants.ts';
import { route } from '../exploration/router.ts';
import { BEGIN } from '../exploration/world.ts';
import type { Fault, Lasting } from './kinds.ts';
import { LASTING } from './kinds.ts';
import { executionAnswer, Mails } from './notifications.ts';
import { coarse, Process } from './process.ts';
import { errorOf, garbled, Invalidations, Jobs, notTheServices, type Service } from './services.ts';
import { inTime, VirtualTime } from './time.ts';

/** Where a fault strikes: a call by its name and how often it was made before. */
export interface Strike {
  readonly call: string;
  readonly fault: Fault;
  readonly lasting: Lasting;
}

/** What one answer takes. */
const LATENCY_MS = 20;

/** As exact as the times of objects are: see `coarse`. */
const OBJECTS_MS = 60 * 60_000;

/** What a client gives a call before it gives it up: `TIMEOUTS` of the functions. */
const PATIENCE_MS = 8_000;

export interface FieldOptions {
  readonly account: Account;
  readonly state: State;
  readonly strike?: Strike;
  /** Whether the site fails its health check. @default false */
  readonly isSick?: boolean;
  /** What an invalidation takes. @default 10 seconds */
  readonly invalidationMs?: number;
  /** Does it all, on this field. */
  readonly meanwhile?: (field: Field, who: 'publishes' | 'cleans up') => Promise<void>;
  readonly begin?: number;
}

/** The services and the time, and what goes wrong between them and the functions. */
export class Field {
  readonly account: Account;
  state: State;
  readonly time: VirtualTime;
  readonly jobs = new Jobs();
  readonly mails = new Mails();
  readonly invalidations: Invalidations;
  readonly invariants: Invariants;
  /** Every call, by name and number, as `GetKey live #2`. */
  readonly calls: string[] = [];
  readonly processes: Process[] = [];
  readonly trace: string[] = [];
  struck = false;
  isSick: boolean;
  readonly #options: FieldOptions;
  #struckUntil = Number.NEGATIVE_INFINITY;
  readonly #counts = new Map<string, number>();
  readonly #duplicates: (() => void)[] = [];

  constructor(options: FieldOptions) {
    this.#options = options;
    this.account = options.account;
    this.state = options.state;
    this.isSick = options.isSick ?? false;
    this.time = new VirtualTime(options.begin ?? BEGIN);
    this.invalidations = new Invalidations(options.invalidationMs ?? 10_000);
    this.invariants = new Invariants(options.account);
  }

  /** Runs one process to its end, with whatever else is on the field. */
  async run<T>(
    main: (process: Process, invocation: Invocation) => Promise<T>,
    lifeMs: number,
  ): Promise<Process> {
    const process = new Process(this, lifeMs);
    this.processes.push(process);
    const begin = (one: Process) => one.run(() => main(one, one.invocation()));
    this.#duplicates.push(() => {
      const twin = new Process(this, lifeMs);
      this.processes.push(twin);
      begin(twin);
    });
    await inTime(this.time, async () => {
      begin(process);
      while (this.processes.some((one) => !one.over)) {
        await this.#quiet();
        if (this.processes.every((one) => one.over)) break;
        if (!(await this.time.next())) break;
      }
    });
    this.#duplicates.pop();
    for (const one of this.processes.splice(0)) await one.release();
    return process;
  }

  /** What happens after all processes are through: requests that are on their way still. */
  async pass(ms: number): Promise<void> {
    const end = this.time.now + ms;
    let isOver = false;
    this.time.after(ms, () => {
      isOver = true;
    });
    await inTime(this.time, async () => {
      while (!isOver) {
        if (!(await this.time.next())) break;
        await this.#quiet();
      }
    });
    this.time.now = Math.max(this.time.now, end);
  }

  /** A call of a process, on its way to a service. */
  take(process: Process, service: Service, asked: Asked, signal?: AbortSignal): Promise<Answered> {
    // Whoever is gone sends nothing any more.
    if (process.isGone) return new Promise((_, reject) => process.pends(reject));
    const name = nameOf(service, asked);
    const number = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, number);
    const call = `${name} #${number}`;
    this.calls.push(call);
    if (service === 'pipeline' && Jobs.isResult(asked)) this.jobs.offer(process, asked);
    const strike = this.#strikeOf(call, name);
    return new Promise<Answered>((resolve, reject) => {
      const waited = process.waits();
      const unlist = process.pends(reject);
      let isOver = false;
      const settled = () => {
        if (isOver) return false;
        isOver = true;
        if (!process.isGone) unlist();
        signal?.removeEventListener('abort', abort);
        waited();
        return true;
      };
      const abort = () => {
        if (settled()) reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }));
      };
      const answer = (answered: Answered) => {
        if (process.isGone || !settled()) return;
        this.trace.push(`${this.#at()} ${call} → ${answered.status}`);
        resolve(answered);
      };
      const broken = (error: Error) => {
        if (process.isGone || !settled()) return;
        this.trace.push(`${this.#at()} ${call} → ${error.message}`);
        reject(error);
      };
      const later = (ms: number, act: () => unknown) => this.time.after(ms, act, call);
      const carryOut = () => this.#carryOut(service, asked);
      if (signal?.aborted) return abort();
      const effect = strike?.fault.effect;
      if (effect !== undefined) this.trace.push(`${this.#at()} ${call}: ${strike?.fault.name}`);
      if (effect?.kind !== 'stalled') signal?.addEventListener('abort', abort);
      switch (effect?.kind) {
        case undefined:
          return void later(LATENCY_MS, async () => answer(await carryOut()));
        case 'refused':
          return void later(LATENCY_MS, () =>
            answer(
              effect.readable === false
                ? notTheServices(effect.status)
                : errorOf(service, effect.status),
            ),
          );
        case 'broken': {
          const error = effect.silent ? TIMED_OUT() : RESET();
          return void later(effect.silent ? PATIENCE_MS : LATENCY_MS, async () => {
            if (effect.done === true) await carryOut();
            broken(error);
            if (effect.done === 'late') this.time.after(400, carryOut, call);
          });
        }
        case 'garbled':
          return void later(LATENCY_MS, async () => {
            if (effect.done === false) return answer(notTheServices(200));
            return answer(garbled(await carryOut(), effect.how));
          });
        case 'slow':
          return void later(effect.ms, async () => answer(await carryOut()));
        case 'crash':
          return void later(LATENCY_MS, async () => {
            if (effect.done) await carryOut();
            settled();
            process.vanish();
          });
        case 'stalled':
          return;
        case 'clock':
          process.skewMs += effect.ms;
          return void later(LATENCY_MS, async () => answer(await carryOut()));
        case 'twice':
          this.#duplicates.at(-1)?.();
          return void later(LATENCY_MS, async () => answer(await carryOut()));
        case 'meanwhile':
          return void later(LATENCY_MS, async () => {
            const { strike: _, ...rest } = this.#options;
            const other = new Field({ ...rest, state: this.state, begin: this.time.now });
            await this.#options.meanwhile?.(other, effect.who);
            this.state = other.state;
            answer(await carryOut());
          });
      }
    });
  }

  #at(): string {
    return `${((this.time.now - (this.#options.begin ?? BEGIN)) / 1_000).toFixed(2).padStart(8)} s`;
  }

  #strikeOf(call: string, name: string): Strike | undefined {
    const { strike } = this.#options;
    if (strike === undefined) return undefined;
    if (!this.struck && strike.call === call) {
      this.struck = true;
      this.#struckUntil = this.time.now + LASTING[strike.lasting];
      return strike;
    }
    const isSame = operationOf(name) === operationOf(strike.call);
    return isSame && this.time.now < this.#struckUntil ? strike : undefined;
  }

  async #carryOut(service: Service, asked: Asked): Promise<Answered> {
    const { now } = this.time;
    if (service === 'pipeline') {
      return Jobs.isResult(asked) ? this.jobs.answer(asked) : executionAnswer(asked);
    }
    if (service === 'sns') return this.mails.answer(asked);
    if (service === 'cloudfront') return this.invalidations.answer(asked, now);
    if (service === 'site') return this.#visit(asked.url);
    if (service === 'artifact') return { status: 200, headers: {}, body: asked.body };
    const request = withSmallPages(asked);
    const at = coarse(now, OBJECTS_MS);
    const { answered, next } = await this.account.answer(this.state, service, request, at);
    const isChanged = next !== this.state;
    this.state = next;
    if (isChanged) await this.invariants.check(next);
    return answered;
  }

  /** As an edge: the shipped router, then the bucket. */
  async #visit(path: string): Promise<Answered> {
    const { objects, items } = this.state.contents;
    const { statusCode, body = '', uri } = await route(items.live, path);
    const isHealth = uri !== undefined;
    const key = decodeURIComponent((uri ?? '/').slice(1));
    const found = objects.has(key) ? 200 : 404;
    const status = isHealth ? (this.isSick ? 503 : found) : (statusCode ?? 200);
    return { status, headers: {}, body: Buffer.from(body) };
  }

  /** Until everybody waits for something, or is through. */
  async #quiet(): Promise<void> {
    const activity = () => this.processes.reduce((sum, one) => sum + one.activity, 0);
    let idle = 0;
    for (let quiet = 0, last = activity(); quiet < 2; ) {
      await new Promise(setImmediate);
      const now = activity();
      idle = now === last && !isReading() ? idle + 1 : 0;
      // Whoever waits for nothing but a timer that it has set looks as if it were thinking.
      const isThinking = this.processes.some((one) => one.isThinking) && idle < THOUGHT_TURNS;
      quiet = idle > 0 && !isThinking ? quiet + 1 : 0;
      last = now;
    }
  }
}

/** Nobody thinks for longer without a disk. */
const THOUGHT_TURNS = 50;

/** Whether this thread waits for a disk. */
const isReading = (): boolean =>
  globalThis.process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq)/.test(name));

const RESET = () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const TIMED_OUT = () =>
  Object.assign(new Error(`Request did not complete within ${PATIENCE_MS} ms`), {
    name: 'TimeoutError',
  });

export function nameOf(service: Service, asked: Asked): string {
  if (service === 's3' || service === 'store') {
    return accessOf(service as ServiceName, asked).label;
  }
  if (service === 'pipeline') return String(asked.headers['x-amz-target']).replace(/^.*\./, '');
  if (service === 'cloudfront') {
    return asked.method === 'POST' ? 'CreateInvalidation' : 'GetInvalidation';
  }
  if (service === 'sns') return 'Publish';
  return service === 'artifact' ? 'GetObject the artifact' : `GET ${asked.url}`;
}

const operationOf = (name: string): string => name.split(' ')[0] as string;

/** So that a listing of a few keys has several pages. */
function withSmallPages(asked: Asked): Asked {
  if (!/[?&]list-type=2/.test(asked.url) || asked.url.includes('max-keys')) return asked;
  return { ...asked, url: `${asked.url}&max-keys=3` };
}
