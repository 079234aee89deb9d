import { KEYS_A_LISTING } from '../bucket.ts';
import type { Pipelines } from '../pipelines.ts';
import type { View } from '../store.ts';
import type { World } from '../world.ts';
import { FAILS_AT, writeFiles } from './in-place.ts';
import { type Asked, CACHING_OPTIMIZED, type Headers, type Model, type Way } from './model.ts';

/** CloudFormation from the start of an update to the first deployment, and from the last one to its end, in milliseconds. */
const STACK_MS = 20_000;
/** The custom resource that writes to the store. */
const FLIP_MS = 5_000;
/** `BucketDeployment`s of a site with hashed files: those, HTML, the rest; each reads the bucket's list. */
const DEPLOYMENTS = 3;

const COOKIE = '__dpl';
const COOKIE_SECONDS = 86_400;

export const prefixCookie: Way = {
  name: 'prefix and release cookie (aws-blocks)',
  option: 'prefix-cookie',
  sources: [
    {
      repository: 'aws-devtools-labs/aws-blocks',
      path: 'packages/hosting/src/constructs/kvs_router.ts',
      commit: '10617b439707668036accc1bb55d6796b9081c7f',
      says: 'both functions: pages from `meta.b`, everything else from the build that the cookie `__dpl` names; the cookie is set to `meta.b` as read when the answer leaves',
    },
    {
      repository: 'aws-devtools-labs/aws-blocks',
      path: 'packages/hosting/src/constructs/kv_keys_handler.ts',
      commit: '157f82f2f9a6354f8d616f6cb9797bd309611a22',
      says: 'UpdateKeys after all uploads, `meta` last',
    },
    {
      repository: 'aws-devtools-labs/aws-blocks',
      path: 'packages/hosting/src/constructs/hosting_construct.ts',
      commit: '3ec6671750ad089c1a548299513fa0f7f419ffbd',
      says: '`BucketDeployment`s to `builds/<id>/` without pruning; `no-store` for HTML, a year and `immutable` for hashed files, a year at the edge and `max-age=0` for the rest; skew protection on by default',
    },
    {
      repository: 'aws-devtools-labs/aws-blocks',
      path: 'packages/hosting/src/constructs/cdn_construct.ts',
      commit: '04a1ddd0426423d8bb7c001bcb90e402828ca535',
      says: 'static sites get CachingOptimized; the cookie lives for a day',
    },
    {
      repository: 'aws-devtools-labs/aws-blocks',
      path: 'packages/hosting/src/constructs/storage_construct.ts',
      commit: '854148a0594fc0de557f60fe5a97abcdc411de1b',
      says: 'old builds expire after 30 days',
    },
  ],
  assumes: [
    'Hashed files are declared as immutable paths. One stack update at a time. The expiry of old builds is not reached.',
    'A rollback is the old commit through the pipeline, with a new build id.',
  ],
  model: () => new PrefixCookie(),
};

class PrefixCookie implements Model {
  readonly lifetimes = CACHING_OPTIMIZED;
  readonly missing = 403;
  readonly errorTtl = 10;
  #builds = 0;

  cost = () => ({ functions: 2, reads: 2 });

  stored(key: string): string {
    if (key.endsWith('.html')) return 'no-cache, no-store, must-revalidate';
    if (/^builds\/[^/]+\/assets\//.test(key)) return 'public, max-age=31536000, immutable';
    return 'public, s-maxage=31536000, max-age=0, must-revalidate';
  }

  releaseAt({ values }: View): number {
    return releaseOf(values.get('meta') as string);
  }

  keyFor({ values }: View, { uri, cookies }: Asked): string {
    const file = uri.endsWith('/') ? `${uri}index.html` : uri;
    const live = values.get('meta') as string;
    const build = file.endsWith('.html') ? live : (cookies.get(COOKIE) ?? live);
    return `builds/${build}${file}`;
  }

  headers({ values }: View, _asked: Asked, key: string): Headers {
    const cacheControl = this.stored(key);
    if (!key.endsWith('.html')) return { cacheControl };
    const value = values.get('meta') as string;
    return { cacheControl, cookie: { name: COOKIE, value, seconds: COOKIE_SECONDS } };
  }

  async begin(world: World): Promise<void> {
    const build = this.#build(0);
    for (const [path, body] of world.treeOf(0)) {
      world.bucket.write(`builds/${build}/${path}`, body, 0);
    }
    world.store.begin('meta', build);
  }

  async publish(world: World, release: number, pipelines: Pipelines, fails: boolean) {
    const { time, store, bucket } = world;
    await pipelines.inStage('stack', async () => {
      await time.sleep(STACK_MS);
      const build = this.#build(release);
      const tree = world.treeOf(release);
      bucket.requests.add('LIST', DEPLOYMENTS * Math.ceil(tree.size / KEYS_A_LISTING));
      const files = [...tree].map(([path, body]) => [`builds/${build}/${path}`, body] as const);
      await writeFiles(world, files, fails ? FAILS_AT : 1);
      if (fails) throw new Error(`release ${release}: the copy failed`);
      await time.sleep(FLIP_MS);
      bucket.requests.add('store read');
      bucket.requests.add('store write');
      const deployment = pipelines.visible(release);
      store.put([['meta', build]]);
      await time.sleep(STACK_MS);
      pipelines.green(deployment);
    });
  }

  #build(release: number): string {
    this.#builds += 1;
    return `b${this.#builds}-${release}`;
  }
}

const releaseOf = (build: string): number => Number(build.slice(build.indexOf('-') + 1));
