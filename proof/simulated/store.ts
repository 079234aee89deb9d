import { chance, type Distribution, draw } from './chance.ts';
import type { VirtualTime } from './time.ts';

/** How long a write to the key-value store takes to each edge, for each key by itself, in milliseconds. */
export interface Delays {
  readonly name: string;
  /** @param edge its number. Each may have a distribution of its own. */
  of(edge: number): Distribution;
}

const same = (distribution: Distribution) => () => distribution;

/** AWS says "a few seconds". What it does not say, these try out. */
export const DELAYS: readonly Delays[] = [
  {
    name: 'seconds',
    of: same([
      [0, 500],
      [0.5, 2_000],
      [0.95, 5_000],
      [1, 10_000],
    ]),
  },
  {
    name: 'a long tail',
    of: same([
      [0, 200],
      [0.5, 3_000],
      [0.9, 20_000],
      [0.99, 120_000],
      [1, 300_000],
    ]),
  },
  {
    name: 'edges that lag',
    of: (edge) =>
      edge % 3 === 2
        ? [
            [0, 60_000],
            [1, 240_000],
          ]
        : [
            [0, 300],
            [1, 2_000],
          ],
  },
];

/** One edge's view of the store. */
export interface View {
  readonly index: number;
  readonly values: Map<string, string>;
}

/** The store with a version for all of it, as the API has it, and with what each edge knows of it so far. */
export class Store {
  readonly items = new Map<string, string>();
  version = 0;
  readonly #views: readonly View[];
  readonly #delays: Delays;
  readonly #seed: number;
  readonly #time: VirtualTime;
  readonly #arrived: (edge: number, key: string, apply: () => void) => unknown;
  /** The newest write that an edge has seen, by edge and key: an older one that comes later changes nothing. */
  readonly #seen: Map<string, number>[];

  constructor(
    views: readonly View[],
    delays: Delays,
    seed: number,
    time: VirtualTime,
    /** Is told when a value reaches an edge, and applies it. */
    arrived: (edge: number, key: string, apply: () => void) => unknown,
  ) {
    this.#views = views;
    this.#delays = delays;
    this.#seed = seed;
    this.#time = time;
    this.#arrived = arrived;
    this.#seen = views.map(() => new Map());
  }

  /** Everywhere at once: how things stand when the simulation begins. */
  begin(key: string, value: string): void {
    this.items.set(key, value);
    for (const { values } of this.#views) values.set(key, value);
  }

  /** All of them or none at the API; each by itself at the edges. */
  put(changes: Iterable<readonly [key: string, value: string | undefined]>): void {
    this.version += 1;
    const write = this.version;
    let number = 0;
    for (const [key, value] of changes) {
      number += 1;
      if (value === undefined) this.items.delete(key);
      else this.items.set(key, value);
      for (const view of this.#views) {
        const at = chance(this.#seed, write, number, view.index);
        const ms = draw(this.#delays.of(view.index), at);
        this.#time.at(this.#time.now + ms, () => {
          const seen = this.#seen[view.index] as Map<string, number>;
          if ((seen.get(key) ?? 0) > write) return undefined;
          seen.set(key, write);
          return this.#arrived(view.index, key, () => {
            if (value === undefined) view.values.delete(key);
            else view.values.set(key, value);
          });
        });
      }
    }
  }
}
