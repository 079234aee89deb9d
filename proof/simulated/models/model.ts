import type { Pipelines } from '../pipelines.ts';
import type { ShippedPlans } from '../shipped/plans.ts';
import type { ShippedRouter } from '../shipped/router.ts';
import type { Tree } from '../sites/body.ts';
import type { View } from '../store.ts';
import type { World } from '../world.ts';

/** A request as it reaches an edge. */
export interface Asked {
  /** With the slash before it. */
  readonly uri: string;
  readonly cookies: ReadonlyMap<string, string>;
  /** The address of whatever named this one; nothing for a page that the visitor asks for. */
  readonly referer: string | undefined;
}

/** What goes to the browser besides the bytes. */
export interface Headers {
  /** Nothing: the browser guesses, as it does where an answer says nothing. */
  readonly cacheControl: string | undefined;
  readonly cookie?: { readonly name: string; readonly value: string; readonly seconds: number };
}

/** Of a cache policy, in seconds. */
export interface Lifetimes {
  readonly minTtl: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
}

/** The managed policy CachingOptimized. */
export const CACHING_OPTIMIZED: Lifetimes = { minTtl: 1, defaultTtl: 86_400, maxTtl: 31_536_000 };

/** One way to publish a site, in its two halves: what an edge does, and what a pipeline does. */
export interface Model {
  readonly lifetimes: Lifetimes;
  /** How S3 answers where nothing stands: 404 to who may list, 403 to others. */
  readonly missing: 403 | 404;
  /** The error caching minimum TTL, in seconds. */
  readonly errorTtl: number;
  /** Invocations of functions and reads of the store, for one request. */
  readonly cost: (uri: string) => EdgeCost;
  /** The release that the view leads to; missing where no store says so. */
  releaseAt?(view: View): number | undefined;
  /** The key that the edge looks for: its cache key, and the object's. */
  keyFor(view: View, asked: Asked): string | Promise<string>;
  /** `Cache-Control` as it is stored with an object; nothing: it has none. */
  stored(key: string): string | undefined;
  /** What the browser gets, decided when the answer leaves the edge. */
  headers(view: View, asked: Asked, key: string): Headers;
  /** Everything of release 0 there and in place before the first visitor. */
  begin(world: World): Promise<void>;
  /** What a push does once it is built. Says to `pipelines` what becomes visible, and when it is green. */
  publish(world: World, release: number, pipelines: Pipelines, fails: boolean): Promise<void>;
  /** What somebody does who wants an older release back; missing: builds and publishes it again. */
  goBack?(world: World, release: number, pipelines: Pipelines): Promise<void>;
}

export interface EdgeCost {
  readonly functions: number;
  readonly reads: number;
}

/** A file of another project that a model was read from. */
export interface Source {
  readonly repository: string;
  readonly path: string;
  /** The commit of the version that was read. */
  readonly commit: string;
  /** What it says, in our words. */
  readonly says: string;
}

/** What a model has to know of the site beforehand. */
export interface Site {
  /** Whether files that change have names that change. */
  readonly hashed: boolean;
  readonly router: ShippedRouter;
  readonly plans: ShippedPlans;
}

/** A model by the name that the table has for it. */
export interface Way {
  readonly name: string;
  /** On the command line. */
  readonly option: string;
  /** Empty: ours. */
  readonly sources: readonly Source[];
  /** What the model takes for granted where no source says it. */
  readonly assumes: readonly string[];
  /** What happens to the files of a build before they are uploaded; missing: nothing. */
  prepare?(trees: readonly Tree[]): Promise<Tree[]>;
  model(site: Site): Model;
}
