import { createHash } from 'node:crypto';

/** How a file names another one, which decides who asks for it and when. */
export type How =
  /** `link`, `script`, `img` in a page: asked for with the page. */
  | 'markup'
  /** `loading="lazy"` in a page: asked for when the visitor gets there. */
  | 'late markup'
  /** `url()` or `@import` in a style sheet. */
  | 'style'
  /** A static `import` in a script. */
  | 'import'
  /** `import()` in a script, with its address written out: asked for while the page is used. */
  | 'late import'
  /** What a script asks for while the page is used, by an address that it puts together or reads: `fetch`. */
  | 'fetch';

export interface Reference {
  /** As in the site, without a leading slash. */
  readonly path: string;
  readonly how: How;
}

/** Some bytes, as one or several releases hold them. */
export class Body {
  /** What it is for, whatever its path: `page 7`, `style`. */
  readonly name: string;
  /** What stands in the file as far as it is told here: real HTML, CSS and JavaScript. */
  readonly text: string;
  /** What the file has altogether. */
  readonly bytes: number;
  readonly type: string;
  readonly references: readonly Reference[];
  /** One bit for each release of the history that holds these bytes for this name. */
  releases = 0;
  #sha256: string | undefined;

  constructor(
    name: string,
    text: string,
    bytes: number,
    type: string,
    references: readonly Reference[],
  ) {
    this.name = name;
    this.text = text;
    this.bytes = bytes;
    this.type = type;
    this.references = references;
  }

  /** In base64. */
  get sha256(): string {
    this.#sha256 ??= createHash('sha256').update(this.text).digest('base64');
    return this.#sha256;
  }
}

/** One release's files by path. */
export type Tree = ReadonlyMap<string, Body>;

/** Makes each body once, however many releases hold it: who compares bodies compares bytes. No two files have the same. */
export class Bodies {
  readonly #known = new Map<string, Body>();

  of(
    name: string,
    text: string,
    bytes: number,
    type: string,
    references: () => readonly Reference[],
  ): Body {
    const known = this.#known.get(text);
    if (known) return known;
    const body = new Body(name, text, bytes, type, references());
    this.#known.set(text, body);
    return body;
  }
}

/** Tells each body which of the releases hold it. There may be 31 of them. */
export function markReleases(trees: readonly Tree[]): void {
  for (const [release, tree] of trees.entries()) {
    for (const body of tree.values()) body.releases |= 1 << release;
  }
}

/** Eight characters that change with the content, as bundlers put into names. */
export const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 8);

/** Addresses of pages end with a slash, as in the sample site. */
export const addressOf = (path: string): string => `/${path.replace(/(^|\/)index\.html$/, '$1')}`;
