import { type RetentionLimits, releaseTime } from '../../lib/release/contract.ts';

/**
 * What keeps a release. `newer`: than the live one. `base`: a release that is kept is made of its files. `unknown`: its
 * page in the ledger is missing or damaged, so it may be pinned.
 */
export type KeepReason =
  | 'live'
  | 'previous'
  | 'newer'
  | 'newest'
  | 'young'
  | 'base'
  | 'pinned'
  | 'unknown';

/** What is known of a release besides its id. */
export interface Candidate {
  readonly id: string;
  /** How many releases are newer than it. */
  readonly rank: number;
  /** Whether a release that is kept has it as its base. */
  readonly isBase: boolean;
  /** `undefined` if nobody knows. */
  readonly pinned: boolean | undefined;
}

export interface Pointers {
  readonly live: string;
  readonly previous: string | undefined;
}

const DAY_MS = 24 * 60 * 60_000;

/** Everything that keeps the release; nothing if it may go. */
export function reasonsToKeep(
  { id, rank, isBase, pinned }: Candidate,
  { live, previous }: Pointers,
  { newest, days }: RetentionLimits,
  /** In milliseconds since 1970. */
  now: number,
): KeepReason[] {
  const uploaded = releaseTime(id).getTime();
  const reasons: [KeepReason, boolean][] = [
    ['live', id === live],
    ['previous', id === previous],
    // Those of the same second too: which of them was first, their ids do not say.
    // So written that an id without a possible time, which nobody but a person makes, is new and young.
    ['newer', id !== live && !(uploaded < releaseTime(live).getTime())],
    ['newest', rank < newest],
    ['young', !(now - uploaded >= days * DAY_MS)],
    ['base', isBase],
    ['pinned', pinned === true],
  ];
  const found = reasons.flatMap(([reason, holds]) => (holds ? [reason] : []));
  return found.length === 0 && pinned === undefined ? ['unknown'] : found;
}

/** Whether a file of the pool that no kept release has is old enough to go. */
export const isOldFile = (modified: number, { days }: RetentionLimits, now: number): boolean =>
  now - modified >= days * DAY_MS;
