import type { Readable } from 'node:stream';
import pMap from 'p-map';
import type { Clock } from '../shared/clock.ts';
import { isPage } from './content-type.ts';
import { NESTED_ELEMENTS, type PageListener, PageReader, type Reference } from './page-reader.ts';
import type { ArtifactFile } from './plan.ts';
import { ADDRESS_CHARACTERS, ORIGIN, resolve, Site, type SiteRules } from './site.ts';
import { count, shortened } from './words.ts';

export interface LinkCheck extends SiteRules {
  readonly files: readonly ArtifactFile[];
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
  /** How many style sheets and scripts outside the pool pages are made with, and how many such pages there are. */
  readonly fixedNames: { readonly files: number; readonly pages: number };
}

/** Larger ones are data with tags around it; CloudFront does not compress them any more either. */
const PAGE_BYTES = 10_000_000;

/** Different addresses that are kept with who refers to them. Who has more reads no list of them. */
const KEPT_ADDRESSES = 1_000;

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
  const fixedFiles = new Set<string>();
  let fixedPages = 0;
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
      const listener = new Page(path, site, broken);
      const page = new PageReader(site.basesOf(path), listener);
      const content = (await open(path)).setEncoding('utf8');
      // Leaving the loop closes the file.
      for await (const text of content) {
        signal.throwIfAborted();
        if (isOver()) return void skipped.late.push(path);
        page.read(text);
        if (page.depth > NESTED_ELEMENTS) return void skipped.nested.push(path);
      }
      page.end();
      for (const file of listener.fixed) fixedFiles.add(file);
      if (listener.fixed.size > 0) fixedPages += 1;
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
    fixedNames: { files: fixedFiles.size, pages: fixedPages },
    notLookedAt: notLookedAt
      .filter(([paths]) => paths.length > 0)
      .map(
        ([paths, why]) =>
          `The links of ${paths.length.toLocaleString('en')} of ${count(pages.length, 'page')} were not looked at, or not to the end (${why}), such as ${shortened(paths[0] as string)}.`,
      ),
  };
}

/** One page while it is read: judges what it refers to. */
class Page implements PageListener {
  readonly #path: string;
  readonly #site: Site;
  readonly #broken: BrokenAddresses;
  readonly #told = new Set<string>();
  /** Paths of style sheets and scripts outside the pool that it is made with. */
  readonly fixed = new Set<string>();

  constructor(path: string, site: Site, broken: BrokenAddresses) {
    this.#path = path;
    this.#site = site;
    this.#broken = broken;
  }

  reference({ address: { text: reference }, role, bases, inert }: Reference): void {
    if (inert) return;
    // The page itself, and what may be megabytes that need no parsing.
    if (/^\s*(?:#|data:)/i.test(reference)) return;
    const [url, elsewhere] = bases.map((base) => resolve(reference, base));
    if (url === undefined) {
      this.#tell(JSON.stringify(shortened(reference)), 'malformed');
    } else if (url.origin !== ORIGIN) {
      return;
    } else if (elsewhere && elsewhere.pathname !== url.pathname) {
      this.#tell(JSON.stringify(shortened(reference)), 'relative');
    } else if (!this.#site.has(url.pathname)) {
      this.#tell(url.pathname.slice(0, ADDRESS_CHARACTERS), 'missing');
    } else if (role === 'style' || role === 'script') {
      const file = this.#site.fileAt(url.pathname);
      if (file !== undefined) this.fixed.add(file);
    }
  }

  #tell(address: string, fault: Fault): void {
    if (this.#told.has(address) || this.#told.size >= KEPT_ADDRESSES) return;
    this.#told.add(address);
    this.#broken.add(address, fault, this.#path);
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
