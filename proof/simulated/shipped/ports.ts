import type { PromotePorts } from '../../../lambda/promote/promote.ts';
import type { Clock } from '../../../lambda/shared/clock.ts';
import type { Page, PageStore } from '../../../lambda/shared/page-store.ts';
import type { Invocation } from '../../../lambda/shared/run-job.ts';
import type { Changes, PointerStore } from '../../../lambda/shared/store.ts';
import type { Requests } from '../bucket.ts';
import { chance } from '../chance.ts';
import { untilAllWait } from '../time.ts';
import type { World } from '../world.ts';

/** When the simulation begins, in milliseconds since 1970. */
export const EPOCH = Date.UTC(2026, 10, 23, 7);

/** One call of S3 or of the key-value store, in milliseconds. */
const CALL_MS = 60;

/** Of writes to the store, those that are throttled, and those that are made although the connection breaks before the answer. */
const THROTTLED = 0.05;
const ANSWER_LOST = 0.03;

/** What an invocation of a function may take. */
const INVOCATION_MS = 14 * 60_000;

/** From a continuation to the next invocation. */
export const CONTINUED_MS = 30_000;

/** A site that is watched may take as long as by default. */
const DEADLINE_MS = 120_000;

export const clockOf = ({ time }: World): Clock => ({
  now: () => EPOCH + time.now,
  sleep: (ms) => time.sleep(ms),
});

export const invocationOf = (clock: Clock): Invocation => ({
  endAt: clock.now() + INVOCATION_MS,
  signal: new AbortController().signal,
  log: () => {},
});

/** The store behind the functions' own port: with a version for all of it, and now and then an error. */
export function pointerStoreOf(
  { store, time, bucket, scene }: World,
  /** Makes the changes, once the version was found to be right. */
  write: (changes: Changes) => void,
): PointerStore {
  const call = async (kind: 'store read' | 'store write') => {
    bucket.requests.add(kind);
    await time.sleep(CALL_MS);
  };
  return {
    async version() {
      await call('store read');
      return String(store.version);
    },
    async get(key) {
      await call('store read');
      return store.items.get(key);
    },
    async keys(prefix) {
      await call('store read');
      return [...store.items.keys()].filter((key) => key.startsWith(prefix));
    },
    async put(changes, version) {
      await call('store write');
      const at = chance(scene.seed, 99, Math.floor(time.now));
      if (at < THROTTLED) throw anError('ThrottlingException');
      if (version !== String(store.version)) throw anError('ConflictException');
      write(changes);
      if (at < THROTTLED + ANSWER_LOST) throw anError('TimeoutError');
    },
  };
}

function anError(name: string): Error {
  const error = new Error(name);
  error.name = name;
  return error;
}

/** Pages in the bucket, each with its version. */
export class Pages implements PageStore {
  readonly #pages = new Map<string, Page>();
  readonly #world: World;
  #writes = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** As if it had always been there. */
  begin(id: string, text: string): void {
    this.#writes += 1;
    this.#pages.set(id, { text, version: `"${this.#writes}"` });
  }

  async read(id: string): Promise<Page | undefined> {
    await this.#call('GET');
    return this.#pages.get(id);
  }

  async write(id: string, text: string, version: string | undefined) {
    await this.#call('PUT');
    if (this.#pages.get(id)?.version !== version) return undefined;
    this.begin(id, text);
    return this.#pages.get(id)?.version;
  }

  async #call(kind: 'GET' | 'PUT'): Promise<void> {
    const { bucket, time } = this.#world;
    bucket.requests.add(kind);
    await time.sleep(CALL_MS);
  }
}

export interface Site {
  /** What the router answers itself, at the edge next to the functions. */
  probe(): Promise<{ readonly status: number; readonly text: string }>;
}

/** What a promotion talks to: the store, the bucket and the first of the edges. */
export function promotePortsOf(
  world: World,
  pointer: PointerStore,
  records: PageStore,
  ledger: PageStore,
  probe: Site['probe'],
): PromotePorts {
  const { bucket, time, edges } = world;
  const requests: Requests = bucket.requests;
  return {
    pointer,
    records,
    ledger,
    healthPath: '/',
    deadlineMs: DEADLINE_MS,
    site: {
      async get(path) {
        await time.sleep(CALL_MS);
        if (path !== '/') return probe();
        return new Promise((resolve, reject) => {
          const asked = { uri: path, cookies: new Map(), referer: undefined };
          // Its answer may come at once or in an event of its own.
          const answered = ({ status }: { readonly status: number }) =>
            time.at(time.now, () => {
              resolve({ status, text: '' });
              return untilAllWait();
            });
          Promise.resolve(edges[0]?.answer(asked, answered)).catch(reject);
        });
      },
    },
    async putErrorPage(file) {
      requests.add(file === undefined ? 'PUT' : 'COPY');
      await time.sleep(CALL_MS);
    },
  };
}
