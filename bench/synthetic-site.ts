import { createHash } from 'node:crypto';
import { fileFor } from '../lib/release/addresses.ts';
import { randomFrom } from './random.ts';

/** Fewer would leave nothing to tell a small change from a large one. */
export const FEWEST_FILES = 100;

const PAGE_BYTES = 4_000;
const SCRIPT_BYTES = 12_000;
/** One in so many files is a script with a hash in its name. */
const FILES_PER_SCRIPT = 100;
const SECTIONS = 40;
const PAGES_PER_FOLDER = 25;
/** The first page that may stand anywhere. */
const HEALTH_PAGE = 2;

/**
 * A made-up site of any size, the same in every run: pages of some four kilobytes in nested folders, which link to each
 * other, and scripts in the pool. Each page is of the version in which it was changed last.
 */
export class SyntheticSite {
  readonly #pages: number;
  readonly #scripts: number;
  /** By page. */
  readonly #versions: readonly number[];

  /** Where a page stands so that something answers there; nothing if something does anyway. */
  readonly #health: string | undefined;

  private constructor(
    pages: number,
    scripts: number,
    versions: readonly number[],
    health: string | undefined,
  ) {
    this.#pages = pages;
    this.#scripts = scripts;
    this.#versions = versions;
    this.#health = health;
  }

  /** @param healthPath an address at which there has to be a page */
  static of(files: number, healthPath = '/'): SyntheticSite {
    const scripts = Math.floor(files / FILES_PER_SCRIPT);
    const pages = files - scripts;
    const health = decodeURIComponent(fileFor(healthPath.replace(/\?.*/, '')).slice(1));
    const isThere = Array.from({ length: pages }, (_, page) => pathOf(page)).includes(health);
    const versions = new Array(pages).fill(0);
    return new SyntheticSite(pages, scripts, versions, isThere ? undefined : health);
  }

  get pages(): number {
    return this.#pages;
  }

  get startPage(): string {
    return this.#page(0);
  }

  /** The site with so many of its pages changed, spread over all of it; they share a new script. */
  change(count: number, version: number): SyntheticSite {
    const versions = [...this.#versions];
    const step = Math.floor(this.#pages / count);
    for (let turn = 0; turn < count; turn += 1) versions[turn * step] = version;
    return new SyntheticSite(this.#pages, this.#scripts, versions, this.#health);
  }

  /** What turns another version of the site, or nothing, into this one: every file with other bytes, or without any if it goes. */
  *changesSince(before?: SyntheticSite): Generator<[path: string, content: string | undefined]> {
    for (let page = 0; page < this.#pages; page += 1) {
      if (before && before.#versions[page] === this.#versions[page]) continue;
      yield [this.#pathOf(page), this.#page(page)];
    }
    const now = this.#scriptsByPath();
    const then = before ? before.#scriptsByPath() : new Map<string, string>();
    for (const [path, content] of now) if (!then.has(path)) yield [path, content];
    for (const path of then.keys()) if (!now.has(path)) yield [path, undefined];
  }

  /**
   * So many pages from all over the site, the changed ones that are first among them, and their scripts: what visitors
   * have to get, by address.
   */
  *sample(count: number): Generator<[address: string, content: string]> {
    const changed = this.#versions.flatMap((version, page) => (version > 0 ? page : []));
    const step = Math.max(1, Math.floor(this.#pages / count));
    const spread = Array.from({ length: count }, (_, turn) => turn * step + 2);
    for (const page of new Set([...changed.slice(0, count), ...spread])) {
      if (page >= this.#pages) continue;
      yield [`/${this.#pathOf(page).replace(/index\.html$/, '')}`, this.#page(page)];
      const [path, content] = this.#scriptOf(page);
      yield [`/${path}`, content];
    }
  }

  #pathOf(page: number): string {
    return page === HEALTH_PAGE ? (this.#health ?? pathOf(page)) : pathOf(page);
  }

  #scriptsByPath(): Map<string, string> {
    const parts = Array.from({ length: this.#scripts }, (_, part) => `part ${part}`);
    const versions = [...new Set(this.#versions)].filter((version) => version > 0);
    return new Map([...parts, ...versions.map((version) => `version ${version}`)].map(scriptOf));
  }

  #page(page: number): string {
    const version = this.#versions[page] as number;
    const links = [0, page + 1, page + PAGES_PER_FOLDER, page * 7]
      .map((other) => this.#pathOf(other % this.#pages).replace(/index\.html$/, ''))
      .map((address) => `<li><a href="/${address}">/${address}</a></li>`);
    const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page ${page}</title><script type="module" src="/${this.#scriptOf(page)[0]}"></script></head>`;
    const text = wordsOf(`page ${page} ${version}`, PAGE_BYTES);
    return `${head}<body><nav><ul>${links.join('')}</ul></nav><h1>Page ${page}, version ${version}</h1><p>${text}</p></body></html>\n`;
  }

  #scriptOf(page: number): readonly [path: string, content: string] {
    const version = this.#versions[page] as number;
    return scriptOf(version === 0 ? `part ${page % this.#scripts}` : `version ${version}`);
  }
}

function pathOf(page: number): string {
  if (page === 0) return 'index.html';
  if (page === 1) return '404.html';
  const folder = Math.floor(page / SECTIONS / PAGES_PER_FOLDER);
  return `section-${page % SECTIONS}/topic-${folder}/page-${page}/index.html`;
}

const scripts = new Map<string, readonly [path: string, content: string]>();

function scriptOf(name: string): readonly [path: string, content: string] {
  const known = scripts.get(name);
  if (known) return known;
  const content = `// ${name}\nexport default ${JSON.stringify(wordsOf(name, SCRIPT_BYTES))};\n`;
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8);
  const script = [`assets/${name.replace(' ', '-')}-${hash}.js`, content] as const;
  scripts.set(name, script);
  return script;
}

const WORDS = vocabulary();

function vocabulary(): string[] {
  const random = randomFrom(1);
  const letter = () => String.fromCharCode(97 + Math.floor(random() * 26));
  return Array.from({ length: 2_000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 9) }, letter).join(''),
  );
}

/** Text that compresses about as well as prose does. */
function wordsOf(seed: string, bytes: number): string {
  const random = randomFrom(createHash('sha256').update(seed).digest().readInt32LE());
  let text = '';
  while (text.length < bytes) text += `${WORDS[Math.floor(random() ** 2 * WORDS.length)]} `;
  return text.trimEnd();
}
