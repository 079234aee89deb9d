import { setImmediate } from 'node:timers/promises';
import { type ArtifactFile, type Plan, planRelease } from '../lambda/upload/plan.ts';
import {
  CACHE_FOR_EVER,
  LIVE_KEY,
  type Manifest,
  type Pointer,
  releaseId,
} from '../lib/release/contract.ts';
import { Edge } from '../local/edge/edge.ts';
import type { BenchContext } from './context.ts';
import { randomFrom } from './random.ts';
import type { Section } from './table.ts';

/**
 * What Upload and Promote ask of S3 whatever the release holds: two claims, the manifest, three changes
 * of the ledger, the error page, and four reads of manifests and ledger. A test counts them on the bundles.
 */
export const EVERY_RELEASE = { PUT: 6, COPY: 1, GET: 4, LIST: 0, HEAD: 0 };

const RELEASES = 30;
const SITES = [100, 1_000, 10_000, 50_000];
const CHANGES = [0, 10, 500];
/** Of a release's pages, those that visitors ask for before and after each flip. */
const VISITED = 100;
/** What one listing returns at most. */
const LISTED = 1_000;
/** As `resolveConfig` and the key-value store have it. */
const LIMITS = { pointerBytes: 1_024, rebaseShare: 1 };

const FIRST = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

type Pattern = 'nothing' | 'other files' | 'mostly the same';

/** One run of releases of one site, summed up. */
interface Run {
  readonly put: number;
  readonly copy: number;
  readonly rebased: number;
  readonly sentBytes: number;
  readonly changedBytes: number;
  readonly warmRequests: number;
  readonly warmBytes: number;
  readonly slowestPlan: number;
}

/**
 * S3 requests and bytes of 30 releases, one a day, of synthetic sites, by the shipped plan; beside `aws
 * s3 sync` after a fresh build and an uploader that compares ETags. And how much the edge still has.
 */
export async function measureReleases(context: BenchContext): Promise<Section[]> {
  const rows: string[][] = [];
  for (const size of SITES) {
    for (const changed of CHANGES.filter((count) => count <= size)) {
      const patterns: Pattern[] = changed === 0 ? ['nothing'] : ['other files', 'mostly the same'];
      for (const pattern of patterns) {
        context.progress(`${RELEASES} releases of ${size} files, ${changed} changed: ${pattern}`);
        rows.push(rowOf(size, changed, pattern, await runOf(size, changed, pattern, context)));
      }
    }
  }
  return [
    {
      heading: [
        `Releases: mean of ${RELEASES}, S3 requests`,
        'ours',
        'ETag diff',
        'of ours',
        's3 sync',
        'MB ours',
        'MB ETag diff',
        'warm',
        'warm bytes',
        'slowest plan',
      ],
      rows,
      notes: [
        `in every release of ours: ${kindsOf(EVERY_RELEASE)}, ledger and error page included`,
        `ETag diff: a listing for every ${LISTED.toLocaleString('en-US')} files, a PUT for every change; it overwrites what is live`,
        's3 sync: the same listings, a PUT for every file, since a fresh build has new times',
        `warm: of ${VISITED} pages drawn from the site, answered by the local edge from its cache after each flip`,
        'other files: drawn anew each time; mostly the same: nine of ten from a few more than are changed',
        'MB: what is sent to S3, manifests included; copies are made within the bucket and send none',
      ],
    },
  ];
}

function rowOf(size: number, changed: number, pattern: Pattern, run: Run): string[] {
  const listings = Math.ceil(size / LISTED);
  const ours = {
    ...EVERY_RELEASE,
    PUT: EVERY_RELEASE.PUT + run.put / RELEASES,
    COPY: EVERY_RELEASE.COPY + run.copy / RELEASES,
  };
  const total = Object.values(ours).reduce((sum, count) => sum + count, 0);
  const theirs = listings + run.put / RELEASES;
  const site = `${changed} of ${size.toLocaleString('en-US')}`;
  return [
    pattern === 'nothing' ? site : `${site}, ${pattern}`,
    shown(total),
    shown(theirs),
    `${total < theirs ? 'fewer' : 'MORE'}: ${kindsOf(ours)}; ${run.rebased} rebased`,
    shown(listings + size),
    megabytes(run.sentBytes / RELEASES),
    megabytes(run.changedBytes / RELEASES),
    share(run.warmRequests),
    share(run.warmBytes),
    `${Math.round(run.slowestPlan)} ms`,
  ];
}

const shown = (count: number): string =>
  count.toLocaleString('en-US', { maximumFractionDigits: count < 1_000 ? 1 : 0 });
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);
const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
const kindsOf = (kinds: Readonly<Record<string, number>>): string =>
  Object.entries(kinds)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${kind} ${shown(count)}`)
    .join(', ');

async function runOf(
  size: number,
  changed: number,
  pattern: Pattern,
  { assembly, signal }: BenchContext,
): Promise<Run> {
  const random = randomFrom(size + changed);
  const pick = (most: number) => Math.floor(random() * most);
  const files = Array.from(
    { length: size },
    (_, index): ArtifactFile => ({
      path: `section-${index % 40}/page-${index}/index.html`,
      size: 2_000 + pick(18_000),
      sha256: 'first',
      type: 'text/html; charset=utf-8',
    }),
  );
  // Spread over the site, each once: no size has this prime in it.
  const often = Array.from(
    { length: Math.ceil(changed * 1.2) },
    (_, index) => (index * 7_919) % size,
  );
  const change = (release: string): number => {
    const drawn = new Set<number>();
    while (drawn.size < changed) {
      const mostly = pattern === 'mostly the same' && drawn.size < 0.9 * changed;
      drawn.add(mostly ? (often[pick(often.length)] as number) : pick(size));
    }
    let bytes = 0;
    for (const index of drawn) {
      const file = files[index] as ArtifactFile;
      files[index] = { ...file, sha256: release };
      bytes += file.size;
    }
    return bytes;
  };

  const visited = Array.from({ length: Math.min(VISITED, size) }, (_, index) =>
    Math.floor((index * size) / Math.min(VISITED, size)),
  );
  const visitors = visitorsOf(assembly);
  const sum = { put: 0, copy: 0, rebased: 0, sentBytes: 0, changedBytes: 0, slowestPlan: 0 };
  const warm = { requests: 0, bytes: 0 };
  const asked = { requests: 0, bytes: 0 };
  let live: Manifest | undefined;
  for (let release = 0; release <= RELEASES; release += 1) {
    await setImmediate();
    signal.throwIfAborted();
    const createdAt = new Date(FIRST + release * DAY);
    const revision = Math.floor(random() * 0xfffffff)
      .toString(16)
      .padStart(7, '0');
    const id = releaseId(createdAt, revision);
    const changedBytes = release === 0 ? 0 : change(id);
    const began = performance.now();
    const plan: Plan = planRelease({
      id,
      revision,
      createdAt,
      files,
      live,
      immutable: [],
      addressing: {},
      limits: LIMITS,
    });
    const took = performance.now() - began;
    live = plan.manifest;
    visitors.flip(plan.pointer);
    for (const index of visited) {
      const { path, size: bytes } = files[index] as ArtifactFile;
      const hit = await visitors.ask(path, bytes);
      if (release === 0) continue;
      asked.requests += 1;
      asked.bytes += bytes;
      warm.requests += hit ? 1 : 0;
      warm.bytes += hit ? bytes : 0;
    }
    // The first one brings everything, whoever uploads it.
    if (release === 0) continue;
    sum.put += plan.put.length;
    sum.copy += plan.copy.length;
    sum.rebased += plan.pointer.base === id ? 1 : 0;
    sum.sentBytes += plan.put.reduce((total, file) => total + file.size, 0);
    sum.sentBytes += Buffer.byteLength(JSON.stringify(plan.manifest));
    sum.changedBytes += changedBytes;
    sum.slowestPlan = Math.max(sum.slowestPlan, took);
  }
  return {
    ...sum,
    warmRequests: warm.requests / asked.requests,
    warmBytes: warm.bytes / asked.bytes,
  };
}

/** The template's edge over an origin that has every object. */
function visitorsOf(assembly: BenchContext['assembly']) {
  let live = '';
  let size = 0;
  const distribution = assembly.theOnly('AWS::CloudFront::Distribution');
  const byRef = (type: string) =>
    new Map(assembly.ofType(type).map((resource) => [resource.ref, resource.properties]));
  const edge = new Edge({
    distribution: {
      logicalId: distribution.logicalId,
      id: distribution.ref,
      domainName: String(distribution.attributes.DomainName),
      properties: distribution.properties,
    },
    cachePolicies: byRef('AWS::CloudFront::CachePolicy'),
    responseHeadersPolicies: byRef('AWS::CloudFront::ResponseHeadersPolicy'),
    functions: new Map(
      assembly.ofType('AWS::CloudFront::Function').map((resource) => [resource.ref, resource]),
    ),
    keyValueStores: new Map(
      assembly
        .ofType('AWS::CloudFront::KeyValueStore')
        .map(({ attributes }) => [
          String(attributes.Arn),
          { get: async (key: string) => (key === LIVE_KEY ? live : undefined) },
        ]),
    ),
    origin: {
      read: async () => ({
        status: 200,
        headers: {
          'content-type': 'text/html; charset=utf-8',
          'content-length': String(size),
          'cache-control': CACHE_FOR_EVER,
          etag: '"e"',
        },
        body: Buffer.alloc(size),
      }),
    },
  });
  return {
    flip(pointer: Pointer): void {
      live = JSON.stringify(pointer);
    },
    /** Whether the edge had it. */
    async ask(path: string, bytes: number): Promise<boolean> {
      size = bytes;
      const { status, headers } = await edge.handle({
        method: 'GET',
        target: `/${path}`,
        headers: { host: 'www.example.com' },
      });
      if (status !== 200) throw new Error(`/${path}: the edge answered ${status}`);
      return String(headers['x-cache']).startsWith('Hit');
    },
  };
}
