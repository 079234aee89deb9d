import type { Site } from '../../lambda/promote/watch.ts';
import type { PointerStore } from '../../lambda/shared/store.ts';
import { FROZEN_KEY, LIVE_KEY, RELEASE_PROBE_PATH } from '../../lib/release/contract.ts';
import type { Operator } from './operator.ts';
import { milliseconds } from './texts.ts';

/** In milliseconds, as this machine sees the site. */
export interface FirstPage {
  /** Since the command began; questions do not count. */
  readonly sinceStartMs: number;
  readonly sincePointerMs: number;
}

const LOOK_EVERY_MS = 40;

/** Tells when the pointer was moved, and when the site gives out the first page of the release. */
export class FirstPageWatch {
  /** ISO 8601, UTC; nothing as long as no write of ours was made. */
  movedAt: string | undefined;
  /** Whether a write was begun; as long as nothing came of it, nobody knows whether it was made. */
  hasBegun = false;
  /** Whether a write of ours has frozen publishing. */
  hasFrozen = false;
  readonly #id: string;
  readonly #operator: Operator;
  readonly #stop = new AbortController();
  #seen: Promise<FirstPage | undefined> = Promise.resolve(undefined);

  constructor(id: string, operator: Operator) {
    this.#id = id;
    this.#operator = operator;
  }

  /** The store, whose first write of `live` starts the watch: the moment that visitors notice. */
  over(pointer: PointerStore): PointerStore {
    return {
      version: (signal) => pointer.version(signal),
      get: (key, signal) => pointer.get(key, signal),
      keys: (prefix, signal) => pointer.keys(prefix, signal),
      put: async (values, version, signal) => {
        this.hasBegun = true;
        await pointer.put(values, version, signal);
        if (values.get(FROZEN_KEY) !== undefined) this.hasFrozen = true;
        if (values.has(LIVE_KEY) && this.movedAt === undefined) this.#begin();
      },
    };
  }

  /** The measure, once it is there; nothing if the pointer was not moved. */
  seen(): Promise<FirstPage | undefined> {
    return this.#seen;
  }

  /** Ends the watch, however it stands. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#seen;
  }

  #begin(): void {
    const { clock, say, elapsed } = this.#operator;
    const moved = elapsed();
    this.movedAt = new Date(clock.now()).toISOString();
    say(
      `${this.movedAt}  the pointer names release ${this.#id}, ${milliseconds(moved)} after the command began`,
    );
    this.#seen = this.#look(moved);
  }

  async #look(moved: number): Promise<FirstPage | undefined> {
    const { connection, clock, say, elapsed } = this.#operator;
    const signal = AbortSignal.any([this.#operator.signal, this.#stop.signal]);
    while (!signal.aborted) {
      if (await shows(this.#id, connection.site, signal)) {
        const seen = elapsed();
        const [sinceStartMs, sincePointerMs] = [Math.round(seen), Math.round(seen - moved)];
        const at = new Date(clock.now()).toISOString();
        say(
          `${at}  first page of release ${this.#id}, ${milliseconds(sinceStartMs)} after the command began, ${milliseconds(sincePointerMs)} after the pointer was moved`,
        );
        return { sinceStartMs, sincePointerMs };
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
    }
    return undefined;
  }
}

/** In this order: a page that comes after the probe is of the release that the probe named, or of a newer one. */
async function shows(id: string, site: Site, signal: AbortSignal): Promise<boolean> {
  try {
    const probe = await site.get(`/${RELEASE_PROBE_PATH}`, signal);
    if (probe.status !== 200 || probe.text.trim() !== id) return false;
    return (await site.get('/', signal)).status === 200;
  } catch {
    // Whether that is bad is for the promotion to say, which looks too.
    return false;
  }
}
