import { addressFor, fileFor, type UrlRules } from '../../lib/release/addresses.ts';
import { ERROR_PAGE_PATH, matchesPattern, RELEASE_PROBE_PATH } from '../../lib/release/contract.ts';

/** Stands for the site's own host, which a release does not know. */
export const ORIGIN = 'https://site.invalid';

/** No key is longer than 1,024 bytes, and percent-encoding triples them at most. */
export const ADDRESS_CHARACTERS = 3_100;

export interface SiteRules {
  readonly files: readonly { readonly path: string }[];
  /** Path patterns of the pool, where addresses lead to files without the router. */
  readonly immutable: readonly string[];
  /** Which addresses pages have. */
  readonly urls: UrlRules;
  /** Whether a rule of the release says what visitors get at an address. */
  isRuled(address: string): boolean;
}

/** What the release answers, by address. */
export class Site {
  readonly #paths: ReadonlySet<string>;
  readonly #rules: SiteRules;
  /** Most pages refer to the same few hundred addresses. */
  readonly #known = new Map<string, boolean>();
  readonly #files = new Map<string, string | undefined>();

  constructor(rules: SiteRules) {
    this.#paths = new Set(rules.files.map(({ path }) => path));
    this.#rules = rules;
  }

  /** How to link a file: a folder's page by the folder, with the slash at its end, or as the style has it. */
  addressOf(path: string): string {
    const address = `/${path.replace(/(^|\/)index\.html$/, '$1')}`;
    const styled = this.isPooled(path) ? address : addressFor(address, this.#rules.urls.style);
    return encodeURI(styled).replace(/[?#]/g, encodeURIComponent);
  }

  /**
   * What a page's relative addresses are relative to: its own. The error page is shown at any missing
   * address, so at two of them: what differs there is not the same file.
   */
  basesOf(path: string): URL[] {
    if (path === ERROR_PAGE_PATH) return [new URL('/', ORIGIN), new URL('/a/folder/', ORIGIN)];
    return [new URL(this.addressOf(path), ORIGIN)];
  }

  /** Whether there is a file for a path as it stands in a URL. */
  has(pathname: string): boolean {
    if (pathname.length > ADDRESS_CHARACTERS) return false;
    return remembered(this.#known, pathname, () => this.#answers(pathname));
  }

  /** The file outside the pool that stands at its own name there, so no page; nothing if there is none. */
  fileAt(pathname: string): string | undefined {
    if (pathname.length > ADDRESS_CHARACTERS) return undefined;
    return remembered(this.#files, pathname, () => this.#fileAt(pathname));
  }

  #fileAt(pathname: string): string | undefined {
    const path = decoded(pathname);
    if (path === undefined || !this.#paths.has(path) || this.isPooled(path)) return undefined;
    const { urls, isRuled } = this.#rules;
    const isItself = fileFor(addressFor(pathname, urls.style)) === pathname;
    return isItself && !isRuled(pathname) ? path : undefined;
  }

  isPooled(path: string): boolean {
    return this.#rules.immutable.some((pattern) => matchesPattern(pattern, path));
  }

  #answers(pathname: string): boolean {
    if (this.isPooled(pathname.slice(1))) return this.#has(pathname);
    const { urls, isRuled } = this.#rules;
    // Where a redirect leads.
    const address = addressFor(pathname, urls.style);
    const file = fileFor(address);
    if (isRuled(pathname)) return true;
    return this.#has(file) || (urls.fallback === 'single-page' && file !== address);
  }

  #has(file: string): boolean {
    const path = decoded(file);
    return path !== undefined && (this.#paths.has(path) || path === RELEASE_PROBE_PATH);
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

/** What was answered before, or is now. Forgets all of it rather than to grow without an end. */
function remembered<T>(answers: Map<string, T>, pathname: string, answer: () => T): T {
  if (answers.has(pathname)) return answers.get(pathname) as T;
  if (answers.size >= 10_000) answers.clear();
  const now = answer();
  answers.set(pathname, now);
  return now;
}

/** The path of a file, from a path as it stands in a URL; nothing if that is malformed. */
export function decoded(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname.slice(1));
  } catch {
    return undefined;
  }
}

export function resolve(reference: string, base: URL): URL | undefined {
  try {
    return new URL(reference, base);
  } catch {
    return undefined;
  }
}
