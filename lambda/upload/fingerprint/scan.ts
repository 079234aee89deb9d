import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import pMap from 'p-map';
import { type FingerprintSettings, hasHashSource } from '../../../lib/release/contract.ts';
import { isPage } from '../content-type.ts';
import {
  type Inline,
  NESTED_ELEMENTS,
  type PageListener,
  PageReader,
  type Piece,
  type Reference,
} from '../page-reader.ts';
import type { ArtifactFile } from '../plan.ts';
import { decoded, ORIGIN, resolve, type Site } from '../site.ts';
import { referencesInCss } from './css.ts';
import type { Edits } from './edits.ts';
import { readImportMap } from './import-map.ts';
import { type Algorithm, integrityOf, isIntact, strongestIn } from './integrity.ts';
import { isOwn, targetOf } from './places.ts';
import { importsIn, prepare } from './script.ts';

export interface ScanInput {
  readonly files: readonly ArtifactFile[];
  readonly site: Site;
  open(path: string): Promise<Readable>;
  readonly settings: FingerprintSettings;
  /** Called before every file that is read, with how many were; throws to give up. */
  check(read: number): void;
}

/** What refers to what, and where. */
export interface Scan {
  /** By path, of files outside the pool that refer to any. */
  readonly edits: ReadonlyMap<string, Edits>;
  /** Files whose bytes have to stay, and so their name, because somebody has a hash of them. */
  readonly frozen: ReadonlySet<string>;
  /** Whether something that cannot be changed imports it, so that it would run twice under another name. */
  isHeld(path: string): boolean;
  /** What was not read, and why. */
  readonly unread: readonly { readonly path: string; readonly why: string }[];
}

/** Larger ones are data; CloudFront does not compress them any more either. */
const TEXT_BYTES = 10_000_000;

/** After each of them it is looked how deep the elements are nested. */
const PIECE_CHARACTERS = 65_536;

/** Parsing is one thread's work; a few at once keep it busy while the others inflate. */
const FILES_AT_ONCE = 4;

export const isStyle = ({ type }: { readonly type: string }): boolean =>
  /^text\/css(?:;|$)/.test(type);
export const isScript = ({ type }: { readonly type: string }): boolean =>
  /^(?:text|application)\/javascript(?:;|$)/.test(type);

/** Reads every page, style sheet and script. */
export async function scan(input: ScanInput): Promise<Scan> {
  const { files, site, settings, open, check } = input;
  await prepare();
  const found = new Found(site, settings.hosts);
  const unread: Scan['unread'][number][] = [];
  let read = 0;

  const each = async (
    chosen: readonly ArtifactFile[],
    look: (text: string, file: ArtifactFile, bytes: Buffer) => void,
  ) => {
    await pMap(
      chosen,
      async (file) => {
        check(read++);
        const { path, size } = file;
        if (size > TEXT_BYTES) return void unread.push({ path, why: 'larger than 10 MB' });
        const bytes = Buffer.concat(await (await open(path)).toArray());
        if (isUtf8(bytes)) look(bytes.toString('utf8'), file, bytes);
        else unread.push({ path, why: 'not UTF-8' });
      },
      { concurrency: FILES_AT_ONCE },
    );
  };

  const own = files.filter(({ path }) => !site.isPooled(path));
  await each(own.filter(isPage), (text, { path }) => {
    const page = new Page(text, found, settings.policyHashes);
    const reader = new PageReader(site.basesOf(path), page);
    for (let start = 0; start < text.length; start += PIECE_CHARACTERS) {
      check(read);
      reader.read(text.slice(start, start + PIECE_CHARACTERS));
      if (reader.depth > NESTED_ELEMENTS)
        return void unread.push({ path, why: 'too deeply nested' });
    }
    reader.end();
    found.edits.set(path, page.edits);
  });
  await each(own.filter(isStyle), (text, { path }, bytes) => {
    const edits = emptyEdits();
    found.examine(path, bytes);
    for (const { address, inVariable } of referencesInCss(whole(text))) {
      if (!inVariable || isAbsolute(address)) found.add(edits, address, [addressOf(path)]);
    }
    found.edits.set(path, edits);
  });
  const scripts = own.filter(isScript);
  await each(scripts, (text, { path }, bytes) => {
    const edits = emptyEdits();
    found.examine(path, bytes);
    for (const address of importsIn(whole(text)) ?? [])
      found.add(edits, address, [addressOf(path)]);
    found.edits.set(path, edits);
  });
  // Scripts of the pool cannot be changed, and may import others.
  const pooled = files.filter((file) => site.isPooled(file.path) && isScript(file));
  await each(scripts.length > 0 ? pooled : [], (text, { path }) => {
    for (const address of importsIn(whole(text)) ?? []) found.hold(address.text, [addressOf(path)]);
  });
  return { ...found.settled(new Set(scripts.map(({ path }) => path))), unread };
}

interface MutableEdits extends Edits {
  readonly tags: Edits['tags'][number][];
  readonly hashes: Edits['hashes'][number][];
}

const emptyEdits = (): MutableEdits => ({ tags: [], hashes: [] });

const whole = (text: string): Piece => ({ text, at: (index) => index });

const isAbsolute = ({ text }: Piece): boolean => text.startsWith('/');

/** Where a style sheet or script is served from. */
const addressOf = (path: string): URL =>
  new URL(`/${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}`, ORIGIN);

/** What is found in all files together. */
class Found {
  readonly edits = new Map<string, MutableEdits>();
  readonly #frozen = new Set<string>();
  /** Of style sheets and scripts: what elements that load them say of their bytes. */
  readonly #demands = new Map<string, Set<string>>();
  readonly #held = new Set<string>();
  readonly #heldBelow = new Set<string>();
  readonly #site: Site;
  readonly #hosts: readonly string[];

  constructor(site: Site, hosts: readonly string[]) {
    this.#site = site;
    this.#hosts = hosts;
  }

  /** The file that an address leads to, if there is one that may get a copy. */
  add(edits: MutableEdits, address: Piece, bases: readonly URL[]): string | undefined {
    const target = targetOf(address.text, bases, this.#hosts);
    const path = target && this.#site.fileAt(target.pathname);
    const place = target && address.at(target.place);
    if (path === undefined || place === undefined) return undefined;
    edits.tags.push({ place, path });
    return path;
  }

  freeze(path: string): void {
    this.#frozen.add(path);
  }

  demand(path: string, integrity: string): void {
    const demands = this.#demands.get(path);
    if (demands) demands.add(integrity);
    else this.#demands.set(path, new Set([integrity]));
  }

  /** A hash that is wrong already would become right. */
  examine(path: string, bytes: Buffer): void {
    // Pages may name thousands, of few kinds.
    const known = new Map<Algorithm, string>();
    const hashOf = (algorithm: Algorithm) => {
      const hash = known.get(algorithm) ?? integrityOf(bytes, algorithm);
      known.set(algorithm, hash);
      return hash;
    };
    for (const integrity of this.#demands.get(path) ?? []) {
      if (!isIntact(integrity, hashOf)) this.freeze(path);
    }
  }

  hold(address: string, bases: readonly URL[]): void {
    for (const path of this.#pathsAt(address, bases)) {
      if (path === '' || path.endsWith('/')) this.#heldBelow.add(path);
      else this.#held.add(path);
    }
  }

  freezeAt(address: string, bases: readonly URL[]): void {
    for (const path of this.#pathsAt(address, bases)) this.freeze(path);
  }

  #pathsAt(address: string, bases: readonly URL[]): string[] {
    return bases.flatMap((base) => {
      const url = resolve(address, base);
      return (url && isOwn(url, this.#hosts) ? decoded(url.pathname) : undefined) ?? [];
    });
  }

  settled(scripts: ReadonlySet<string>): Omit<Scan, 'unread'> {
    for (const path of this.#frozen) {
      // It goes on asking for what it imports by the names in it.
      if (scripts.has(path))
        for (const tag of this.edits.get(path)?.tags ?? []) this.#held.add(tag.path);
      this.edits.delete(path);
    }
    return {
      edits: this.edits,
      frozen: this.#frozen,
      isHeld: (path) =>
        this.#held.has(path) || foldersOf(path).some((one) => this.#heldBelow.has(one)),
    };
  }
}

/** All that a file is in, with a slash at the end, and the top of the site. */
const foldersOf = (path: string): string[] => [
  '',
  ...[...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1)),
];

/** What browsers run; everything else in a script element is data. */
const RUNS = /^(?:module|(?:text|application)\/(?:x-)?(?:java|ecma)script.*)?$/;

class Page implements PageListener {
  readonly edits = emptyEdits();
  readonly #source: string;
  readonly #found: Found;
  /** Whether a policy may name hashes of what stands in the page, or of files by their `integrity`. */
  #hashes: boolean;

  constructor(source: string, found: Found, hashes: boolean) {
    this.#source = source;
    this.#found = found;
    this.#hashes = hashes;
  }

  policy(policy: string): void {
    this.#hashes ||= hasHashSource(policy);
  }

  reference({ address, role, bases, integrity }: Reference): void {
    if (role === 'page') return;
    const path = this.#found.add(this.edits, address, bases);
    if (path === undefined || integrity === undefined) return;
    const algorithm = strongestIn(integrity.text);
    if (algorithm === undefined) return;
    const [start, end] = [integrity.at(0), integrity.at(integrity.text.length)];
    if (this.#hashes || start === undefined || end === undefined) {
      this.#found.freeze(path);
      return;
    }
    this.#found.demand(path, integrity.text);
    this.edits.hashes.push({ start, end, path, algorithm });
  }

  inline({ kind, type, content, bases }: Inline): void {
    // What stands in foreign markup may be written otherwise than it is understood.
    if (kind !== 'declarations' && !this.#source.startsWith(content.text, content.at(0))) return;
    if (kind === 'script' && type === 'importmap') this.#importMap(content, bases);
    else if (kind === 'script') {
      if (!RUNS.test(type)) return;
      for (const { text } of importsIn(content) ?? []) this.#found.hold(text, bases);
    } else if (!this.#hashes) {
      for (const { address, inVariable } of referencesInCss(content)) {
        if (!inVariable || isAbsolute(address)) this.#found.add(this.edits, address, bases);
      }
    }
  }

  #importMap(content: Piece, bases: readonly URL[]): void {
    const map = readImportMap(content);
    if (map === undefined) return;
    const stays = this.#hashes || map.checked.length > 0;
    for (const name of map.renamed) this.#found.hold(name, bases);
    for (const name of map.checked) this.#found.freezeAt(name, bases);
    for (const target of map.targets) {
      if (stays || target.text.endsWith('/')) this.#found.hold(target.text, bases);
      else this.#found.add(this.edits, target, bases);
    }
  }
}
