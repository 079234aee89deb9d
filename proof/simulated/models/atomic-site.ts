import { EVERY_RELEASE } from '../../../bench/uploaders.ts';
import { promote } from '../../../lambda/promote/promote.ts';
import type { Clock } from '../../../lambda/shared/clock.ts';
import { Failure } from '../../../lambda/shared/failure.ts';
import type { Page, PageStore } from '../../../lambda/shared/page-store.ts';
import { type ArtifactFile, planRelease } from '../../../lambda/upload/plan.ts';
import { routerCode } from '../../../lib/hosting/edge/code.ts';
import {
  CACHE_FOR_EVER,
  LIVE_KEY,
  type Manifest,
  matchesPattern,
  releaseId,
} from '../../../lib/release/contract.ts';
import { compileEdgeFunction, type EdgeFunction } from '../../../local/edge/function-sandbox.ts';
import { eventFor } from '../../../local/edge/viewer-function.ts';
import type { Cloud } from '../cloud.ts';
import {
  type Answer,
  type Model,
  type ModelKind,
  type Publishing,
  type Request,
  YEAR_MS,
} from '../model.ts';
import type { Item, Site } from '../site.ts';

const FIRST = Date.UTC(2026, 0, 1);
const LIMITS = { pointerBytes: 1_024, rebaseShare: 1 };
const POOL = ['assets/*'];
const CONTEXT = {
  distributionDomainName: 'd111111abcdef8.cloudfront.net',
  distributionId: 'EDFDVBD6EXAMPLE',
  requestId: 'proof',
};

/** The shipped plan, promotion and router over the cloud of the simulation. */
class AtomicSite implements Model {
  readonly #manifests = new Map<string, Manifest>();
  readonly #ledger = new Pages();
  readonly #ids: (string | undefined)[] = [];
  readonly #pool: readonly string[];
  readonly #router: EdgeFunction;
  readonly #routed = new Map<string, string | undefined>();
  /** What the store answers to the router that runs now. */
  #live: string | undefined;

  constructor(
    private readonly cloud: Cloud,
    private readonly site: Site,
    /** Of a site with fixed names, whether pages name copies of its files that change their name. */
    private readonly fingerprint: boolean,
  ) {
    this.#pool = site.shape.hashed ? POOL : [];
    this.#router = compileEdgeFunction({
      code: routerCode({ name: 'proof', source: { kind: 'codecommit', branch: 'main' } }),
      keyValueStore: { get: async (key) => (key === LIVE_KEY ? this.#live : undefined) },
    });
  }

  async *publish(release: number): Publishing {
    yield* this.#upload(release, Number.POSITIVE_INFINITY);
    const green = yield* this.#promote(this.#ids[release] ?? '');
    // The Invalidate stage purges the error page, of which no page of these sites is made.
    yield 5_000;
    return green;
  }

  async *fail(release: number): Publishing {
    yield* this.#upload(release, Math.floor(this.site.paths / 2));
    return false;
  }

  /** By the operator's command: no upload. */
  async *goBack(release: number): Publishing {
    return yield* this.#promote(this.#ids[release - 2] ?? '');
  }

  async answer(request: Request): Promise<Answer> {
    const key = await this.cacheKey(request);
    const { edge, path } = request;
    const browserMs = this.#isPooled(path) ? YEAR_MS : 0;
    if (key === undefined) return { item: undefined, browserMs: 0 };
    return { item: this.cloud.fetch(edge, key, key, YEAR_MS), browserMs };
  }

  async cacheKey({ edge, path }: Request): Promise<string | undefined> {
    // The pool's behavior has no function.
    if (this.#isPooled(path)) return path;
    const live = this.cloud.read(edge, LIVE_KEY);
    const asked = `${live} ${path}`;
    if (!this.#routed.has(asked)) this.#routed.set(asked, await this.#route(path, live));
    return this.#routed.get(asked);
  }

  #isPooled(path: string): boolean {
    return this.#pool.some((pattern) => matchesPattern(pattern, path));
  }

  async #route(path: string, live: string | undefined): Promise<string | undefined> {
    this.#live = live;
    const target = `/${path.replace(/index\.html$/, '')}`;
    const headers = { host: CONTEXT.distributionDomainName };
    const routed = (await this.#router.run(
      eventFor({ method: 'GET', target, headers }, CONTEXT),
    )) as { readonly uri?: string };
    return routed.uri?.slice(1);
  }

  async *#upload(release: number, most: number): AsyncGenerator<number, void> {
    const createdAt = new Date(FIRST + this.cloud.timeline.now);
    const id = releaseId(createdAt, release.toString(16).padStart(7, '0'));
    const items = new Map<string, Item>();
    for (const item of this.site.filesOf(release)) items.set(item.path, item);
    const files = [...items.values()].map(
      ({ path, size, since }): ArtifactFile => ({
        path,
        size,
        sha256: String(since),
        type: 'of no matter here',
      }),
    );
    const live = this.cloud.store.get(LIVE_KEY);
    const plan = planRelease({
      id,
      revision: String(release),
      createdAt,
      files,
      live: live === undefined ? undefined : this.#manifests.get(JSON.parse(live).id),
      immutable: this.#pool,
      addressing: {},
      limits: LIMITS,
    });
    if (plan.problems.length > 0) throw new Error(plan.problems.join('\n'));
    for (const [kind, times] of Object.entries(EVERY_RELEASE)) {
      this.cloud.count(kind as keyof typeof EVERY_RELEASE, times);
    }
    const put = ({ key, path }: { key: string; path: string }) =>
      this.cloud.put(key, items.get(path) as Item);
    const copy = ({ key, path }: { key: string; path: string }) => {
      this.cloud.count('COPY');
      this.cloud.bucket.set(key, items.get(path) as Item);
    };
    yield* this.cloud.each([...plan.pool, ...plan.put].slice(0, most), 24, put);
    // What is in the pool is there under its fixed name as well, for whoever asks for that.
    if (this.fingerprint) this.cloud.count('PUT', Math.min(most, plan.pool.length));
    yield* this.cloud.each(plan.copy.slice(0, most), 24, copy);
    if (most < files.length) return;
    this.#manifests.set(id, plan.manifest);
    this.#ids[release] = id;
  }

  /** Returns whether the release is live; one that the nearest edge did not show in time was taken back. */
  async *#promote(releaseId: string): Publishing {
    const { timeline } = this.cloud;
    for (let continuationToken: string | undefined; ; ) {
      const job = {
        id: `promote-${releaseId}`,
        userParameters: JSON.stringify({ releaseId }),
        inputArtifacts: [],
        artifactCredentials: undefined,
        continuationToken,
      };
      const invocation = {
        endAt: this.#clock.now() + 120_000,
        signal: new AbortController().signal,
        log: () => {},
      };
      const work = timeline.foreign(() => promote(job, this.#ports(), this.#clock, invocation));
      let over = false;
      const end = () => {
        over = true;
      };
      work.then(end, end);
      while (!over) yield 100;
      try {
        const outcome = await work;
        if (outcome.kind !== 'continued') return outcome.kind === 'succeeded';
        continuationToken = outcome.token;
      } catch (error) {
        if (error instanceof Failure) return false;
        throw error;
      }
    }
  }

  readonly #clock: Clock = {
    now: () => FIRST + this.cloud.timeline.now,
    sleep: (ms) => this.cloud.timeline.sleep(ms),
  };

  #ports(): Parameters<typeof promote>[1] {
    const { cloud } = this;
    const first = this.#manifests.size === 1;
    return {
      pointer: {
        version: async () => String(cloud.version),
        get: async (key) => cloud.store.get(key),
        keys: async (prefix) => [...cloud.store.keys()].filter((key) => key.startsWith(prefix)),
        async put(changes, version) {
          if (version !== String(cloud.version)) {
            throw Object.assign(new Error('conflict'), { name: 'ConflictException' });
          }
          cloud.write(changes, { at: first ? 'once' : 'later' });
        },
      },
      records: {
        read: async (id) => pageOf(this.#manifests.get(id)),
        write: async () => undefined,
      },
      ledger: this.#ledger,
      site: {
        // The edge nearest to the function.
        get: async (path) => {
          const live = cloud.read(0, LIVE_KEY);
          if (path === '/') return { status: 200, text: '' };
          return { status: live ? 200 : 503, text: live ? JSON.parse(live).id : '' };
        },
      },
      healthPath: '/',
      deadlineMs: 300_000,
      putErrorPage: async () => {},
    };
  }
}

const pageOf = (manifest: Manifest | undefined): Page | undefined =>
  manifest && {
    // Of the files promotion looks for a start page and an error page only.
    text: JSON.stringify({ ...manifest, files: [{ ...manifest.files[0], path: 'index.html' }] }),
    version: '1',
  };

class Pages implements PageStore {
  readonly #pages = new Map<string, Page>();

  async read(id: string): Promise<Page | undefined> {
    return this.#pages.get(id);
  }

  async write(id: string, text: string, version: string | undefined): Promise<string | undefined> {
    if (this.#pages.get(id)?.version !== version) return undefined;
    const next = String(Number(version ?? 0) + 1);
    this.#pages.set(id, { text, version: next });
    return next;
  }
}

export const atomicSite: ModelKind = {
  name: 'this project',
  source: `router, plan and promotion of this checkout, which run in the simulation; every object is ${CACHE_FOR_EVER}`,
  create: (cloud, site) => new AtomicSite(cloud, site, false),
};

export const withFingerprint: ModelKind = {
  name: 'this project, fingerprint',
  source:
    'the same for a site with fixed names whose pages name copies in the pool, as `fingerprint: true` makes them',
  hashes: true,
  create: (cloud, site) => new AtomicSite(cloud, site, true),
};
