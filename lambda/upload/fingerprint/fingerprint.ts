import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import pMap from 'p-map';
import { type FingerprintSettings, hasHashSource } from '../../../lib/release/contract.ts';
import type { Clock } from '../../shared/clock.ts';
import { Failure } from '../../shared/failure.ts';
import { isPage } from '../content-type.ts';
import { headersWithout, type ResolvedHeaders } from '../headers.ts';
import { inTime } from '../in-time.ts';
import { problemInName } from '../names.ts';
import type { ArtifactFile } from '../plan.ts';
import { Site, type SiteRules } from '../site.ts';
import { count, listed } from '../words.ts';
import { componentsOf } from './components.ts';
import { type Edits, spliced, type Values } from './edits.ts';
import { ALGORITHMS, integrityOf } from './integrity.ts';
import { copyOf, TAG_CHARACTERS, tagText } from './places.ts';
import { type Scan, scan } from './scan.ts';

export interface FingerprintInput extends SiteRules {
  readonly files: readonly ArtifactFile[];
  readonly settings: FingerprintSettings;
  /** Of the site's `_headers`. */
  readonly headers: ResolvedHeaders | undefined;
  /** The bytes of a file as the build made it. */
  open(path: string): Promise<Readable>;
  /** When this invocation has to be over, in milliseconds since 1970. */
  readonly endAt: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What they see now, for a failure's message. */
  readonly visitors: string;
}

export interface Fingerprinted {
  /** What is published: the site's files, some with tags in them, and the copies. */
  readonly files: readonly ArtifactFile[];
  /** The bytes of any of these. */
  open(path: string): Promise<Readable>;
  /** Of the sets of headers that the files have. */
  readonly texts: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
  readonly findings: readonly string[];
}

/** The rest of the invocation is for the files themselves, or a release would never be complete. */
const SHARE = 1 / 2;

const FILES_AT_ONCE = 4;

/**
 * Gives files with fixed names that pages are made of a copy under a name that changes with their bytes, and leads what
 * refers to them to that. A page then gets what it was made with, whatever is live by the time it asks.
 *
 * The same files always give the same copies, whichever release is live and however often this runs.
 *
 * @throws Failure (JobFailed) if it cannot be done in half of an invocation.
 */
export async function fingerprint(input: FingerprintInput): Promise<Fingerprinted> {
  const { files, headers, settings } = input;
  const site = new Site(input);
  const check = inTime(SHARE, input, (done: number) => tooSlow(done, files.length, input.visitors));
  const texts = new Map(headers?.texts);
  const policyHashes = settings.policyHashes || [...texts.values()].some(hasHashSource);
  const found = await scan({
    ...{ files, site, open: input.open, check },
    settings: { ...settings, policyHashes },
  });
  return new Copies(input, found, texts, check).made();
}

const tooSlow = (done: number, files: number, visitors: string): Failure =>
  new Failure(
    'JobFailed',
    `fingerprint: half of an invocation was over when ${done.toLocaleString('en')} of ${count(files, 'file')} had been looked at. Give the function more memory in lib/release/upload.ts, with which it gets more processor time, or let the build hash the names and set fingerprint: false in site.config.ts. ${visitors}`,
  );

/** What a file is with the tags in it. */
type Made = Pick<ArtifactFile, 'size' | 'sha256'>;

class Copies {
  readonly #input: FingerprintInput;
  readonly #scan: Scan;
  readonly #texts: Map<string, string>;
  readonly #check: (done: number) => void;
  readonly #files: ReadonlyMap<string, ArtifactFile>;
  /** Of everything that gets a copy. */
  readonly #tags = new Map<string, string>();
  /** Of everything that gets other bytes. */
  readonly #made = new Map<string, Made>();
  /** New ones of what is loaded with one, by path and algorithm. */
  readonly #integrity = new Map<string, string | undefined>();
  readonly #values: Values = {
    tag: (path) => {
      const tag = this.#tags.get(path);
      return tag === undefined ? undefined : tagText(tag);
    },
    hash: (path, algorithm) => this.#integrity.get(`${path} ${algorithm}`),
  };

  constructor(
    input: FingerprintInput,
    found: Scan,
    texts: Map<string, string>,
    check: (done: number) => void,
  ) {
    this.#input = input;
    this.#scan = found;
    this.#texts = texts;
    this.#check = check;
    this.#files = new Map(input.files.map((file) => [file.path, file]));
    for (const { hashes } of found.edits.values()) {
      for (const { path, algorithm } of hashes) {
        this.#integrity.set(`${path} ${algorithm}`, undefined);
      }
    }
  }

  async made(): Promise<Fingerprinted> {
    const { edits } = this.#scan;
    const referred = [
      ...new Set([...edits.values()].flatMap(({ tags }) => tags.map(({ path }) => path))),
    ].sort();
    const copied = referred.filter((path) => this.#mayBeCopied(path));
    await this.#tag(copied);

    // What has no copy: style sheets and scripts first, because pages may name hashes of them.
    const others = [...edits.keys()].filter((path) => !this.#tags.has(path));
    for (const isMeant of [false, true]) {
      const paths = others.filter((path) => isPage(this.#file(path)) === isMeant);
      await pMap(paths, (path) => this.#make(path), { concurrency: FILES_AT_ONCE });
    }

    const originals = new Map(copied.map((path) => [this.#copyPath(path), path]));
    const problems: string[] = [];
    const copies: ArtifactFile[] = [];
    for (const [path, original] of originals) {
      const copy = this.#copy(path, original);
      const own = this.#files.get(path);
      if (own === undefined) copies.push(copy);
      else if (own.sha256 !== copy.sha256) problems.push(isTaken(path, original));
    }
    return {
      files: [
        ...this.#input.files.map((file) => ({ ...file, ...this.#made.get(file.path) })),
        ...copies,
      ],
      open: (path) => this.#open(this.#files.has(path) ? path : (originals.get(path) ?? path)),
      texts: this.#texts,
      problems,
      findings: this.#findings(referred),
    };
  }

  #file = (path: string): ArtifactFile => this.#files.get(path) as ArtifactFile;

  #copyPath = (path: string): string => copyOf(path, this.#tags.get(path) as string);

  #mayBeCopied(path: string): boolean {
    const { isHeld, frozen } = this.#scan;
    if (isHeld(path) || frozen.has(path) || isPage(this.#file(path))) return false;
    return !cannotBeNamed(path);
  }

  /** What refers to others gets its tag after them, since their tags are among its bytes. */
  async #tag(copied: readonly string[]): Promise<void> {
    const wanted = new Set(copied);
    const targetsOf = (path: string) =>
      (this.#scan.edits.get(path)?.tags ?? [])
        .map((tag) => tag.path)
        .filter((target) => wanted.has(target));
    for (const component of componentsOf(copied, targetsOf)) {
      const described = [];
      for (const path of component) {
        // In a circle no tag can be among the bytes that it is made of: there it is left out.
        const { sha256 } = (await this.#spliced(path))?.made ?? this.#file(path);
        described.push([path, sha256, this.#file(path).type, this.#headersOfCopy(path) ?? '']);
      }
      const tag = createHash('sha256')
        .update(JSON.stringify(described))
        .digest('hex')
        .slice(0, TAG_CHARACTERS);
      for (const path of component) this.#tags.set(path, tag);
      for (const path of component) await this.#make(path);
    }
  }

  /** Notes what becomes of the file. */
  async #make(path: string): Promise<void> {
    const spliced = await this.#spliced(path);
    if (spliced === undefined) return;
    this.#made.set(path, spliced.made);
    for (const algorithm of ALGORITHMS) {
      const key = `${path} ${algorithm}`;
      if (this.#integrity.has(key)) {
        this.#integrity.set(key, integrityOf(spliced.bytes, algorithm));
      }
    }
  }

  /** Nothing, if there is nothing to put into it. */
  async #spliced(path: string) {
    const edits = this.#scan.edits.get(path);
    const isChanged =
      edits?.tags.some((tag) => this.#values.tag(tag.path) !== undefined) ||
      edits?.hashes.some((hash) => this.#values.hash(hash.path, hash.algorithm) !== undefined);
    if (edits === undefined || !isChanged) return undefined;
    this.#check(this.#input.files.length);
    const bytes = await this.#bytes(path, edits);
    const sha256 = createHash('sha256').update(bytes).digest('base64');
    return { bytes, made: { size: bytes.length, sha256 } };
  }

  async #bytes(path: string, edits: Edits): Promise<Buffer> {
    const content = await this.#input.open(path);
    const text = Buffer.concat(await content.toArray()).toString('utf8');
    return Buffer.from(spliced(text, edits, this.#values));
  }

  async #open(path: string): Promise<Readable> {
    const edits = this.#made.has(path) ? this.#scan.edits.get(path) : undefined;
    if (edits === undefined) return this.#input.open(path);
    return Readable.from([await this.#bytes(path, edits)], { objectMode: false });
  }

  #copy(path: string, original: string): ArtifactFile {
    const { headers: _, ...file } = { ...this.#file(original), ...this.#made.get(original) };
    const headers = this.#headersOfCopy(original);
    return { ...file, path, original, ...(headers !== undefined && { headers }) };
  }

  /** How long browsers may keep it is no question for what never changes. */
  #headersOfCopy(path: string): string | undefined {
    const { headers } = this.#file(path);
    if (headers === undefined) return undefined;
    const set = headersWithout('cache-control', this.#texts.get(headers) as string);
    if (set === undefined) return undefined;
    this.#texts.set(set.name, set.text);
    return set.name;
  }

  #findings(referred: readonly string[]): string[] {
    const { isHeld, frozen, unread } = this.#scan;
    const stay: [readonly string[], string][] = [
      [
        referred.filter((path) => isHeld(path) && !frozen.has(path)),
        'is also imported by scripts in pages, import maps or the immutable files, which are not changed; it would run twice under two names',
      ],
      [
        referred.filter((path) => frozen.has(path)),
        'has a hash elsewhere, which would be wrong: an integrity attribute that is wrong already, one beside hashes in the content security policy, or one in an import map',
      ],
      [
        referred.filter((path) => !isHeld(path) && !frozen.has(path) && cannotBeNamed(path)),
        'has a plus in its path, or a path too long for a copy',
      ],
      ...[...new Set(unread.map(({ why }) => why))].map((reason): [string[], string] => [
        unread.flatMap(({ path, why }) => (why === reason ? path : [])).sort(),
        `is ${reason}, and what it refers to was not looked at`,
      ]),
    ];
    return stay.flatMap(([paths, why]) =>
      paths.length === 0
        ? []
        : `fingerprint: ${count(paths.length, 'file')} left as ${paths.length === 1 ? 'it is' : 'they are'} (${listed(paths, 3)}): ${why}`,
    );
  }
}

/** A copy is in the pool, where no router encodes a plus. */
const cannotBeNamed = (path: string): boolean =>
  path.includes('+') || problemInName(copyOf(path, '0'.repeat(TAG_CHARACTERS))) !== undefined;

const isTaken = (path: string, original: string): string =>
  `${path}: is the name that the copy of ${original} gets, and has other bytes; rename it`;
