import { placeFor, type UrlRules } from '../../lib/release/addresses.ts';
import { type Addressing, ERROR_PAGE_PATH, matchesPattern } from '../../lib/release/contract.ts';
import { placesOf, setOf } from './layers.ts';
import type { ArtifactFile } from './plan.ts';
import { count } from './words.ts';

/** The path that a file of the artifact has in the release. */
export type Placement = (path: string) => string;

/**
 * With a style, `about.html` becomes `about/index.html`: only the upload knows which of the two a build writes,
 * and the router has one rule for both. Not where no router runs, nor the error page, which is found by its name.
 */
export function placementFor({ style }: UrlRules, immutable: readonly string[]): Placement {
  if (style === 'any') return (path) => path;
  return (path) =>
    path === ERROR_PAGE_PATH || hasNoRouter(path, immutable) ? path : placeFor(path);
}

/**
 * Five characters a page: of all addresses that are none, one in a million is taken for one, and missing. Beyond
 * this many the pointer's kilobyte has no room for the layers of a few releases.
 */
const MOST_PAGES = 128;
const CHARACTERS_PER_PAGE = 5;

/** What the pointer has to say so that these files are found at their addresses. */
export function addressingFor(
  files: readonly ArtifactFile[],
  { style, fallback }: UrlRules,
  immutable: readonly string[],
): { readonly addressing: Addressing; readonly problems: readonly string[] } {
  const styled: Addressing = style === 'any' ? {} : { style };
  if (fallback === 'none') return { addressing: styled, problems: [] };
  const pages = files
    .map(({ path }) => path)
    .filter((path) => path.endsWith('/index.html') && !hasNoRouter(path, immutable));
  if (pages.length > MOST_PAGES) {
    return {
      addressing: styled,
      problems: [
        `urls.fallback: got ${count(pages.length, 'page')} besides index.html with 'single-page'; publish at most ${MOST_PAGES}, or set it to 'none' in site.config.ts and deploy`,
      ],
    };
  }
  const characters = 1 + CHARACTERS_PER_PAGE * pages.length;
  const set = pages.length === 0 ? '' : setOf(pages.map(placesOf), characters);
  return { addressing: { ...styled, pages: set }, problems: [] };
}

/**
 * Addresses that may lead to a file, whatever the style, as they are written and not percent-encoded; some that do not
 * are among them.
 */
export function addressesOf(path: string): string[] {
  const page = path.replace(/(^|\/)index\.html$/, '$1').replace(/\.html$/, '');
  const bare = page.replace(/\/$/, '');
  return [
    ...new Set([path, page, bare, ...(bare === '' || page === path ? [] : [`${bare}.html`])]),
  ].map((one) => `/${one}`);
}

const hasNoRouter = (path: string, immutable: readonly string[]): boolean =>
  path.startsWith('.well-known/') || immutable.some((pattern) => matchesPattern(pattern, path));
