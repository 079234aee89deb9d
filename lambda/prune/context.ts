import type { RetentionLimits } from '../../lib/release/contract.ts';
import type { Clock } from '../shared/clock.ts';
import type { PageStore } from '../shared/page-store.ts';
import type { Invocation } from '../shared/run-job.ts';
import type { PointerStore } from '../shared/store.ts';
import { count, size } from '../upload/words.ts';

/** The content bucket and the pointer, in this function's own words. */
export interface PrunePorts {
  /** Path patterns of the files that all releases share. */
  readonly immutable: readonly string[];
  readonly retention: RetentionLimits;
  /** Whether releases may have redirect rules, whose values are in the store. */
  readonly redirects: boolean;
  readonly pointer: PointerStore;
  readonly records: PageStore;
  readonly ledger: PageStore;
  /** The one announcement of a sweep, whatever the id. */
  readonly sweeps: PageStore;
  /** The objects whose keys begin with that, in pages. */
  list(
    prefix: string,
    signal: AbortSignal,
    /** A key; what comes before it, and itself, is left out. */
    after?: string,
  ): AsyncIterable<readonly StoredFile[]>;
  /** The names of the folders directly below a prefix. */
  folders(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Deletes up to 1,000 objects. One that is gone already is no error.
   *
   * @returns whether it is over. Not if the request was sent more than once: one that was given up on the way may be
   * carried out later.
   */
  remove(keys: readonly string[], signal: AbortSignal): Promise<boolean>;
}

export interface StoredFile {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  /** In milliseconds since 1970. */
  readonly modified: number;
}

/** What every step of a clean-up works with. */
export interface Context {
  readonly ports: PrunePorts;
  /** Who cleans up, for the ledger. */
  readonly by: string;
  readonly clock: Clock;
  readonly invocation: Invocation;
}

/** As many as S3 deletes with one request. */
export const BATCH = 1_000;

/** What was deleted, or would be. */
export interface Tally {
  /** Of releases. */
  files: number;
  poolFiles: number;
  /** Of both. */
  bytes: number;
}

/** Something is odd, and until somebody has looked at it nothing is deleted any more. */
export class PruneRefused extends Error {
  readonly #why: string;
  readonly #visitors: string;

  /** @param visitors what they get meanwhile, a whole sentence */
  constructor(
    why: string,
    visitors: string,
    { deleted, ...options }: { readonly cause?: unknown; readonly deleted?: Readonly<Tally> } = {},
  ) {
    const before = deleted && ` Before that it deleted ${told(deleted)}, which nobody needs.`;
    super(
      `The clean-up stopped and deletes nothing${before ? ' more' : ''}: ${why} ${visitors}${before ?? ''}`,
      options,
    );
    this.name = 'PruneRefused';
    this.#why = why;
    this.#visitors = visitors;
  }

  /** The same, of a clean-up that had deleted something by then. */
  after(deleted: Readonly<Tally>): PruneRefused {
    return new PruneRefused(this.#why, this.#visitors, { cause: this.cause, deleted });
  }
}

const told = ({ files, poolFiles, bytes }: Readonly<Tally>): string =>
  `${count(files, 'file')} of releases and ${count(poolFiles, 'file')} of the pool, ${size(bytes)}`;

/** Time for what is left to do once a clean-up stops in the middle. */
const LAST_MS = 5_000;

/** Whether a clean-up has to stop where it is. The next one goes on from there. */
export const isOutOfTime = ({ clock, invocation }: Context): boolean =>
  invocation.signal.aborted || clock.now() >= invocation.endAt - LAST_MS;
