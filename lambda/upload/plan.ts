import {
  type Manifest,
  type ManifestFile,
  matchesPattern,
  releasePrefix,
} from '../../lib/release/contract.ts';

/** One file of the artifact: what it is, without its bytes. */
export interface ArtifactFile {
  /** As in the site, without a leading slash. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 in base64. */
  readonly sha256: string;
  /** Content-Type. */
  readonly type: string;
}

export interface PlanInput {
  readonly id: string;
  readonly revision: string;
  readonly createdAt: Date;
  readonly files: readonly ArtifactFile[];
  /** What visitors get now; nothing before the first release. */
  readonly live: Manifest | undefined;
  /** Path patterns of the files that all releases share, such as `assets/*`. */
  readonly immutable: readonly string[];
}

/** What to do so that the release exists. Every file of the artifact is in exactly one of the lists. */
export interface Plan {
  /** Under the release's own prefix. */
  readonly put: readonly ManifestFile[];
  /** Into the pool, unless an older release has put them there. */
  readonly pool: readonly ManifestFile[];
  /** In the pool already, because the live release uses them: no request. */
  readonly keep: readonly ManifestFile[];
  /** Written last. */
  readonly manifest: Manifest;
  /** Reasons to write nothing at all. */
  readonly problems: readonly string[];
}

/** Decides where every file of a release goes, from what is known before anything is written. */
export function planRelease({ id, revision, createdAt, files, live, immutable }: PlanInput): Plan {
  const put: ManifestFile[] = [];
  const pool: ManifestFile[] = [];
  const keep: ManifestFile[] = [];
  const problems: string[] = [];
  const inLivePool = new Map(
    live?.files.filter(({ path, key }) => key === path).map((file) => [file.path, file]),
  );

  for (const file of files) {
    if (!immutable.some((pattern) => matchesPattern(pattern, file.path))) {
      put.push({ ...file, key: releasePrefix(id) + file.path });
      continue;
    }
    // In the pool a file stands at its public path, because no function runs there to rewrite it.
    const pooled = inLivePool.get(file.path);
    if (pooled === undefined) {
      pool.push({ ...file, key: file.path });
    } else if (pooled.sha256 === file.sha256) {
      // As stored: its type may have been decided by an older version of this function.
      keep.push(pooled);
    } else {
      problems.push(differs(file.path));
    }
  }

  return {
    put,
    pool,
    keep,
    problems,
    manifest: {
      version: 1,
      id,
      revision,
      createdAt: createdAt.toISOString(),
      files: [...put, ...pool, ...keep].sort((a, b) => (a.path < b.path ? -1 : 1)),
    },
  };
}

/** A pool file cannot change: open tabs and caches hold the other bytes under the same address. */
export const differs = (path: string): string =>
  `${path}: is in the pool with other bytes; give it a name that changes with its content, or take it out of the immutable patterns`;
