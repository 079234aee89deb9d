import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, cacheStores, type Dispatcher, interceptors, request } from 'undici';
import { isFetched, referencesIn, releaseIn } from './site.ts';
import type { PageLoad } from './tally.ts';

export interface VisitorOptions {
  readonly siteUrl: string;
  /** Whether it keeps what it gets, and asks again, as HTTP says (RFC 9111). */
  readonly cache: boolean;
  /** Added to every request that reaches the site, in milliseconds: the way there and back. */
  readonly roundTrip: number;
}

/** Loads pages over HTTP in the order in which a browser does: page, then what it names, then what that names. */
export class HttpVisitor {
  readonly #agent = new Agent();
  readonly #dispatcher: Dispatcher;
  readonly #siteUrl: string;

  constructor({ siteUrl, cache, roundTrip }: VisitorOptions) {
    this.#siteUrl = siteUrl;
    const slow = this.#agent.compose((dispatch) => (options, handler) => {
      // Below the cache: what is answered from there does not wait.
      void sleep(roundTrip).then(() => dispatch(options, handler));
      return true;
    });
    const store = new cacheStores.MemoryCacheStore();
    this.#dispatcher = cache
      ? slow.compose(interceptors.cache({ type: 'private', store, methods: ['GET'] }))
      : slow;
  }

  async load(address: string, green: number): Promise<PageLoad> {
    const releases: number[] = [];
    const fetched: number[] = [];
    const failed: string[] = [];
    const get = async (path: string): Promise<string> => {
      const answer = await this.#get(path);
      const release = 'text' in answer ? releaseIn(answer.text) : undefined;
      if (!('text' in answer) || release === undefined) {
        failed.push(`${path}: ${'text' in answer ? 'no file of the site' : answer.reason}`);
        return '';
      }
      (isFetched(path) ? fetched : releases).push(release);
      return answer.text;
    };
    const visit = async (path: string): Promise<void> => {
      await Promise.all(referencesIn(await get(path)).map(visit));
    };
    const page = await get(address);
    await Promise.all(referencesIn(page).map(visit));
    return { green, page: releaseIn(page), releases, fetched, failed };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #get(path: string): Promise<{ text: string } | { reason: string }> {
    try {
      const { statusCode, body } = await request(`${this.#siteUrl}${path}`, {
        dispatcher: this.#dispatcher,
      });
      const text = await body.text();
      return statusCode === 200 ? { text } : { reason: `status ${statusCode}` };
    } catch (error) {
      return { reason: String(error) };
    }
  }
}
