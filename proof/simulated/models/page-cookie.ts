import { createHash } from 'node:crypto';
import { pointerText, readPointer } from '../../../lambda/shared/pointer.ts';
import type { Changes } from '../../../lambda/shared/store.ts';
import { LIVE_KEY } from '../../../lib/release/contract.ts';
import type { View } from '../store.ts';
import { AtomicSite, type AtomicSiteOptions } from './atomic-site.ts';
import type { Asked, EdgeCost, Headers } from './model.ts';

/** Pointers of releases that visitors may still have pages of, besides `live`. */
const pointerKey = (id: string): string => `pointer/${id}`;

/**
 * A candidate: the same, and a second function that gives whatever does not stand in the pool a cookie under its own
 * address, naming the release that it was led to; what names it as `Referer` is led to that release. The store holds the
 * pointers of older releases for that.
 */
export class PageCookie extends AtomicSite {
  readonly #names = new Map<string, string>();
  readonly #seconds: number;

  /** @param seconds how long a cookie names the release of a page */
  constructor(options: AtomicSiteOptions, seconds: number) {
    super(options);
    this.#seconds = seconds;
  }

  override cost(uri: string): EdgeCost {
    if (this.isPooled(uri)) return { functions: 0, reads: 0 };
    // The request reads `live`, and what is no page the pointer of its release as well.
    return { functions: 2, reads: uri.endsWith('/') ? 1 : 2 };
  }

  override keyFor(view: View, asked: Asked): string | Promise<string> {
    if (this.isPooled(asked.uri)) return asked.uri.slice(1);
    return this.options.router.keyFor(this.#chosen(view, asked), asked.uri);
  }

  override headers(view: View, asked: Asked, key: string): Headers {
    const headers = super.headers(view, asked, key);
    if (this.isPooled(asked.uri)) return headers;
    const id = readPointer(this.#chosen(view, asked))?.id ?? '';
    const name = this.#nameFor(asked.uri);
    return { ...headers, cookie: { name, value: id, seconds: this.#seconds } };
  }

  protected override changesOf(changes: Changes): Changes {
    const live = changes.get(LIVE_KEY);
    const pointer = live === undefined ? undefined : readPointer(live);
    if (pointer === undefined) return super.changesOf(changes);
    return new Map([...super.changesOf(changes), [pointerKey(pointer.id), pointerText(pointer)]]);
  }

  /** The pointer of the release that the page was of; `live` if nobody knows, or this edge does not know it yet. */
  #chosen(view: View, { cookies, referer }: Asked): string {
    const id = referer === undefined ? undefined : cookies.get(this.#nameFor(referer));
    const pointer = id === undefined ? undefined : view.values.get(pointerKey(id));
    return pointer ?? this.pointerOf(view);
  }

  #nameFor(uri: string): string {
    let name = this.#names.get(uri);
    if (name === undefined) {
      name = `r${createHash('sha256').update(uri).digest('hex').slice(0, 8)}`;
      this.#names.set(uri, name);
    }
    return name;
  }
}
