/**
 * What the stack, the functions and the operator's command agree on about a release: where its
 * files are, what the manifest holds, what the pointer says. Imports nothing, so both sides can
 * depend on it and neither on the other.
 */

/** Every file that only one release needs stands below this prefix and the release's id. */
export const RELEASES_PREFIX = 'releases/';

/** What belongs to the hosting and not to any one release: the error page and the manifests. */
export const SITE_PREFIX = '_site/';

/** One small object a job, so that a job delivered twice is done once. Expires after a day. */
export const JOBS_PREFIX = `${SITE_PREFIX}jobs/`;

/**
 * The page visitors get for a missing address. A fixed key, because CloudFront fetches error pages
 * without running the router: it is the one object that is ever overwritten.
 */
export const ERROR_PAGE_KEY = `${SITE_PREFIX}404.html`;

/** The file of a release that becomes the error page when the release goes live. */
export const ERROR_PAGE_PATH = '404.html';

/** Answered by the router with the live release's id, so a site's file of this name would be hidden. */
export const RELEASE_PROBE_PATH = '.well-known/release';

/** Keys of the key-value store. */
export const LIVE_KEY = 'live';
export const PREVIOUS_KEY = 'previous';

/** Stored with every object. True for ever, since the bytes under a key never change. */
export const CACHE_FOR_EVER = 'public, max-age=31536000, immutable';

/** `20261123T061500Z-1a2b3c4`: UTC time of the upload, first seven characters of the revision. */
export const RELEASE_ID = /^\d{8}T\d{6}Z-[0-9A-Za-z]{1,7}$/;

/**
 * The value under `live`: which release visitors get, and how to find its files. `live` and
 * `previous` hold the same JSON text, at most 1 KB, the key-value store's limit for a value.
 */
export interface Pointer {
  /** The release that is live. */
  readonly id: string;
  /** The release whose copies serve every path that `delta` does not name. */
  readonly base: string;
  /** The paths served from `id` instead. Empty: all of them are in `base`, which then is `id`. */
  readonly delta: string;
}

/** Where one file of a release is and what it is. */
export interface ManifestFile {
  /** As in the site, without a leading slash: `about/index.html`. */
  readonly path: string;
  /** The object in the content bucket that holds the bytes. */
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 in base64, as S3 stores it with the object. */
  readonly sha256: string;
  /** Content-Type as stored with the object. */
  readonly type: string;
}

/** Written last: a release exists when its manifest exists. */
export interface Manifest {
  readonly version: 1;
  readonly id: string;
  /** The source revision it was built from: a commit id, or an S3 version id. */
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** Sorted by path. */
  readonly files: readonly ManifestFile[];
}

export const releasePrefix = (id: string): string => `${RELEASES_PREFIX}${id}/`;
export const manifestKey = (id: string): string => `${SITE_PREFIX}releases/${id}.json`;

/** Claimed by one upload: `of` is the id of a job or of a release. */
export const claimKey = (of: string): string => `${JOBS_PREFIX}${of}`;

/** `revision` may be any source's: what is not a letter or digit is left out of the id. */
export function releaseId(now: Date, revision: string): string {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  return `${time}-${revision.replace(/[^0-9A-Za-z]/g, '').slice(0, 7) || 'unknown'}`;
}

/**
 * Whether a site path (`assets/app-1a2b.js`) falls under a CloudFront path pattern without its
 * leading slash (`assets/*`): `*` stands for any characters, slashes included, `?` for one.
 */
export function matchesPattern(pattern: string, path: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's').test(path);
}
