import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import pMap from 'p-map';
import * as v from 'valibot';
import {
  claimKey,
  LIVE_KEY,
  type Manifest,
  type ManifestFile,
  manifestKey,
  RELEASE_ID,
  releaseId,
  releasePrefix,
} from '../../lib/release/contract.ts';
import { backoffMs, type Clock } from '../shared/clock.ts';
import { Failure, factsOf, failureFrom, isBusy } from '../shared/failure.ts';
import type { Artifact, ArtifactCredentials, Continued, Job, Outcome } from '../shared/job.ts';
import { logged } from '../shared/log.ts';
import { DamagedManifest } from '../shared/manifest.ts';
import { readPointer } from '../shared/pointer.ts';
import type { Invocation } from '../shared/run-job.ts';
import { readToken } from '../shared/token.ts';
import { openArtifact, type ZipArtifact } from './artifact.ts';
import { readUploadParameters } from './parameters.ts';
import { differs, type Plan, planRelease } from './plan.ts';
import { withTemporaryFolder } from './temporary.ts';

/** The artifact, the content bucket and the pointer, in this function's own words. */
export interface UploadPorts {
  /** Path patterns of the files that all releases share. */
  readonly immutable: readonly string[];
  download(
    artifact: Artifact,
    credentials: ArtifactCredentials,
    toFile: string,
    signal: AbortSignal,
  ): Promise<void>;
  /** A value of the key-value store; nothing if it has no such key. */
  pointer(key: string, signal: AbortSignal): Promise<string | undefined>;
  /** Nothing if there is no such release; rejects with DamagedManifest if it is unreadable. */
  manifest(id: string, signal: AbortSignal): Promise<Manifest | undefined>;
  /** Writes the text unless the key is taken; returns what stands there then. */
  claim(key: string, text: string, signal: AbortSignal): Promise<string>;
  /** Sizes of the objects under the prefix, by key. */
  list(prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** Writes an object unless its key is taken; `same` and `other` say by which bytes. */
  putNew(
    object: NewObject,
    body: Uint8Array | Readable,
    signal: AbortSignal,
  ): Promise<'written' | 'same' | 'other'>;
}

export type NewObject = Pick<ManifestFile, 'key' | 'size' | 'sha256' | 'type'>;

/** True before and after an upload, and at every moment of it. */
export const VISITORS = 'Visitors still get the release that was live before.';

/** For the whole upload, over all invocations. A release that takes longer than this is stuck. */
const DEADLINE_MS = 60 * 60_000;

/**
 * Files up to this size are held in memory while they are sent, so that the SDK can send them
 * again; with this many at once that is 24 MiB. Larger ones are read from the zip as they go out.
 */
const BUFFERED_BYTES = 1024 ** 2;
const FILES_AT_ONCE = 24;

const TRIES = 6;

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
  const revision = readUploadParameters(job.userParameters, VISITORS);
  const { artifact, credentials } = artifactOf(job);

  let token: Token | undefined;
  let visitors = VISITORS;
  const progress: Progress = { done: 0, total: 0 };
  try {
    token =
      job.continuationToken === undefined
        ? {
            v: 1,
            releaseId: await claimRelease(job.id, revision, ports, clock, signal),
            deadline: clock.now() + DEADLINE_MS,
          }
        : readToken(job.continuationToken, tokenSchema, VISITORS);
    const id = token.releaseId;
    if (clock.now() >= token.deadline) throw overdue(id);

    const live = await persistently(clock, signal, () => liveRelease(ports, signal));
    visitors = live.visitors;
    log('info', 'release', { releaseId: id, live: live.id, note: live.note });

    const plan = await withTemporaryFolder(async (folder) => {
      const file = join(folder, 'artifact.zip');
      await persistently(clock, signal, () =>
        ports.download(artifact, credentials, file, signal),
      ).catch((error) => {
        throw signal.aborted ? error : unreadable(error, artifact, visitors);
      });
      const zip = await openArtifact(file, visitors, signal);
      try {
        const planned = planRelease({
          id,
          revision,
          createdAt: claimedAt(id),
          files: zip.files,
          live: live.manifest,
          immutable: ports.immutable,
        });
        refuse(planned.problems, visitors);
        await writeFiles(planned, zip, ports, clock, visitors, progress, signal);
        return planned;
      } finally {
        zip.close();
      }
    });

    await writeManifest(plan.manifest, ports, clock, visitors, signal);
    return succeeded(plan, live);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (signal.aborted && token !== undefined) {
      if (clock.now() >= token.deadline) throw overdue(token.releaseId);
      log('info', 'out of time; going on in the next invocation', logged(error));
      return continued(token, progress, visitors);
    }
    const doing = token
      ? `Release ${token.releaseId} was not uploaded`
      : 'The upload did not begin';
    throw failureFrom(error, doing, visitors);
  }
}

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
 */
async function claimRelease(
  jobId: string,
  revision: string,
  ports: UploadPorts,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const claim = (of: string, text: string) =>
    persistently(clock, signal, () => ports.claim(claimKey(of), text, signal));
  for (;;) {
    const now = clock.now();
    const id = releaseId(new Date(now), revision);
    if ((await claim(id, jobId)) === jobId) {
      const claimed = await claim(jobId, id);
      if (!RELEASE_ID.test(claimed)) throw new Error(`${claimKey(jobId)}: holds no release id`);
      return claimed;
    }
    // Another release began in this very second: the next one is ours.
    await clock.sleep(1_000 - (now % 1_000), signal);
  }
}

/** The moment in a release's id: the same for everybody who works on that release. */
function claimedAt(id: string): Date {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id) ?? [];
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
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
    const manifest = await ports.manifest(id, signal);
    return manifest ? { id, manifest, note: undefined, visitors } : carryOn('missing');
  } catch (error) {
    // Refusing would make publishing impossible until somebody repairs it by hand.
    if (error instanceof DamagedManifest) return carryOn('damaged');
    throw error;
  }
}

/** Writes what the plan wants, with a bounded number of bytes in memory. */
async function writeFiles(
  { put, pool, manifest }: Plan,
  zip: ZipArtifact,
  ports: UploadPorts,
  clock: Clock,
  visitors: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const present = await persistently(clock, signal, () =>
    ports.list(releasePrefix(manifest.id), signal),
  );
  const files = [...pool, ...put];
  progress.total = files.reduce((bytes, { size }) => bytes + size, 0);

  const taken: string[] = [];
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
            writeFile(file, zip, ports, either),
          );
          if (result === 'other') taken.push(file.path);
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
}

async function writeFile(
  file: ManifestFile,
  zip: ZipArtifact,
  ports: UploadPorts,
  signal: AbortSignal,
) {
  const content = await zip.open(file.path);
  try {
    if (file.size <= BUFFERED_BYTES) return await ports.putNew(file, await buffer(content), signal);
    return await ports.putNew(file, content, signal);
  } finally {
    content.destroy();
  }
}

/** Last: with it the release exists. */
async function writeManifest(
  manifest: Manifest,
  ports: UploadPorts,
  clock: Clock,
  visitors: string,
  signal: AbortSignal,
): Promise<void> {
  const body = Buffer.from(JSON.stringify(manifest));
  const object: NewObject = {
    key: manifestKey(manifest.id),
    size: body.length,
    sha256: createHash('sha256').update(body).digest('base64'),
    type: 'application/json',
  };
  const result = await persistently(clock, signal, () => ports.putNew(object, body, signal));
  if (result === 'other') {
    throw new Failure(
      'JobFailed',
      `Release ${manifest.id} exists already, with other files: the job was delivered twice while another release went live. ${visitors} Retry the stage.`,
    );
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

function refuse(problems: readonly string[], visitors: string): void {
  if (problems.length === 0) return;
  const more = problems.length - SHOWN_PROBLEMS;
  throw new Failure(
    'JobFailed',
    [
      'The site cannot be published as a release:',
      ...problems.slice(0, SHOWN_PROBLEMS).map((problem) => `- ${problem}`),
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

function succeeded({ manifest, put, pool, keep }: Plan, { note, visitors }: Live): Outcome {
  const { id, files } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const pooled = pool.length + keep.length > 0;
  return {
    kind: 'succeeded',
    summary: [
      `Release ${id} is uploaded: ${count(files.length, 'file')}, ${size(bytes)}`,
      ...(pooled
        ? [
            `, of which ${count(pool.length, 'file')} new in the pool and ${keep.length} there already`,
          ]
        : []),
      '.',
      ...(note ? [` ${note}`] : []),
      ` ${visitors}`,
    ].join(''),
    externalExecutionId: id,
    outputVariables: {
      releaseId: id,
      files: String(files.length),
      bytes: String(bytes),
      releaseFiles: String(put.length),
      newPoolFiles: String(pool.length),
      keptPoolFiles: String(keep.length),
    },
  };
}

const count = (number: number, noun: string): string =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

function size(bytes: number): string {
  const power = bytes === 0 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${['B', 'kB', 'MB', 'GB'][power]}`;
}
