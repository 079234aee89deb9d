import { KEYS_A_LISTING, LISTING_MS } from '../bucket.ts';
import type { Pipelines } from '../pipelines.ts';
import type { Body } from '../sites/body.ts';
import type { World } from '../world.ts';
import { beginInPlace, FAILS_AT, fileAt, writeFiles } from './in-place.ts';
import { CACHING_OPTIMIZED, type Model, type Way } from './model.ts';

export const assetsFirst: Way = {
  name: 'assets first, HTML last',
  option: 'assets-first',
  sources: [
    {
      repository: 'pjsier/il-fair-tax',
      path: '.deploy.sh',
      commit: '2060829f33e535b4322cca97cb5db3c945033b4b',
      says: 'two `aws s3 sync`: all but HTML with a year of `max-age`, then HTML with `max-age=0`; then an invalidation of `/*`; nothing deleted',
    },
  ],
  assumes: [
    'It runs in a CI that lets two runs overlap. What `--size-only` overlooks is not modelled: every change changes the size.',
  ],
  model: () => new AssetsFirst(),
};

class AssetsFirst implements Model {
  readonly lifetimes = CACHING_OPTIMIZED;
  readonly missing = 403;
  readonly errorTtl = 10;
  #live = 0;

  cost = () => ({ functions: 0, reads: 0 });
  stored = (key: string) =>
    key.endsWith('.html') ? 'public, max-age=0, must-revalidate' : 'public, max-age=31536000';
  headers = (_view: unknown, _asked: unknown, key: string) => ({ cacheControl: this.stored(key) });
  keyFor = (_: unknown, { uri }: { readonly uri: string }) => fileAt(uri);

  async begin(world: World): Promise<void> {
    beginInPlace(world);
  }

  async publish(world: World, release: number, pipelines: Pipelines, fails: boolean) {
    const deployment = pipelines.visible(release);
    await this.#sync(world, release, (path) => !path.endsWith('.html'));
    await this.#sync(world, release, (path) => path.endsWith('.html'), fails ? FAILS_AT : 1);
    if (fails) throw new Error(`release ${release}: the copy failed`);
    void world.invalidateEverything(this.#live, release);
    this.#live = release;
    pipelines.green(deployment);
  }

  /** Writes what is not there as it should be. `aws s3 sync` lists the bucket first. */
  async #sync(world: World, release: number, isMeant: (path: string) => boolean, share = 1) {
    const { bucket, time } = world;
    const tree = world.treeOf(release);
    const listings = Math.ceil(tree.size / KEYS_A_LISTING);
    bucket.requests.add('LIST', listings);
    await time.sleep(listings * LISTING_MS);
    const changed: [string, Body][] = [];
    for (const [path, body] of tree) {
      if (isMeant(path) && bucket.read(path, time.now)?.body !== body) changed.push([path, body]);
    }
    await writeFiles(world, changed, share);
  }
}
