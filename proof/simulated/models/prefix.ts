import type { Cloud } from '../cloud.ts';
import {
  type Answer,
  type Model,
  type ModelKind,
  type Publishing,
  type Request,
  YEAR_MS,
} from '../model.ts';
import type { Site } from '../site.ts';

/** A prefix for each release, and a key that says which one is live. */
class Prefix implements Model {
  constructor(
    protected readonly cloud: Cloud,
    protected readonly site: Site,
  ) {}

  async *publish(release: number): Publishing {
    yield* this.upload(release, Number.POSITIVE_INFINITY);
    this.cloud.write(new Map([['live', String(release)]]));
    return true;
  }

  async *fail(release: number): Publishing {
    yield* this.upload(release, Math.floor(this.site.paths / 2));
    return false;
  }

  goBack(release: number): Publishing {
    return this.publish(release);
  }

  answer(request: Request): Answer {
    const key = this.cacheKey(request) ?? '';
    const { path } = request;
    const browserMs = this.site.shape.hashed && this.site.isAsset(path) ? YEAR_MS : 0;
    return { item: this.cloud.fetch(request.edge, key, key, this.edgeMs(path)), browserMs };
  }

  cacheKey(request: Request): string | undefined {
    return `${this.releaseFor(request)}/${request.path}`;
  }

  /** How long edges keep a file. */
  protected edgeMs(_path: string): number {
    return YEAR_MS;
  }

  protected releaseFor({ edge }: Request): string {
    return this.cloud.read(edge, 'live') ?? '';
  }

  private async *upload(release: number, most: number): AsyncGenerator<number, void> {
    const files = [...this.site.filesOf(release)].slice(0, most);
    yield* this.cloud.each(files, 10, (item) => this.cloud.put(`${release}/${item.path}`, item));
  }
}

/** Deletes every other release at once. */
class DeletesOthers extends Prefix {
  override async *publish(release: number): Publishing {
    yield* super.publish(release);
    const prefixes = new Set([...this.cloud.bucket.keys()].map((key) => key.split('/')[0]));
    prefixes.delete(String(release));
    this.cloud.count('LIST');
    for (const prefix of prefixes) {
      this.cloud.count('LIST');
      // One listing, so a thousand of them at most; one after the other.
      const keys = [...this.cloud.bucket.keys()].filter((key) => key.startsWith(`${prefix}/`));
      yield* this.cloud.each(keys.slice(0, 1_000), 1, (key) => this.cloud.delete(key));
    }
    return true;
  }
}

export const prefixAndDelete: ModelKind = {
  name: 'prefix, others deleted',
  source:
    'awslabs/cloudfront-hosting-toolkit, lib/deployment_workflow_sf.ts and lambda/delete_old_deployments/index.ts: the key is put, then all other prefixes go',
  create: (cloud, site) => new DeletesOthers(cloud, site),
};

/** Pages from the live release; assets from the one that a cookie of the browser names. */
class WithCookie extends Prefix {
  override answer(request: Request): Answer {
    if (this.site.isAsset(request.path)) return super.answer(request);
    const answer = super.answer(request);
    // The function of the response reads the key again.
    return { ...answer, cookie: this.cloud.read(request.edge, 'live') ?? '' };
  }

  /** Pages are sent with `no-store`. */
  protected override edgeMs(path: string): number {
    return this.site.isAsset(path) ? YEAR_MS : 0;
  }

  protected override releaseFor(request: Request): string {
    const live = super.releaseFor(request);
    return this.site.isAsset(request.path) ? (request.cookie ?? live) : live;
  }
}

export const prefixAndCookie: ModelKind = {
  name: 'prefix, release cookie',
  source:
    'aws-devtools-labs/aws-blocks, packages/hosting/src/constructs/kvs_router.ts: pages from the live build, assets from the one in the cookie __dpl, which every page sets; pages are not kept at the edge; old builds stay',
  create: (cloud, site) => new WithCookie(cloud, site),
};
