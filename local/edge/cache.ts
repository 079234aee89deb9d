import type { Encoding } from './compression.ts';

/** An answer as the edge keeps it: uncompressed, with its compressed copies made when first asked for. */
export interface Stored {
  /** Path and, where the policy counts it, query: what invalidations are compared with. */
  readonly path: string;
  readonly status: number;
  /** Lower case, as from the origin. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Whether the origin failed to give the object, whatever visitors get in its place. */
  readonly isError: boolean;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  readonly expiresAt: number;
  readonly encoded: Map<Encoding, Promise<Buffer>>;
}

export interface CacheBounds {
  /** @default 10,000 */
  readonly entries?: number;
  /** Of bodies, in bytes. @default 256 MiB */
  readonly bytes?: number;
}

/** What one edge location holds; the least recently used goes first. */
export class EdgeCache {
  readonly #entries = new Map<string, Stored>();
  readonly #bounds: Required<CacheBounds>;
  #bytes = 0;

  constructor(bounds: CacheBounds = {}) {
    this.#bounds = { entries: 10_000, bytes: 256 * 1024 * 1024, ...bounds };
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Stored | undefined {
    const stored = this.#entries.get(key);
    if (stored !== undefined) {
      // A Map keeps the order of insertion, so the first key is always the longest unused.
      this.#entries.delete(key);
      this.#entries.set(key, stored);
    }
    return stored;
  }

  set(key: string, stored: Stored): void {
    this.delete(key);
    this.#entries.set(key, stored);
    this.#bytes += stored.body.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#bounds.entries && this.#bytes <= this.#bounds.bytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.body.length ?? 0;
    this.#entries.delete(key);
  }

  purge(matches: (path: string) => boolean): void {
    for (const [key, stored] of this.#entries) {
      if (matches(stored.path)) this.delete(key);
    }
  }
}
