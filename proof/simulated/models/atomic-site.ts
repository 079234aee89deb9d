import { follow, goLive, Journal, promote } from '../../../lambda/promote/promote.ts';
import type { Outcome } from '../../../lambda/shared/job.ts';
import { pointerText, readPointer } from '../../../lambda/shared/pointer.ts';
import type { Changes } from '../../../lambda/shared/store.ts';
import {
  LIVE_KEY,
  type Manifest,
  type ManifestFile,
  matchesPattern,
  releaseId,
  releasePrefix,
} from '../../../lib/release/contract.ts';
import { FILES_A_SECOND, NEXT_STAGE_MS, type Pipelines } from '../pipelines.ts';
import type { ShippedPlans } from '../shipped/plans.ts';
import {
  CONTINUED_MS,
  clockOf,
  EPOCH,
  invocationOf,
  Pages,
  pointerStoreOf,
  promotePortsOf,
} from '../shipped/ports.ts';
import type { ShippedRouter } from '../shipped/router.ts';
import type { Body } from '../sites/body.ts';
import type { View } from '../store.ts';
import type { World } from '../world.ts';
import { FAILS_AT } from './in-place.ts';
import { type Asked, CACHING_OPTIMIZED, type EdgeCost, type Headers, type Model } from './model.ts';

/** Ways to break it, which the simulator has to notice. */
export type Fault =
  /** The pointer is moved while the files are still being written. */
  | 'flip before upload'
  /** `delta` is a key of its own. */
  | 'two keys'
  /** What only older releases need is deleted as soon as the pointer was moved. */
  | 'deletion after the flip';

export interface AtomicSiteOptions {
  readonly router: ShippedRouter;
  readonly plans: ShippedPlans;
  /** The config's `immutable`. */
  readonly immutable: readonly string[];
  readonly fault?: Fault | undefined;
  /** @default as many as everybody's */
  readonly filesASecond?: number | undefined;
}

const FOR_EVER = 'public, max-age=31536000, immutable';
const EVERY_TIME = 'public, max-age=0, must-revalidate';

const DELTA_KEY = 'delta';

/**
 * This project: its plan decides what is written and where, its promotion moves the pointer and watches, its router
 * leads to the objects. Only the requests themselves are simulated.
 */
export class AtomicSite implements Model {
  readonly lifetimes = CACHING_OPTIMIZED;
  readonly missing = 404;
  readonly errorTtl = 10;
  protected readonly options: AtomicSiteOptions;
  readonly #pooled = new Map<string, boolean>();
  readonly #releases = new Map<string, number>();
  readonly #manifests = new Map<string, Manifest>();
  #records: Pages | undefined;
  #ledger: Pages | undefined;
  #jobs = 0;

  constructor(options: AtomicSiteOptions) {
    this.options = options;
  }

  cost(uri: string): EdgeCost {
    return this.isPooled(uri) ? { functions: 0, reads: 0 } : { functions: 1, reads: 1 };
  }

  stored(_key: string): string {
    return FOR_EVER;
  }

  headers(_view: View, { uri }: Asked, _key: string): Headers {
    return { cacheControl: this.isPooled(uri) ? FOR_EVER : EVERY_TIME };
  }

  keyFor(view: View, { uri }: Asked): string | Promise<string> {
    if (this.isPooled(uri)) return uri.slice(1);
    return this.options.router.keyFor(this.pointerOf(view), uri);
  }

  releaseAt(view: View): number | undefined {
    const pointer = readPointer(this.pointerOf(view));
    return pointer && this.#releases.get(pointer.id);
  }

  /** The value of `live` as that edge has it. */
  protected pointerOf({ values }: View): string {
    const live = values.get(LIVE_KEY) as string;
    if (this.options.fault !== 'two keys') return live;
    return JSON.stringify({ ...JSON.parse(live), delta: values.get(DELTA_KEY) });
  }

  /** What is written to the store in place of what the functions write. */
  protected changesOf(changes: Changes): Changes {
    const live = changes.get(LIVE_KEY);
    if (this.options.fault !== 'two keys' || live === undefined) return changes;
    return new Map([...changes, [DELTA_KEY, JSON.parse(live).delta]]);
  }

  protected isPooled(uri: string): boolean {
    let pooled = this.#pooled.get(uri);
    if (pooled === undefined) {
      pooled = this.options.immutable.some((pattern) => matchesPattern(pattern, uri.slice(1)));
      this.#pooled.set(uri, pooled);
    }
    return pooled;
  }

  async begin(world: World): Promise<void> {
    this.#records = new Pages(world);
    this.#ledger = new Pages(world);
    const { manifest } = this.#plan(world, 0, undefined);
    const tree = world.treeOf(0);
    for (const { key, path } of manifest.files) world.bucket.write(key, tree.get(path) as Body, 0);
    this.#records.begin(manifest.id, this.options.plans.textOf(manifest));
    const changes = this.changesOf(new Map([[LIVE_KEY, pointerText(manifest.pointer)]]));
    for (const [key, value] of changes) world.store.begin(key, value as string);
  }

  async publish(world: World, release: number, pipelines: Pipelines, fails: boolean) {
    const { time, bucket } = world;
    await pipelines.inStage('Deploy', async () => {
      const manifest = await this.#upload(world, release, fails);
      await this.#untilDone(world, (token) =>
        promote(
          {
            id: `job-${this.#jobs++}`,
            userParameters: JSON.stringify({ releaseId: manifest.id }),
            inputArtifacts: [],
            artifactCredentials: undefined,
            continuationToken: token,
          },
          this.#ports(world, pipelines),
          clockOf(world),
          invocationOf(clockOf(world)),
        ),
      );
      if (this.options.fault === 'deletion after the flip') this.#deleteOthers(world, manifest);
    });
    await time.sleep(NEXT_STAGE_MS);
    bucket.requests.add('invalidation');
    await world.completed();
    this.#green(pipelines, release);
  }

  /** As `npm run releases -- rollback` does. */
  async goBack(world: World, release: number, pipelines: Pipelines) {
    const id = [...this.#releases].filter(([, number]) => number === release).at(-1)?.[0];
    if (id === undefined) throw new Error(`release ${release} was never uploaded`);
    const clock = clockOf(world);
    const ports = this.#ports(world, pipelines);
    const journal = new Journal('operator', ports, clock, invocationOf(clock), { again: true });
    const options = { evenFrozen: true };
    const begun = await goLive(id, ports, journal, clock, invocationOf(clock), options);
    if (begun.kind === 'frozen') throw new Error('publishing is frozen');
    await this.#untilDone(world, () =>
      follow(begun.token, ports, journal, clock, invocationOf(clock)),
    );
    this.#green(pipelines, release);
  }

  async #upload(world: World, release: number, fails: boolean): Promise<Manifest> {
    const { store, bucket } = world;
    // The claims of the id and of the job; what a clean-up has announced.
    bucket.requests.add('PUT', 2);
    bucket.requests.add('GET');
    bucket.requests.add('store read');
    const live = readPointer(store.items.get(LIVE_KEY) ?? '')?.id ?? '';
    await this.#recordsOf().read(live);
    const plan = this.#plan(world, release, this.#manifests.get(live));
    if (plan.problems.length > 0) throw new Error(plan.problems.join('\n'));
    const files = [...plan.pool, ...plan.put, ...plan.copy];
    const written = fails ? files.slice(0, Math.ceil(files.length * FAILS_AT)) : files;
    bucket.requests.add('COPY', written.slice(plan.pool.length + plan.put.length).length);
    bucket.requests.add('PUT', Math.min(written.length, plan.pool.length + plan.put.length));
    const writing = this.#write(world, release, written);
    if (this.options.fault !== 'flip before upload') await writing;
    if (fails) throw new Error(`release ${release}: the upload failed`);
    const { id } = plan.manifest;
    await this.#recordsOf().write(id, this.options.plans.textOf(plan.manifest), undefined);
    bucket.requests.add('PUT');
    return plan.manifest;
  }

  #plan(world: World, release: number, live: Manifest | undefined) {
    const revision = `r${release}`;
    const id = releaseId(new Date(EPOCH + world.time.now), revision);
    this.#releases.set(id, release);
    const { plans, immutable } = this.options;
    const plan = plans.plan(id, revision, world.treeOf(release), live, immutable);
    this.#manifests.set(id, plan.manifest);
    return plan;
  }

  async #write(world: World, release: number, files: readonly ManifestFile[]) {
    const { bucket, time } = world;
    const tree = world.treeOf(release);
    const each = 1_000 / (this.options.filesASecond ?? FILES_A_SECOND);
    for (const [index, { key, path }] of files.entries()) {
      bucket.write(key, tree.get(path) as Body, time.now + (index + 1) * each);
    }
    await time.sleep(files.length * each);
  }

  #ports(world: World, pipelines: Pipelines) {
    const pointer = pointerStoreOf(world, (changes) => {
      const live = changes.get(LIVE_KEY);
      const id = live && readPointer(live)?.id;
      const release = id === undefined ? undefined : this.#releases.get(id);
      if (release !== undefined) pipelines.visible(release);
      world.store.put(this.changesOf(changes));
    });
    return promotePortsOf(world, pointer, this.#recordsOf(), this.#ledger as Pages, async () => {
      const view = world.edges[0] as View;
      const answer = await this.options.router.route(this.pointerOf(view), '/.well-known/release');
      return { status: answer.statusCode ?? 0, text: answer.body ?? '' };
    });
  }

  async #untilDone(
    world: World,
    invoke: (token: string | undefined) => Promise<Outcome>,
  ): Promise<void> {
    let token: string | undefined;
    for (;;) {
      const outcome = await invoke(token);
      if (outcome.kind === 'failed') throw new Error(outcome.message);
      if (outcome.kind === 'succeeded') return;
      token = outcome.token;
      await world.time.sleep(CONTINUED_MS);
    }
  }

  #green(pipelines: Pipelines, release: number): void {
    const deployment = pipelines.deployments.filter((one) => one.release === release).at(-1);
    if (deployment) pipelines.green(deployment);
  }

  #recordsOf(): Pages {
    return this.#records as Pages;
  }

  #deleteOthers({ bucket, time }: World, { files }: Manifest): void {
    const needed = new Set(files.map(({ key }) => key));
    for (const prefix of [releasePrefix('').slice(0, -1), ...this.options.immutable]) {
      for (const key of bucket.keys(prefix.replace('*', ''), time.now)) {
        if (!needed.has(key)) bucket.remove(key, time.now);
      }
    }
  }
}
