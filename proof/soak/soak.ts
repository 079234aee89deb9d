import { join } from 'node:path';
import type { RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { aDirectory, anAssembly } from '../../test/support/local-stack.ts';
import { Server } from './child.ts';
import { type End, Judge } from './judge.ts';
import { Load } from './load.ts';
import {
  growthIn,
  type Kind,
  type MostGrowth,
  type Sample,
  type Trend,
  trendOf,
} from './memory.ts';
import { FOLDER, Pushes } from './pushes.ts';
import { siteOf } from './site.ts';

export interface SoakOptions {
  readonly milliseconds: number;
  /** Requests a second. */
  readonly rate: number;
  /** From one push to the next, in milliseconds. */
  readonly pushEvery: number;
  readonly mostGrowth: MostGrowth;
}

export interface SoakResult {
  readonly sent: number;
  readonly answered: number;
  readonly ends: Readonly<Record<End, number>>;
  readonly cleanUps: number;
  /** In microseconds. */
  readonly latency: RecordableHistogram;
  readonly memory: Readonly<Record<Kind, Trend>>;
  /** Whether what memory grows by was held against what it may. */
  readonly judgedMemory: boolean;
  /** Everything that is not as it must be; empty if nothing. */
  readonly problems: readonly string[];
}

/** So many pushes at a time, in every third turn. */
const BURST = 3;
const SAMPLES = 60;
/** Pushes from one clean-up to the next. */
const PUSHES_PER_CLEAN_UP = 4;
/** Of all the time, this much is the start: caches fill, code is compiled. */
const WARM_UP = 1 / 3;

/** Puts the local stack under load from this process, and returns what came of it. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const assembly = await anAssembly({
    name: 'soak',
    build: { kind: 'folder', directory: FOLDER },
    immutable: ['assets/*'],
    retention: { newest: 3, days: 0 },
    accessLogs: {},
  });
  const scratch = await aDirectory('soak');
  const server = await Server.start(assembly, join(scratch, 'state'));
  const stopped = new AbortController();
  try {
    const clone = join(scratch, 'clone');
    const pushes = await Pushes.of(clone, server.target, stopped.signal);
    return await new Soak(options, server, pushes).run();
  } finally {
    stopped.abort();
    await server.stop();
  }
}

class Soak {
  readonly #judge = new Judge();
  readonly #ends: Record<End, number> = { published: 0, superseded: 0, failed: 0 };
  readonly #samples: Sample[] = [];
  readonly #problems: string[] = [];
  #release = -1;
  #cleanUps = 0;

  constructor(
    private readonly options: SoakOptions,
    private readonly server: Server,
    private readonly pushes: Pushes,
  ) {}

  async run(): Promise<SoakResult> {
    const { milliseconds, rate } = this.options;
    await (await this.#push()).ended;
    const over = AbortSignal.timeout(milliseconds);
    const load = new Load(this.server.target.siteUrl, this.#judge);
    // The load goes on until the last push is through.
    const pushed = new AbortController();
    await Promise.all([
      load.run(rate, pushed.signal),
      this.#sampleUntil(over),
      this.#pushUntil(over).finally(() => pushed.abort()),
    ]);
    await this.#lookAtTheEnd();
    this.#judge.finish();
    const { memory, growth } = this.#lookAtMemory();
    const { sent, answered, latency } = load;
    const unanswered = sent - answered;
    return {
      ...{ sent, answered, latency, memory, ends: this.#ends, cleanUps: this.#cleanUps },
      judgedMemory: growth !== undefined,
      problems: [
        ...this.#problems,
        ...(growth ?? []),
        ...(unanswered > 0 ? [`${unanswered} of ${sent} requests were not answered`] : []),
        ...(this.#judge.wrong > 0 ? [`${this.#judge.wrong} things are not as they must be:`] : []),
        ...this.#judge.problems,
      ],
    };
  }

  /** Resolves when the pipeline has begun; how it ends is noted when it does. */
  async #push(): Promise<{ readonly ended: Promise<void> }> {
    this.#release += 1;
    const release = this.#release;
    this.#judge.pushing(release);
    const push = await this.pushes.push(release);
    await push.begun;
    const ended = push.ended.then(({ end, said }) => {
      this.#ends[end] += 1;
      this.#judge.ended(release, end);
      if (end === 'failed') this.#problems.push(`release ${release}: ${said}`);
    });
    return { ended };
  }

  async #pushUntil(over: AbortSignal): Promise<void> {
    const underWay: Promise<void>[] = [];
    for (let turn = 1; !over.aborted; turn += 1) {
      const count = turn % 3 === 0 ? BURST : 1;
      for (let one = 0; one < count; one += 1) underWay.push((await this.#push()).ended);
      if (turn % PUSHES_PER_CLEAN_UP === 0) underWay.push(this.#cleanUp());
      await sleep(this.options.pushEvery, undefined, { signal: over }).catch(() => {});
    }
    await Promise.all(underWay);
  }

  async #cleanUp(): Promise<void> {
    try {
      await this.server.cleanUp();
      this.#cleanUps += 1;
    } catch (error) {
      this.#problems.push(`clean-up: ${(error as Error).message}`);
    }
  }

  async #sampleUntil(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      this.#samples.push(await this.server.sample());
      const every = this.options.milliseconds / SAMPLES;
      await sleep(every, undefined, { signal: over }).catch(() => {});
    }
    this.#samples.push(await this.server.sample());
  }

  /** The last push is what visitors get: all of it, whatever was superseded on the way. */
  async #lookAtTheEnd(): Promise<void> {
    for (const [path, content] of siteOf(this.#release)) {
      const answer = await fetch(`${this.server.target.siteUrl}/${path}`);
      if (answer.status === 200 && (await answer.text()) === content) continue;
      this.#problems.push(`/${path}: in the end not what the last push, ${this.#release}, brought`);
    }
  }

  #lookAtMemory() {
    const { milliseconds, mostGrowth } = this.options;
    const from = (this.#samples[0]?.time ?? 0) + milliseconds * WARM_UP;
    const warm = this.#samples.filter(({ time }) => time >= from);
    const memory = {
      heap: trendOf(warm, 'heap'),
      external: trendOf(warm, 'external'),
      rss: trendOf(warm, 'rss'),
    };
    return { memory, growth: growthIn(memory, milliseconds, mostGrowth) };
  }
}
