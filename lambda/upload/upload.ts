import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import pMap from 'p-map';
import * as v from 'valibot';
import type { UrlRules } from '../../lib/release/addresses.ts';
import {
  claimKey,
  type FingerprintSettings,
  type GateLimits,
  LIVE_KEY,
  type Manifest,
  type ManifestFile,
  type PoolSweep,
  RELEASE_ID,
  type ReleaseRecord,
  releaseId,
  releasePrefix,
  releaseTime,
} from '../../lib/release/contract.ts';
import { backoffMs, type Clock } from '../shared/clock.ts';
import { byExecution } from '../shared/execution.ts';
import { Failure, factsOf, failureFrom, isBusy, UnexpectedAnswer } from '../shared/failure.ts';
import type { Artifact, ArtifactCredentials, Continued, Job, Outcome } from '../shared/job.ts';
import { firstEntry, notNoted, openEntry } from '../shared/ledger.ts';
import { logged } from '../shared/log.ts';
import { DamagedManifest, isManifest, manifestOf, readRecord } from '../shared/manifest.ts';
import type { PageStore } from '../shared/page-store.ts';
import { readPointer } from '../shared/pointer.ts';
import type { Invocation } from '../shared/run-job.ts';
import { VALUE_BYTES } from '../shared/store.ts';
import { readToken } from '../shared/token.ts';
import { addressingFor, placementFor } from './addressing.ts';
import { openArtifact } from './artifact.ts';
import type { Fingerprinted, FingerprintInput } from './fingerprint/fingerprint.ts';
import { atMost, inspect, KEPT_FINDINGS } from './gates.ts';
import { HEADERS_FILE } from './headers.ts';
import { inTime } from './in-time.ts';
import { readUploadParameters } from './parameters.ts';
import { differs, type Plan, planRelease } from './plan.ts';
import { type Rules, type RulesFiles, readRules } from './rules.ts';
import { withTemporaryFolder } from './temporary.ts';
import { count, listed, size } from './words.ts';

/** The artifact, the content bucket and the pointer, in this function's own words. */
export interface UploadPorts {
  /** Path patterns of the files that all releases share. */
  readonly immutable: readonly string[];
  /** See `PlanLimits`. */
  readonly rebaseShare: number;
  /** What a release must keep to. */
  readonly gates: GateLimits;
  /** Which addresses its pages have. */
  readonly urls: UrlRules;
  readonly rulesFiles: RulesFiles;
  /**
   * Gives files with fixed names a copy that changes its name.
   *
   * @default they have none
   */
  readonly fingerprint?: FingerprintSettings | undefined;
  /** What a person lets through a gate all the same. */
  readonly permits: {
    /** Whether there is an object of that key. */
    isGiven(key: string, signal: AbortSignal): Promise<boolean>;
    /** The command that writes it. */
    command(key: string): string;
  };
  download(
    artifact: Artifact,
    credentials: ArtifactCredentials,
    toFile: string,
    signal: AbortSignal,
  ): Promise<void>;
  /** A value of the key-value store; nothing if it has no such key. */
  pointer(key: string, signal: AbortSignal): Promise<string | undefined>;
  /** The releases' records, from the claim of an id to the manifest. */
  readonly records: PageStore;
  /** Writes the text unless the key is taken; returns what stands there then. */
  claim(key: string, text: string, signal: AbortSignal): Promise<string>;
  /** What a clean-up is about to delete from the pool; nothing if none is under way. */
  poolSweep(signal: AbortSignal): Promise<PoolSweep | undefined>;
  /** Where it is noted what becomes of the release. */
  readonly ledger: PageStore;
  /** Sizes of the objects under the prefix, by key. */
  list(prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /**
   * Writes an object unless its key is taken; `same` and `other` say by which bytes, `headers` by the same with other
   * headers.
   */
  putNew(
    object: NewObject,
    body: Uint8Array | Readable,
    signal: AbortSignal,
  ): Promise<'written' | 'same' | 'headers' | 'other'>;
  /** Copies an object within the bucket, as `putNew` writes one; `missing`: there is nothing to copy. */
  copyNew(
    object: NewObject,
    from: string,
    signal: AbortSignal,
  ): Promise<'written' | 'same' | 'headers' | 'other' | 'missing'>;
}

export interface NewObject extends Pick<ManifestFile, 'key' | 'size' | 'sha256' | 'type'> {
  /** JSON of the headers that answers get, by name. */
  readonly headers?: string;
}

/** True before and after an upload, and at every moment of it. */
export const VISITORS = 'Visitors still get the release that was live before.';

/** For the whole upload, over all invocations. A release that takes longer than this is stuck. */
export const DEADLINE_MS = 60 * 60_000;

/**
 * Files up to this size are held in memory while they are sent, so that the SDK can send them
 * again; with this many at once that is 24 MiB. Larger ones are read from the zip as they go out.
 */
const BUFFERED_BYTES = 1024 ** 2;
const FILES_AT_ONCE = 24;

const TRIES = 6;

/** The rest of the invocation is for the pages and the files themselves. */
const SHARE_FOR_RULES = 1 / 4;

/** For the two requests that mark an upload as abandoned. */
const ABANDONING_MS = 5_000;

/** A clean-up announces so many files at a time that it is through in a minute or two. */
const SWEEP_MS = 5 * 60_000;
const SWEEP_LOOK_MS = 5_000;
/** Of an invocation's time, kept for what comes after the waiting. */
const SWEEP_SHARE_MS = 60_000;

const tokenSchema = v.object({
  v: v.literal(1),
  releaseId: v.pipe(v.string(), v.regex(RELEASE_ID)),
  /** In milliseconds since 1970. */
  deadline: v.number(),
});

type Token = v.InferOutput<typeof tokenSchema>;

/**
 * Makes a release of the artifact: all its files in the content bucket, then its manifest. Nothing
 * of it is visible, nothing is overwritten and nothing deleted. What a redelivered event or an
 * earlier invocation has written already is not written again.
 *
 * @throws Failure with what is wrong, and what visitors see now.
 */
export async function upload(
  job: Job,
  ports: UploadPorts,
  clock: Clock,
  invocation: Invocation,
): Promise<Outcome> {
  const { signal, log } = invocation;
  const { revision, execution } = readUploadParameters(job.userParameters, VISITORS);
  const { artifact, credentials } = artifactOf(job);

  let token: Token | undefined;
  let claimed: string | undefined;
  let visitors = VISITORS;
  const progress: Progress = { done: 0, total: 0 };
  try {
    if (job.continuationToken === undefined) {
      const by = byExecution(execution);
      const claim = await claimRelease(job.id, revision, by, ports, clock, invocation);
      claimed = claim.version;
      token = { v: 1, releaseId: claim.id, deadline: clock.now() + DEADLINE_MS };
    } else {
      token = readToken(job.continuationToken, tokenSchema, VISITORS);
    }
    const id = token.releaseId;
    if (clock.now() >= token.deadline) throw overdue(id);

    const live = await persistently(clock, signal, () => liveRelease(ports, signal));
    visitors = live.visitors;
    log('info', 'release', { releaseId: id, live: live.id, note: live.note });

    let findings: readonly string[] = [];
    const plan = await withTemporaryFolder(async (folder) => {
      const file = join(folder, 'artifact.zip');
      await persistently(clock, signal, () =>
        ports.download(artifact, credentials, file, signal),
      ).catch((error) => {
        throw signal.aborted ? error : unreadable(error, artifact, visitors);
      });
      const { urls, immutable } = ports;
      const zip = await openArtifact(file, visitors, signal, placementFor(urls, immutable));
      try {
        const { rulesFiles } = ports;
        const rules = await readRules(
          zip.files,
          zip.open,
          folder,
          rulesFiles,
          immutable,
          urls.style,
          inTime(SHARE_FOR_RULES, { ...invocation, clock }, () => tooManyRules(visitors)),
        );
        const { redirects } = rules;
        const { addressing, problems } = addressingFor(rules.files, urls, immutable);
        const built = {
          files: rules.files,
          immutable,
          urls,
          isRuled: (address: string) => redirects?.ruling.decides(address) ?? false,
          open: zip.open,
          endAt: invocation.endAt,
          clock,
          signal,
        };
        const inspected = await inspect({
          ...built,
          live: live.manifest,
          limits: ports.gates,
          fingerprint: ports.fingerprint !== undefined,
          permits: {
            ...ports.permits,
            isGiven: (key) => persistently(clock, signal, () => ports.permits.isGiven(key, signal)),
          },
        });
        const wrong = [...rules.problems, ...inspected.problems, ...problems];
        // A site that is refused anyway is not worth minutes of reading.
        const source =
          ports.fingerprint && wrong.length === 0
            ? await fingerprinted(built, ports.fingerprint, rules, visitors)
            : {
                ...{ files: rules.files, open: zip.open, problems: [], findings: [] },
                texts: rules.headers?.texts ?? new Map<string, string>(),
              };
        const planned = planRelease({
          id,
          revision,
          // The same for everybody who works on that release.
          createdAt: releaseTime(id),
          files: source.files,
          live: live.manifest,
          immutable,
          addressing,
          program: redirects?.program,
          limits: { pointerBytes: VALUE_BYTES, rebaseShare: ports.rebaseShare },
        });
        refuse([...wrong, ...source.problems, ...planned.problems], visitors);
        const found = [...rules.findings, ...inspected.findings, ...source.findings];
        // Whoever begins finds nothing under an id that is new; if it does, S3 refuses the write.
        const present =
          job.continuationToken === undefined
            ? new Map<string, number>()
            : await persistently(clock, signal, () => ports.list(releasePrefix(id), signal));
        await outlastSweep(planned.pool, ports, clock, visitors, invocation);
        const kept = [
          ...planned.headersKept,
          ...(await writeFiles(planned, present, source, ports, clock, visitors, progress, signal)),
        ];
        findings = atMost(KEPT_FINDINGS, [...found, ...headersKept(kept)]);
        if (findings.length > 0) log('warn', 'findings', { findings: findings.join('\n') });
        return planned;
      } finally {
        zip.close();
      }
    });

    await writeManifest(plan.manifest, claimed, ports, clock, visitors, signal);
    const unnoted = await openLedger(plan, findings, execution, ports, clock, invocation);
    return succeeded(plan, live, findings, unnoted);
  } catch (error) {
    if (token === undefined) throw failureFrom(error, 'The upload did not begin', visitors);
    const { releaseId } = token;
    const late = clock.now() >= token.deadline;
    if (!(error instanceof Failure) && signal.aborted && !late) {
      log('info', 'out of time; going on in the next invocation', logged(error));
      return continued(token, progress, visitors);
    }
    await abandon(releaseId, byExecution(execution), ports, clock, invocation);
    if (!(error instanceof Failure) && signal.aborted) throw overdue(releaseId);
    throw failureFrom(error, `Release ${releaseId} was not uploaded`, visitors);
  }
}

/** Loaded only where it is asked for: its parsers would cost every other upload their start. */
async function fingerprinted(
  built: Omit<FingerprintInput, 'settings' | 'headers' | 'visitors'>,
  settings: FingerprintSettings,
  { headers }: Rules,
  visitors: string,
): Promise<Fingerprinted> {
  const { fingerprint } = await import('./fingerprint/fingerprint.ts');
  return fingerprint({ ...built, settings, headers, visitors });
}

const tooManyRules = (visitors: string): Failure =>
  new Failure(
    'JobFailed',
    `_redirects, _headers: a quarter of an invocation was over before all lines had been read and held against every file. Use fewer lines, with fewer * in them. ${visitors}`,
  );

interface Progress {
  /** In bytes. */
  done: number;
  total: number;
}

function artifactOf({ inputArtifacts, artifactCredentials }: Job) {
  const [artifact] = inputArtifacts;
  if (artifact === undefined || inputArtifacts.length > 1 || artifactCredentials === undefined) {
    throw new Failure(
      'ConfigurationError',
      `The action has ${inputArtifacts.length} input artifacts${artifactCredentials ? '' : ' and no credentials to read them'}; give it exactly one, the built site. ${VISITORS}`,
    );
  }
  return { artifact, credentials: artifactCredentials };
}

/**
 * The id of this job's release. A job that is delivered twice gets the same one; two jobs never do,
 * even in the same second and for the same revision.
 *
 * Taken before anything else is read: from here on a clean-up sees that an upload is under way, and what
 * it decided before that, this upload sees.
 */
async function claimRelease(
  job: string,
  revision: string,
  by: string,
  ports: UploadPorts,
  clock: Clock,
  invocation: Invocation,
): Promise<{ readonly id: string; readonly version: string | undefined }> {
  const { signal } = invocation;
  for (let tries = 1; ; tries += 1) {
    const now = clock.now();
    const id = releaseId(new Date(now), revision);
    const begun: ReleaseRecord = {
      version: 2,
      id,
      upload: { job, at: new Date(now).toISOString() },
    };
    const text = JSON.stringify(begun);
    const version = await persistently(clock, signal, () =>
      ports.records.write(id, text, undefined, signal),
    );
    if (version !== undefined || (await isOf(job, id, ports, clock, signal))) {
      const held = await persistently(clock, signal, () => ports.claim(claimKey(job), id, signal));
      if (held === id) return { id, version };
      if (!RELEASE_ID.test(held)) throw new Error(`${claimKey(job)}: holds no release id`);
      // The job was delivered before. Nobody will ever complete the id that was taken just now.
      await abandon(id, by, ports, clock, invocation);
      return { id: held, version: undefined };
    }
    if (tries >= TRIES) {
      const error = `${tries} ids in a row are taken, says S3, the last of them ${id}`;
      throw new UnexpectedAnswer(error);
    }
    // Another release began in this very second: the next one is ours.
    await clock.sleep(1_000 - (now % 1_000), signal);
  }
}

/** Whether an upload of that job has the id: another delivery of it, or ours, whose answer was lost. */
async function isOf(
  job: string,
  id: string,
  { records }: UploadPorts,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const page = await persistently(clock, signal, () => records.read(id, signal));
  try {
    const record = page && readRecord(page.text, id);
    return record !== undefined && 'upload' in record && record.upload.job === job;
  } catch {
    return false;
  }
}

/** So that no clean-up waits for it. One that cannot be written is taken for dead after some hours. */
async function abandon(
  id: string,
  by: string,
  { records }: UploadPorts,
  clock: Clock,
  { log }: Invocation,
): Promise<void> {
  // The invocation's own signal may have aborted, which is why we are here.
  const signal = AbortSignal.timeout(ABANDONING_MS);
  try {
    const page = await records.read(id, signal);
    if (page === undefined || !('upload' in readRecord(page.text, id))) return;
    const at = new Date(clock.now()).toISOString();
    const end: ReleaseRecord = { version: 2, id, end: { state: 'abandoned', at, by } };
    await records.write(id, JSON.stringify(end), page.version, signal);
  } catch (error) {
    log('warn', 'the release was not marked as abandoned', { releaseId: id, ...logged(error) });
  }
}

interface Live {
  readonly id: string | undefined;
  readonly manifest: Manifest | undefined;
  /** What is odd about it, for the operator. */
  readonly note: string | undefined;
  readonly visitors: string;
}

async function liveRelease(ports: UploadPorts, signal: AbortSignal): Promise<Live> {
  const none = { id: undefined, manifest: undefined, note: undefined };
  const text = await ports.pointer(LIVE_KEY, signal);
  if (text === undefined) {
    return { ...none, visitors: 'There is no live release yet: visitors see the waiting page.' };
  }
  const id = readPointer(text)?.id;
  if (id === undefined) {
    return {
      ...none,
      note: 'The pointer to the live release is unreadable, so every file was uploaded.',
      visitors: 'Visitors get no release: the pointer to the live one is unreadable.',
    };
  }
  const visitors = `Visitors still get release ${id}.`;
  const carryOn = (problem: string): Live => ({
    id,
    manifest: undefined,
    note: `The manifest of release ${id} is ${problem}, so every file was uploaded.`,
    visitors,
  });
  try {
    const manifest = await manifestOf(id, ports.records, signal);
    return manifest ? { id, manifest, note: undefined, visitors } : carryOn('missing');
  } catch (error) {
    // Refusing would make publishing impossible until somebody repairs it by hand.
    if (error instanceof DamagedManifest) return carryOn('damaged');
    throw error;
  }
}

/** Where what is written comes from. */
interface Source {
  open(path: string): Promise<Readable>;
  /** Of the sets of headers. */
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * Writes what the plan wants, with a bounded number of bytes in memory.
 *
 * @returns the paths of pool files that were there already, with other headers.
 */
async function writeFiles(
  { put, copy, pool }: Plan,
  /** Sizes of what an earlier invocation has written, by key. */
  present: ReadonlyMap<string, number>,
  source: Source,
  ports: UploadPorts,
  clock: Clock,
  visitors: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const files: (ManifestFile & { from?: string })[] = [...pool, ...put, ...copy];
  progress.total = files.reduce((bytes, { size }) => bytes + size, 0);

  const taken: string[] = [];
  const kept: string[] = [];
  // The first error stops the others too: none may go on reading once the zip is closed.
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const errors: unknown[] = [];
  await pMap(
    files,
    async (file) => {
      if (either.aborted) return;
      try {
        // Whole, since S3 shows no object before its last byte; ours, since the id is.
        if (present.get(file.key) !== file.size) {
          const result = await persistently(clock, either, () =>
            writeFile(file, source, ports, either),
          );
          if (result === 'other') taken.push(file.path);
          if (result === 'headers') kept.push(file.path);
        }
        progress.done += file.size;
      } catch (error) {
        errors.push(error);
        stop.abort();
      }
    },
    { concurrency: FILES_AT_ONCE },
  );
  signal.throwIfAborted();
  if (errors.length > 0) throw errors[0];
  refuse(taken.sort().map(differs), visitors);
  return kept;
}

async function writeFile(
  { from, headers, ...file }: ManifestFile & { from?: string },
  { open, texts }: Source,
  ports: UploadPorts,
  signal: AbortSignal,
) {
  const text = headers === undefined ? undefined : texts.get(headers);
  const object: NewObject = { ...file, ...(text !== undefined && { headers: text }) };
  if (from !== undefined) {
    const result = await ports.copyNew(object, from, signal);
    // Somebody deleted it from the bucket. The artifact has the bytes.
    if (result !== 'missing') return result;
  }
  const content = await open(file.path);
  try {
    if (file.size <= BUFFERED_BYTES)
      return await ports.putNew(object, await buffer(content), signal);
    return await ports.putNew(object, content, signal);
  } finally {
    content.destroy();
  }
}

/** Pool files never change, so what they were stored with stays. */
const headersKept = (paths: readonly string[]): string[] =>
  paths.length === 0
    ? []
    : [
        `${HEADERS_FILE}: ${count(paths.length, 'file')} under the immutable patterns (${listed([...paths].sort(), 3)}) keep${paths.length === 1 ? 's' : ''} the headers of the first upload; under a new name they get the new ones`,
      ];

/**
 * Last: with it the release exists. In place of the claim, and only if that still stands: otherwise a
 * clean-up took this upload for dead, and what it has written may be gone.
 */
async function writeManifest(
  manifest: Manifest,
  /** The version of the claim, if this invocation made it. */
  claimed: string | undefined,
  { records }: UploadPorts,
  clock: Clock,
  visitors: string,
  signal: AbortSignal,
): Promise<void> {
  const { id } = manifest;
  const text = JSON.stringify(manifest);
  const write = (version: string) =>
    persistently(clock, signal, () => records.write(id, text, version, signal));
  if (claimed !== undefined && (await write(claimed)) !== undefined) return;
  for (let tries = 1; ; tries += 1) {
    const page = await persistently(clock, signal, () => records.read(id, signal));
    // An earlier try whose answer was lost, or another delivery of the same job.
    if (page?.text === text) return;
    const record = page && readRecord(page.text, id);
    if (record && isManifest(record)) {
      throw new Failure(
        'JobFailed',
        `Release ${id} exists already, with other files: the job was delivered twice while another release went live. ${visitors} Retry the stage.`,
      );
    }
    if (page === undefined || record === undefined || 'end' in record) {
      const by = record && 'end' in record ? record.end.by : 'somebody';
      throw new Failure(
        'JobFailed',
        `Release ${id} was given up by ${by} before it was complete. ${visitors} Retry the stage, which begins a new release.`,
      );
    }
    if ((await write(page.version)) !== undefined) return;
    if (tries >= TRIES) throw new Error(`${id}: others were faster each time`);
    await clock.sleep(backoffMs(tries, 50, 2_000), signal);
  }
}

/**
 * Waits while a clean-up is deleting files of the pool that this release needs: what is there now may be
 * gone in a moment, and what is written now as well.
 */
async function outlastSweep(
  pool: readonly ManifestFile[],
  ports: UploadPorts,
  clock: Clock,
  visitors: string,
  { endAt, signal, log }: Invocation,
): Promise<void> {
  if (pool.length === 0) return;
  const until = Math.min(clock.now() + SWEEP_MS, endAt - SWEEP_SHARE_MS);
  for (;;) {
    const sweep = await persistently(clock, signal, () => ports.poolSweep(signal));
    const swept = new Set(sweep?.keys);
    const needed = pool.filter(({ key }) => swept.has(key)).map(({ path }) => path);
    if (sweep === undefined || needed.length === 0) return;
    log('info', 'waiting for a clean-up of the pool', { files: needed.length, since: sweep.at });
    if (clock.now() >= until) {
      const shown = needed.slice(0, 3).join(', ');
      throw new Failure(
        'SystemUnavailable',
        `A clean-up that ${sweep.by} began at ${sweep.at} is deleting ${count(needed.length, 'file')} of the pool that this release needs (${shown}${needed.length > 3 ? ', …' : ''}). ${visitors} Run "npm run releases -- prune", which ends what was begun, then retry the stage.`,
      );
    }
    await clock.sleep(SWEEP_LOOK_MS, signal);
  }
}

/** The release is complete by now: a ledger that cannot be written is told, and stops nothing. */
async function openLedger(
  { manifest, put, copy, keep, pool }: Plan,
  findings: readonly string[],
  execution: string | undefined,
  { ledger }: UploadPorts,
  clock: Clock,
  { endAt, signal, log }: Invocation,
): Promise<string | undefined> {
  const entry = firstEntry(manifest, {
    by: byExecution(execution),
    at: new Date(clock.now()).toISOString(),
    ...(execution !== undefined && { execution }),
    plan: { put: put.length, copy: copy.length, keep: keep.length, pool: pool.length },
    findings,
  });
  try {
    await openEntry(entry, ledger, { clock, endAt, signal });
    return undefined;
  } catch (error) {
    log('warn', 'the ledger was not written', { releaseId: manifest.id, ...logged(error) });
    return notNoted(error);
  }
}

/** Tries again what may succeed a little later, beyond the SDK's few and quick attempts. */
async function persistently<T>(
  clock: Clock,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      // A conditional write that meets another to the same key, which then may or may not be made.
      const again = isBusy(error) || factsOf(error).name === 'ConditionalRequestConflict';
      if (!again || tries >= TRIES || signal.aborted) throw error;
      await clock.sleep(backoffMs(tries, 200, 10_000), signal);
    }
  }
}

const SHOWN_PROBLEMS = 20;

/** Of the 5,000 that CodePipeline takes: what visitors see comes last, and is not to be cut off. */
const SHOWN_CHARACTERS = 4_500;

function refuse(problems: readonly string[], visitors: string): void {
  if (problems.length === 0) return;
  let characters = 0;
  const tooMany = problems.findIndex((problem, index) => {
    characters += problem.length + 3;
    return index >= SHOWN_PROBLEMS || characters > SHOWN_CHARACTERS;
  });
  // The first one is shown whatever its length.
  const shown = tooMany < 0 ? problems : problems.slice(0, Math.max(1, tooMany));
  const more = problems.length - shown.length;
  throw new Failure(
    'JobFailed',
    [
      'The site cannot be published as a release:',
      ...shown.map((problem) => `- ${problem}`),
      ...(more > 0 ? [`- and ${more} more`] : []),
      visitors,
    ].join('\n'),
  );
}

function unreadable(error: unknown, { bucket, key }: Artifact, visitors: string): Failure {
  if (factsOf(error).name === 'ENOSPC') {
    return new Failure(
      'JobFailed',
      `The artifact is larger than the function's temporary disk; make the site smaller or the function's ephemeral storage larger. ${visitors}`,
      { cause: error },
    );
  }
  return failureFrom(error, `The artifact s3://${bucket}/${key} cannot be read`, visitors);
}

function overdue(id: string): Failure {
  return new Failure(
    'JobFailed',
    `Release ${id} was not complete ${DEADLINE_MS / 60_000} minutes after its upload began. ${VISITORS} Retry the stage, which begins a new release; if that takes as long, give the function more memory.`,
    { externalExecutionId: id },
  );
}

function continued(token: Token, { done, total }: Progress, visitors: string): Continued {
  return {
    kind: 'continued',
    token: JSON.stringify(token),
    summary: `Release ${token.releaseId} is being uploaded: ${size(done)} of ${total === 0 ? 'it' : size(total)}. ${visitors}`,
    percentComplete: total === 0 ? 0 : Math.floor((100 * done) / total),
    externalExecutionId: token.releaseId,
  };
}

function succeeded(
  { manifest, put, copy, pool, keep }: Plan,
  { note, visitors }: Live,
  findings: readonly string[],
  unnoted?: string,
): Outcome {
  const { id, files } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const keptInPool = keep.filter(({ path, key }) => path === key).length;
  const pooled = pool.length + keptInPool > 0;
  const unchanged = keep.length - keptInPool;
  const copies = files.filter(({ original }) => original !== undefined).length;
  return {
    kind: 'succeeded',
    summary: [
      `Release ${id} is uploaded: ${count(files.length, 'file')}, ${size(bytes)}`,
      ...(pooled
        ? [
            `, of which ${count(pool.length, 'file')} new in the pool and ${keptInPool} there already`,
          ]
        : []),
      ...(copies > 0 ? [`, ${copies} of them copies under fingerprinted names`] : []),
      '.',
      ...(unchanged + copy.length > 0
        ? [
            ` ${count(unchanged, 'file')} outside the pool had not changed and stayed where they were; ${copy.length} were copied.`,
          ]
        : []),
      ...(note ? [` ${note}`] : []),
      ...(unnoted ? [` ${unnoted}`] : []),
      ` ${visitors}`,
      ...(findings.length > 0 ? [` ${found(findings)}`] : []),
    ].join(''),
    externalExecutionId: id,
    outputVariables: {
      releaseId: id,
      files: String(files.length),
      bytes: String(bytes),
      releaseFiles: String(put.length),
      copiedFiles: String(copy.length),
      keptFiles: String(unchanged),
      newPoolFiles: String(pool.length),
      keptPoolFiles: String(keptInPool),
    },
  };
}

const SHOWN_FINDINGS = 3;

/** The first few. All of them are in the log and the ledger. */
function found(findings: readonly string[]): string {
  const more = findings.length - SHOWN_FINDINGS;
  return [
    `Found without stopping it: ${findings.slice(0, SHOWN_FINDINGS).join('; ')}`,
    ...(more > 0 ? [`; and ${more} more in the log`] : []),
    '.',
  ].join('');
}
