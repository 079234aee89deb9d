import { KEYS_A_LISTING, LISTING_MS } from '../bucket.ts';
import { NEXT_STAGE_MS, type Pipelines } from '../pipelines.ts';
import type { View } from '../store.ts';
import type { World } from '../world.ts';
import { FAILS_AT, writeFiles } from './in-place.ts';
import type { Asked, Model, Way } from './model.ts';

const YEAR = 31_536_000;

/** The Lambda function's start, DescribeKeyValueStore and PutKey, in milliseconds. */
const FLIP_MS = 1_500;

/** One `DeleteObject` after the other. */
const DELETE_MS = 30;
/** The Lambda function's timeout. */
const DELETING_MS = 300_000;

export const prefixDelete: Way = {
  name: 'prefix, then deletion (CloudFront Hosting Toolkit)',
  option: 'prefix-delete',
  sources: [
    {
      repository: 'awslabs/cloudfront-hosting-toolkit',
      path: 'resources/cff_templates/index_basic.js',
      commit: 'e5eb81fe3159d97d8173f26227ca9ad29379b312',
      says: 'the router: the key `path` before every address',
    },
    {
      repository: 'awslabs/cloudfront-hosting-toolkit',
      path: 'resources/build_config_templates/hosting_basic.yml',
      commit: '0fafb2bda47eade92969b55865c87348b5bb097b',
      says: 'the copy: `aws s3 cp --recursive` to the commit as prefix, in the build stage',
    },
    {
      repository: 'awslabs/cloudfront-hosting-toolkit',
      path: 'lib/deployment_workflow_sf.ts',
      commit: '60f97c8ff4332cd3c2bfa073da035990af654db0',
      says: 'the key-value store is updated, then old deployments are deleted; 300 seconds for that',
    },
    {
      repository: 'awslabs/cloudfront-hosting-toolkit',
      path: 'lambda/update_kvs/index.js',
      commit: '3a762de2714066d8f31ba5886780983b0a15dcf1',
      says: 'PutKey of `path` with the ETag read just before',
    },
    {
      repository: 'awslabs/cloudfront-hosting-toolkit',
      path: 'lambda/delete_old_deployments/index.js',
      commit: '77b3ba7aa136d9ffb491a5225d372ee240fc7872',
      says: 'all other prefixes, one listing of each, one DeleteObject at a time',
    },
    {
      repository: 'awslabs/cloudfront-hosting-toolkit',
      path: 'lib/hosting_infrastructure.ts',
      commit: 'a828dd6d4c88310f542577f0141b3d05cd201b77',
      says: 'cache policies of a year, whatever the object says; no error responses',
    },
  ],
  assumes: [
    'Objects have no `Cache-Control`: browsers keep them for a tenth of their age.',
    'A rollback is the old commit through the pipeline: there is no other one.',
  ],
  model: () => new PrefixDelete(),
};

class PrefixDelete implements Model {
  readonly lifetimes = { minTtl: YEAR, defaultTtl: YEAR, maxTtl: YEAR };
  readonly missing = 403;
  readonly errorTtl = 10;

  cost = () => ({ functions: 1, reads: 1 });
  stored = () => undefined;
  headers = () => ({ cacheControl: undefined });

  releaseAt({ values }: View): number {
    return releaseOf(values.get('path') as string);
  }

  keyFor({ values }: View, { uri }: Asked): string {
    const path = values.get('path');
    if (uri.endsWith('/')) return `${path}${uri}index.html`;
    return /\/[^/]+\.[^/]+$/.test(uri) ? `${path}${uri}` : `${path}${uri}.html`;
  }

  async begin(world: World): Promise<void> {
    for (const [path, body] of world.treeOf(0))
      world.bucket.write(`${commitOf(0)}/${path}`, body, 0);
    world.store.begin('path', commitOf(0));
  }

  async publish(world: World, release: number, pipelines: Pipelines, fails: boolean) {
    const { time, store, bucket } = world;
    const commit = commitOf(release);
    await pipelines.inStage('Build', async () => {
      const files = [...world.treeOf(release)].map(
        ([path, body]) => [`${commit}/${path}`, body] as const,
      );
      await writeFiles(world, files, fails ? FAILS_AT : 1);
    });
    if (fails) throw new Error(`release ${release}: the copy failed`);
    await time.sleep(NEXT_STAGE_MS);
    await pipelines.inStage('ChangeUri', async () => {
      await time.sleep(FLIP_MS);
      bucket.requests.add('store read');
      bucket.requests.add('store write');
      const deployment = pipelines.visible(release);
      store.put([['path', commit]]);
      await this.#deleteOthers(world, commit);
      pipelines.green(deployment);
    });
  }

  async #deleteOthers({ bucket, time, scene }: World, commit: string): Promise<void> {
    const begun = time.now;
    bucket.requests.add('LIST');
    await time.sleep(LISTING_MS);
    const others = scene.trees
      .map((_, release) => commitOf(release))
      .filter((other) => other !== commit && bucket.holds(`${other}/`, time.now));
    for (const other of others) {
      // One listing, which it does not go on with.
      const keys = bucket.keys(`${other}/`, time.now).slice(0, KEYS_A_LISTING);
      bucket.requests.add('LIST');
      await time.sleep(LISTING_MS);
      const left = Math.floor((begun + DELETING_MS - time.now) / DELETE_MS);
      const deleted = keys.slice(0, Math.max(0, left));
      for (const [index, key] of deleted.entries()) {
        bucket.remove(key, time.now + (index + 1) * DELETE_MS);
      }
      bucket.requests.add('DELETE', deleted.length);
      await time.sleep(deleted.length * DELETE_MS);
      if (deleted.length < keys.length) throw new Error('the deletion ran out of time');
    }
  }
}

const commitOf = (release: number): string => `commit-${release}`;
const releaseOf = (commit: string): number => Number(commit.slice('commit-'.length));
