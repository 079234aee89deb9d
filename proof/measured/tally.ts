/** What one page load came to. */
export interface PageLoad {
  /** The release that had been reported as published when it began. */
  readonly green: number;
  /** The release of the page itself; nothing if there was no page. */
  readonly page: number | undefined;
  /** Of the page and all subresources that came, except for what scripts fetch. */
  readonly releases: readonly number[];
  /** Of what scripts fetch. */
  readonly fetched: readonly number[];
  /** The addresses that gave nothing usable, each with what came instead. */
  readonly failed: readonly string[];
}

/** Of all that failed, so much is told. */
const MOST_TOLD = 5;

/** Counts page loads. */
export class Tally {
  loads = 0;
  /** Page loads with files of more than one release. */
  mixed = 0;
  /** Of these, those that mix without what scripts fetch. */
  mixedWithoutFetched = 0;
  /** Page loads that lacked the page or one of its subresources. */
  failed = 0;
  /** Page loads with a page older than the release that had been reported as published before they began. */
  stale = 0;
  /** Of what failed, the first: for a person who wonders why. */
  readonly told: string[] = [];
  readonly #seen = new Set<number>();

  note({ green, page, releases, fetched, failed }: PageLoad): void {
    this.loads += 1;
    if (new Set([...releases, ...fetched]).size > 1) this.mixed += 1;
    if (new Set(releases).size > 1) this.mixedWithoutFetched += 1;
    if (failed.length > 0) this.failed += 1;
    this.told.push(...failed.slice(0, MOST_TOLD - this.told.length));
    if (page !== undefined && page < green) this.stale += 1;
    if (page !== undefined) this.#seen.add(page);
  }

  /** How many releases somebody has got a page of. */
  get seen(): number {
    return this.#seen.size;
  }
}
