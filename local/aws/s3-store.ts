import { randomBytes, randomUUID } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Body, Verified } from './s3-body.ts';
import type { Checksum } from './s3-checksums.ts';
import { byUtf8, lowerBound } from './s3-listing.ts';

/** One object, as kept. */
export interface StoredObject {
  readonly key: string;
  /** The name of the file that holds the bytes. */
  readonly blob: string;
  readonly size: number;
  /** With its quotation marks. */
  readonly etag: string;
  /** In milliseconds, on a whole second: S3 keeps no more. */
  readonly lastModified: number;
  readonly checksum: Checksum;
  /** Content-Type and its like, and `x-amz-meta-*`, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** In a versioned bucket. */
  readonly version?: string;
}

/** A blob that no key names yet: `commit` or `discard` it. */
export interface Upload extends Verified {
  readonly blob: string;
}

/** `forget` is the version that is no longer kept. */
type Line =
  | { readonly put: StoredObject }
  | { readonly delete: string }
  | { readonly forget: string };

/**
 * A bucket on disk. Bodies are files of their own with made-up names, so that any key works on any
 * file system, and never change. What a key names is a line in `index.jsonl`: writing that line is
 * the moment a put or a delete happens, and one start reads one file however many objects there are.
 * A crash leaves at most a half-written last line and bodies that nothing names; opening removes both.
 */
export class BucketStore {
  readonly #directory: string;
  readonly #journal: number;
  #closed = false;
  /** Bytes of the journal that are whole lines. */
  #length: number;
  readonly #objects = new Map<string, StoredObject>();
  /** By version, in the order in which they were overwritten. */
  readonly #noncurrent = new Map<string, { object: StoredObject; since: number }>();
  readonly #keys: string[];

  constructor(
    directory: string,
    private readonly versioned = false,
  ) {
    this.#directory = directory;
    mkdirSync(join(directory, 'blobs'), { recursive: true });
    rmSync(join(directory, 'uploads'), { recursive: true, force: true });
    mkdirSync(join(directory, 'uploads'));
    const file = join(directory, 'index.jsonl');
    const lines = this.#replay(file);
    this.#keys = [...this.#objects.keys()].sort(byUtf8);
    this.#sweep();
    // Most lines of an old journal speak of objects that are gone.
    if (lines > 1000 + 2 * (this.#objects.size + this.#noncurrent.size)) {
      writeFileSync(
        `${file}.new`,
        this.#kept()
          .map((put) => line({ put }))
          .join(''),
      );
      renameSync(`${file}.new`, file);
    }
    this.#journal = openSync(file, 'a');
    this.#length = readFileSync(file).length;
  }

  /** Keys in S3's order. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** The newest object of that key, or the version that is asked for. */
  get(key: string, version?: string): StoredObject | undefined {
    return version === undefined
      ? this.#objects.get(key)
      : this.versions(key).find((object) => object.version === version);
  }

  /** What is kept of that key, oldest first. */
  versions(key: string): StoredObject[] {
    return this.#kept().filter((object) => object.key === key);
  }

  /** Removes the versions that were overwritten by that moment. */
  forgetUntil(moment: number): void {
    for (const [version, { object, since }] of [...this.#noncurrent]) {
      if (since > moment) continue;
      this.#append({ forget: version });
      this.#noncurrent.delete(version);
      rmSync(this.#file(object.blob), { force: true });
    }
  }

  /** A descriptor of the object's bytes, which stay readable through it after a delete. */
  open({ blob }: StoredObject): number {
    return openSync(this.#file(blob), 'r');
  }

  /** A part of an object in memory, both ends included. */
  read(object: StoredObject, start: number, end: number): Buffer {
    const bytes = Buffer.alloc(end - start + 1);
    const descriptor = this.open(object);
    try {
      let read = 0;
      while (read < bytes.length) {
        const count = readSync(descriptor, bytes, read, bytes.length - read, start + read);
        if (count === 0) throw this.#damaged(`the body of ${object.key} is too short`);
        read += count;
      }
    } finally {
      closeSync(descriptor);
    }
    return bytes;
  }

  /** Streams a body to disk. Whatever goes wrong on the way, nothing is left of it. */
  async receive(body: Body): Promise<Upload> {
    const blob = newBlob();
    let verified: Verified | undefined;
    const chunks = (async function* () {
      verified = yield* body.bytes();
    })();
    try {
      // Not a write stream: it may open its file after the failure that was to remove it.
      const file = await open(this.#part(blob), 'wx');
      try {
        for await (const chunk of chunks) await file.appendFile(chunk);
      } finally {
        await file.close();
      }
    } catch (error) {
      rmSync(this.#part(blob), { force: true });
      throw error;
    }
    return { ...(verified as unknown as Verified), blob };
  }

  /** The bytes of an object once more, without reading them where the file system can link. */
  duplicate(from: BucketStore, object: StoredObject): Upload {
    const blob = newBlob();
    try {
      linkSync(from.#file(object.blob), this.#part(blob));
    } catch {
      copyFileSync(from.#file(object.blob), this.#part(blob));
    }
    const md5 = Buffer.from(object.etag.replaceAll('"', ''), 'hex');
    return { blob, size: object.size, md5, checksum: object.checksum };
  }

  discard({ blob }: Upload): void {
    rmSync(this.#part(blob), { force: true });
  }

  /** Makes an upload the object under `key`. Synchronous, so that a check before it still holds. */
  commit(
    key: string,
    upload: Upload,
    headers: Readonly<Record<string, string>>,
    now: number,
  ): StoredObject {
    const { blob, size, md5, checksum } = upload;
    const object: StoredObject = {
      key,
      blob,
      size,
      etag: `"${md5.toString('hex')}"`,
      lastModified: Math.floor(now / 1000) * 1000,
      checksum,
      headers,
      ...(this.versioned && { version: newVersion() }),
    };
    mkdirSync(join(this.#directory, 'blobs', blob.slice(0, 2)), { recursive: true });
    renameSync(this.#part(blob), this.#file(blob));
    this.#append({ put: object });
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    if (old === undefined) this.#keys.splice(lowerBound(this.#keys, key), 0, key);
    else if (!this.#keep(old, object)) rmSync(this.#file(old.blob), { force: true });
    return object;
  }

  delete(key: string): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#append({ delete: key });
    this.#objects.delete(key);
    this.#keys.splice(lowerBound(this.#keys, key), 1);
    rmSync(this.#file(old.blob), { force: true });
  }

  /** Nothing can be written any more. Closing twice is closing once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#journal);
  }

  /** Every object whose body is kept; of one key, oldest first. */
  #kept(): StoredObject[] {
    return [
      ...[...this.#noncurrent.values()].map(({ object }) => object),
      ...this.#objects.values(),
    ];
  }

  /** Keeps what was overwritten, if it has a version. */
  #keep(old: StoredObject, by: StoredObject): boolean {
    if (old.version === undefined) return false;
    this.#noncurrent.set(old.version, { object: old, since: by.lastModified });
    return true;
  }

  #part(blob: string): string {
    return join(this.#directory, 'uploads', blob);
  }

  /** Two hundred and fifty-six folders keep each of them small for 50,000 objects. */
  #file(blob: string): string {
    return join(this.#directory, 'blobs', blob.slice(0, 2), blob);
  }

  #append(entry: Line): void {
    const bytes = Buffer.from(line(entry));
    try {
      let written = 0;
      while (written < bytes.length) written += writeSync(this.#journal, bytes, written);
    } catch (error) {
      // A full disk: half a line must not become the beginning of the next one.
      ftruncateSync(this.#journal, this.#length);
      throw error;
    }
    this.#length += bytes.length;
  }

  /** Reads the journal and cuts off a last line that a crash left unfinished. */
  #replay(file: string): number {
    let bytes: Buffer;
    try {
      bytes = readFileSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
    const end = bytes.lastIndexOf('\n') + 1;
    const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
    for (const text of lines) {
      let entry: Line;
      try {
        entry = JSON.parse(text) as Line;
      } catch (cause) {
        throw this.#damaged(cause);
      }
      if ('put' in entry) {
        const old = this.#objects.get(entry.put.key);
        if (old) this.#keep(old, entry.put);
        this.#objects.set(entry.put.key, entry.put);
      } else if ('delete' in entry) this.#objects.delete(entry.delete);
      else this.#noncurrent.delete(entry.forget);
    }
    if (end < bytes.length) {
      const descriptor = openSync(file, 'r+');
      ftruncateSync(descriptor, end);
      closeSync(descriptor);
    }
    return lines.length;
  }

  /** Removes the bodies that nothing names; one that is named but missing is damage. */
  #sweep(): void {
    const named = new Set(this.#kept().map(({ blob }) => blob));
    for (const folder of readdirSync(join(this.#directory, 'blobs'))) {
      for (const blob of readdirSync(join(this.#directory, 'blobs', folder))) {
        if (!named.delete(blob)) rmSync(join(this.#directory, 'blobs', folder, blob));
      }
    }
    if (named.size > 0) throw this.#damaged(`${named.size} bodies are missing`);
  }

  #damaged(cause: unknown): Error {
    return new Error(
      `${this.#directory}: damaged; delete it, and the objects in it, to start afresh`,
      {
        cause,
      },
    );
  }
}

/** As S3's: 32 characters that mean nothing. */
const newVersion = (): string =>
  randomBytes(24).toString('base64').replaceAll('+', '.').replaceAll('/', '_');

const newBlob = (): string => randomUUID().replaceAll('-', '');

const line = (entry: Line): string => `${JSON.stringify(entry)}\n`;
