/** A site as it is in each of its releases. Bytes are not kept: what counts is since when a file has them. */
export interface SiteShape {
  readonly pages: number;
  /** Whether the names of scripts, styles and images change with their content. */
  readonly hashed: boolean;
  /** Pages whose own text changes in a release. */
  readonly changedPages: number;
}

/** What happens to a release on its way; `reverted`: a release with the files of the one before the last. */
export type Fate = 'published' | 'fails' | 'reverted';

/** A file with certain bytes. */
export interface Item {
  readonly path: string;
  /** One bit for each release that has the file with these bytes at this path. */
  readonly releases: number;
  /** In bytes. */
  readonly size: number;
  /** Index of the page, if it is one. */
  readonly page: number | undefined;
  /** The release in which it got these bytes. */
  readonly since: number;
}

const SHARED = ['css', 'app', 'lazy'] as const;
const PAGES_A_SECTION = 100;
const TYPES = { css: 'css', app: 'js', lazy: 'js', image: 'png' };
const SIZES = { page: 12_000, css: 30_000, app: 90_000, lazy: 40_000, image: 60_000 };

/** As many releases as a set of bits holds. */
export const MOST_RELEASES = 30;

/** Spread over the alphabet, in which a copy goes through the files. */
export const pagePath = (page: number): string =>
  `${String.fromCharCode(97 + (page % 26))}${page}/index.html`;

export class Site {
  readonly #pages: Uint8Array[] = [];
  /** By asset: the shared ones, then an image for each section. */
  readonly #assets: Uint8Array[] = [];
  readonly #items = new Map<string, Item>();

  constructor(
    readonly shape: SiteShape,
    readonly fates: readonly Fate[],
    random: () => number,
  ) {
    if (fates.length > MOST_RELEASES)
      throw new Error(`${fates.length} releases; use at most ${MOST_RELEASES}`);
    const sections = Math.ceil(shape.pages / PAGES_A_SECTION);
    fates.forEach((fate, release) => {
      if (release === 0) {
        this.#pages.push(new Uint8Array(shape.pages));
        this.#assets.push(new Uint8Array(SHARED.length + sections));
        return;
      }
      if (fate === 'reverted') {
        this.#pages.push(this.#pages[release - 2] as Uint8Array);
        this.#assets.push(this.#assets[release - 2] as Uint8Array);
        return;
      }
      const pages = Uint8Array.from(this.#pages[release - 1] as Uint8Array);
      const assets = Uint8Array.from(this.#assets[release - 1] as Uint8Array);
      for (let n = 0; n < shape.changedPages; n += 1)
        pages[Math.floor(random() * shape.pages)] = release;
      // A stylesheet in every other release, the scripts together in as many.
      if (random() < 0.5) assets[0] = release;
      if (random() < 0.5) assets[1] = assets[2] = release;
      assets[SHARED.length + Math.floor(random() * sections)] = release;
      if (shape.hashed) {
        // A page names its files, so it changes with each of them.
        for (let page = 0; page < shape.pages; page += 1) {
          if (this.#assetsOf(page).some((asset) => assets[asset] === release))
            pages[page] = release;
        }
      }
      this.#pages.push(pages);
      this.#assets.push(assets);
    });
  }

  /** All releases but those that fail, one bit each. */
  get published(): number {
    return this.fates.reduce(
      (bits, fate, release) => (fate === 'fails' ? bits : bits | (1 << release)),
      0,
    );
  }

  get paths(): number {
    return this.shape.pages + (this.#assets[0]?.length ?? 0);
  }

  /** All files of a release, in the order of their names, as a copy sends them. */
  *filesOf(release: number): Generator<Item> {
    const assets = this.#assets[release] as Uint8Array;
    for (let asset = 0; asset < assets.length; asset += 1) yield this.#asset(asset, release);
    for (let page = 0; page < this.shape.pages; page += 1) yield this.page(page, release);
  }

  page(page: number, release: number): Item {
    return this.#item(pagePath(page), this.#pages, page, release, SIZES.page, page);
  }

  /** What a page asks for while it loads, and what it asks for later, by its own bytes. */
  linkedFrom(page: Item): { readonly first: readonly string[]; readonly later: string } {
    const first = this.itemsLinkedFrom(page).map(({ path }) => path);
    return { first, later: this.#asset(2, page.since).path };
  }

  /** What a visitor's browser asks for right after the page. */
  itemsLinkedFrom(page: Item): readonly Item[] {
    const [css, app, , image] = this.#assetsOf(page.page ?? 0);
    return [css, app, image].map((asset) => this.#asset(asset as number, page.since));
  }

  isAsset(path: string): boolean {
    return !path.endsWith('.html');
  }

  #assetsOf(page: number): readonly number[] {
    return [0, 1, 2, SHARED.length + Math.floor(page / PAGES_A_SECTION)];
  }

  #asset(asset: number, release: number): Item {
    const since = (this.#assets[release] as Uint8Array)[asset] as number;
    const kind = SHARED[asset] ?? 'image';
    const name = `assets/${kind}${kind === 'image' ? asset - SHARED.length : ''}`;
    const path = `${name}${this.shape.hashed ? `-${since}` : ''}.${TYPES[kind]}`;
    return this.#item(path, this.#assets, asset, release, SIZES[kind], undefined);
  }

  #item(
    path: string,
    history: readonly Uint8Array[],
    index: number,
    release: number,
    size: number,
    page: number | undefined,
  ): Item {
    const since = (history[release] as Uint8Array)[index] as number;
    const key = `${path} ${since}`;
    const known = this.#items.get(key);
    if (known) return known;
    let releases = 0;
    history.forEach((files, other) => {
      if (files[index] === since) releases |= 1 << other;
    });
    const item = { path, releases, size, page, since };
    this.#items.set(key, item);
    return item;
  }
}
