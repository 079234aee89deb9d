import type { Readable } from 'node:stream';
import { Parser } from 'htmlparser2';
import pMap from 'p-map';
import { addressFor, fileFor, type UrlRules } from '../../lib/release/addresses.ts';
import { ERROR_PAGE_PATH, matchesPattern, RELEASE_PROBE_PATH } from '../../lib/release/contract.ts';
import type { Clock } from '../shared/clock.ts';
import { isPage } from './content-type.ts';
import type { ArtifactFile } from './plan.ts';
import { count, shortened } from './words.ts';

export interface LinkCheck {
  readonly files: readonly ArtifactFile[];
  /** Path patterns of the pool, where addresses lead to files without the router. */
  readonly immutable: readonly string[];
  /** Which addresses pages have. */
  readonly urls: UrlRules;
  /** Whether a rule of the release says what visitors get at an address. */
  isRuled(address: string): boolean;
  open(path: string): Promise<Readable>;
  /** When to stop looking, in milliseconds since 1970. */
  readonly until: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What is wrong, in sentences; what most pages refer to comes first. */
export interface LinkReport {
  readonly broken: readonly string[];
  /** What nobody looked at, and why. Empty: every page was read to its end. */
  readonly notLookedAt: readonly string[];
}

/** Larger ones are data with tags around it; CloudFront does not compress them any more either. */
const PAGE_BYTES = 10_000_000;

/** The parser's own list of open elements grows slow to handle long before this becomes a page. */
const NESTED_ELEMENTS = 10_000;

/** Different addresses that are kept with who refers to them. Who has more reads no list of them. */
const KEPT_ADDRESSES = 1_000;

/** No key is longer than 1,024 bytes, and percent-encoding triples them at most. */
const ADDRESS_CHARACTERS = 3_100;

/** Parsing is one thread's work; a few at once keep it busy while the others inflate. */
const PAGES_AT_ONCE = 4;

/**
 * Reads every page and finds what it refers to on its own site and the release does not have.
 *
 * Looks at what the HTML itself names: not into style sheets, scripts or data, not at fragments,
 * and not at addresses that name a host, the site's own included. The pages nearest to the start
 * page come first. Memory: the files' paths, and the tag that is being read on each of four pages.
 */
export async function checkLinks(check: LinkCheck): Promise<LinkReport> {
  const { files, open, until, clock, signal } = check;
  const site = new Site(check);
  const broken = new BrokenAddresses();
  const pages = files
    .filter(isPage)
    .map(({ path, size }) => ({ path, size, depth: path.split('/').length }))
    .sort((a, b) => a.depth - b.depth || (a.path < b.path ? -1 : 1));

  const isOver = () => clock.now() >= until;
  const skipped = { large: [] as string[], nested: [] as string[], late: [] as string[] };
  await pMap(
    pages,
    async ({ path, size }) => {
      if (size > PAGE_BYTES) return void skipped.large.push(path);
      if (isOver()) return void skipped.late.push(path);
      const page = new Page(path, site, broken);
      const content = (await open(path)).setEncoding('utf8');
      // Leaving the loop closes the file.
      for await (const text of content) {
        signal.throwIfAborted();
        if (isOver()) return void skipped.late.push(path);
        page.read(text);
        if (page.depth > NESTED_ELEMENTS) return void skipped.nested.push(path);
      }
      page.end();
    },
    { concurrency: PAGES_AT_ONCE, signal },
  );

  const notLookedAt = [
    [skipped.late, 'the time for it was over'],
    [skipped.large, `larger than ${PAGE_BYTES / 1e6} MB`],
    [skipped.nested, `more than ${NESTED_ELEMENTS.toLocaleString('en')} elements deep`],
  ] as const;
  return {
    broken: broken.sentences(site),
    notLookedAt: notLookedAt
      .filter(([paths]) => paths.length > 0)
      .map(
        ([paths, why]) =>
          `The links of ${paths.length.toLocaleString('en')} of ${count(pages.length, 'page')} were not looked at, or not to the end (${why}), such as ${shortened(paths[0] as string)}.`,
      ),
  };
}

/** Stands for the site's own host, which a release does not know. */
const ORIGIN = 'https://site.invalid';

/** One page while it is read: hears of its elements and judges what they refer to. */
class Page {
  /** Of open elements. */
  depth = 0;
  readonly #parser: Parser;
  readonly #path: string;
  readonly #site: Site;
  readonly #broken: BrokenAddresses;
  /** What relative addresses are relative to. */
  #bases: readonly URL[];
  #hasBase = false;
  /** Of open `<template>`s, whose content is not in the document. */
  #templates: boolean[] = [];
  readonly #told = new Set<string>();

  constructor(path: string, site: Site, broken: BrokenAddresses) {
    this.#path = path;
    this.#site = site;
    this.#broken = broken;
    this.#bases = basesOf(path, site);
    this.#parser = new Parser({
      onopentagname: () => {
        this.depth += 1;
      },
      onopentag: (name, attributes) => this.#open(name, attributes),
      onclosetag: (name) => {
        this.depth -= 1;
        if (name === 'template') this.#templates.pop();
      },
    });
  }

  read(text: string): void {
    this.#parser.write(text);
  }

  end(): void {
    this.#parser.end();
  }

  #open(name: string, attributes: Attributes): void {
    const inert = this.#templates.includes(true);
    // One with a shadow root is shown where it stands; any other waits for a script to fill it in.
    if (name === 'template') this.#templates.push(!('shadowrootmode' in attributes));
    if (inert) return;
    if (name === 'base' && attributes.href !== undefined && !this.#hasBase) {
      this.#hasBase = true;
      this.#bases = this.#bases.map((base) => resolve(attributes.href as string, base) ?? base);
      return;
    }
    for (const reference of referencesIn(name, attributes)) this.#judge(reference);
  }

  #judge(reference: string): void {
    // The page itself, and what may be megabytes that need no parsing.
    if (/^\s*(?:#|data:)/i.test(reference)) return;
    const [url, elsewhere] = this.#bases.map((base) => resolve(reference, base));
    if (url === undefined) {
      this.#tell(JSON.stringify(shortened(reference)), 'malformed');
    } else if (url.origin !== ORIGIN) {
      return;
    } else if (elsewhere && elsewhere.pathname !== url.pathname) {
      this.#tell(JSON.stringify(shortened(reference)), 'relative');
    } else if (!this.#site.has(url.pathname)) {
      this.#tell(url.pathname.slice(0, ADDRESS_CHARACTERS), 'missing');
    }
  }

  #tell(address: string, fault: Fault): void {
    if (this.#told.has(address) || this.#told.size >= KEPT_ADDRESSES) return;
    this.#told.add(address);
    this.#broken.add(address, fault, this.#path);
  }
}

/**
 * What a page's relative addresses are relative to: its own. The error page is shown at any missing
 * address, so at two of them: what differs there is not the same file.
 */
function basesOf(path: string, site: Site): URL[] {
  if (path === ERROR_PAGE_PATH) return [new URL('/', ORIGIN), new URL('/a/folder/', ORIGIN)];
  return [new URL(site.addressOf(path), ORIGIN)];
}

function resolve(reference: string, base: URL): URL | undefined {
  try {
    return new URL(reference, base);
  } catch {
    return undefined;
  }
}

type Attributes = Readonly<Record<string, string>>;

/** Attributes that hold one address each, by element. Those of SVG have their older name as well. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  a: ['href', 'xlink:href'],
  area: ['href'],
  audio: ['src'],
  button: ['formaction'],
  embed: ['src'],
  feImage: ['href', 'xlink:href'],
  form: ['action'],
  frame: ['src'],
  iframe: ['src'],
  image: ['href', 'xlink:href'],
  img: ['src'],
  input: ['src', 'formaction'],
  link: ['href'],
  object: ['data'],
  script: ['src', 'href', 'xlink:href'],
  source: ['src'],
  track: ['src'],
  use: ['href', 'xlink:href'],
  video: ['src', 'poster'],
};

/** Attributes that hold a list of images for different screens. */
const SOURCE_SETS: Readonly<Record<string, string>> = {
  img: 'srcset',
  link: 'imagesrcset',
  source: 'srcset',
};

function* referencesIn(name: string, attributes: Attributes): Generator<string> {
  for (const attribute of ADDRESSES[name] ?? []) {
    const value = attributes[attribute];
    if (value !== undefined) yield value;
  }
  const sources = attributes[SOURCE_SETS[name] ?? ''];
  if (sources !== undefined) yield* sourcesIn(sources);
  if (name === 'meta' && attributes['http-equiv']?.toLowerCase() === 'refresh') {
    // `5; url=/new/`: how generators redirect where they cannot answer 301.
    const content = attributes.content?.trim() ?? '';
    const target = /^[\d.]+\s*[;,]\s*(?:url\s*=\s*)?(.+)/is.exec(content)?.[1];
    if (target !== undefined) yield target.replace(/^(["'])(.*)\1$/s, '$2');
  }
}

/** `a.png 1x, b.png 2x`, by the rules of the HTML standard: an address may have commas inside. */
function* sourcesIn(set: string): Generator<string> {
  const candidate = /[\s,]*([^\s]+)/y;
  const descriptors = /(?:[^,(]|\([^)]*\)?)*/y;
  for (;;) {
    const url = candidate.exec(set)?.[1];
    if (url === undefined) return;
    yield url.replace(/,+$/, '');
    descriptors.lastIndex = candidate.lastIndex;
    // A comma at the end of the address says that no descriptor follows.
    if (!url.endsWith(',')) descriptors.exec(set);
    candidate.lastIndex = descriptors.lastIndex;
  }
}

/** What the release answers, by address. */
class Site {
  readonly #paths: ReadonlySet<string>;
  readonly #immutable: readonly string[];
  readonly #urls: UrlRules;
  readonly #isRuled: (address: string) => boolean;
  /** Most pages refer to the same few hundred addresses. */
  readonly #known = new Map<string, boolean>();

  constructor({
    files,
    immutable,
    urls,
    isRuled,
  }: Pick<LinkCheck, 'files' | 'immutable' | 'urls' | 'isRuled'>) {
    this.#paths = new Set(files.map(({ path }) => path));
    this.#immutable = immutable;
    this.#urls = urls;
    this.#isRuled = isRuled;
  }

  /** How to link a file: a folder's page by the folder, with the slash at its end, or as the style has it. */
  addressOf(path: string): string {
    const address = `/${path.replace(/(^|\/)index\.html$/, '$1')}`;
    const styled = this.#isPooled(path) ? address : addressFor(address, this.#urls.style);
    return encodeURI(styled).replace(/[?#]/g, encodeURIComponent);
  }

  /** Whether there is a file for a path as it stands in a URL. */
  has(pathname: string): boolean {
    if (pathname.length > ADDRESS_CHARACTERS) return false;
    let known = this.#known.get(pathname);
    if (known === undefined) {
      known = this.#answers(pathname);
      if (this.#known.size >= 10_000) this.#known.clear();
      this.#known.set(pathname, known);
    }
    return known;
  }

  #answers(pathname: string): boolean {
    if (this.#isPooled(pathname.slice(1))) return this.#has(pathname);
    // Where a redirect leads.
    const address = addressFor(pathname, this.#urls.style);
    const file = fileFor(address);
    if (this.#isRuled(pathname)) return true;
    return this.#has(file) || (this.#urls.fallback === 'single-page' && file !== address);
  }

  #has(file: string): boolean {
    const path = decoded(file);
    return path !== undefined && (this.#paths.has(path) || path === RELEASE_PROBE_PATH);
  }

  #isPooled(path: string): boolean {
    return this.#immutable.some((pattern) => matchesPattern(pattern, path));
  }

  /** An address near that one which does lead somewhere. */
  nearest(pathname: string): string | undefined {
    const path = decoded(pathname)?.replace(/\/$/, '').toLowerCase();
    if (path === undefined) return undefined;
    const near = [`${path}/index.html`, `${path}.html`, path];
    const found = [...this.#paths].find((one) => near.includes(one.toLowerCase()));
    if (found === undefined) return undefined;
    const address = this.addressOf(found);
    return this.has(address) ? address : `/${encodeURI(found)}`;
  }
}

function decoded(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname.slice(1));
  } catch {
    return undefined;
  }
}

type Fault = 'missing' | 'malformed' | 'relative';

/** Who refers to what. A link in the layout is broken on every page, and still one thing to mend. */
class BrokenAddresses {
  readonly #kept = new Map<string, { fault: Fault; pages: number; first: string }>();
  #more = false;

  add(address: string, fault: Fault, page: string): void {
    const known = this.#kept.get(address);
    if (known === undefined) {
      if (this.#kept.size < KEPT_ADDRESSES)
        this.#kept.set(address, { fault, pages: 1, first: page });
      else this.#more = true;
    } else {
      known.pages += 1;
      if (page < known.first) known.first = page;
    }
  }

  sentences(site: Site): string[] {
    const all = [...this.#kept].sort(([a, one], [b, other]) =>
      one.pages === other.pages ? (a < b ? -1 : 1) : other.pages - one.pages,
    );
    let looked = 0;
    const sentences = all.map(([address, { fault, pages, first }]) => {
      const others = pages === 1 ? '' : ` and ${count(pages - 1, 'more page')}`;
      const who = `${shortened(first)}${others} refer${pages === 1 ? 's' : ''} to`;
      if (fault === 'malformed') return `${who} ${address}, which is no address`;
      if (fault === 'relative') {
        return `${who} ${address}, which leads elsewhere at every address where the error page is shown; begin it with a slash`;
      }
      // Each look goes through all paths: for those that are read at all.
      const nearest = looked++ < 50 ? site.nearest(address) : undefined;
      const hint = nearest === undefined ? '' : `; did you mean ${shortened(nearest)}?`;
      return `${who} ${shortened(address)}, which is not in the release${hint}`;
    });
    return this.#more
      ? [...sentences, `more than ${KEPT_ADDRESSES.toLocaleString('en')} addresses lead nowhere`]
      : sentences;
  }
}
