import type { Kind } from '../../bench/prices.ts';
import type { Item } from './site.ts';
import type { Timeline } from './timeline.ts';

export interface CloudSettings {
  readonly edges: number;
  /** How long one write to the key-value store takes to come to one edge, in milliseconds. */
  readonly propagation: (random: () => number) => number;
  /** How long an invalidation takes to come to one edge, in milliseconds. */
  readonly invalidation: (random: () => number) => number;
}

const REQUEST_MS = 30;
/** CloudFront's default: how long an edge keeps the answer that there is no such file. */
const ERROR_TTL = 10_000;

interface Cached {
  readonly item: Item | undefined;
  readonly until: number;
}

/** A bucket, a key-value store and the edges in front of them, with what each request costs. */
export class Cloud {
  readonly bucket = new Map<string, Item>();
  readonly counts = new Map<Kind, number>();
  /** Requests of the edges to the bucket. */
  originReads = 0;
  /** As the store itself has it. */
  readonly store = new Map<string, string>();
  version = 1;
  /** Called in the moment from which an edge answers with another release. */
  onSwitch: (edge: number) => unknown = () => {};
  readonly #known: Map<string, { readonly value: string | undefined; readonly version: number }>[];
  readonly #caches: Map<string, Cached>[];

  constructor(
    readonly timeline: Timeline,
    readonly settings: CloudSettings,
    readonly random: () => number,
  ) {
    this.#known = Array.from({ length: settings.edges }, () => new Map());
    this.#caches = Array.from({ length: settings.edges }, () => new Map());
  }

  count(kind: Kind, times = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + times);
  }

  put(key: string, item: Item): void {
    this.count('PUT');
    this.bucket.set(key, item);
  }

  delete(key: string): void {
    this.count('DELETE');
    this.bucket.delete(key);
  }

  /** Does something for each, so many at once, in the time that S3 takes for it. */
  async *each<T>(
    things: Iterable<T>,
    atOnce: number,
    act: (thing: T) => void,
  ): AsyncGenerator<number, void> {
    let batch = 0;
    for (const thing of things) {
      act(thing);
      batch += 1;
      if (batch % atOnce === 0) yield REQUEST_MS;
    }
    if (batch % atOnce !== 0) yield REQUEST_MS;
  }

  /** One update of the store. Each key comes to each edge in its own time, later writes perhaps before earlier ones. */
  write(
    changes: ReadonlyMap<string, string | undefined>,
    { at = 'later' }: { at?: 'later' | 'once' } = {},
  ): void {
    this.count('store write');
    this.version += 1;
    const { version } = this;
    for (const [key, value] of changes) {
      if (value === undefined) this.store.delete(key);
      else this.store.set(key, value);
      for (const [edge, known] of this.#known.entries()) {
        const arrive = (): unknown => {
          if ((known.get(key)?.version ?? 0) >= version) return undefined;
          known.set(key, { value, version });
          return key === 'live' ? this.onSwitch(edge) : undefined;
        };
        if (at === 'once') arrive();
        else this.timeline.after(this.settings.propagation(this.random), arrive);
      }
    }
  }

  /** What an edge knows of a key by now. */
  read(edge: number, key: string): string | undefined {
    return this.#known[edge]?.get(key)?.value;
  }

  /** Purges every edge, each in its own time. */
  async *invalidateAll(): AsyncGenerator<number, void> {
    this.count('invalidation');
    let last = 0;
    for (const [edge, cache] of this.#caches.entries()) {
      const ms = this.settings.invalidation(this.random);
      last = Math.max(last, ms);
      this.timeline.after(ms, () => {
        cache.clear();
        return this.onSwitch(edge);
      });
    }
    // It is complete a moment after the last edge.
    yield last + 1;
  }

  /** What the edge answers from its cache or the bucket. `peek`: only whether it has it, and nothing changes. */
  fetch(edge: number, cacheKey: string, key: string, ttlMs: number): Item | undefined {
    const cache = this.#caches[edge] as Map<string, Cached>;
    const cached = cache.get(cacheKey);
    if (cached && cached.until > this.timeline.now) return cached.item;
    const item = this.bucket.get(key);
    this.originReads += 1;
    const ttl = item ? ttlMs : ERROR_TTL;
    if (ttl > 0) cache.set(cacheKey, { item, until: this.timeline.now + ttl });
    return item;
  }

  isWarm(edge: number, cacheKey: string): boolean {
    const cached = this.#caches[edge]?.get(cacheKey);
    return cached?.item !== undefined && cached.until > this.timeline.now;
  }
}
