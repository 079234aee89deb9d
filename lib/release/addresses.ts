/**
 * Which file answers which address: what the router at the edge, the upload and the link check agree on.
 * CloudFront runs it as well, so it imports nothing and uses only what cloudfront-js-2.0 documents.
 */

/** As in the configuration's `urls`. */
export interface UrlRules {
  readonly style: UrlStyle;
  readonly fallback: 'none' | 'single-page';
}

export type UrlStyle = 'any' | 'directory' | 'file';

/** The file that the router asks for at an address, both with the slash before them. */
export function fileFor(uri: string): string {
  if (uri.startsWith('/.well-known/')) return uri;
  const name = uri.slice(uri.lastIndexOf('/') + 1);
  if (name === '') return `${uri}index.html`;
  return name.includes('.') ? uri : `${uri}/index.html`;
}

/** Where a style has a page's file, so that one rule leads to it: `about.html` is `about/index.html`. */
export function placeFor(path: string): string {
  if (!path.endsWith('.html') || path.endsWith('/index.html') || path === 'index.html') return path;
  return path.replace(/([^/])\.html$/, '$1/index.html');
}

/**
 * The one address of the page that is asked for: itself if it names no page, or where pages may have several.
 *
 * A page with a dot in its name keeps its slash in either style: `/v1.2` is the address of a file.
 */
export function addressFor(uri: string, style: UrlStyle | undefined): string {
  if (style !== 'directory' && style !== 'file') return uri;
  // No file has two slashes in its name, and whoever is sent to `//name/` leaves the site.
  const slashed = uri.split('\\').join('/');
  if (slashed.includes('//') || uri.startsWith('/.well-known/')) return uri;
  const file = placeFor(fileFor(uri));
  if (!file.endsWith('/index.html')) return uri;
  const page = file.slice(0, -'/index.html'.length);
  const name = page.slice(page.lastIndexOf('/') + 1);
  return style === 'file' && name !== '' && !name.includes('.') ? page : `${page}/`;
}
