import { type Edge, underneath } from './edge.ts';
import type { Reference, Tree } from './sites/body.ts';
import type { World } from './world.ts';

/** Visits to come that are looked at when an edge changes to another release. */
const VISITS = 25;

/** What of the requests that a release's visitors make at once is in an edge's cache. */
interface Warm {
  requests: number;
  bytes: number;
}

/**
 * What a release costs the caches: at the moment in which an edge changes to it, the next visits are made once as before and
 * once as after, without a request. And whether what an edge leads to at that moment is one release at all.
 */
export class Warmth {
  readonly before: Warm = { requests: 0, bytes: 0 };
  readonly after: Warm = { requests: 0, bytes: 0 };
  /** Moments in which an edge led to files that are of no one release, or are missing. */
  torn = 0;
  states = 0;
  readonly #world: World;
  readonly #eager = new WeakMap<Tree, Map<string, string[]>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A value of the store reaches an edge. */
  async arrives(edge: Edge, apply: () => void): Promise<void> {
    const from = this.#world.model.releaseAt?.(edge);
    const uris = from === undefined ? [] : this.#requests(from);
    const warm = await this.#warm(edge, uris, from);
    apply();
    const to = this.#world.model.releaseAt?.(edge);
    if (from === undefined || to === undefined) return;
    await this.#look(edge, to);
    // Of a rollback it says nothing about releases.
    if (to <= from) return;
    add(this.before, warm);
    add(this.after, await this.#warm(edge, this.#requests(to), to));
  }

  /** An edge loses everything, and has the new release from then on. */
  async purges(edge: Edge, from: number, to: number): Promise<void> {
    const warm = await this.#warm(edge, this.#requests(from), from);
    edge.purge();
    if (to <= from) return;
    add(this.before, warm);
    add(this.after, await this.#warm(edge, this.#requests(to), to));
  }

  /** What the next visitors ask for at once, if they get that release. */
  #requests(release: number): string[] {
    const tree = this.#world.treeOf(release);
    const known = this.#eager.get(tree) ?? new Map<string, string[]>();
    this.#eager.set(tree, known);
    return this.#visits().flatMap((uri) => {
      const uris = known.get(uri) ?? [uri, ...eager(tree, fileOf(uri)).map((path) => `/${path}`)];
      known.set(uri, uris);
      return uris;
    });
  }

  #visits(): string[] {
    const { scene, time, visits } = this.#world;
    const next = scene.traffic.slice(visits.length, visits.length + VISITS);
    return next.filter(({ start }) => start >= time.now).map(({ uri }) => uri);
  }

  async #warm(edge: Edge, uris: readonly string[], release: number | undefined): Promise<Warm> {
    const warm = { requests: 0, bytes: 0 };
    if (release === undefined) return warm;
    const tree = this.#world.treeOf(release);
    for (const uri of uris) {
      const asked = { uri, cookies: new Map<string, string>(), referer: undefined };
      if (!edge.isWarm(await this.#world.model.keyFor(edge, asked))) continue;
      warm.requests += 1;
      warm.bytes += tree.get(fileOf(uri))?.bytes ?? 0;
    }
    return warm;
  }

  async #look(edge: Edge, release: number): Promise<void> {
    this.states += 1;
    let releases = -1;
    for (const uri of new Set(this.#requests(release))) {
      const body = await underneath(this.#world, edge, uri);
      releases &= body?.releases ?? 0;
    }
    if (releases === 0) this.torn += 1;
  }
}

function add(sum: Warm, more: Warm): void {
  sum.requests += more.requests;
  sum.bytes += more.bytes;
}

const fileOf = (uri: string): string => uri.slice(1).replace(/(^|\/)$/, '$1index.html');

const AT_ONCE: readonly Reference['how'][] = ['markup', 'style', 'import'];

/** The files that a page is not shown without. */
function eager(tree: Tree, path: string): string[] {
  const found = new Set<string>();
  const visit = (from: string) => {
    for (const { path: to, how } of tree.get(from)?.references ?? []) {
      if (!AT_ONCE.includes(how) || found.has(to)) continue;
      found.add(to);
      visit(to);
    }
  };
  visit(path);
  return [...found];
}
