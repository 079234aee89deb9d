import { type Access, LOCAL, TIME } from './access.ts';
import type { Account, State } from './account.ts';
import type { Actor, Cores } from './actors.ts';
import type { Answered } from './exchange.ts';
import { Invariants, type Violation } from './invariants.ts';
import { type Call, Process, type WorldTime } from './process.ts';
import { route } from './router.ts';

/** Where all begin: after the releases of the setup, an hour later. */
export const BEGIN = Date.UTC(2026, 10, 23, 7);

/** What becomes of a call. */
export type Fate =
  /** It is carried out, and the answer comes. */
  | 'done'
  /** It is carried out, and the connection breaks before the answer. */
  | 'answer lost'
  /** The connection breaks before it is carried out. */
  | 'request lost'
  /** As `request lost`, but it is on its way still, and may be carried out later. */
  | 'late'
  /** The process vanishes before it is carried out, or after. */
  | 'crash before'
  | 'crash after';

export interface Beginning {
  readonly account: Account;
  readonly state: State;
}

/** What befalls the first call of a process that fits. */
export interface Fated {
  readonly process: string;
  readonly call: RegExp;
  readonly fate: Fate;
}

export interface Scene {
  readonly actors: readonly Actor[];
  /** What stands there at the beginning. */
  readonly begin: Beginning;
  readonly cores: Cores;
  /** A sleep never takes less than this. A clean-up that waits looks the fewer times. */
  readonly leastSleepMs?: number;
  /** How often a job that crashed is delivered again. @default 0 */
  readonly redeliveries?: number;
  readonly fates?: readonly Fated[];
  /** What the plot promises besides, of an end without faults. @returns what is wrong */
  readonly promised?: (world: World) => string | undefined;
}

interface Line {
  readonly process: string;
  readonly what: string;
  readonly said: string;
}

/** Requests that are signed longer ago than this are refused by S3, as by most of AWS. */
const SIGNATURE_MS = 15 * 60_000;

let running: Process | undefined;
let restore: (() => void) | undefined;

/** Timeouts that the functions' code makes run by the time of the world, from here until `useRealTime`. */
export function useWorldTime(): void {
  if (restore) return;
  const real = AbortSignal.timeout;
  AbortSignal.timeout = (ms) => running?.timeout(ms) ?? real.call(AbortSignal, ms);
  restore = () => {
    AbortSignal.timeout = real;
  };
}

export function useRealTime(): void {
  restore?.();
  restore = undefined;
}

export const counts = { worlds: 0, steps: 0, checks: 0, ends: 0 };

/** Several actors on one account, each step of each decided from outside. */
export class World {
  readonly scene: Scene;
  readonly account: Account;
  state: State;
  readonly invariants: Invariants;
  readonly trace: Line[] = [];
  readonly processes: Process[] = [];
  readonly actorOf = new Map<Process, Actor>();
  readonly #time: WorldTime = { now: BEGIN };
  readonly #left = new Map<Actor, number>();
  readonly #fates: Fated[];
  /** Requests on their way whose process has given them up. */
  readonly late: { readonly process: Process; readonly call: Call }[] = [];

  static async of(scene: Scene): Promise<World> {
    counts.worlds += 1;
    useWorldTime();
    const world = new World(scene);
    await world.invariants.check(world.state);
    for (const actor of scene.actors) await world.#begin(actor, actor.name, actor.aheadMs ?? 0);
    return world;
  }

  private constructor(scene: Scene) {
    this.scene = scene;
    this.account = scene.begin.account;
    this.state = scene.begin.state;
    this.invariants = new Invariants(this.account);
    this.#fates = [...(scene.fates ?? [])];
  }

  async #begin(actor: Actor, name: string, aheadMs: number): Promise<Process> {
    const { leastSleepMs = 0 } = this.scene;
    const begun = new Process({ name, time: this.#time, aheadMs, leastSleepMs });
    this.processes.push(begun);
    this.actorOf.set(begun, actor);
    await this.#let(begun, () => begun.run((it) => actor.run(it, this.scene.cores)));
    return begun;
  }

  /** Adds somebody and lets them run to their end, undisturbed. */
  async alone(actor: Actor): Promise<Process> {
    const process = await this.#begin(actor, actor.name, actor.aheadMs ?? 0);
    while (!process.over) await this.step(process);
    return process;
  }

  /** Who has something to do. */
  get able(): Process[] {
    return this.processes.filter((one) => !one.over && one.calls.length + one.sleeps.length > 0);
  }

  /** What a process does next: a call, in a fixed order if it has sent several; or its sleep ends. */
  next(process: Process): Access {
    if (this.actorOf.get(process)?.passesMs !== undefined) return TIME;
    return callOf(process)?.access ?? LOCAL;
  }

  /** Carries out what a process does next, and lets it go on to where it waits again. */
  async step(process: Process, given: Fate = 'done', which = 0): Promise<void> {
    counts.steps += 1;
    const call = callOf(process, which);
    const fate = given === 'done' ? this.#fated(process, call) : given;
    if (call === undefined) {
      const { passesMs } = this.actorOf.get(process) as Actor;
      if (passesMs === undefined) this.#say(process, 'has slept', '');
      else await this.pass(passesMs);
      await this.#let(process, () => process.wake());
      return this.#look(process, false);
    }
    process.calls.splice(process.calls.indexOf(call), 1);
    if (fate === 'late') this.late.push({ process, call });
    const isCarriedOut = fate === 'done' || fate === 'answer lost' || fate === 'crash after';
    const answered = isCarriedOut ? await this.#carryOut(process, call) : undefined;
    this.#say(process, call.access.label, saidBy(fate, answered));
    if (fate === 'crash before' || fate === 'crash after') await this.#crash(process);
    else {
      await this.#let(process, () => {
        if (answered && fate === 'done') {
          process.remember(memoryOf(call, answered));
          call.resolve(answered);
        } else {
          process.remember(`${call.access.label} ${fate}`);
          call.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
        }
      });
    }
    await this.#look(process, wrote(call, answered));
  }

  /** What the plot has in store for a call: each such fate befalls the first call that it fits. */
  #fated({ name }: Process, call: Call | undefined): Fate {
    const fits = this.#fates.findIndex(
      (one) => one.process === name && call !== undefined && one.call.test(call.access.label),
    );
    return fits < 0 ? 'done' : (this.#fates.splice(fits, 1)[0]?.fate ?? 'done');
  }

  /** What was given up by its process is carried out after all, unless it is too late for that. */
  async arrive(which: number): Promise<void> {
    const [late] = this.late.splice(which % this.late.length, 1);
    if (late === undefined) return;
    counts.steps += 1;
    const { process, call } = late;
    const answered = await this.#carryOut(process, call);
    this.#say(process, call.access.label, `${saidBy('done', answered)}, late`);
    await this.#look(process, wrote(call, answered));
  }

  /** Time passes for all of them. */
  async pass(ms: number): Promise<void> {
    this.#time.now += ms;
    this.trace.push({ process: '', what: `${ms / 60_000} minutes pass`, said: '' });
    for (const [index, process] of this.processes.entries()) {
      const actor = this.actorOf.get(process) as Actor;
      if (process.over || actor.passesMs !== undefined) continue;
      if (process.history !== '') await this.#let(process, () => process.tick());
      else {
        // Whoever has done nothing yet may as well begin only now.
        await this.#let(process, () => process.discard());
        this.processes[index] = await this.#begin(actor, process.name, actor.aheadMs ?? 0);
        this.processes.pop();
        process.release();
      }
    }
  }

  /** The invocation's time is over: the work is told to stop. */
  async stop(process: Process): Promise<void> {
    this.#say(process, 'is told to stop', '');
    await this.#let(process, () => process.stop());
    await this.#look(process, false);
  }

  /** Two worlds of the same scene that agree in it have the same future. */
  hash(): string {
    const processes = this.processes.map(
      ({ name, history, end, crashed }) =>
        `${name} ${history}${end ? '.' : ''}${crashed ? '!' : ''}`,
    );
    return [this.state.hash, ...processes].join('\n');
  }

  /** The same without what the processes know: what the end of a schedule leaves behind. */
  remains(): string {
    const { objects, items } = this.state.contents;
    const { pruned: _, ...rest } = items;
    return JSON.stringify([[...objects], rest, [...this.invariants.pinned]]);
  }

  get violation(): Violation | undefined {
    return this.invariants.violation;
  }

  /** What happened, for people. */
  story(): string {
    const width = Math.max(...this.trace.map(({ process }) => process.length));
    return this.trace
      .map(
        ({ process, what, said }) => `  ${process.padEnd(width)}  ${what}${said && ` → ${said}`}`,
      )
      .join('\n');
  }

  async end(): Promise<void> {
    await this.#let(undefined, () => {
      for (const process of this.processes) process.discard();
    });
    for (const process of this.processes) process.release();
  }

  async #crash(process: Process): Promise<void> {
    await this.#let(process, () => process.discard());
    const actor = this.actorOf.get(process) as Actor;
    const left = this.#left.get(actor) ?? this.scene.redeliveries ?? 0;
    if (left === 0) return;
    this.#left.set(actor, left - 1);
    // CodePipeline's events come at least once; a person tries again.
    await this.#begin(actor, `${process.name}′`, (actor.aheadMs ?? 0) + process.sleptMs + 2_000);
  }

  async #carryOut(process: Process, call: Call): Promise<Answered> {
    if (call.service === undefined) return this.#probe(call.asked.url);
    if (this.#time.now - call.at > SIGNATURE_MS) return TOO_OLD;
    const before = this.state.contents;
    const { service, asked } = call;
    const { answered, next } = await this.account.answer(
      this.state,
      service,
      asked,
      this.#time.now,
    );
    this.state = next;
    if (wrote(call, answered)) {
      const actor = this.actorOf.get(process) as Actor;
      this.invariants.written(actor, process.name, before, next.contents);
    }
    return answered;
  }

  async #probe(path: string): Promise<Answered> {
    const { items } = this.state.contents;
    const answer = await route(items.live, path);
    const status = answer.statusCode ?? 200;
    return { status, headers: {}, body: Buffer.from(answer.body ?? '') };
  }

  async #look(process: Process, isChanged: boolean): Promise<void> {
    const actor = this.actorOf.get(process) as Actor;
    if (process.end) this.invariants.ended(actor, process.name, process.end);
    else if (!isChanged) return;
    counts.checks += 1;
    await this.invariants.check(this.state);
  }

  #say({ name }: Process, what: string, said: string): void {
    this.trace.push({ process: name, what, said });
  }

  /** Lets a process go on, and returns when it waits for an answer, sleeps or is through. */
  async #let(process: Process | undefined, goOn: () => void): Promise<void> {
    const observed = process ? [process] : this.processes;
    const activity = () => observed.reduce((sum, one) => sum + one.activity, 0);
    running = process;
    goOn();
    for (let quiet = 0, last = activity(); quiet < 2; ) {
      await new Promise(setImmediate);
      const now = activity();
      quiet = now === last && !observed.some(isThinking) && !isReading() ? quiet + 1 : 0;
      last = now;
    }
    running = undefined;
  }
}

/** Whoever neither waits nor is through goes on by itself. */
const isThinking = ({ over, calls, sleeps }: Process): boolean =>
  !over && calls.length + sleeps.length === 0;

/** Whether this thread waits for a disk: of several calls, those are still to come that send a file. */
const isReading = (): boolean =>
  globalThis.process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq)/.test(name));

/** In a fixed order, since those that are sent together are sent in any. */
function callOf({ calls }: Process, which = 0): Call | undefined {
  if (calls.length < 2) return calls[0];
  const sorted = [...calls].sort((a, b) => (a.access.label < b.access.label ? -1 : 1));
  return sorted[which % sorted.length];
}

const wrote = ({ access }: Call, answered: Answered | undefined): boolean =>
  access.writes.length > 0 && answered !== undefined && answered.status < 300;

/** What a process learns from an answer, without what nobody reads. */
function memoryOf({ service, access, asked }: Call, { status, headers, body }: Answered): string {
  const text = body.toString();
  let learnt = headers.etag ?? '';
  if (service === undefined) learnt = text;
  if (service === 'store') {
    const isKey = asked.method === 'GET' && status === 200 && learnt === '';
    if (isKey) learnt = JSON.parse(text).Value;
  }
  if (service === 's3' && access.label.startsWith('List')) {
    learnt = [...text.matchAll(/<(?:Key|Prefix|Size)>[^<]*/g)].join();
  }
  return `${access.label}: ${status} ${learnt}`;
}

function saidBy(fate: Fate, answered: Answered | undefined): string {
  const said = answered === undefined ? '' : String(answered.status);
  const error = answered && /<Code>(\w+)/.exec(answered.body.toString())?.[1];
  return [said, error, fate === 'done' ? '' : fate].filter(Boolean).join(' ');
}

const TOO_OLD: Answered = {
  status: 403,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(
    '<Error><Code>RequestTimeTooSkewed</Code><Message>The request is too old</Message></Error>',
  ),
};
