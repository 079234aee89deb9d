import { errorTtl, lifetimeOf } from '../../local/edge/expiration.ts';
import type { Found } from './bucket.ts';
import type { Asked, Headers, Model } from './models/model.ts';
import type { Body } from './sites/body.ts';
import type { View } from './store.ts';
import type { World } from './world.ts';

/** From an edge to the bucket and back, in milliseconds; where in between S3 reads. */
const ORIGIN_MS = 90;
const ORIGIN_READS_MS = 45;

interface Kept {
  /** Nothing: that there is none. */
  found: Found | undefined;
  freshUntil: number;
}

export interface Answered extends Headers {
  readonly status: number;
  readonly found: Found | undefined;
  readonly hit: boolean;
}

/** One edge location: its view of the store and its cache. It keeps everything until it expires or is purged. */
export class Edge implements View {
  readonly index: number;
  readonly values = new Map<string, string>();
  readonly #cache = new Map<string, Kept>();
  readonly #world: World;
  #purgedAt = -1;

  constructor(index: number, world: World) {
    this.index = index;
    this.#world = world;
  }

  /** Everything that it holds by now. */
  purge(): void {
    this.#purgedAt = this.#world.time.now;
    this.#cache.clear();
  }

  isWarm(key: string): boolean {
    const kept = this.#cache.get(key);
    return kept?.found !== undefined && kept.freshUntil > this.#world.time.now;
  }

  /** Answers, now or once the bucket has. */
  answer(asked: Asked, done: (answered: Answered) => void): void | Promise<void> {
    const key = this.#world.model.keyFor(this, asked);
    if (typeof key === 'string') return this.#lookUp(key, asked, done);
    return key.then((known) => this.#lookUp(known, asked, done));
  }

  #lookUp(key: string, asked: Asked, done: (answered: Answered) => void): void {
    const { time, model, bucket } = this.#world;
    const kept = this.#cache.get(key);
    if (kept && kept.freshUntil > time.now) {
      done(this.#answered(kept.found, true, asked, key));
      return;
    }
    const askedAt = time.now;
    bucket.gets += 1;
    time.at(askedAt + ORIGIN_MS, () => {
      const found = bucket.read(key, askedAt + ORIGIN_READS_MS);
      const seconds = found
        ? lifetimeOf(headersOf(model, key), model.lifetimes, time.now).ttl
        : errorTtl(model.missing, {}, model.errorTtl);
      // What was under way when everything was purged may be of before.
      if (askedAt > this.#purgedAt) {
        this.#cache.set(key, { found, freshUntil: time.now + seconds * 1_000 });
      }
      done(this.#answered(found, false, asked, key));
    });
  }

  #answered(found: Found | undefined, hit: boolean, asked: Asked, key: string): Answered {
    if (found === undefined) {
      return { status: this.#world.model.missing, found, hit, cacheControl: 'no-store' };
    }
    return { status: 200, found, hit, ...this.#world.model.headers(this, asked, key) };
  }
}

function headersOf(model: Model, key: string): Record<string, string> {
  const stored = model.stored(key);
  return stored === undefined ? {} : { 'cache-control': stored };
}

/** What the bucket has for visitors of that edge, past all caches: `undefined` if nothing. */
export async function underneath(world: World, view: View, uri: string): Promise<Body | undefined> {
  const asked = { uri, cookies: new Map<string, string>(), referer: undefined };
  const key = await world.model.keyFor(view, asked);
  return world.bucket.read(key, world.time.now)?.body;
}
