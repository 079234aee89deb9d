import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { PromotePorts } from '../../../lambda/promote/promote.ts';
import type { PruneReport } from '../../../lambda/prune/prune.ts';
import type { Continued, Outcome } from '../../../lambda/shared/job.ts';
import type { FlipOptions } from '../../../lambda/shared/pointer.ts';
import type { UploadPorts } from '../../../lambda/upload/upload.ts';
import type { LedgerEntry } from '../../../lib/release/contract.ts';
import { zipOf } from '../zip.ts';
import { BUCKET, STORE_ARN } from './account.ts';
import type * as shipped from './cores.ts';
import type { Process } from './process.ts';

export type Cores = typeof shipped;

/** Path patterns of the files that all releases share. */
export const IMMUTABLE = ['assets/*'];

/** How everybody's uploads are set up, but for their bases. */
export const UPLOAD_SETTINGS: Pick<UploadPorts, 'immutable' | 'urls' | 'rulesFiles' | 'gates'> = {
  immutable: IMMUTABLE,
  urls: { style: 'any', fallback: 'none' },
  rulesFiles: { redirects: false, headers: false },
  gates: { maxFiles: 100, maxFileMegabytes: 1, maxTotalMegabytes: 1, massLoss: 1, links: 'off' },
};

/** Somebody who does something: a job of the pipeline, the daily clean-up, an operator. */
export interface Actor {
  readonly name: string;
  readonly kind: 'upload' | 'promote' | 'prune' | 'freeze' | 'unfreeze' | 'pin' | 'unpin' | 'time';
  /** The release that it is about, if it is one that is there. */
  readonly about?: string;
  /** Whether a freeze is nothing to it. */
  readonly evenFrozen?: boolean;
  /** Whether it freezes publishing as it makes a release live. */
  readonly freezes?: boolean;
  /** How far its clock is ahead of the others'. */
  readonly aheadMs?: number;
  /** Nobody, but time: when it moves, so much passes for all. */
  readonly passesMs?: number;
  /** @returns what it believes at its end. */
  run(process: Process, cores: Cores): Promise<unknown>;
}

/** What somebody who promotes may believe in the end. */
export interface Belief {
  readonly live: string;
  /** Whether it moved the pointer itself. */
  readonly changed: boolean;
  /** The release that it replaced. */
  readonly replaced: string | undefined;
}

export type Site = Readonly<Record<string, string>>;

interface UploadOptions {
  /** @default that of the name */
  readonly job?: string;
  readonly revision?: string;
  /** 0: the release becomes its own base, and what has not changed is copied. @default 1 */
  readonly rebaseShare?: number;
  /** Whether the release goes live after, as in the pipeline. @default false */
  readonly promoted?: boolean;
  readonly aheadMs?: number;
}

export function upload(name: string, site: Site, options: UploadOptions = {}): Actor {
  const { rebaseShare = 1, promoted = false, aheadMs = 0 } = options;
  const job = options.job ?? name;
  const revision = options.revision ?? createHash('sha256').update(name).digest('hex').slice(0, 7);
  const zip = zipOf(site, { compress: false });
  return {
    name,
    kind: 'upload',
    aheadMs,
    async run(process, cores) {
      const ports = {
        ...cores.uploadPorts(process.s3, BUCKET, storeOf(process, cores), {
          ...UPLOAD_SETTINGS,
          rebaseShare,
        }),
        // The artifact is the pipeline's: nobody else touches it.
        download: async (_artifact: unknown, _credentials: unknown, file: string) =>
          writeFile(file, await zip),
      };
      const outcome = await toItsEnd(process, (continuationToken, invocation) =>
        cores.upload(
          {
            // A continuation is a job of its own.
            id: `${job}-${invocation}`,
            userParameters: JSON.stringify({ revision }),
            inputArtifacts: [{ name: 'Site', bucket: 'artifacts', key: 'site.zip' }],
            artifactCredentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' },
            continuationToken,
          },
          ports,
          process.clock,
          process.invocation(),
        ),
      );
      if (outcome.kind !== 'succeeded') return outcome;
      const id = outcome.outputVariables?.releaseId as string;
      return promoted ? promoteJob(id, process, cores) : { uploaded: id };
    },
  };
}

/** One invocation after the other, as CodePipeline calls them. */
async function toItsEnd(
  process: Process,
  invoke: (continuationToken: string | undefined, invocation: number) => Promise<Outcome>,
): Promise<Exclude<Outcome, Continued>> {
  let continuationToken: string | undefined;
  for (let invocation = 1; ; invocation += 1) {
    const outcome = await invoke(continuationToken, invocation);
    if (outcome.kind !== 'continued') return outcome;
    continuationToken = outcome.token;
    process.begin();
  }
}

interface PromoteOptions {
  /** Whether the site never answers as it should, so that the release is taken back. @default false */
  readonly failing?: boolean;
  readonly aheadMs?: number;
}

/** The pipeline's action. */
export const promote = (name: string, id: string, options: PromoteOptions = {}): Actor => ({
  name,
  kind: 'promote',
  about: id,
  aheadMs: options.aheadMs ?? 0,
  run: (process, cores) => promoteJob(id, process, cores, options),
});

async function promoteJob(
  id: string,
  process: Process,
  cores: Cores,
  options: PromoteOptions = {},
): Promise<Belief | Outcome> {
  const ports = portsOf(process, cores, options);
  const outcome = await toItsEnd(process, (continuationToken) =>
    cores.promote(
      {
        id: `${process.name}-promote`,
        userParameters: JSON.stringify({ releaseId: id }),
        inputArtifacts: [],
        artifactCredentials: undefined,
        continuationToken,
      },
      ports,
      process.clock,
      process.invocation(),
    ),
  );
  if (outcome.kind !== 'succeeded' || outcome.outputVariables?.promoted !== 'yes') return outcome;
  const { previousReleaseId: previous } = outcome.outputVariables;
  return {
    live: id,
    changed: !outcome.summary.includes('was live already'),
    replaced: previous === 'none' ? undefined : previous,
  };
}

/** The operator's command: the same promotion, which may freeze publishing, or pass a freeze. */
export const rollback = (name: string, id: string, options: FlipOptions = {}): Actor => ({
  name,
  kind: 'promote',
  about: id,
  evenFrozen: options.evenFrozen ?? false,
  freezes: options.freeze !== undefined,
  async run(process, cores): Promise<Belief | Outcome> {
    const ports = portsOf(process, cores, {});
    const invocation = process.invocation();
    const journal = new cores.Journal(name, ports, process.clock, invocation, { again: true });
    const begun = await cores.goLive(id, ports, journal, process.clock, invocation, options);
    if (begun.kind === 'frozen') return { kind: 'succeeded', summary: 'frozen' };
    const { changed, previousId } = begun.token;
    await cores.follow(begun.token, ports, journal, process.clock, invocation);
    return { live: id, changed, replaced: previousId };
  },
});

export interface PruneActorOptions {
  readonly aheadMs?: number;
  readonly newest?: number;
}

export const prune = (
  name: string,
  { aheadMs = 0, newest = 1 }: PruneActorOptions = {},
): Actor => ({
  name,
  kind: 'prune',
  aheadMs,
  run: (process, cores): Promise<PruneReport> =>
    cores.prune(
      cores.prunePorts(process.s3, BUCKET, storeOf(process, cores), {
        immutable: IMMUTABLE,
        retention: { newest, days: 0 },
        redirects: false,
      }),
      { by: name, dryRun: false },
      process.clock,
      process.invocation(),
    ),
});

export const freeze = (name: string): Actor => ({
  name,
  kind: 'freeze',
  run: (process, cores) =>
    cores.freeze(
      { by: name, reason: 'because', at: new Date(process.clock.now()).toISOString() },
      storeOf(process, cores),
      timeOf(process),
    ),
});

export const unfreeze = (name: string): Actor => ({
  name,
  kind: 'unfreeze',
  run: (process, cores) => cores.unfreeze(storeOf(process, cores), timeOf(process)),
});

export const pin = (name: string, id: string): Actor => ({
  name,
  kind: 'pin',
  about: id,
  run: (process, cores) =>
    changePage(id, process, cores, (entry, by, at) => cores.withPin(entry, { by, at })),
});

export const unpin = (name: string, id: string): Actor => ({
  name,
  kind: 'unpin',
  about: id,
  run: (process, cores) => changePage(id, process, cores, ({ pinned: _, ...entry }) => entry),
});

/** So much of it passes for all, at any moment. */
export const time = (name: string, passesMs: number): Actor => ({
  name,
  kind: 'time',
  passesMs,
  run: (process) => process.clock.sleep(0),
});

async function changePage(
  id: string,
  process: Process,
  cores: Cores,
  change: (entry: LedgerEntry, by: string, at: string) => LedgerEntry | undefined,
): Promise<void> {
  const by = process.name;
  const at = new Date(process.clock.now()).toISOString();
  const records = cores.recordsIn(process.s3, BUCKET);
  const { signal } = process.invocation();
  await cores.changeEntry(
    id,
    (entry) => change(entry, by, at),
    { by, at, manifest: () => cores.manifestOf(id, records, signal) },
    cores.ledgerIn(process.s3, BUCKET),
    timeOf(process),
  );
}

function portsOf(
  process: Process,
  cores: Cores,
  { failing = false }: PromoteOptions,
): PromotePorts {
  return cores.promotePorts(process.s3, BUCKET, storeOf(process, cores), {
    site: {
      async get(path, signal) {
        if (failing) return { status: 503, text: 'no' };
        const { status, body } = await process.ask(path, signal);
        return { status, text: body.toString() };
      },
    },
    healthPath: '/',
    // One look, and the release is taken back; or as many as it takes.
    deadlineMs: failing ? 0 : 60_000,
  });
}

const storeOf = (process: Process, cores: Cores) => cores.keyValueStore(STORE_ARN, process.store);

function timeOf(process: Process) {
  const { endAt, signal } = process.invocation();
  return { clock: process.clock, endAt, signal };
}
