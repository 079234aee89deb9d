import {
  Bodies,
  type Body,
  type How,
  hashOf,
  markReleases,
  type Reference,
  type Tree,
} from './body.ts';
import { textOf } from './text.ts';

export interface SiteSize {
  readonly name: string;
  readonly pages: number;
  /** Each has a script of its own, with what that loads. */
  readonly sections: number;
  /** Pages whose text a release changes. */
  readonly changed: number;
  /**
   * Whether the scripts of sections fetch data.
   *
   * @default true
   */
  readonly fetches?: boolean;
}

export const SIZES: readonly SiteSize[] = [
  { name: 'small', pages: 20, sections: 1, changed: 2 },
  { name: 'medium', pages: 1_000, sections: 20, changed: 20 },
  { name: 'large', pages: 50_000, sections: 250, changed: 50 },
];

/** Pages that share an image. */
const PAGES_PER_IMAGE = 10;

/** One release in so many changes the style sheet or the script of all pages. */
const STYLE_EVERY = 4;
const SCRIPT_EVERY = 5;

const BYTES = {
  page: 12_000,
  style: 30_000,
  font: 40_000,
  script: 50_000,
  data: 8_000,
  image: 90_000,
} as const;

const HTML = 'text/html; charset=utf-8';

/**
 * So many releases of a made-up site, the same in every run. A page names a style sheet, which names a font; the script
 * of all pages and that of its section, which imports another one, and while the page is used loads a third and some data;
 * an image, and one further down.
 *
 * `hashed`: every file but the pages has the hash of its content in its name, so that whatever names it changes with it.
 */
export function historyOf(size: SiteSize, releases: number, hashed: boolean): Tree[] {
  const bodies = new Bodies();
  const versions = new Versions(size);
  const trees: Tree[] = [];
  for (let release = 0; release < releases; release += 1) {
    versions.release(release);
    trees.push(treeOf(size, versions, bodies, hashed));
  }
  markReleases(trees);
  return trees;
}

/** In which release each file was changed last. */
class Versions {
  readonly pages: number[];
  readonly sections: number[];
  readonly images: number[];
  style = 0;
  script = 0;
  readonly #size: SiteSize;

  constructor(size: SiteSize) {
    this.#size = size;
    this.pages = new Array(size.pages).fill(0);
    this.sections = new Array(size.sections).fill(0);
    this.images = new Array(Math.ceil(size.pages / PAGES_PER_IMAGE)).fill(0);
  }

  release(release: number): void {
    if (release === 0) return;
    const { pages, sections, changed } = this.#size;
    if (release % STYLE_EVERY === 0) this.style = release;
    if (release % SCRIPT_EVERY === 0) this.script = release;
    // The start page changes each time, and with it others all over the site.
    for (let turn = 0; turn < changed; turn += 1) {
      this.pages[turn === 0 ? 0 : (turn * Math.floor(pages / changed) + release * 7) % pages] =
        release;
    }
    this.sections[0] = release;
    this.sections[(release * 3) % sections] = release;
    this.images[release % this.images.length] = release;
  }
}

function treeOf(size: SiteSize, versions: Versions, bodies: Bodies, hashed: boolean): Tree {
  const tree = new Map<string, Body>();
  // One of each, since a large site would have a million.
  const references = new Map<string, Reference>();
  const named = (path: string, how: How): Reference => {
    const known = references.get(`${how} ${path}`) ?? { path, how };
    references.set(`${how} ${path}`, known);
    return known;
  };
  /** @returns its path. */
  const add = (
    name: string,
    folder: string,
    extension: string,
    version: number,
    bytes: number,
    names: readonly Reference[] = [],
  ): string => {
    const text = textOf(name, version, extension, names);
    const body = bodies.of(name, text, bytes, TYPES[extension] as string, () => names);
    const path = hashed
      ? `assets/${name}-${hashOf(body.text)}.${extension}`
      : `${folder}/${name}.${extension}`;
    tree.set(path, body);
    return path;
  };

  const font = add('font', 'fonts', 'woff2', 0, BYTES.font);
  const style = add('style', 'css', 'css', versions.style, BYTES.style, [
    { path: font, how: 'style' },
  ]);
  const script = add('main', 'js', 'js', versions.script, BYTES.script);
  const sections = versions.sections.map((version, section) => {
    const shared = add(`shared-${section}`, 'js', 'js', version, BYTES.script);
    const chunk = add(`chunk-${section}`, 'js', 'js', version, BYTES.script);
    const data = add(`data-${section}`, 'data', 'json', version, BYTES.data);
    const fetched: Reference[] = size.fetches === false ? [] : [{ path: data, how: 'fetch' }];
    return add(`section-${section}`, 'js', 'js', version, BYTES.script, [
      { path: shared, how: 'import' },
      { path: chunk, how: 'late import' },
      ...fetched,
    ]);
  });
  const images = versions.images.map((version, image) =>
    add(`image-${image}`, 'images', 'webp', version, BYTES.image),
  );

  for (const [page, version] of versions.pages.entries()) {
    const image = images[Math.floor(page / PAGES_PER_IMAGE)] as string;
    const next = images[(Math.floor(page / PAGES_PER_IMAGE) + 1) % images.length] as string;
    const own = sections[page % size.sections] as string;
    const names = [
      named(style, 'markup'),
      named(script, 'markup'),
      named(own, 'markup'),
      named(image, 'markup'),
      named(next, 'late markup'),
    ];
    const text = textOf(`page ${page}`, version, 'html', names);
    tree.set(
      pagePath(size, page),
      bodies.of(`page ${page}`, text, BYTES.page, HTML, () => names),
    );
  }
  return tree;
}

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  webp: 'image/webp',
  woff2: 'font/woff2',
};

/** The path of a page by its number, the same in every release. */
export const pagePath = (size: SiteSize, page: number): string =>
  page === 0 ? 'index.html' : `section-${page % size.sections}/page-${page}/index.html`;
