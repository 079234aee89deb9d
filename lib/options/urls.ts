import * as v from 'valibot';
import { addressFor } from '../release/addresses.ts';
import { options } from './checks.ts';

/** Which addresses a page has, and what is shown where there is none. */
export interface UrlsConfig {
  /**
   * `directory`: `/about/`. `file`: `/about`. All other forms (`/about`, `/about/`, `/about.html`,
   * `/about/index.html`) are redirected there for good, so that every page has one address.
   * `any`: no redirects; `/about` and `/about/` show `about/index.html`, and `/about.html` only `about.html`.
   *
   * Choose what the pages link to, or each of those links costs visitors a redirect. Whether the build writes
   * `about.html` or `about/index.html` makes no difference to the first two; it must not write both. A change shows
   * with the next release, and going back to an older one brings back its style.
   *
   * @default 'any'
   */
  readonly style?: 'any' | 'directory' | 'file';

  /**
   * `single-page`: shows `index.html` with status 200 at every address that is no page and has no dot in its
   * last part, for an application that reads the address itself. What has a dot, and the files of `immutable`, stay
   * missing with 404; so does a page's own file. Up to 128 pages may stand beside `index.html`; more stop the upload.
   * `none`: such an address is missing.
   *
   * @default 'none'
   */
  readonly fallback?: 'none' | 'single-page';
}

export const urls = options({
  style: v.optional(
    v.picklist(['any', 'directory', 'file'], "use 'any', 'directory' or 'file'"),
    'any',
  ),
  fallback: v.optional(v.picklist(['none', 'single-page'], "use 'none' or 'single-page'"), 'none'),
});

interface Checked {
  readonly urls: { readonly style: 'any' | 'directory' | 'file' };
  readonly health: { readonly path: string };
}

/** A redirect is no 200, so each release would be taken back. */
export const healthHasNoRedirect = <T extends Checked>() =>
  v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { urls, health } = dataset.value;
    const [path = ''] = health.path.split('?');
    const address = addressFor(path, urls.style);
    if (address === path) return;
    const step = (input: object, key: string, value: unknown): v.ObjectPathItem => ({
      type: 'object',
      origin: 'value',
      input: { ...input },
      key,
      value,
    });
    addIssue({
      input: health.path,
      message: `use '${address}${health.path.slice(path.length)}', where urls.style '${urls.style}' redirects it to`,
      path: [step(dataset.value, 'health', health), step(health, 'path', health.path)],
    });
  });
