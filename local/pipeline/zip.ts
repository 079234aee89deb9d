import { createWriteStream } from 'node:fs';
import { chmod, mkdir, open, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type Entry, fromFd, validateFileName, type ZipFile } from 'yauzl';
import { ZipFile as ZipWriter } from 'yazl';

const FILE_TYPE = 0o170000;
const SYMLINK = 0o120000;
// The first moment that a ZIP can hold. One date for all, so the same files give the same bytes.
const MTIME = new Date(1980, 0, 1);

/**
 * Writes files into a ZIP, with their modes, in the order given.
 *
 * @param files path inside the ZIP to path on disk.
 */
export async function zipFiles(files: ReadonlyMap<string, string>, target: string): Promise<void> {
  const zip = new ZipWriter();
  const written = pipeline(zip.outputStream, createWriteStream(target));
  zip.on('error', (error) => (zip.outputStream as NodeJS.ReadStream).destroy(error as Error));
  for (const [path, file] of files) {
    const { mode } = await stat(file);
    zip.addFile(file, path, { mtime: MTIME, mode });
  }
  zip.end();
  await written;
}

/**
 * Unpacks a ZIP into a folder, with modes and symbolic links.
 *
 * Names are UTF-8, whether or not the ZIP says so: git says it of those only that are not ASCII, and the code page that
 * others would have turns a line break into `◙`.
 *
 * @throws Error for a name that would leave the folder, and one with a backslash
 */
export async function unzip(file: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const handle = await open(file);
  try {
    const zip = (await promisify(fromFd as unknown as FromFd)(handle.fd, {
      lazyEntries: true,
      autoClose: false,
      decodeStrings: false,
    })) as ZipFile;
    await new Promise<void>((resolve, reject) => {
      zip.on('error', reject);
      zip.on('end', resolve);
      zip.on('entry', (entry: Entry) => {
        extract(zip, entry, folder).then(() => zip.readEntry(), reject);
      });
      zip.readEntry();
    });
  } finally {
    await handle.close();
  }
}

type FromFd = (
  fd: number,
  options: object,
  callback: (error: Error | null, zip: ZipFile) => void,
) => void;

async function extract(zip: ZipFile, entry: Entry, folder: string): Promise<void> {
  const name = String(entry.fileName);
  const problem = validateFileName(name);
  if (problem) throw new Error(problem);
  const path = join(folder, name);
  if (name.endsWith('/')) {
    await mkdir(path, { recursive: true });
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  const mode = entry.externalFileAttributes >>> 16;
  const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  if ((mode & FILE_TYPE) === SYMLINK) {
    await symlink(await text(stream), path);
    return;
  }
  await pipeline(stream, createWriteStream(path));
  if (mode & 0o111) await chmod(path, mode & 0o777);
}
