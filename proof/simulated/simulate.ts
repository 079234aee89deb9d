import { priceOf } from '../../bench/prices.ts';
import { randomFrom } from '../../bench/random.ts';
import { Cloud, type CloudSettings } from './cloud.ts';
import type { Model, ModelKind, Publishing } from './model.ts';
import { type Fate, Site, type SiteShape } from './site.ts';
import { Timeline } from './timeline.ts';
import { newTally, popular, type Tally, Visitor } from './visitors.ts';

export interface Scenario {
  readonly shape: SiteShape;
  readonly seed: number;
  /** About as many page loads. */
  readonly loads: number;
  readonly settings: CloudSettings;
}

export interface Result {
  readonly tally: Tally;
  /** Of the requests and bytes that are usual, the share that an edge had right after it switched. */
  readonly warmRequests: number;
  readonly warmBytes: number;
  /** Of a release that was published: what it asked of S3 and the rest, and what that costs. */
  readonly requests: number;
  readonly dollars: number;
}

/** The first is there before anybody comes. The two that are pushed in a row wait for each other. */
const FATES: readonly Fate[] = [
  'published',
  'published',
  'published',
  'reverted',
  'published',
  'fails',
  'published',
  'published',
  'published',
];
const PUSHED_TOGETHER = 7;
const EVERY_MS = 10 * 60_000;
const QUIET_MS = 5 * 60_000;
/** Pages that are asked for at each edge. */
const PROBES = 25;

const SECONDS = 1_000;

/** As the edges of CloudFront seem to be: most in a few seconds, some much later. */
export const SETTINGS: CloudSettings = {
  edges: 12,
  propagation: (random) =>
    (random() < 0.05 ? 20 + 40 * random() : -Math.log(1 - random()) * 3) * SECONDS,
  invalidation: (random) => (3 + 25 * random() ** 2) * SECONDS,
};

/** Lets a site be published and visited in one way. The same scenario gives the same result. */
export async function simulate(kind: ModelKind, scenario: Scenario): Promise<Result> {
  const { shape, seed, loads, settings } = scenario;
  const timeline = new Timeline();
  const cloud = new Cloud(timeline, settings, randomFrom(seed + 1));
  const names = { ...shape, hashed: shape.hashed || kind.hashes === true };
  const site = new Site(names, FATES, randomFrom(seed + 2));
  const model = kind.create(cloud, site);
  const tally = newTally();
  const warm = new Warmth();

  let green = 0;
  timeline.start(model.publish(0));
  await timeline.run();
  cloud.counts.clear();
  const opening = timeline.now + 60 * SECONDS;

  let published = 0;
  timeline.at(opening, () =>
    timeline.start(
      (async function* releases() {
        yield QUIET_MS;
        for (let release = 1; release < FATES.length; release += 1) {
          const began = timeline.now;
          const fate = FATES[release] as Fate;
          cloud.onSwitch = (edge) => warm.measure(model, cloud, site, release, edge);
          if (yield* publish(model, fate, release)) {
            green = release;
            published += 1;
          }
          const next = release + 1 === PUSHED_TOGETHER ? 0 : EVERY_MS;
          yield Math.max(0, began + next - timeline.now);
        }
      })(),
    ),
  );

  // As many arrive in every moment, from before the first release until after the last.
  const arrivals = randomFrom(seed + 3);
  const span = QUIET_MS * 2 + FATES.length * EVERY_MS;
  for (let visitor = 0; visitor < loads / 3; visitor += 1) {
    const person = seed * 1_000_003 + visitor * 7_919;
    timeline.at(opening + arrivals() * span, () =>
      timeline.start(new Visitor(person, site, cloud, model, () => green, tally).visit()),
    );
  }
  await timeline.run();

  let requests = 0;
  for (const [, times] of cloud.counts) requests += times;
  return {
    tally,
    warmRequests: warm.requests,
    warmBytes: warm.bytes,
    requests: requests / published,
    dollars: priceOf(cloud.counts) / published,
  };
}

function publish(model: Model, fate: Fate, release: number): Publishing {
  if (fate === 'fails') return model.fail(release);
  return fate === 'reverted' ? model.goBack(release) : model.publish(release);
}

/** What edges still have of the new release in the moment in which they switch to it, of what visitors ask for. */
class Warmth {
  #asked = { requests: 0, bytes: 0 };
  #had = { requests: 0, bytes: 0 };

  get requests(): number {
    return this.#had.requests / this.#asked.requests;
  }

  get bytes(): number {
    return this.#had.bytes / this.#asked.bytes;
  }

  async measure(
    model: Model,
    cloud: Cloud,
    site: Site,
    release: number,
    edge: number,
  ): Promise<void> {
    const random = randomFrom(release * 1_000 + edge);
    for (let probe = 0; probe < PROBES; probe += 1) {
      const page = site.page(popular(site.shape.pages, random), release);
      const items = [page, ...site.itemsLinkedFrom(page)];
      for (const { path, size } of items) {
        const key = await model.cacheKey({ edge, path, cookie: undefined });
        const had = key !== undefined && cloud.isWarm(edge, key);
        this.#asked.requests += 1;
        this.#asked.bytes += size;
        this.#had.requests += had ? 1 : 0;
        this.#had.bytes += had ? size : 0;
      }
    }
  }
}
