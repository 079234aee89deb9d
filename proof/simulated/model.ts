import type { Cloud } from './cloud.ts';
import type { Item, Site } from './site.ts';

export const YEAR_MS = 365 * 86_400_000;
export const DAY_MS = 86_400_000;

export interface Request {
  readonly edge: number;
  /** Without the leading slash; a page as the file that it is. */
  readonly path: string;
  readonly cookie: string | undefined;
}

export interface Answer {
  /** Nothing: there is no such file. */
  readonly item: Item | undefined;
  /** How long the browser keeps it without asking again, in milliseconds. */
  readonly browserMs: number;
  /** Kept by the browser for all its tabs. */
  readonly cookie?: string;
}

/** Yields how long it takes, in milliseconds, step by step. */
export type Publishing = AsyncGenerator<number, boolean>;

/** A way to publish and serve a site. */
export interface Model {
  /** Brings the release out, and returns in the moment in which the pipeline ends whether it is green. */
  publish(release: number): Publishing;
  /** Makes part of a release and then fails. */
  fail(release: number): Publishing;
  /**
   * Goes back from one release to the one before. `release` has the same files as that one: a way without a rollback
   * publishes it.
   */
  goBack(release: number): Publishing;
  answer(request: Request): Answer | Promise<Answer>;
  /** Under which key of its cache the edge would look, now. */
  cacheKey(request: Request): string | undefined | Promise<string | undefined>;
}

export interface ModelKind {
  readonly name: string;
  /** From which file it was read, or what of ours it runs. */
  readonly source: string;
  /** Whether it gives files names that change with their content. @default false */
  readonly hashes?: boolean;
  create(cloud: Cloud, site: Site): Model;
}
