import { randomFrom } from '../../bench/random.ts';
import type { Cloud } from './cloud.ts';
import type { Answer, Model } from './model.ts';
import { type Item, pagePath, type Site } from './site.ts';

export interface Tally {
  loads: number;
  /** Page loads whose files belong to no one release. */
  mixed: number;
  /** Of those, the ones that were whole until the tab loaded something later. */
  mixedLater: number;
  /** Pages and subresources that were asked for. */
  requests: number;
  /** Of these, those that were not there. */
  failed: number;
  /** Pages of an older release than the newest that was green. */
  stale: number;
  /** Pages that only a release has whose pipeline failed. */
  unreleased: number;
}

export const newTally = (): Tally => ({
  loads: 0,
  mixed: 0,
  mixedLater: 0,
  requests: 0,
  failed: 0,
  stale: 0,
  unreleased: 0,
});

const ALL = 2 ** 31 - 1;
/** Of page loads, those whose visitor has come to another edge since the last. */
const MOVED = 0.03;
/** Of requests, those that get no answer at first and are made again. */
const LOST = 0.002;
/** Of page loads, those that stay open and load the lazy script. */
const LAZY = 0.4;

interface Kept {
  readonly item: Item;
  readonly until: number;
}

/** One person with one browser: a few pages, one after the other, some of which stay open in a tab. */
export class Visitor {
  readonly #random: () => number;
  readonly #kept = new Map<string, Kept>();
  #cookie: string | undefined;
  #edge: number;

  constructor(
    seed: number,
    private readonly site: Site,
    private readonly cloud: Cloud,
    private readonly model: Model,
    /** The release whose pages are expected by now. */
    private readonly green: () => number,
    private readonly tally: Tally,
  ) {
    this.#random = randomFrom(seed);
    this.#edge = Math.floor(this.#random() * cloud.settings.edges);
  }

  async *visit(): AsyncGenerator<number, void> {
    const { timeline } = this.cloud;
    for (let pages = 1 + Math.floor(this.#random() * 5); pages > 0; pages -= 1) {
      if (this.#random() < MOVED) {
        this.#edge = Math.floor(this.#random() * this.cloud.settings.edges);
      }
      timeline.start(this.#load(popular(this.site.shape.pages, this.#random)));
      yield 2_000 + this.#random() * 60_000;
    }
  }

  async *#load(number: number): AsyncGenerator<number, void> {
    const { tally, site } = this;
    // All at once, so that every model meets the same visitor whatever it answers.
    const [parse, ...delays] = Array.from({ length: 4 }, () => this.#random());
    const [stays, later] = [this.#random() < LAZY, -Math.log(1 - this.#random()) * 600_000];
    const lost = Array.from({ length: 5 }, () => this.#random() < LOST);

    tally.loads += 1;
    if (lost[0]) yield 3_000;
    const expected = this.green();
    const page = await this.#get(pagePath(number));
    // Nothing of which the rest could be another release's.
    if (!page) return;
    // One that was not green yet is new, whatever else it is.
    if (page.releases >>> expected === 0) tally.stale += 1;
    if ((page.releases & site.published) === 0) tally.unreleased += 1;
    let releases = page.releases & ALL;
    const linked = site.linkedFrom(page);

    yield 50 + (parse as number) * 300;
    const asks = linked.first.map((path, n) => ({
      path,
      at: (delays[n] as number) * 700 + (lost[n + 1] ? 3_000 : 0),
    }));
    let waited = 0;
    for (const { path, at } of asks.sort((a, b) => a.at - b.at)) {
      yield at - waited;
      waited = at;
      releases &= await this.#subresource(path);
    }
    const whole = releases !== 0;
    if (stays) {
      yield later;
      releases &= await this.#subresource(linked.later);
    }
    if (releases === 0) tally.mixed += 1;
    if (whole && releases === 0) tally.mixedLater += 1;
  }

  /** The releases that it may belong to. What is missing belongs to none in particular, and it is counted already. */
  async #subresource(path: string): Promise<number> {
    const item = await this.#get(path);
    return item?.releases ?? ALL;
  }

  async #get(path: string): Promise<Item | undefined> {
    const { now } = this.cloud.timeline;
    this.tally.requests += 1;
    const kept = this.#kept.get(path);
    if (kept && kept.until > now) return kept.item;
    const asked = this.model.answer({ edge: this.#edge, path, cookie: this.#cookie });
    const answer: Answer = asked instanceof Promise ? await asked : asked;
    if (!answer.item) this.tally.failed += 1;
    if (answer.cookie !== undefined) this.#cookie = answer.cookie;
    if (answer.item && answer.browserMs > 0) {
      this.#kept.set(path, { item: answer.item, until: now + answer.browserMs });
    }
    return answer.item;
  }
}

/** Few pages are asked for most: page n about 1/n as often as the first. */
export function popular(pages: number, random: () => number): number {
  return Math.min(pages - 1, Math.floor((pages + 1) ** random()) - 1);
}
