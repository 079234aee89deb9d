import { shuffled } from '../chance.ts';
import { NEXT_STAGE_MS, type Pipelines, pipelineSeed } from '../pipelines.ts';
import type { World } from '../world.ts';
import { beginInPlace, FAILS_AT, fileAt, writeFiles } from './in-place.ts';
import type { Model, Way } from './model.ts';

/** The Lambda action asks for the invalidation and reports success, in milliseconds. */
const INVALIDATE_MS = 1_000;

export const copyThenInvalidate: Way = {
  name: 'copy, then invalidate /*',
  option: 'copy-then-invalidate',
  sources: [
    {
      repository: 'oshanfernando/aws-cdk-codepipeline',
      path: 'lib/cca-aws-stack.ts',
      commit: 'dbb0de77b922e6de56f4702205417e8bce994340',
      says: 'a stage that copies, then a stage `InvalidateCache`; a distribution with defaults only',
    },
    {
      repository: 'oshanfernando/aws-cdk-codepipeline',
      path: 'src/Helpers.ts',
      commit: '68dc87e1ec3763064dd895ca9490eb686dd3beaf',
      says: '`create_invalidation` of `/*`, then `put_job_success_result` without waiting for it',
    },
    {
      repository: 'suzukiken/cdk-note-v1',
      path: 'lib/cdk-note-ui-deploy-admin-stack.ts',
      commit: '080881f78c16c15aa98ae4bc09f24d2807e3864f',
      says: 'the copy as `S3DeployAction` without `cacheControl`: every file, none deleted',
    },
  ],
  assumes: [
    'The action writes files in an order of chance: it is documented nowhere.',
    'Objects have no `Cache-Control`: the edges keep them for a day, browsers for a tenth of their age.',
  ],
  model: () => new CopyThenInvalidate(),
};

class CopyThenInvalidate implements Model {
  readonly lifetimes = { minTtl: 0, defaultTtl: 86_400, maxTtl: 31_536_000 };
  readonly missing = 403;
  readonly errorTtl = 10;
  #live = 0;

  cost = () => ({ functions: 0, reads: 0 });
  stored = () => undefined;
  headers = () => ({ cacheControl: undefined });
  keyFor = (_: unknown, { uri }: { readonly uri: string }) => fileAt(uri);

  async begin(world: World): Promise<void> {
    beginInPlace(world);
  }

  async publish(world: World, release: number, pipelines: Pipelines, fails: boolean) {
    const { time, scene } = world;
    const deployment = await pipelines.inStage('Deploy', async () => {
      const begun = pipelines.visible(release);
      const files = shuffled([...world.treeOf(release)], pipelineSeed(scene.seed, release));
      await writeFiles(world, files, fails ? FAILS_AT : 1);
      return begun;
    });
    if (fails) throw new Error(`release ${release}: the copy failed`);
    await time.sleep(NEXT_STAGE_MS);
    await pipelines.inStage('Invalidate', async () => {
      await time.sleep(INVALIDATE_MS);
      // Not waited for: the action reports success at once.
      void world.invalidateEverything(this.#live, release);
      this.#live = release;
    });
    pipelines.green(deployment);
  }
}
