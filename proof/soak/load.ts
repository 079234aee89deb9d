import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Judge } from './judge.ts';
import { ERROR_PAGE, PAGE, SCRIPT, START_PAGE } from './site.ts';

/** Connections are few and stay open, as those between a load balancer and its server. */
const CONNECTIONS = 64;
/** Whoever has no answer by then has none. Long, since what is only slow shows in the latency. */
const LONGEST_MS = 120_000;
const TICK_MS = 5;

/** Sends requests at a rate, whether or not the ones before are answered, and has every answer judged. */
export class Load {
  /** From when a request was due to the last byte of its answer, in microseconds. */
  readonly latency: RecordableHistogram = createHistogram();
  sent = 0;
  answered = 0;
  readonly #agent = new Agent({
    connections: CONNECTIONS,
    headersTimeout: LONGEST_MS,
    bodyTimeout: LONGEST_MS,
  });
  readonly #underWay = new Set<Promise<void>>();

  constructor(
    private readonly siteUrl: string,
    private readonly judge: Judge,
  ) {}

  /** Resolves when the last request that was due before the signal is answered or lost. */
  async run(perSecond: number, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    while (!signal.aborted) {
      const now = performance.now();
      for (; began + (this.sent * 1000) / perSecond <= now; this.sent += 1) {
        const due = began + (this.sent * 1000) / perSecond;
        const one = this.#one(this.sent, due).finally(() => this.#underWay.delete(one));
        this.#underWay.add(one);
      }
      await sleep(TICK_MS);
    }
    await Promise.all(this.#underWay);
    await this.#agent.close();
  }

  /** A fifth the start page, a tenth each scripts and what is not there, the rest pages by both their names. */
  async #one(number: number, due: number): Promise<void> {
    const { judge } = this;
    const moment = judge.moment();
    const turn = number % 10;
    if (turn < 2) {
      const answer = await this.#get('/', due);
      if (answer) judge.page(START_PAGE, answer, moment);
    } else if (turn === 2) {
      // Of a release that somebody has just got a page of.
      const version = SCRIPT.versionIn(Math.max(moment.seen, moment.published));
      const answer = await this.#get(`/${SCRIPT.pathOf(version)}`, due);
      if (answer) judge.pool(SCRIPT, version, answer);
    } else if (turn === 3) {
      const answer = await this.#get(`/missing-${number % 100}`, due);
      if (answer) judge.missing(ERROR_PAGE, answer, moment);
    } else {
      const page = Math.floor(Math.random() * PAGE.length);
      const part = PAGE[page] as (typeof PAGE)[number];
      const answer = await this.#get(turn < 7 ? `/page-${page}/` : `/page-${page}`, due);
      if (answer) judge.page(part, answer, moment);
    }
  }

  async #get(address: string, due: number) {
    try {
      const { statusCode, body } = await request(`${this.siteUrl}${address}`, {
        dispatcher: this.#agent,
      });
      const text = await body.text();
      this.answered += 1;
      this.latency.record(Math.max(1, Math.round((performance.now() - due) * 1000)));
      return { status: statusCode, text };
    } catch (error) {
      this.judge.lost(address, error);
      return undefined;
    }
  }
}
