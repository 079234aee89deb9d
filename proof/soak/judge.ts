import { type Part, START_PAGE, versionOf } from './site.ts';

/** How a push may end. */
export type End = 'published' | 'superseded' | 'failed';

/** What was known when a request left: what came may not be older than these. */
export interface Moment {
  /** The newest release that any answer before had shown. */
  readonly seen: number;
  /** The newest release that had been reported as published. */
  readonly published: number;
  /** The newest one that had been for as long as an edge keeps an error. */
  readonly settled: number;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/**
 * For how long an edge may answer a missing address with the error page that it had when it missed: the error caching time
 * of the distribution, in milliseconds, and a moment for the answer.
 */
const ERROR_KEPT_MS = 11_000;

/** Of all that is wrong, so much is told in words. */
const MOST_TOLD = 20;

/**
 * Decides for every answer whether it is, byte for byte, a file of a release that may have been live between the request
 * and the answer: none older than what had been seen or reported before, none newer than what had been pushed.
 */
export class Judge {
  readonly problems: string[] = [];
  wrong = 0;
  #seen = 0;
  #pushed = 0;
  #published = 0;
  /** When a release was reported as published, the newest last. */
  readonly #reports: { readonly release: number; readonly time: number }[] = [];
  readonly #ends = new Map<number, End>();
  /** By the release of the start page, which every release has its own of. */
  readonly #shown = new Set<number>();

  /** @param now milliseconds on any clock */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Before a release is pushed. */
  pushing(release: number): void {
    this.#pushed = Math.max(this.#pushed, release);
  }

  /** When whoever pushed was told. */
  ended(release: number, end: End): void {
    this.#ends.set(release, end);
    if (end === 'published') {
      this.#published = Math.max(this.#published, release);
      this.#reports.push({ release: this.#published, time: this.now() });
    }
    if (end === 'failed') this.#complain(`release ${release}: its push failed`);
  }

  moment(): Moment {
    const before = this.now() - ERROR_KEPT_MS;
    const settled = this.#reports.findLast(({ time }) => time <= before)?.release ?? 0;
    return { seen: this.#seen, published: this.#published, settled };
  }

  /** A page, by whichever name of it. */
  page(part: Part, { status, text }: Answer, { seen, published }: Moment): void {
    const version = this.#versionIn(part, 200, { status, text });
    if (version === undefined) return;
    this.#within(part, version, Math.max(seen, published));
    this.#seen = Math.max(this.#seen, version);
    if (part === START_PAGE) this.#shown.add(version);
  }

  /** An address that nothing is at: the error page, which is brought before a push is reported. */
  missing(part: Part, answer: Answer, { settled }: Moment): void {
    const version = this.#versionIn(part, 404, answer);
    if (version !== undefined) this.#within(part, version, settled);
  }

  /** A file of the pool, by the version that its name stands for. */
  pool(part: Part, version: number, { status, text }: Answer): void {
    if (status === 200 && text === part.contentOf(version)) return;
    this.#complain(`/${part.pathOf(version)}: got ${status}, ${excerpt(text)}`);
  }

  lost(address: string, error: unknown): void {
    this.#complain(`${address}: no answer: ${String(error)}`);
  }

  /** What only shows in the end. */
  finish(): void {
    for (const release of this.#shown) {
      const end = this.#ends.get(release);
      if (end !== 'published') this.#complain(`release ${release}: was live, and is ${end}`);
    }
  }

  #versionIn(part: Part, expected: number, { status, text }: Answer): number | undefined {
    const version = versionOf(text);
    if (status === expected && version !== undefined && text === part.contentOf(version)) {
      return version;
    }
    this.#complain(`${part.pathOf(0)}: got ${status}, ${excerpt(text)}`);
    return undefined;
  }

  #within(part: Part, version: number, oldest: number): void {
    if (part.versionIn(version) !== version || version > this.#pushed) {
      this.#complain(`${part.pathOf(0)}: got version ${version}, which was not pushed by then`);
    } else if (part.nextAfter(version) <= oldest) {
      this.#complain(`${part.pathOf(0)}: got version ${version} after release ${oldest} was live`);
    }
  }

  #complain(problem: string): void {
    this.wrong += 1;
    if (this.problems.length < MOST_TOLD) this.problems.push(problem);
  }
}

const excerpt = (text: string): string => JSON.stringify(text.slice(0, 80));
