import { LIVE_KEY, PRUNED_KEY } from '../../lib/release/contract.ts';
import { describeError } from '../shared/failure.ts';
import { manifestOf } from '../shared/manifest.ts';
import { readPointer } from '../shared/pointer.ts';
import { changeStore } from '../shared/store.ts';
import { type Context, PruneRefused } from './context.ts';
import type { Seen } from './look.ts';

/** Asked before every request that deletes. */
export class Guard {
  /** What must stay. Grows when a release goes live that was not there before. */
  readonly keys: Set<string>;
  readonly #context: Context;
  readonly #ended: ReadonlySet<string>;
  #live: string;
  #fenced = false;

  constructor({ live, keys }: Seen, ended: ReadonlySet<string>, context: Context) {
    this.#live = live;
    this.keys = keys;
    this.#ended = ended;
    this.#context = context;
  }

  /**
   * Of these, the objects that may be deleted at this moment.
   *
   * @throws PruneRefused if the live release is one that has ended, or is not complete.
   */
  async passes<T extends { readonly key: string }>(objects: readonly T[]): Promise<T[]> {
    const live = this.#fenced ? await this.#read() : await this.#fence();
    this.#fenced = true;
    if (live !== this.#live) await this.#take(live);
    return objects.filter(({ key }) => !this.keys.has(key));
  }

  /**
   * A write to the store, whatever it is: a promotion that has seen one of the ended releases before its end
   * was written fails on the store's version, looks again and sees the end.
   */
  async #fence(): Promise<string> {
    const { ports, by, clock, invocation } = this.#context;
    const { endAt, signal } = invocation;
    const at = new Date(clock.now()).toISOString();
    return changeStore(ports.pointer, { clock, endAt, signal }, async (get) => {
      const live = this.#checked(await get(LIVE_KEY));
      // Far below the store's limit for a value, whoever cleans up.
      const text = JSON.stringify({ at, by: by.slice(0, 200) });
      return { changes: new Map([[PRUNED_KEY, text]]), result: live };
    });
  }

  async #read(): Promise<string> {
    const { ports, invocation } = this.#context;
    return this.#checked(await ports.pointer.get(LIVE_KEY, invocation.signal));
  }

  #checked(text: string | undefined): string {
    const live = text === undefined ? undefined : readPointer(text)?.id;
    if (live === undefined) {
      throw new PruneRefused(
        'the pointer to the live release went missing or was damaged.',
        'Visitors get no release.',
      );
    }
    if (this.#ended.has(live)) {
      throw new PruneRefused(
        `release ${live} went live while it was being retired. All its files are there. Publish or promote another release.`,
        `Visitors get release ${live}.`,
      );
    }
    return live;
  }

  /** Another release went live. */
  async #take(live: string): Promise<void> {
    const { ports, invocation } = this.#context;
    let problem = 'has no manifest';
    const manifest = await manifestOf(live, ports.records, invocation.signal).catch((error) => {
      problem = `cannot be looked up (${describeError(error)})`;
      return undefined;
    });
    if (manifest === undefined) {
      throw new PruneRefused(
        `release ${live} went live meanwhile and ${problem}.`,
        `Visitors get release ${live}.`,
      );
    }
    for (const { key } of manifest.files) this.keys.add(key);
    this.#live = live;
  }
}
