import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** A zip of these files in memory, as the build would write it. */
export async function zipOf(
  files: Readonly<Record<string, string | Buffer>>,
  options: { readonly mode?: number; readonly compress?: boolean } = {},
): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith('/')) zip.addEmptyDirectory(name);
    else zip.addBuffer(Buffer.from(content), name, { mode: 0o100644, ...options });
  }
  zip.end();
  return buffer(zip.outputStream as unknown as Readable);
}

/**
 * The zip with bytes replaced wherever they stand, in the local and the central header alike: for
 * names that no proper program writes. Both have to be equally long.
 */
export function patched(zip: Buffer, from: string | Buffer, to: string | Buffer): Buffer {
  const [old, fresh] = [Buffer.from(from), Buffer.from(to)];
  if (old.length !== fresh.length) throw new Error('patched: not equally long');
  const copy = Buffer.from(zip);
  for (let at = copy.indexOf(old); at >= 0; at = copy.indexOf(old, at + old.length)) {
    fresh.copy(copy, at);
  }
  return copy;
}

/** Where the central directory describes that file. */
export function centralHeader(zip: Buffer, name: string): number {
  const at = zip.lastIndexOf(Buffer.from(name)) - 46;
  if (zip.readUInt32LE(at) !== 0x02014b50) throw new Error(`centralHeader: ${name} not found`);
  return at;
}
