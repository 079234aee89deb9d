import type { Kind } from '../../bench/prices.ts';
import type { Body } from './sites/body.ts';

/** What a `ListObjectsV2` answers at most, and what it takes, in milliseconds. */
export const KEYS_A_LISTING = 1_000;
export const LISTING_MS = 200;

/** What stands under a key from some moment on; no body: it was deleted. There are hundreds of thousands of these. */
interface State {
  readonly at: number;
  readonly body: Body | undefined;
  before: State | undefined;
}

export interface Found {
  readonly body: Body;
  /** `Last-Modified`. */
  readonly modified: number;
}

/** How often something was asked for. */
export class Requests extends Map<Kind, number> {
  add(kind: Kind, count = 1): void {
    this.set(kind, (this.get(kind) ?? 0) + count);
  }
}

/**
 * The bucket with its past and what is under way: a pipeline writes down at once when each of its files will be there.
 * S3 is strongly consistent, so whoever reads gets what was written last.
 */
export class Bucket {
  /** Of the pipelines. */
  readonly requests = new Requests();
  /** Of the edges. */
  gets = 0;
  /** The last one of each key. */
  readonly #states = new Map<string, State>();
  /** Keys that ever were, by what stands before the first slash. */
  readonly #folders = new Map<string, string[]>();

  write(key: string, body: Body, at: number): void {
    this.#set(key, at, body);
  }

  remove(key: string, at: number): void {
    this.#set(key, at, undefined);
  }

  read(key: string, at: number): Found | undefined {
    let state = this.#states.get(key);
    while (state && state.at > at) state = state.before;
    return state?.body && { body: state.body, modified: state.at };
  }

  holds(prefix: string, at: number): boolean {
    const isThere = (key: string) => key.startsWith(prefix) && this.read(key, at) !== undefined;
    return this.#folders.get(folderOf(prefix))?.some(isThere) ?? false;
  }

  /** @param prefix with a slash, in the order of a listing */
  keys(prefix: string, at: number): string[] {
    const isThere = (key: string) => key.startsWith(prefix) && this.read(key, at) !== undefined;
    return this.#folders.get(folderOf(prefix))?.filter(isThere).sort() ?? [];
  }

  #set(key: string, at: number, body: Body | undefined): void {
    let after: State | undefined;
    let before = this.#states.get(key);
    if (before === undefined) {
      const folder = this.#folders.get(folderOf(key));
      if (folder) folder.push(key);
      else this.#folders.set(folderOf(key), [key]);
    }
    while (before && before.at > at) {
      after = before;
      before = before.before;
    }
    const state = { at, body, before };
    if (after) after.before = state;
    else this.#states.set(key, state);
  }
}

const folderOf = (key: string): string => key.slice(0, key.indexOf('/') + 1);
