import type { Piece } from '../page-reader.ts';
import { ADDRESS_CHARACTERS, decoded, ORIGIN, resolve } from '../site.ts';

/** In hexadecimal digits: of two files with one name, one in 280 million million has the same. */
export const TAG_CHARACTERS = 12;

/** `site.css` is `site.pinned-3f9a1c2b7d04.css`; beside the original, so that what it refers to is found from there too. */
export function copyOf(path: string, tag: string): string {
  const at = tagPlace(path);
  return path.slice(0, at) + tagText(tag) + path.slice(at);
}

export const tagText = (tag: string): string => `.pinned-${tag}`;

/** Before the ending of the name, or behind a name that has none. */
function tagPlace(path: string): number {
  const name = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1;
  const dot = path.lastIndexOf('.');
  return dot > name ? dot : path.length;
}

/** What an address leads to, and where its tag would have to stand. */
export interface Target {
  /** As it stands in a URL. */
  readonly pathname: string;
  /** In the address as it is written. */
  readonly place: number;
}

const ANY = '0'.repeat(TAG_CHARACTERS);

/**
 * Nothing, if the address is none of this site, not the same file at all bases, or written in a way in which putting in a
 * tag would not lead to the copy: that is tried.
 */
export function targetOf(
  written: string,
  bases: readonly URL[],
  hosts: readonly string[],
): Target | undefined {
  if (/^\s*(?:#|data:)/i.test(written)) return undefined;
  const whole = /^[^?#]*/.exec(written)?.[0] ?? '';
  if (whole.length > ADDRESS_CHARACTERS) return undefined;
  // The end of the path, and what a browser takes off an address at its end.
  const path = whole.replace(/[\0-\x20]+$/, '');
  const place = tagPlace(path);
  const tagged = written.slice(0, place) + tagText(ANY) + written.slice(place);
  let pathname: string | undefined;
  for (const base of bases) {
    const url = resolve(written, base);
    const copy = resolve(tagged, base);
    if (!url || !copy || !isOwn(url, hosts) || copy.origin !== url.origin) return undefined;
    const file = decoded(url.pathname);
    if (file === undefined || decoded(copy.pathname) !== copyOf(file, ANY)) return undefined;
    if (pathname !== undefined && pathname !== url.pathname) return undefined;
    pathname = url.pathname;
  }
  return pathname === undefined ? undefined : { pathname, place };
}

/** Whether an address is one of this site: without a host, or with one of its own names. */
export const isOwn = ({ origin, protocol, host }: URL, hosts: readonly string[]): boolean =>
  origin === ORIGIN || (/^https?:$/.test(protocol) && hosts.includes(host));

/** A piece of a piece. */
export const partOf = ({ at }: Piece, text: string, start: number): Piece => ({
  text,
  at: (index) => at(start + index),
});
