import { Browsers, type Visit } from './browser.ts';
import { Bucket } from './bucket.ts';
import { chance, type Distribution, draw } from './chance.ts';
import { Edge } from './edge.ts';
import type { Model } from './models/model.ts';
import { Pipelines } from './pipelines.ts';
import type { Tree } from './sites/body.ts';
import { type Delays, Store } from './store.ts';
import { Tally } from './tally.ts';
import { VirtualTime } from './time.ts';
import type { Load } from './traffic.ts';
import { Warmth } from './warmth.ts';

/** How long an invalidation takes to reach an edge, in milliseconds: AWS says five seconds for 95 of 100. */
const PURGE: Distribution = [
  [0, 500],
  [0.95, 5_000],
  [1, 30_000],
];

/** And until it says `Completed`: 25 seconds for 95 of 100. */
const COMPLETED: Distribution = [
  [0, 6_000],
  [0.95, 25_000],
  [1, 60_000],
];

export interface Scene {
  /** By release. */
  readonly trees: readonly Tree[];
  readonly traffic: readonly Load[];
  readonly edges: number;
  readonly delays: Delays;
  readonly seed: number;
}

/** Everything that there is while one model serves one site to all visitors. */
export class World {
  readonly scene: Scene;
  readonly model: Model;
  readonly time = new VirtualTime();
  readonly bucket = new Bucket();
  readonly tally = new Tally();
  readonly edges: readonly Edge[];
  readonly store: Store;
  readonly pipelines: Pipelines;
  readonly warmth: Warmth;
  readonly visits: Visit[] = [];
  #purges = 0;

  constructor(model: Model, scene: Scene) {
    this.scene = scene;
    this.model = model;
    this.edges = Array.from({ length: scene.edges }, (_, index) => new Edge(index, this));
    this.pipelines = new Pipelines(this);
    this.warmth = new Warmth(this);
    this.store = new Store(this.edges, scene.delays, scene.seed, this.time, (edge, _key, apply) =>
      this.warmth.arrives(this.edges[edge] as Edge, apply),
    );
  }

  treeOf(release: number): Tree {
    return this.scene.trees[release] as Tree;
  }

  /** Lets everything happen. */
  async run(): Promise<void> {
    await this.model.begin(this);
    this.pipelines.begin(this.model);
    const browsers = new Browsers(this, this.scene.seed);
    const next = (index: number): void => {
      const load = this.scene.traffic[index];
      if (load === undefined) return;
      this.time.at(load.start, () => {
        this.visits.push(browsers.open(load));
        next(index + 1);
      });
    };
    next(0);
    await this.time.run();
  }

  /** Clears everything from the edges' caches, one after the other. Resolves when CloudFront says `Completed`. */
  async invalidateEverything(from: number, to: number): Promise<void> {
    this.#purges += 1;
    this.bucket.requests.add('invalidation');
    for (const edge of this.edges) {
      const ms = draw(PURGE, chance(this.scene.seed, 88, this.#purges, edge.index));
      this.time.at(this.time.now + ms, () => this.warmth.purges(edge, from, to));
    }
    await this.completed();
  }

  /** How long CloudFront takes to say that an invalidation is done. */
  async completed(): Promise<void> {
    const at = chance(this.scene.seed, 89, this.#purges, Math.floor(this.time.now));
    await this.time.sleep(draw(COMPLETED, at));
  }
}
