import { createWriteStream } from 'node:fs';
import { chmod, mkdir, open, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type Entry, fromFd, type ZipFile } from 'yauzl';
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
 * @throws Error for a name that would leave the folder (yauzl refuses `..`, absolute names and
 *   backslashes).
 */
export async function unzip(file: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const handle = await open(file);
  try {
    const zip = (await promisify(fromFd as unknown as FromFd)(handle.fd, {
      lazyEntries: true,
      autoClose: false,
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
  const path = join(folder, entry.fileName);
  if (entry.fileName.endsWith('/')) {
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
