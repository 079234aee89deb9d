import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import pMap from 'p-map';
import { Entry, openPromise, type ZipFile } from 'yauzl';
import { Failure } from '../shared/failure.ts';
import type { Placement } from './addressing.ts';
import { contentType } from './content-type.ts';
import { problemInName } from './names.ts';
import type { ArtifactFile } from './plan.ts';

/** A built site as a zip on disk: read file by file, as often as needed, never as a whole. */
export interface ZipArtifact {
  /** By the paths that they have in the release. */
  readonly files: readonly ArtifactFile[];
  /** The bytes of a file, from the beginning. */
  open(path: string): Promise<Readable>;
  close(): void;
}

/** One request to S3 puts this much at most. */
const FILE_BYTES = 5 * 1024 ** 3;

/** Inflating is done by Node's four worker threads; more at once only wait for each other. */
const HASHED_AT_ONCE = 4;

const SHOWN_PROBLEMS = 20;

/**
 * Checks every name in the zip, then reads every file once for its size, CRC and SHA-256.
 *
 * Memory is needed for the list of files only, some hundred bytes for each.
 *
 * @param visitors what they see now, for the failure's message
 * @param placeOf where the release has a file; by default where the artifact has it
 * @throws Failure (JobFailed) naming the files that cannot be published: 20 of them, and how many more.
 */
export async function openArtifact(
  zipFile: string,
  visitors: string,
  signal: AbortSignal,
  placeOf: Placement = (path) => path,
): Promise<ZipArtifact> {
  let zip: ZipFile;
  try {
    // Names as bytes: decoded they would be checked by yauzl, which stops at the first bad one.
    zip = await openPromise(zipFile, { autoClose: false, lazyEntries: true, decodeStrings: false });
  } catch (error) {
    throw unreadable(error, visitors);
  }
  try {
    const entries = await readEntries(zip, placeOf, visitors, signal);
    const open = (entry: Entry) => openEntry(zip, zipFile, entry);
    const damaged: string[] = [];
    const files = await pMap(
      entries,
      async ([path, entry]): Promise<ArtifactFile> => {
        const { size, sha256, problem } = await hash(() => open(entry), entry, signal);
        if (problem) damaged.push(`${path}: ${problem}`);
        return { path, size, sha256, type: contentType(path) };
      },
      { concurrency: HASHED_AT_ONCE, signal },
    );
    refuse(damaged, 'is damaged', visitors);
    return {
      files,
      open: (path) => open(entries.get(path) as Entry),
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function readEntries(
  zip: ZipFile,
  placeOf: Placement,
  visitors: string,
  signal: AbortSignal,
) {
  const entries = new Map<string, Entry>();
  /** Names in the artifact, where the release has another. */
  const renamed = new Map<string, string>();
  const problems: string[] = [];
  try {
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      // With `decodeStrings: false` the name is a Buffer, whatever its type says.
      const raw = entry.fileName as unknown as Buffer;
      // Whatever the flag in the zip: most programs write UTF-8 without saying so.
      const name = raw.toString('utf8');
      const isFolder = name.endsWith('/');
      const path = isFolder ? name.slice(0, -1) : name;
      const place = isFolder ? path : placeOf(path);
      const problem = isUtf8(raw)
        ? (problemInName(path) ?? problemInName(place))
        : 'the name is not UTF-8';
      const problemInEntry = isFolder ? undefined : problemIn(entry);
      const other = entries.has(place) ? (renamed.get(place) ?? place) : undefined;
      if (problem) problems.push(`${JSON.stringify(name)}: ${problem}`);
      else if (problemInEntry) problems.push(`${path}: ${problemInEntry}`);
      else if (other === path) problems.push(`${path}: is in the artifact twice`);
      else if (other !== undefined) problems.push(samePage(path, other));
      else if (!isFolder) {
        entries.set(place, slim(entry));
        if (place !== path) renamed.set(place, path);
      }
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw unreadable(error, visitors);
  }
  if (!entries.has('index.html')) {
    problems.push(
      'index.html: missing at the top of the artifact; the build has to publish the folder that holds it',
    );
  }
  refuse(problems, 'cannot be published', visitors);
  return entries;
}

const samePage = (path: string, other: string): string =>
  `${path}: is the same page as ${other}, because urls.style gives every page one address; publish one of the two`;

function problemIn(entry: Entry): string | undefined {
  if (entry.isEncrypted()) return 'it is encrypted';
  if (!entry.canDecodeFileData()) {
    return `its compression (method ${entry.compressionMethod}) is not supported; use deflate`;
  }
  if (entry.uncompressedSize > FILE_BYTES) return 'it is larger than 5 GiB';
  // The upper half holds the mode of the file where Unix (3) or macOS (19) made the zip.
  const madeBy = entry.versionMadeBy >> 8;
  const type = madeBy === 3 || madeBy === 19 ? (entry.externalFileAttributes >>> 16) & 0o170000 : 0;
  if (type === 0o120000) return 'it is a symbolic link; publish the file it points to';
  if (type !== 0 && type !== 0o100000) return 'it is no regular file';
  return undefined;
}

/** What opening it again takes: with names and extra fields, 50,000 of them are 50 MB. */
function slim(entry: Entry): Entry {
  const { compressionMethod, compressedSize, uncompressedSize, crc32 } = entry;
  const { generalPurposeBitFlag, relativeOffsetOfLocalHeader } = entry;
  return Object.assign(new Entry(), {
    compressionMethod,
    compressedSize,
    uncompressedSize,
    crc32,
    generalPurposeBitFlag,
    relativeOffsetOfLocalHeader,
  });
}

async function hash(open: () => Promise<Readable>, entry: Entry, signal: AbortSignal) {
  const sha256 = createHash('sha256');
  let size = 0;
  let crc = 0;
  let problem: string | undefined;
  try {
    // The file's own header is read only now, and may be damaged as well.
    for await (const chunk of await open()) {
      signal.throwIfAborted();
      sha256.update(chunk);
      crc = crc32(chunk, crc);
      size += chunk.length;
      // A few bytes can inflate to any number of them.
      if (size > entry.uncompressedSize) break;
    }
    if (size !== entry.uncompressedSize) problem = 'it is not as long as the zip says';
    else if (crc !== entry.crc32) problem = 'its bytes do not have the CRC that the zip names';
  } catch (error) {
    if (signal.aborted) throw error;
    problem = (error as Error).message;
  }
  return { size, sha256: sha256.digest('base64'), problem };
}

/**
 * Not yauzl's own stream, which throws where nobody can catch it when it is given up half-way, and
 * of which only one reads at a time.
 */
async function openEntry(zip: ZipFile, zipFile: string, entry: Entry): Promise<Readable> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const { compressedSize, compressionMethod } = entry;
  if (compressedSize === 0) return Readable.from([]);
  const stored = createReadStream(zipFile, {
    start: fileDataStart,
    end: fileDataStart + compressedSize - 1,
  });
  if (compressionMethod === 0) return stored;
  // Whoever reads hears of every error; the callback is only there because it has to be.
  return pipeline(stored, createInflateRaw(), () => {});
}

function refuse(problems: readonly string[], what: string, visitors: string): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, SHOWN_PROBLEMS);
  const more = problems.length - shown.length;
  throw new Failure(
    'JobFailed',
    [
      `The artifact ${what}; nothing was written:`,
      ...shown.map((problem) => `- ${problem}`),
      ...(more > 0 ? [`- and ${more} more`] : []),
      visitors,
    ].join('\n'),
  );
}

const unreadable = (error: unknown, visitors: string): Failure =>
  new Failure(
    'JobFailed',
    `The artifact is no zip, or is damaged (${(error as Error).message}); nothing was written. ${visitors}`,
    { cause: error },
  );
