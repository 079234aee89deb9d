import { seedOf } from './chance.ts';
import type { Model } from './models/model.ts';
import { untilAllWait } from './time.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;

/** What happens to the site, whoever publishes it. Releases are numbers of the history; 0 is live at the beginning. */
type Happening =
  | { readonly at: number; readonly push: number; readonly fails?: true }
  | { readonly at: number; readonly back: number };

/**
 * An ordinary afternoon, a little full: releases every ten minutes; two pushes at the same time; a pipeline that fails in
 * the middle of its upload and is retried; two rollbacks, the second while a push is under way.
 */
export const HAPPENINGS: readonly Happening[] = [
  { at: 8 * MINUTE, push: 1 },
  { at: 18 * MINUTE, push: 2 },
  { at: 18 * MINUTE + 40_000, push: 3 },
  { at: 30 * MINUTE, push: 4, fails: true },
  { at: 35 * MINUTE, push: 4 },
  { at: 45 * MINUTE, push: 5 },
  { at: 52 * MINUTE, back: 4 },
  { at: 60 * MINUTE, push: 6 },
  { at: 70 * MINUTE, push: 7 },
  { at: 70 * MINUTE + 9_000, back: 6 },
];

export const RELEASES = 8;
/** How long visitors come, in milliseconds. */
export const DURATION = 85 * MINUTE;

/** A release on its way to visitors, or one that is there. */
export interface Deployment {
  readonly release: number;
  /** From when on visitors may see some of it. */
  readonly visibleAt: number;
  /** When its pipeline, or whoever went back, was told that all is well. */
  greenAt: number | undefined;
}

/** What goes on while visitors come: who may do what at the same time, and what was said to be live when. */
export class Pipelines {
  readonly deployments: Deployment[] = [];
  readonly failures: string[] = [];
  readonly #world: World;
  readonly #stages = new Map<string, Promise<void>>();

  constructor(world: World) {
    this.#world = world;
    this.deployments.push({ release: 0, visibleAt: 0, greenAt: 0 });
  }

  begin(model: Model): void {
    for (const happening of HAPPENINGS) {
      this.#world.time.at(happening.at, () => {
        const going =
          'push' in happening
            ? model.publish(this.#world, happening.push, this, happening.fails === true)
            : this.#goBack(model, happening.back);
        going.catch((error: Error) => this.failures.push(error.message));
        return untilAllWait();
      });
    }
  }

  async #goBack(model: Model, release: number): Promise<void> {
    if (model.goBack) return model.goBack(this.#world, release, this);
    await this.#world.time.sleep(REBUILD_MS);
    await model.publish(this.#world, release, this, false);
  }

  /** Of pushes, not of rollbacks. */
  get pushes(): number {
    return HAPPENINGS.filter((happening) => 'push' in happening).length;
  }

  /** One execution at a time is in a stage, as in CodePipeline; those that wait go on in their order. */
  async inStage<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const before = this.#stages.get(stage) ?? Promise.resolve();
    let leave = () => {};
    this.#stages.set(
      stage,
      new Promise((resolve) => {
        leave = resolve;
      }),
    );
    await before;
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** From now on visitors may see some of the release. */
  visible(release: number): Deployment {
    const deployment = { release, visibleAt: this.#world.time.now, greenAt: undefined };
    this.deployments.push(deployment);
    return deployment;
  }

  green(deployment: Deployment): void {
    deployment.greenAt = this.#world.time.now;
  }

  /**
   * The releases that a visitor may see who asks at `from` and is answered at `until`, one bit each: of those that somebody
   * was told are live the one that began last, and all that began since.
   */
  current(from: number, until: number): number {
    let last: Deployment | undefined;
    for (const one of this.deployments) {
      const { greenAt, visibleAt } = one;
      if (greenAt === undefined || greenAt > from) continue;
      if (last === undefined || visibleAt >= last.visibleAt) last = one;
    }
    let releases = 0;
    for (const { release, visibleAt } of this.deployments) {
      if (visibleAt >= (last?.visibleAt ?? 0) && visibleAt <= until) releases |= 1 << release;
    }
    return releases;
  }
}

/** Files a second that a pipeline writes or copies, whoever's it is. */
export const FILES_A_SECOND = 200;

/** From one stage of a pipeline to the next, in milliseconds. */
export const NEXT_STAGE_MS = 5_000;

/** What somebody waits for who goes back by building an old commit again, in milliseconds. */
const REBUILD_MS = 90_000;

/** Seeds of what a pipeline leaves to chance. */
export const pipelineSeed = (seed: number, release: number): number => seedOf(seed, 77, release);
