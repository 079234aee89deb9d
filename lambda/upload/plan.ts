import {
  type Addressing,
  type GonePath,
  type Manifest,
  type ManifestFile,
  matchesPattern,
  type Pointer,
  releaseId,
  releasePrefix,
} from '../../lib/release/contract.ts';
import {
  canBeNamed,
  deltaOf,
  holds,
  type Layer,
  layerFor,
  layersOf,
  type Places,
  placesOf,
  setOf,
} from './layers.ts';
import type { Program } from './redirects/program.ts';

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
  /** The name of the set of headers that is stored with it; missing if there are none. */
  readonly headers?: string;
  /** As in `ManifestFile`. */
  readonly original?: string;
}

export interface PlanLimits {
  /** Of a value in the key-value store, in bytes. */
  readonly pointerBytes: number;
  /**
   * The share of the site's pages, from 0 to 1, that may be elsewhere than in the base. Above
   * it the release becomes its own base.
   */
  readonly rebaseShare: number;
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
  /** What the pointer says besides where files are. */
  readonly addressing: Addressing;
  /**
   * What goes live with it besides its files.
   *
   * @default none
   */
  readonly program?: Program | undefined;
  readonly limits: PlanLimits;
}

/** A file that stands in another release already, with the same bytes. */
export interface CopiedFile extends ManifestFile {
  /** The key of the object to copy. */
  readonly from: string;
}

/** What to do so that the release exists. Every file of the artifact is in exactly one of the lists. */
export interface Plan {
  /** Under the release's own prefix. */
  readonly put: readonly ManifestFile[];
  /** Unchanged, but needed under the release's own prefix. */
  readonly copy: readonly CopiedFile[];
  /** Into the pool, unless an older release has put them there. */
  readonly pool: readonly ManifestFile[];
  /** Unchanged, and they stay where they are: no request. */
  readonly keep: readonly ManifestFile[];
  /** No file of this release, although the layers or the base have such an object. */
  readonly gone: readonly GonePath[];
  /** What `live` has to say for visitors to get the release. */
  readonly pointer: Pointer;
  /** Written last. */
  readonly manifest: Manifest;
  /** Reasons to write nothing at all. */
  readonly problems: readonly string[];
  /** Paths of pool files that keep other headers than the release says. */
  readonly headersKept: readonly string[];
}

/**
 * Decides where every file of a release goes, from what is known before anything is written.
 *
 * Pages that have not changed since the live release stay where they are and keep their cache key.
 * What changed or went makes a layer of the new release over those of the live one. When
 * the pointer cannot tell them all apart, whatever costs the fewest copies makes room: a shorter
 * set, older layers merged into the new one, or a base of its own.
 */
export function planRelease(input: PlanInput): Plan {
  const { id, revision, createdAt, files, live, immutable, addressing, program } = input;
  const limits = {
    ...input.limits,
    pointerBytes: input.limits.pointerBytes - bytesFor(addressing) - roomFor(program),
  };
  const isPooled = (path: string) => immutable.some((pattern) => matchesPattern(pattern, path));
  const { pool, kept, problems, headersKept } = planPool(
    files.filter(({ path }) => isPooled(path)),
    live,
  );

  const site = siteOf(
    files.filter(({ path }) => !isPooled(path)),
    live,
    id,
  );
  const own = (file: ArtifactFile): ManifestFile => ({
    ...file,
    key: releasePrefix(id) + file.path,
  });
  const { layers, base, brought, gone } = cheapest(site, id, limits);

  const put = site.changed.map(({ file }) => own(file));
  const copy: CopiedFile[] = [];
  const keep: ManifestFile[] = [...kept];
  for (const page of site.unchanged) {
    if (brought.has(page)) copy.push({ ...own(page.file), from: page.file.key });
    else keep.push(page.file);
  }
  const rules = program && { rules: program.rules };
  const pointer: Pointer = { id, base, delta: deltaOf(id, layers), ...addressing, ...rules };
  const copied = copy.map(({ from: _, ...file }): ManifestFile => file);
  return {
    put,
    copy,
    pool,
    keep,
    gone,
    pointer,
    problems,
    headersKept,
    manifest: {
      version: 2,
      id,
      revision,
      createdAt: createdAt.toISOString(),
      pointer,
      files: [...put, ...copied, ...pool, ...keep].sort(byPath),
      gone,
      ...(program && { rules: program.values }),
    },
  };
}

/** What a release with rules has less of for its layers, in bytes of the pointer. */
export function roomFor(program: Program | undefined): number {
  if (program === undefined) return 0;
  // The longest id that there is: which release it will replace, nobody knows yet.
  const before = releaseId(new Date(0), '0000000');
  return JSON.stringify({ rules: program.rules, before }).length - 1;
}

/** A pool file cannot change: open tabs and caches hold the other bytes under the same address. */
export const differs = (path: string): string =>
  `${path}: is in the pool with other bytes; give it a name that changes with its content, or take it out of the immutable patterns`;

/** Outside the pool the router encodes it. */
const hasPlus = (path: string): string =>
  `${path}: has a plus in its name, which S3 takes for a space where no router encodes it; rename it, or take it out of the immutable patterns`;

const byPath = (a: { readonly path: string }, b: { readonly path: string }): number =>
  a.path < b.path ? -1 : 1;

function planPool(files: readonly ArtifactFile[], live: Manifest | undefined) {
  const pool: ManifestFile[] = [];
  const kept: ManifestFile[] = [];
  const problems: string[] = [];
  const headersKept: string[] = [];
  const inLivePool = new Map(
    live?.files.filter(({ path, key }) => key === path).map((file) => [file.path, file]),
  );
  for (const file of files) {
    // In the pool a file stands at its public path, because no function runs there to rewrite it.
    if (file.path.includes('+')) problems.push(hasPlus(file.path));
    const pooled = inLivePool.get(file.path);
    if (pooled === undefined) {
      pool.push({ ...file, key: file.path });
    } else if (pooled.sha256 === file.sha256) {
      // As stored: its type may have been decided by an older version of this function.
      kept.push(pooled);
      if (pooled.headers !== file.headers) headersKept.push(file.path);
    } else {
      problems.push(differs(file.path));
    }
  }
  return { pool, kept, problems, headersKept };
}

/** A file of the release that the live release has with the same bytes. */
interface Page {
  readonly file: ManifestFile;
  readonly places: Places;
}

/** A layer of the live release, and what of it the new release still needs. */
interface OldLayer extends Layer {
  readonly pages: readonly Page[];
  readonly gone: readonly Gone[];
}

interface Gone extends GonePath {
  readonly places: Places;
}

/** Everything but the pool, seen from the new release. */
interface Site {
  /** New, or with other bytes. */
  readonly changed: readonly { readonly file: ArtifactFile; readonly places: Places }[];
  readonly unchanged: readonly Page[];
  /** What this release removes. */
  readonly removed: readonly Gone[];
  /** None: the release becomes its own base. */
  readonly base: string | undefined;
  /** Newest first. */
  readonly layers: readonly OldLayer[];
}

function siteOf(files: readonly ArtifactFile[], live: Manifest | undefined, id: string): Site {
  const layers = live && layersOf(live.pointer);
  if (live === undefined || layers === undefined) {
    return {
      changed: files.map((file) => ({ file, places: placesOf(file.path) })),
      unchanged: [],
      removed: [],
      base: undefined,
      layers: [],
    };
  }

  const { base } = live.pointer;
  const index = new Map(layers.map((layer, at) => [layer.id, at]));
  const before = new Map(
    live.files.filter(({ path, key }) => key !== path).map((file) => [file.path, file]),
  );
  const pagesOf: Page[][] = layers.map(() => []);
  const goneOf: Gone[][] = layers.map(() => []);
  const changed: Site['changed'][number][] = [];
  const unchanged: Page[] = [];
  for (const file of files) {
    const places = placesOf(file.path);
    const old = before.get(file.path);
    before.delete(file.path);
    const at = layerFor(layers, places);
    const home = at < 0 ? base : (layers[at] as Layer).id;
    // Brought anew as well: what the live pointer does not lead to, should its manifest be wrong.
    const isThere =
      old?.sha256 === file.sha256 &&
      old.type === file.type &&
      old.headers === file.headers &&
      old.key === `${releasePrefix(home)}${file.path}`;
    if (!isThere) {
      changed.push({ file, places });
      continue;
    }
    const page = { file: old, places };
    unchanged.push(page);
    pagesOf[at]?.push(page);
  }

  const removed: Gone[] = [...before.keys()].map((path) => ({
    path,
    since: id,
    places: placesOf(path),
  }));
  const isBack = new Set(files.map(({ path }) => path));
  for (const { path, since } of live.gone) {
    if (isBack.has(path)) continue;
    const places = placesOf(path);
    const at = index.get(since);
    const found = layerFor(layers, places);
    if (at !== undefined && found >= 0 && found <= at) goneOf[at]?.push({ path, since, places });
    else removed.push({ path, since: id, places });
  }
  return {
    changed,
    unchanged,
    removed,
    base,
    layers: layers.map((layer, at) => ({
      ...layer,
      pages: pagesOf[at] ?? [],
      gone: goneOf[at] ?? [],
    })),
  };
}

/** One way to lead visitors to every page of the release. */
interface Arrangement {
  readonly base: string;
  readonly layers: readonly Layer[];
  /** Pages that have to be copied for it. */
  readonly brought: ReadonlySet<Page>;
  readonly gone: readonly GonePath[];
}

/**
 * What a character of the pointer is worth, in copies: the room that this release leaves, the next ones
 * need not make by copying. Found by trying it on made-up histories of 100 to 10,000 files with ten changes a release.
 */
const COPIES_PER_CHARACTER = 0.05;

/** Lengths of the new layer's set that are tried, in bits for each member. */
const BITS_PER_MEMBER = [4, 6, 8, 10, 12, 14, 16, 18, 21, 24];

function cheapest(site: Site, id: string, limits: PlanLimits): Arrangement {
  const { base, changed, unchanged, removed } = site;
  const rebased = { base: id, layers: [], brought: new Set(unchanged), gone: [] };
  const away = awayFromBase(site);
  const pages = changed.length + unchanged.length;
  if (base === undefined || away > limits.rebaseShare * pages) return rebased;

  const best = bestOver(base, site, id, limits);
  if (best === undefined) return rebased;
  // The base has served for about this many releases. Copying everything is worth it once it costs
  // less, spread over as many, than the copies that are needed now and will be with every release.
  const releases = away / Math.max(1, changed.length + removed.length);
  return best.brought.size * releases > unchanged.length ? rebased : best;
}

/** How many paths are not, or no longer, as they are in the base. */
function awayFromBase({ changed, removed, layers }: Site): number {
  const inLayers = layers.reduce((sum, { pages, gone }) => sum + pages.length + gone.length, 0);
  return changed.length + removed.length + inLayers;
}

/** Nothing, if no pointer of that size can tell the release's paths apart. */
function bestOver(
  base: string,
  site: Site,
  id: string,
  limits: PlanLimits,
): Arrangement | undefined {
  // Those that hold nothing the release needs cost only their room.
  const layers = site.layers.filter(({ pages, gone }) => pages.length + gone.length > 0);
  const mustMerge = layers.filter((layer) => !canBeNamed(layer.id, id));
  const mayMerge = layers
    .filter((layer) => canBeNamed(layer.id, id))
    .sort((a, b) => a.pages.length - b.pages.length || b.set.length - a.set.length);

  let best: Arrangement | undefined;
  let least = site.unchanged.length;
  for (let count = 0; count <= mayMerge.length; count += 1) {
    const draft = draftOf(site, id, new Set([...mustMerge, ...mayMerge.slice(0, count)]), layers);
    if (draft.brought.size > least) break;
    const bytesLeft = limits.pointerBytes - bytesOf({ id, base, delta: draft.delta });
    for (const characters of lengthsFor(draft.members.length, bytesLeft)) {
      const tried = arrange(draft, site, id, base, characters, least);
      if (tried === undefined) continue;
      const pointer = { id, base, delta: deltaOf(id, tried.layers) };
      const cost = tried.brought.size + pointer.delta.length * COPIES_PER_CHARACTER;
      if ((best && cost >= least) || bytesOf(pointer) > limits.pointerBytes) continue;
      best = tried;
      least = cost;
    }
  }
  return best;
}

/** As `pointerText` writes it, which refuses one that is too large. */
const bytesOf = ({ id, base, delta }: Pointer): number =>
  Buffer.byteLength(JSON.stringify({ id, base, delta }));

/** What these fields add to a pointer. */
const bytesFor = (addressing: Addressing): number =>
  JSON.stringify({ id: '', ...addressing }).length - JSON.stringify({ id: '' }).length;

/** A new layer over the ones that stay, before the length of its set is known. */
interface Draft {
  readonly kept: readonly OldLayer[];
  /** The pointer's, with a new layer whose set is empty. */
  readonly delta: string;
  readonly members: readonly Places[];
  readonly brought: ReadonlySet<Page>;
  readonly gone: readonly GonePath[];
}

function draftOf(
  site: Site,
  id: string,
  merged: ReadonlySet<OldLayer>,
  layers: readonly OldLayer[],
): Draft {
  const kept = layers.filter((layer) => !merged.has(layer));
  const brought = [...merged].flatMap(({ pages }) => pages);
  const removed = [...site.removed, ...[...merged].flatMap(({ gone }) => gone)];
  return {
    kept,
    delta: deltaOf(id, [{ id, set: '' }, ...kept]),
    members: [...site.changed, ...brought, ...removed].map(({ places }) => places),
    brought: new Set(brought),
    gone: [
      ...removed.map(({ path }) => ({ path, since: id })),
      ...kept.flatMap(({ gone }) => gone.map(({ path, since }) => ({ path, since }))),
    ].sort(byPath),
  };
}

/** Characters for the new layer's set. */
function lengthsFor(members: number, bytesLeft: number): number[] {
  const wanted = BITS_PER_MEMBER.map((bits) => Math.max(3, 1 + Math.ceil((members * bits) / 6)));
  // JSON doubles some of them.
  const most = Math.floor((bytesLeft * 31) / 32);
  return [...new Set([...wanted.filter((characters) => characters < most), most])].filter(
    (characters) => characters >= 3,
  );
}

/** Nothing, if it takes more than `most` copies. */
function arrange(
  draft: Draft,
  site: Site,
  id: string,
  base: string,
  characters: number,
  most: number,
): Arrangement | undefined {
  const { kept, gone } = draft;
  if (draft.members.length === 0) return { base, layers: kept, brought: draft.brought, gone };
  const brought = new Set(draft.brought);
  const members = [...draft.members];
  for (;;) {
    const set = setOf(members, characters);
    // A page that the set holds by chance would be looked for in the new layer, so it has to be there.
    const found: Page[] = [];
    for (const page of site.unchanged) {
      if (!holds(set, page.places) || brought.has(page)) continue;
      found.push(page);
      // Of most sets that are tried a part of the site is enough to know.
      if (brought.size + found.length > most) return undefined;
    }
    if (found.length === 0) return { base, layers: [{ id, set }, ...kept], brought, gone };
    for (const page of found) {
      brought.add(page);
      members.push(page.places);
    }
  }
}
