import { bodyOf } from '../lambda/shared/page-body.ts';
import type { Plan } from '../lambda/upload/plan.ts';
import type { Change, PlannedRelease } from './history.ts';
import { type Counts, type Kind, priceOf } from './prices.ts';

/** What a release asks of S3, the key-value store and CloudFront, and what it sends. */
export interface Load {
  readonly counts: Counts;
  /** In bodies of PUT. */
  readonly bytes: number;
}

/** Ways to bring a built site into a bucket. */
export const UPLOADERS = ['ours', 's3 sync', 'full copy', '--size-only', 'ETag diff'] as const;
export type Uploader = (typeof UPLOADERS)[number];

/**
 * What Upload and Promote ask of S3 whatever the release holds: two claims, the manifest, three changes
 * of the ledger, the error page, and four reads of manifests and ledger. A test counts them on the bundles.
 */
export const EVERY_RELEASE = { PUT: 6, COPY: 1, GET: 4, LIST: 0, HEAD: 0 };

/** And of the others, the invalidation of the last action included. A test counts the store's. */
export const EVERY_FLIP = { 'store read': 5, 'store write': 1, invalidation: 1 } as const;

/** What one listing returns at most. */
export const LISTED = 1_000;

const load = (counts: Partial<Record<Kind, number>>, bytes: number): Load => ({
  counts: new Map(Object.entries(counts) as [Kind, number][]),
  bytes,
});

/** What each way would ask for the same release. All but ours overwrite what is live, and invalidate all of it. */
export function loadsOf({ plan, files, changes }: PlannedRelease): Record<Uploader, Load> {
  const LIST = Math.ceil(files.length / LISTED);
  const everything = bytesOf(files);
  const invalidation = 1;
  const otherSize = changes.filter(({ sameSize }) => !sameSize);
  return {
    ours: ofPlan(plan),
    // A source is uploaded if its size differs or it is newer than the object (awscli/customizations/s3/syncstrategy/base.py of
    // aws/aws-cli at 4c77bc15077ccf0c3fad6b67891eecfaa20bff5a). A build has just written all of its files.
    's3 sync': load({ LIST, PUT: files.length, invalidation }, everything),
    'full copy': load({ PUT: files.length, invalidation }, everything),
    // Misses every change that keeps the size.
    '--size-only': load({ LIST, PUT: otherSize.length, invalidation }, bytesOf(otherSize)),
    'ETag diff': load({ LIST, PUT: changes.length, invalidation }, bytesOf(changes)),
  };
}

/** What visitors of a site uploaded with `--size-only` do not get. */
export const missedOf = (changes: readonly Change[]): number =>
  changes.filter(({ sameSize }) => sameSize).length;

function ofPlan({ put, pool, copy, manifest }: Plan): Load {
  return load(
    {
      ...EVERY_RELEASE,
      ...EVERY_FLIP,
      PUT: EVERY_RELEASE.PUT + put.length + pool.length,
      COPY: EVERY_RELEASE.COPY + copy.length,
    },
    bytesOf([...put, ...pool]) + Buffer.byteLength(bodyOf(JSON.stringify(manifest)).Body),
  );
}

const bytesOf = (files: readonly { readonly size: number }[]): number =>
  files.reduce((sum, { size }) => sum + size, 0);

const OF_S3: readonly Kind[] = ['PUT', 'COPY', 'LIST', 'GET', 'HEAD', 'DELETE'];

export const requestsOf = ({ counts }: Load): number =>
  OF_S3.reduce((sum, kind) => sum + (counts.get(kind) ?? 0), 0);

export const dollarsOf = ({ counts }: Load): number => priceOf(counts);

/** A mean release. @throws Error where there is none */
export function meanOf(loads: readonly Load[]): Load {
  if (loads.length === 0) throw new Error('no release to take the mean of');
  const counts = new Map<Kind, number>();
  for (const one of loads) {
    for (const [kind, count] of one.counts) {
      counts.set(kind, (counts.get(kind) ?? 0) + count / loads.length);
    }
  }
  return { counts, bytes: loads.reduce((sum, { bytes }) => sum + bytes, 0) / loads.length };
}
