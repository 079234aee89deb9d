import { chance, type Distribution, draw } from './chance.ts';
import { addressOf } from './sites/body.ts';
import { pagePath, type SiteSize } from './sites/history.ts';

/** One visit of one page. */
export interface Load {
  readonly index: number;
  /** In milliseconds. */
  readonly start: number;
  readonly visitor: number;
  /** The page's address. */
  readonly uri: string;
  readonly edge: number;
  /** When the visitor comes to what is further down, and when scripts ask for more; nothing: the tab is closed before. */
  readonly late: readonly [markup: number, script: number] | undefined;
}

/** Loads to a visitor, on average. */
const LOADS_PER_VISITOR = 5;

/** Of tabs, those that are closed before anything is loaded late. */
const CLOSED = 0.3;

/** How long a tab is open before it loads what it loads late, in milliseconds: mostly seconds, sometimes hours. */
const LATE: Distribution = [
  [0, 500],
  [0.5, 8_000],
  [0.8, 60_000],
  [0.95, 1_200_000],
  [1, 7_200_000],
];

/**
 * The same visits for every model: spread evenly over the time, pages by Zipf's law, each visitor at an edge of their own.
 *
 * @param duration how long visitors come, in milliseconds
 */
export function trafficOf(
  size: SiteSize,
  loads: number,
  duration: number,
  edges: number,
  seed: number,
): Load[] {
  const visitors = Math.max(1, Math.floor(loads / LOADS_PER_VISITOR));
  const popular = new Popularity(size.pages);
  return Array.from({ length: loads }, (_, index): Load => {
    const of = (what: number) => chance(seed, index, what);
    const visitor = Math.floor(of(1) * visitors);
    const start = Math.floor((duration * (index + of(2))) / loads);
    const until = draw(LATE, of(5));
    return {
      index,
      start,
      visitor,
      uri: addressOf(pagePath(size, popular.page(of(3)))),
      edge: visitor % edges,
      late: of(4) < CLOSED ? undefined : [start + until * of(6), start + until * (0.5 + of(7) / 2)],
    };
  });
}

/** Page number n is asked for 1/(n+1) as often as the first. */
class Popularity {
  readonly #sums: Float64Array;

  constructor(pages: number) {
    this.#sums = new Float64Array(pages);
    let sum = 0;
    for (let page = 0; page < pages; page += 1) {
      sum += 1 / (page + 1);
      this.#sums[page] = sum;
    }
  }

  page(share: number): number {
    const wanted = share * (this.#sums.at(-1) as number);
    let low = 0;
    let high = this.#sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
