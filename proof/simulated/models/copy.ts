import type { Cloud } from '../cloud.ts';
import {
  type Answer,
  DAY_MS,
  type Model,
  type ModelKind,
  type Publishing,
  type Request,
  YEAR_MS,
} from '../model.ts';
import type { Item, Site } from '../site.ts';

/** Files at their public keys, overwritten in place. */
class InPlace implements Model {
  constructor(
    private readonly cloud: Cloud,
    private readonly site: Site,
    /** In which order, one list after the other. */
    private readonly lists: (release: number) => readonly Iterable<Item>[],
    private readonly browserMs: (path: string) => number,
  ) {}

  async *publish(release: number): Publishing {
    for (const list of this.lists(release)) {
      yield* this.cloud.each(list, 10, (item) => this.cloud.put(item.path, item));
    }
    yield* this.cloud.invalidateAll();
    return true;
  }

  async *fail(release: number): Publishing {
    let left = Math.floor(this.site.paths / 2);
    for (const list of this.lists(release)) {
      const items = [...list].slice(0, left);
      left -= items.length;
      yield* this.cloud.each(items, 10, (item) => this.cloud.put(item.path, item));
    }
    return false;
  }

  goBack(release: number): Publishing {
    return this.publish(release);
  }

  answer({ edge, path }: Request): Answer {
    return { item: this.cloud.fetch(edge, path, path, DAY_MS), browserMs: this.browserMs(path) };
  }

  cacheKey({ path }: Request): string {
    return path;
  }
}

export const copyThenInvalidate: ModelKind = {
  name: 'copy, then invalidate /*',
  source:
    'aws/aws-cdk, packages/aws-cdk-lib/aws-codepipeline-actions/README.md, "Invalidating the CloudFront cache when deploying to S3": the deploy action puts every file, then /*',
  create: (cloud, site) =>
    new InPlace(
      cloud,
      site,
      (release) => [site.filesOf(release)],
      () => 0,
    ),
};

export const assetsFirst: ModelKind = {
  name: 'assets first, HTML last',
  source:
    'pjsier/il-fair-tax, .deploy.sh: everything but HTML, kept for a year; then HTML, not kept; then /*. Here files without a hash are not kept either',
  create(cloud, site) {
    const some = (release: number, assets: boolean) =>
      [...site.filesOf(release)].filter(({ path }) => site.isAsset(path) === assets);
    return new InPlace(
      cloud,
      site,
      (release) => [some(release, true), some(release, false)],
      (path) => (site.shape.hashed && site.isAsset(path) ? YEAR_MS : 0),
    );
  },
};
