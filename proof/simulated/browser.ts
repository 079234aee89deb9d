import { chance } from './chance.ts';
import type { Answered } from './edge.ts';
import type { Body, How } from './sites/body.ts';
import type { Load } from './traffic.ts';
import type { World } from './world.ts';

/** To the edge and back, in milliseconds: at least, and what chance adds at most. */
const NEAR_MS = 10;
const FAR_MS = 70;

/** From the last byte of a file to the first request for what it names. */
const READ_MS = 30;

/** Of requests, those whose connection breaks, once or twice: the browser asks again, maybe at another edge. */
const BROKEN = 0.002;
const RETRY_MS = 500;
const TRIES = 3;

/** Of requests, those that go to another edge than the visitor's: a phone that moves, a name that is looked up again. */
const ELSEWHERE = 0.02;

/** Browsers that are told nothing keep an answer for a tenth of its age (RFC 9111, section 4.2.2). */
const GUESSED = 0.1;

const NONE: ReadonlyMap<string, string> = new Map();

const LATE: readonly How[] = ['late markup', 'late import', 'fetch'];

interface Kept {
  readonly body: Body;
  readonly freshUntil: number;
}

interface Cookie {
  readonly value: string;
  readonly until: number;
}

/** One visitor's browser: its cache and cookies are shared by all tabs. */
class Browser {
  readonly cache = new Map<string, Kept>();
  readonly cookies = new Map<string, Cookie>();
}

/** What became of one visit. */
export interface Visit {
  readonly load: Load;
  /** When the page's own bytes were there; nothing: it could not be had. */
  page: { readonly body: Body; readonly at: number } | undefined;
  /** The releases that all its parts belong to, one bit each. 0: it mixes. */
  releases: number;
  /** Of those parts that it is not shown without. */
  atOnce: number;
  /** Files that the page or its parts named and that could not be had. */
  failed: number;
}

export class Browsers {
  readonly #world: World;
  readonly #seed: number;
  readonly #browsers = new Map<number, Browser>();

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
  }

  /** Begins a visit, now. What follows happens in its time. */
  open(load: Load): Visit {
    const visit: Visit = { load, page: undefined, releases: -1, atOnce: -1, failed: 0 };
    let browser = this.#browsers.get(load.visitor);
    if (browser === undefined) {
      browser = new Browser();
      this.#browsers.set(load.visitor, browser);
    }
    const tab = new Tab(visit, browser, this.#world, this.#seed);
    tab.begin();
    return visit;
  }
}

class Tab {
  readonly #visit: Visit;
  readonly #browser: Browser;
  readonly #world: World;
  readonly #seed: number;
  /** Asked for in this tab: nothing is asked for twice. */
  readonly #asked = new Set<string>();
  #requests = 0;

  constructor(visit: Visit, browser: Browser, world: World, seed: number) {
    this.#visit = visit;
    this.#browser = browser;
    this.#world = world;
    this.#seed = seed;
  }

  begin(): void {
    const { start, uri } = this.#visit.load;
    this.#fetch(uri, undefined, start, (body, at) => {
      if (body === undefined) return;
      this.#visit.page = { body, at };
      this.#got(body, uri, at, false);
    });
  }

  #got(body: Body, uri: string, at: number, isLate: boolean): void {
    this.#visit.releases &= body.releases;
    if (!isLate) this.#visit.atOnce &= body.releases;
    for (const { path, how } of body.references) {
      const due = this.#dueAt(how, at + READ_MS);
      if (due === undefined || this.#asked.has(path)) continue;
      this.#asked.add(path);
      const part = `/${path}`;
      // `fetch` names the page, everything else the file that it stands in.
      const referer = how === 'fetch' ? this.#visit.load.uri : uri;
      this.#fetch(part, referer, due, (found, then) => {
        if (found === undefined) this.#visit.failed += 1;
        else this.#got(found, part, then, isLate || LATE.includes(how));
      });
    }
  }

  #dueAt(how: How, soon: number): number | undefined {
    if (!LATE.includes(how)) return soon;
    const late = this.#visit.load.late?.[how === 'late markup' ? 0 : 1];
    return late === undefined ? undefined : Math.max(late, soon);
  }

  #fetch(
    uri: string,
    referer: string | undefined,
    at: number,
    done: (body: Body | undefined, at: number) => void,
  ): void {
    const request = this.#requests;
    this.#requests += 1;
    const { time } = this.#world;
    time.at(at, () => {
      const kept = this.#browser.cache.get(uri);
      if (kept && kept.freshUntil > time.now) {
        done(kept.body, time.now);
        return undefined;
      }
      return this.#ask(uri, referer, kept, request, 1, done);
    });
  }

  #ask(
    uri: string,
    referer: string | undefined,
    kept: Kept | undefined,
    request: number,
    attempt: number,
    done: (body: Body | undefined, at: number) => void,
  ): void | Promise<void> {
    const { time, edges, tally, model } = this.#world;
    const { load } = this.#visit;
    if (attempt < TRIES && this.#chance(request, attempt, 1) < BROKEN) {
      const again = () => this.#ask(uri, referer, kept, request, attempt + 1, done);
      time.at(time.now + RETRY_MS, again);
      return undefined;
    }
    const moves = this.#chance(request, attempt, 2) < ELSEWHERE;
    const moved = moves
      ? 1 + Math.floor(this.#chance(request, attempt, 3) * (edges.length - 1))
      : 0;
    const edge = edges[(load.edge + moved) % edges.length];
    const asked = { uri, cookies: this.#cookies(), referer };
    const back = NEAR_MS + this.#chance(request, attempt, 4) * FAR_MS;
    return edge?.answer(asked, (answered) => {
      const body = answered.found?.body;
      tally.request(answered.hit, body === kept?.body ? 0 : (body?.bytes ?? 0), model.cost(uri));
      this.#keep(uri, answered);
      done(body, time.now + back);
    });
  }

  // A method: a function made for each request would take more time than what it does.
  #chance(request: number, attempt: number, what: number): number {
    return chance(this.#seed, this.#visit.load.index, request, attempt, what);
  }

  #cookies(): ReadonlyMap<string, string> {
    if (this.#browser.cookies.size === 0) return NONE;
    const now = this.#world.time.now;
    const sent = new Map<string, string>();
    for (const [name, { value, until }] of this.#browser.cookies) {
      if (until > now) sent.set(name, value);
      else this.#browser.cookies.delete(name);
    }
    return sent;
  }

  #keep(uri: string, { found, cacheControl, cookie }: Answered): void {
    const now = this.#world.time.now;
    if (cookie) {
      const { name, value, seconds } = cookie;
      this.#browser.cookies.set(name, { value, until: now + seconds * 1_000 });
    }
    if (found === undefined || cacheControl?.includes('no-store')) {
      this.#browser.cache.delete(uri);
      return;
    }
    const said = /max-age=(\d+)/.exec(cacheControl?.replace(/s-maxage=\d+/, '') ?? '')?.[1];
    let fresh = said === undefined ? GUESSED * (now - found.modified) : Number(said) * 1_000;
    if (cacheControl?.includes('no-cache')) fresh = 0;
    this.#browser.cache.set(uri, { body: found.body, freshUntil: now + fresh });
  }
}
