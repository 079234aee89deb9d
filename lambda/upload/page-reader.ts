import { decodeHTMLAttribute } from 'entities';
import { Parser } from 'htmlparser2';
import { resolve } from './site.ts';

/** A piece of text as a browser understands it, and where it stands in the file. */
export interface Piece {
  readonly text: string;
  /** The place in the file of a place in the text; nothing where only a part of the two is the same. */
  at(index: number): number | undefined;
}

/**
 * What somebody refers to. `style` and `script` are files that a page is made with, `part` whatever else is shown in it;
 * a `page` is gone to or stands in a frame, or is only named.
 */
export type Role = 'page' | 'style' | 'script' | 'part';

export interface Reference {
  readonly address: Piece;
  readonly role: Role;
  /** What it is relative to. */
  readonly bases: readonly URL[];
  /** Of a `<template>` that waits for a script to fill it in. */
  readonly inert: boolean;
  /** Of the element's `integrity`, if it has one. */
  readonly integrity: Piece | undefined;
}

/** What a page is made of besides its references. */
export interface Inline {
  readonly kind: 'style' | 'declarations' | 'script';
  readonly content: Piece;
  /** In lower case; empty without one. */
  readonly type: string;
  readonly bases: readonly URL[];
}

export interface PageListener {
  reference(reference: Reference): void;
  /** Style sheets, style attributes and scripts that stand in the page. */
  inline?(inline: Inline): void;
  /** A content security policy that the page itself names. */
  policy?(policy: string): void;
}

interface Attribute {
  /** As written, with entities. */
  readonly raw: string;
  /** Where it begins in the file. */
  readonly start: number;
}

type Attributes = ReadonlyMap<string, Attribute>;

/** The parser's own list of open elements grows slow to handle long before this becomes a page. */
export const NESTED_ELEMENTS = 10_000;

/** Reads a page in pieces of any size, and tells what it refers to. */
export class PageReader {
  /** Of open elements. */
  depth = 0;
  readonly #parser: Parser;
  readonly #listener: PageListener;
  /** What relative addresses are relative to. */
  #bases: readonly URL[];
  #hasBase = false;
  /** Of open `<template>`s: whether their content is not in the document, by themselves or by one around them. */
  readonly #templates: boolean[] = [];
  #attributes = new Map<string, Attribute>();
  /** The style sheet or script that is being read. */
  #inline: { kind: Inline['kind']; type: string; start: number; text: string[] } | undefined;

  constructor(bases: readonly URL[], listener: PageListener) {
    this.#bases = bases;
    this.#listener = listener;
    this.#parser = new Parser(
      {
        onopentagname: () => {
          this.depth += 1;
          this.#attributes = new Map();
        },
        onattribute: (name, raw, quote) => this.#attribute(name, raw, quote),
        onopentag: (name) => this.#open(name, this.#attributes),
        ontext: (text) => this.#inline?.text.push(text),
        onclosetag: (name) => this.#close(name),
      },
      // Decoded here, where the places are still known.
      { decodeEntities: false },
    );
  }

  read(text: string): void {
    this.#parser.write(text);
  }

  end(): void {
    this.#parser.end();
  }

  #attribute(name: string, raw: string, quote: string | null | undefined): void {
    // Of two with one name the first counts.
    if (this.#attributes.has(name)) return;
    const end = this.#parser.endIndex - (quote ? 1 : 0);
    this.#attributes.set(name, { raw, start: end - raw.length });
  }

  #open(name: string, attributes: Attributes): void {
    const inert = this.#templates.at(-1) ?? false;
    // One with a shadow root is shown where it stands; any other waits for a script to fill it in.
    if (name === 'template') this.#templates.push(inert || !attributes.has('shadowrootmode'));
    if (name === 'base' && !inert && !this.#hasBase && attributes.has('href')) {
      this.#hasBase = true;
      const href = textOf(attributes, 'href') ?? '';
      this.#bases = this.#bases.map((base) => resolve(href, base) ?? base);
      return;
    }
    const integrity = pieceOf(attributes.get('integrity'));
    for (const [address, role] of referencesIn(name, attributes)) {
      this.#listener.reference({ address, role, bases: this.#bases, inert, integrity });
    }
    this.#look(name, attributes);
  }

  #look(name: string, attributes: Attributes): void {
    const { inline, policy } = this.#listener;
    if (name === 'meta' && policy && httpEquiv(attributes) === 'content-security-policy') {
      policy.call(this.#listener, textOf(attributes, 'content') ?? '');
    }
    if (!inline) return;
    const style = pieceOf(attributes.get('style'));
    if (style) {
      inline.call(this.#listener, {
        kind: 'declarations',
        content: style,
        type: '',
        bases: this.#bases,
      });
    }
    if (name === 'style' || (name === 'script' && !attributes.has('src'))) {
      const type = (textOf(attributes, 'type') ?? '').trim().toLowerCase();
      this.#inline = { kind: name, type, start: this.#parser.endIndex + 1, text: [] };
    }
  }

  #close(name: string): void {
    this.depth -= 1;
    if (name === 'template') this.#templates.pop();
    if (this.#inline?.kind !== name) return;
    const { kind, type, start, text } = this.#inline;
    this.#inline = undefined;
    const content = { text: text.join(''), at: (index: number) => start + index };
    this.#listener.inline?.({ kind, type, content, bases: this.#bases });
  }
}

/** Attributes that hold one address each, by element. Those of SVG have their older name as well. */
const ADDRESSES: Readonly<Record<string, Readonly<Record<string, Role>>>> = {
  a: { href: 'page', 'xlink:href': 'page' },
  area: { href: 'page' },
  audio: { src: 'part' },
  button: { formaction: 'page' },
  embed: { src: 'part' },
  feImage: { href: 'part', 'xlink:href': 'part' },
  form: { action: 'page' },
  frame: { src: 'page' },
  iframe: { src: 'page' },
  image: { href: 'part', 'xlink:href': 'part' },
  img: { src: 'part' },
  input: { src: 'part', formaction: 'page' },
  link: { href: 'page' },
  object: { data: 'part' },
  script: { src: 'script', href: 'script', 'xlink:href': 'script' },
  source: { src: 'part' },
  track: { src: 'part' },
  use: { href: 'part', 'xlink:href': 'part' },
  video: { src: 'part', poster: 'part' },
};

/** Attributes that hold a list of images for different screens. */
const SOURCE_SETS: Readonly<Record<string, string>> = {
  img: 'srcset',
  link: 'imagesrcset',
  source: 'srcset',
};

function* referencesIn(name: string, attributes: Attributes): Generator<[Piece, Role]> {
  // Most elements have none.
  if (attributes.size === 0) return;
  const linked = name === 'link' ? roleOfLink(attributes) : undefined;
  const roles = ADDRESSES[name];
  for (const attribute in roles) {
    const piece = pieceOf(attributes.get(attribute));
    if (piece !== undefined) yield [piece, linked ?? (roles[attribute] as Role)];
  }
  const sources = pieceOf(attributes.get(SOURCE_SETS[name] ?? ''));
  if (sources !== undefined) {
    for (const source of sourcesIn(sources)) yield [source, linked ?? 'part'];
  }
  if (name === 'meta' && httpEquiv(attributes) === 'refresh') {
    // `5; url=/new/`: how generators redirect where they cannot answer 301.
    const content = textOf(attributes, 'content')?.trim() ?? '';
    const target = /^[\d.]+\s*[;,]\s*(?:url\s*=\s*)?(.+)/is.exec(content)?.[1];
    if (target !== undefined) {
      yield [{ text: target.replace(/^(["'])(.*)\1$/s, '$2'), at: () => undefined }, 'page'];
    }
  }
}

/**
 * By the relation that is a file of the page itself. What a script asks for under a name of its own choice (`as="fetch"`,
 * workers) has to be preloaded under that name. A web app's manifest keeps its address, by which some browsers know the app.
 */
function roleOfLink(attributes: Attributes): Role {
  const list = (attribute: string) =>
    (textOf(attributes, attribute) ?? '').toLowerCase().split(/[\t\n\f\r ]+/);
  const relations = list('rel');
  if (relations.includes('stylesheet')) return 'style';
  if (relations.includes('modulepreload')) return 'script';
  if (relations.some((relation) => relation === 'preload' || relation === 'prefetch')) {
    const [as = ''] = list('as');
    if (as === 'style' || as === 'script') return as;
    return ['font', 'image', 'audio', 'video', 'track'].includes(as) ? 'part' : 'page';
  }
  return relations.some((relation) => /^(?:icon|mask-icon|apple-touch-)/.test(relation))
    ? 'part'
    : 'page';
}

const httpEquiv = (attributes: Attributes): string | undefined =>
  textOf(attributes, 'http-equiv')?.toLowerCase();

/** At its end. A regular expression would begin anew at each comma of many. */
function withoutCommas(url: string): string {
  let end = url.length;
  while (url[end - 1] === ',') end -= 1;
  return url.slice(0, end);
}

/** `a.png 1x, b.png 2x`, by the rules of the HTML standard: an address may have commas inside. */
function* sourcesIn({ text, at }: Piece): Generator<Piece> {
  const candidate = /[\s,]*([^\s]+)/y;
  const descriptor = /[^,(]+|\([^)]*\)?/y;
  for (;;) {
    const url = candidate.exec(text)?.[1];
    if (url === undefined) return;
    const start = candidate.lastIndex - url.length;
    yield { text: withoutCommas(url), at: (index) => at(start + index) };
    // A comma at the end of the address says that no descriptor follows.
    if (url.endsWith(',')) continue;
    // One by one: an expression for all of them has no room to remember millions.
    descriptor.lastIndex = candidate.lastIndex;
    while (descriptor.test(text)) candidate.lastIndex = descriptor.lastIndex;
  }
}

function textOf(attributes: Attributes, name: string): string | undefined {
  const raw = attributes.get(name)?.raw;
  return raw?.includes('&') ? decodeHTMLAttribute(raw) : raw;
}

function pieceOf(attribute: Attribute | undefined): Piece | undefined {
  if (attribute === undefined) return undefined;
  const { raw, start } = attribute;
  if (!raw.includes('&')) return { text: raw, at: (index) => start + index };
  const text = decodeHTMLAttribute(raw);
  let places: readonly number[] | undefined;
  return {
    text,
    at(index) {
      places ??= placesIn(raw, text);
      const place = places[index];
      return place === undefined ? undefined : start + place;
    },
  };
}

const ENTITY = /&(?:#\d+|#x[\da-f]+|[a-z][a-z\d]*);?/gi;

/** For each place in the text that place in the raw one; empty where entities are not understood alike. */
function placesIn(raw: string, text: string): readonly number[] {
  const places: number[] = [];
  let read = '';
  let last = 0;
  const take = (piece: string, start: number, isEntity: boolean) => {
    for (let index = 0; index < piece.length; index += 1) {
      places.push(isEntity ? start : start + index);
    }
    read += piece;
  };
  for (const { 0: entity, index } of raw.matchAll(ENTITY)) {
    take(raw.slice(last, index), last, false);
    last = index + entity.length;
    const character = decodeHTMLAttribute(raw.slice(index, last + 1)).slice(
      0,
      last < raw.length ? -1 : undefined,
    );
    take(character, index, character !== entity);
  }
  take(raw.slice(last), last, false);
  places.push(raw.length);
  return read === text ? places : [];
}
