import type { Kind } from '../../bench/prices.ts';
import type { Body } from './sites/body.ts';

/** What stands under a key from some moment on; nothing: it was deleted. */
interface State {
  readonly at: number;
  readonly body: Body | undefined;
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
  readonly #states = new Map<string, State[]>();
  /** Keys that ever were, by what stands before the first slash. */
  readonly #folders = new Map<string, string[]>();

  write(key: string, body: Body, at: number): void {
    this.#set(key, { at, body });
  }

  remove(key: string, at: number): void {
    this.#set(key, { at, body: undefined });
  }

  read(key: string, at: number): Found | undefined {
    const states = this.#states.get(key);
    if (states === undefined) return undefined;
    for (let index = states.length - 1; index >= 0; index -= 1) {
      const { at: since, body } = states[index] as State;
      if (since <= at) return body && { body, modified: since };
    }
    return undefined;
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

  #set(key: string, state: State): void {
    const states = this.#states.get(key);
    if (states === undefined) {
      this.#states.set(key, [state]);
      const folder = this.#folders.get(folderOf(key));
      if (folder) folder.push(key);
      else this.#folders.set(folderOf(key), [key]);
      return;
    }
    let place = states.length;
    while (place > 0 && (states[place - 1] as State).at > state.at) place -= 1;
    states.splice(place, 0, state);
  }
}

const folderOf = (key: string): string => key.slice(0, key.indexOf('/') + 1);
