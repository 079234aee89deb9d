import { routerCode } from '../../../lib/hosting/edge/code.ts';
import { compileEdgeFunction, type EdgeFunction } from '../../../local/edge/function-sandbox.ts';

export interface Routed {
  /** Of the object to look for. */
  readonly uri?: string;
  /** Of an answer that the function gives itself. */
  readonly statusCode?: number;
  readonly body?: string;
}

/**
 * The router as it is deployed, in the sandbox of the local edge. It has no memory and reads one key, so it is asked once
 * for each pointer and address, and what it said is kept.
 */
export class ShippedRouter {
  readonly #code = routerCode({ name: 'site', source: { kind: 'codecommit', branch: 'main' } });
  readonly #functions = new Map<string, EdgeFunction>();
  readonly #keys = new Map<string, Map<string, string>>();
  /** How often it was run. */
  runs = 0;

  /** The key of the object that visitors get; for an address that it answers itself, that address. */
  keyFor(pointer: string, uri: string): string | Promise<string> {
    let keys = this.#keys.get(pointer);
    if (keys === undefined) {
      keys = new Map();
      this.#keys.set(pointer, keys);
    }
    const known = keys.get(uri);
    if (known !== undefined) return known;
    const remembered = keys;
    return this.route(pointer, uri).then((routed) => {
      const key = decodeURIComponent((routed.uri ?? uri).slice(1));
      remembered.set(uri, key);
      return key;
    });
  }

  route(pointer: string, uri: string): Promise<Routed> {
    let router = this.#functions.get(pointer);
    if (router === undefined) {
      const get = async (key: string) => (key === 'live' ? pointer : undefined);
      router = compileEdgeFunction({
        code: this.#code,
        keyValueStore: { get },
        keepContext: true,
        timeLimitMs: Number.POSITIVE_INFINITY,
      });
      this.#functions.set(pointer, router);
    }
    this.runs += 1;
    const request = { method: 'GET', uri, querystring: {}, headers: {}, cookies: {} };
    return router.run({ request }) as Promise<Routed>;
  }
}
