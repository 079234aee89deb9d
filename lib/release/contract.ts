/**
 * What the stack, the functions and the operator's command agree on about a release: where its
 * files are, what the manifest holds, what the pointer says. Imports nothing, so both sides can
 * depend on it and neither on the other.
 */

/** Every file that only one release needs stands below this prefix and the release's id. */
export const RELEASES_PREFIX = 'releases/';

/** What belongs to the hosting and not to any one release: the error page and the manifests. */
export const SITE_PREFIX = '_site/';

/**
 * One small object a job, so that a job delivered twice is done once, and one for each release that
 * a person lets through a gate. Expires after a day.
 */
export const JOBS_PREFIX = `${SITE_PREFIX}jobs/`;

/**
 * The page visitors get for a missing address. A fixed key, because CloudFront fetches error pages
 * without running the router: it is the one object that is ever overwritten.
 */
export const ERROR_PAGE_KEY = `${SITE_PREFIX}404.html`;

/**
 * The default root object of a distribution whose router redirects `/index.html` to `/`. No object has this key:
 * whether CloudFront asks the router for `/` or for the default root object instead is documented nowhere, and
 * with `index.html` the second would be a circle.
 */
export const START_PAGE_KEY = `${SITE_PREFIX}start`;

/** The file of a release that becomes the error page when the release goes live. */
export const ERROR_PAGE_PATH = '404.html';

/** Answered by the router with the live release's id, so a site's file of this name would be hidden. */
export const RELEASE_PROBE_PATH = '.well-known/release';

/** Keys of the key-value store. */
export const LIVE_KEY = 'live';
export const PREVIOUS_KEY = 'previous';
/** Holds a `Freeze` while publishing is frozen; missing otherwise. */
export const FROZEN_KEY = 'frozen';
/** When a clean-up ended releases for the last time. Written for the sake of the store's version. */
export const PRUNED_KEY = 'pruned';

/**
 * The values that a release's redirect rules are cut into, in the key-value store: below this and the hash of all of them,
 * so that what stands under one of these keys never changes.
 */
export const RULES_PREFIX = 'rules/';

/**
 * The copies that `fingerprint` makes, `css/site.pinned-3f9a1c2b7d04.css`, as one more path pattern of the pool. They stand
 * beside their originals, in any folder.
 */
export const COPIES_PATTERN = '*.pinned-*';

const HASH_SOURCE = /'sha(?:256|384|512)-/i;

/** Whether a content security policy allows styles or scripts by their hash. */
export const hasHashSource = (policy: string): boolean => HASH_SOURCE.test(policy);

/** How the upload gives files with fixed names a copy. */
export interface FingerprintSettings {
  /** Whether the content security policy of the pages allows styles or scripts by their hash. */
  readonly policyHashes: boolean;
  /** The site's own names, by which pages may refer to its files too. */
  readonly hosts: readonly string[];
}

/** Stored with every object. True for ever, since the bytes under a key never change. */
export const CACHE_FOR_EVER = 'public, max-age=31536000, immutable';

/** `20261123T061500Z-1a2b3c4`: UTC time of the upload, first seven characters of the revision. */
export const RELEASE_ID = /^\d{8}T\d{6}Z-[0-9A-Za-z]{1,7}$/;

/**
 * The value under `live`: which release visitors get, and how to find its files. `live` and
 * `previous` hold the same JSON text, at most 1 KB, the key-value store's limit for a value.
 */
export interface Pointer extends Addressing {
  /** The release that is live. */
  readonly id: string;
  /** The release whose copies serve every path that no layer of `delta` holds. */
  readonly base: string;
  /**
   * The layers over `base`, newest first, each the name of a release and the set of paths that it
   * brought or removed: `name set name set …`. Empty: everything is in `base`.
   */
  readonly delta: string;
  /**
   * `hash exact patterns files`: which values hold the release's redirect rules, and how many there are of each kind. Missing
   * if it has none.
   */
  readonly rules?: string;
  /**
   * In a pointer with `rules` that is live: the release that `previous` names, for an edge that does not have all those values
   * yet. Set when it goes live.
   */
  readonly before?: string;
}

/** Which addresses the pages of a release have. It changes with the release, so that no page is led by another's rules. */
export interface Addressing {
  /** The form of all addresses, to which the others are redirected. Missing: each form is served. */
  readonly style?: 'directory' | 'file';
  /**
   * The pages besides the start page, as a set like those in `delta`; empty if there are none. An address without
   * a dot that is none of them shows the start page. Missing: it is missing, too.
   */
  readonly pages?: string;
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
  /**
   * The short hash of the headers that are stored with the object for its answers; missing if there are none. Of a pool file those
   * of its first release are.
   */
  readonly headers?: string;
  /** Of a copy under a fingerprinted name: the path of the file that it is a copy of. Missing with what the build has made. */
  readonly original?: string;
}

/** A path that is not in the release, although an object in one of its layers or its base has it. */
export interface GonePath {
  readonly path: string;
  /** The release that removed it, and whose layer says so: looked up there, it is found missing. */
  readonly since: string;
}

/**
 * What stands under a release's manifest key, from the claim of its id to its end. It only ever moves forward: an
 * upload becomes a manifest or an end, a manifest becomes an end. Every move is one conditional write, so
 * that of two who move it one knows that it came too late.
 */
export type ReleaseRecord = UploadUnderWay | Manifest | ReleaseEnd;

/** The id is taken, and files are being written. A clean-up deletes nothing meanwhile. */
export interface UploadUnderWay {
  readonly version: 2;
  readonly id: string;
  readonly upload: {
    /** The id of the CodePipeline job. */
    readonly job: string;
    /** ISO 8601, UTC. */
    readonly at: string;
  };
}

/** There is no such release any more, or there never was: none of its files is to be relied on. */
export interface ReleaseEnd {
  readonly version: 2;
  readonly id: string;
  readonly end: {
    /** `abandoned`: it was never complete. `retired`: a clean-up deletes its files. */
    readonly state: 'abandoned' | 'retired';
    /** ISO 8601, UTC. */
    readonly at: string;
    readonly by: string;
  };
}

/** Written last: a release exists when its manifest exists. */
export interface Manifest {
  readonly version: 2;
  readonly id: string;
  /** The source revision it was built from: a commit id, or an S3 version id. */
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** What `live` says while this release is live. */
  readonly pointer: Pointer;
  /** Sorted by path. Their keys say which other releases' files this one is made of. */
  readonly files: readonly ManifestFile[];
  /** Sorted by path. With `files` and `pointer` it is all that planning the next release takes. */
  readonly gone: readonly GonePath[];
  /**
   * What the redirect rules are cut into: values by the end of their key, `x0` for exact addresses, `p0` for patterns, `f0` for
   * the files that go before a rule. Missing if there are none.
   */
  readonly rules?: Readonly<Record<string, string>>;
}

/** `1a2b3c4d5e6f7081 2 1 0`, as in `Pointer.rules`. */
export const RULES = /^[0-9a-f]{16}(?: \d{1,2}){3}$/;

/** By which a manifest names the value of such a key. */
export const rulesKeyEnd = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** Keys of the values that hold a release's redirect rules; none without `rules`. */
export function rulesKeys(rules: string | undefined): string[] {
  const [hash, ...counts] = rules?.split(' ') ?? [];
  return counts.flatMap((count, kind) =>
    Array.from(
      { length: Number(count) },
      (_, index) => `${RULES_PREFIX}${hash}/${'xpf'[kind]}${index}`,
    ),
  );
}

/** Why no release goes live until somebody unfreezes. */
export interface Freeze {
  /** Who froze it: a user name, or the ARN of whoever called. */
  readonly by: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** What became of a release, in the order in which it happens. */
export type ReleaseState = 'uploaded' | 'live' | 'replaced' | 'failed' | 'retired';

/**
 * One release's page in the ledger: what it is and what became of it. Only for people and for prune: a lost
 * or damaged entry never keeps a release from being served or promoted.
 */
export interface LedgerEntry {
  readonly version: 1;
  readonly id: string;
  readonly revision: string;
  /** What started it: the pipeline execution's id, or who ran the operator's command. */
  readonly execution?: string;
  readonly files: number;
  readonly bytes: number;
  /** HTML files. */
  readonly pages: number;
  /**
   * How many files the upload put, copied, kept where they were, and added to the pool. Missing in a page that
   * was lost and written anew: the manifest does not know.
   */
  readonly plan?: {
    readonly put: number;
    readonly copy: number;
    readonly keep: number;
    readonly pool: number;
  };
  /** What the gates had to say without stopping the release. */
  readonly findings: readonly string[];
  /** Oldest first; never shortened. */
  readonly states: readonly {
    readonly state: ReleaseState;
    /** ISO 8601, UTC. */
    readonly at: string;
    readonly by: string;
    readonly note?: string;
  }[];
  /** Set while a person wants it kept whatever its age. */
  readonly pinned?: { readonly by: string; readonly at: string };
}

/** Which releases a clean-up keeps besides those that are needed anyway, as in the configuration's `retention`. */
export interface RetentionLimits {
  /** So many of the newest. */
  readonly newest: number;
  /** All that are younger than so many days; files of the pool too. */
  readonly days: number;
}

/**
 * While a clean-up sweeps the pool: which files it is about to delete. An upload that begins meanwhile relies on
 * none of them.
 */
export interface PoolSweep {
  readonly version: 1;
  /** Keys in the content bucket. None: the sweep is over. */
  readonly keys: readonly string[];
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export const POOL_SWEEP_KEY = `${SITE_PREFIX}pool-sweep.json`;

/** The ledger's pages stand together, so that one listing finds every release. */
export const LEDGER_PREFIX = `${SITE_PREFIX}ledger/`;
export const ledgerKey = (id: string): string => `${LEDGER_PREFIX}${id}.json`;

export const releasePrefix = (id: string): string => `${RELEASES_PREFIX}${id}/`;
/** Where the records of all releases stand, so that one listing finds every release. */
export const MANIFESTS_PREFIX = `${SITE_PREFIX}releases/`;
/** Of a release's record, which is its manifest once the upload is complete. */
export const manifestKey = (id: string): string => `${MANIFESTS_PREFIX}${id}.json`;

/** The release that a key below one of these two prefixes belongs to; nothing if none does. */
export function releaseIdIn(key: string, prefix: string): string | undefined {
  const id = key.slice(prefix.length).replace(/\.json$/, '');
  return RELEASE_ID.test(id) ? id : undefined;
}

/** Claimed by one upload: holds the id of the job's release. */
export const claimKey = (jobId: string): string => `${JOBS_PREFIX}${jobId}`;

/** Written by a person to let one release through a gate; `permit` names what exactly is let through. */
export const permitKey = (permit: string): string => `${JOBS_PREFIX}${permit}`;

/** What a release must keep to, as in the configuration's `gates`. */
export interface GateLimits {
  readonly maxFiles: number;
  /** Of one file, in units of 1,000,000 bytes. */
  readonly maxFileMegabytes: number;
  /** Of all files together, in units of 1,000,000 bytes. */
  readonly maxTotalMegabytes: number;
  /** The share of the live release's pages that may go at once, 0 to 1. */
  readonly massLoss: number;
  /** Whether broken links are looked for, and whether they stop the release. */
  readonly links: 'report' | 'strict' | 'off';
}

/** `revision` may be any source's: what is not a letter or digit is left out of the id. */
export function releaseId(now: Date, revision: string): string {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  return `${time}-${revision.replace(/[^0-9A-Za-z]/g, '').slice(0, 7) || 'unknown'}`;
}

/** The moment in a release's id, to the second. The id has to match `RELEASE_ID`. */
export function releaseTime(id: string): Date {
  return new Date(id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z.*$/, '$1-$2-$3T$4:$5:$6Z'));
}

/**
 * Whether a site path (`assets/app-1a2b.js`) falls under a CloudFront path pattern without its
 * leading slash (`assets/*`): `*` stands for any characters, slashes included, `?` for one.
 */
export function matchesPattern(pattern: string, path: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    // Several in a row are one, and would take a regular expression for ever one by one.
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's').test(path);
}
