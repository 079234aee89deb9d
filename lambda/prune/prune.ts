import type { Clock } from '../shared/clock.ts';
import type { Invocation } from '../shared/run-job.ts';
import { clear, countFiles } from './clear.ts';
import { type Context, type PrunePorts, PruneRefused, type Tally } from './context.ts';
import { Guard } from './guard.ts';
import { begunSince, look, type Seen } from './look.ts';
import type { KeepReason } from './retention.ts';
import { retire } from './retire.ts';
import { clearRules } from './rules.ts';
import { countPool, sweepPool } from './sweep.ts';

export { type PrunePorts, PruneRefused };

export interface PruneOptions {
  /** Who cleans up, for the ledger. */
  readonly by: string;
  /** Says what would be done, and does nothing. */
  readonly dryRun: boolean;
}

export interface PruneReport {
  /** Newest first, each with what keeps it. */
  readonly kept: readonly { readonly id: string; readonly reasons: readonly KeepReason[] }[];
  /** Releases that cannot go live any more from now on. Oldest first. */
  readonly retired: readonly string[];
  /** Uploads that never became complete. */
  readonly abandoned: readonly string[];
  /** How many files of releases were deleted, what earlier clean-ups had left included. */
  readonly files: number;
  readonly poolFiles: number;
  /** Of all that was deleted. */
  readonly bytes: number;
  /** Not if time ran out: the next clean-up goes on from there. */
  readonly complete: boolean;
  /** Why something was not deleted this time; another time it will be. */
  readonly postponed?: string;
  /** What somebody should know of. */
  readonly notes: readonly string[];
}

/** How long to wait for an upload that is under way, and how often to look. */
const PATIENCE_MS = 2 * 60_000;
const LOOK_EVERY_MS = 10_000;
const OUTRUN =
  'Each time that it looked, somebody else was writing the records of the same releases.';
/** So long after a flip its lines in the ledger may take. */
const LEDGER_MS = 30_000;

/**
 * Deletes the releases that the retention does not keep, what dead uploads have left behind, and files of
 * the pool that no kept release has. What it does not finish, the next one finishes.
 *
 * Safe beside promotions, uploads and other clean-ups, in any order: docs/decisions/0009.
 *
 * @throws PruneRefused if the pointer, the live release or the ledger is not as it should be; any
 * other error of the services. What was deleted by then, nobody needed.
 */
export async function prune(
  ports: PrunePorts,
  { by, dryRun }: PruneOptions,
  clock: Clock,
  invocation: Invocation,
): Promise<PruneReport> {
  const context: Context = { ports, by, clock, invocation };
  const ended = { retired: [] as string[], abandoned: [] as string[] };
  const tally: Tally = { files: 0, poolFiles: 0, bytes: 0 };
  try {
    return await run(dryRun, ended, tally, context);
  } catch (error) {
    const deleted = tally.files + tally.poolFiles;
    const { retired, abandoned } = ended;
    if (deleted + retired.length + abandoned.length === 0) throw error;
    // Without the request that failed, of which nobody knows.
    invocation.log('warn', 'stopped in the middle', {
      ...tally,
      retired: retired.join(' '),
      abandoned: abandoned.join(' '),
    });
    throw error instanceof PruneRefused && deleted > 0 ? error.after(tally) : error;
  }
}

interface Ended {
  readonly retired: string[];
  readonly abandoned: string[];
}

/** The releases that it ends and what it deletes are noted as it goes, for whoever asks when it stops. */
async function run(
  dryRun: boolean,
  ended: Ended,
  tally: Tally,
  context: Context,
): Promise<PruneReport> {
  const { clock, invocation } = context;
  const began = clock.now();
  /** Since when each look was odd. */
  let oddSince: number | undefined;
  for (;;) {
    const seen = await look(context);
    const waited = clock.now() - began;
    oddSince = seen.kind === 'odd' ? (oddSince ?? clock.now()) : undefined;
    if (seen.kind === 'odd' && clock.now() - (oddSince ?? 0) >= LEDGER_MS) throw seen.refusal;
    if (seen.kind === 'busy' && (dryRun || waited >= PATIENCE_MS))
      return postponed(seen.why, ended);
    if (seen.kind === 'seen') {
      if (dryRun) return foresee(seen, context);
      if (await retire(seen, ended, context)) return await act(seen, ended, tally, context);
      // Somebody was faster somewhere: what was decided may not be right any more.
    }
    if (clock.now() + LOOK_EVERY_MS >= invocation.endAt) {
      if (seen.kind === 'odd') throw seen.refusal;
      return postponed(seen.kind === 'busy' ? seen.why : OUTRUN, ended);
    }
    invocation.log('info', 'looking again', { ...(seen.kind === 'busy' && { why: seen.why }) });
    await clock.sleep(LOOK_EVERY_MS, invocation.signal);
  }
}

async function act(seen: Seen, ended: Ended, tally: Tally, context: Context): Promise<PruneReport> {
  const guard = new Guard(seen, new Set([...seen.ended, ...ended.retired]), context);
  const over = [...new Set([...seen.ended, ...ended.retired, ...ended.abandoned])]
    .filter((id) => seen.folders.has(id))
    .sort();
  const { kept, notes } = seen;
  const { ports } = context;
  // An upload that began before they were ended may build on one of them, if that one was live for a moment.
  const begun = over.length > 0 ? await begunSince(seen, context) : undefined;
  if (begun !== undefined) {
    const why = `Release ${begun} was begun meanwhile, and may be made of what would be deleted.`;
    return { kept, ...ended, ...tally, complete: false, postponed: why, notes };
  }
  const cleared = await clear(over, guard, tally, context);
  const swept = cleared ? await sweepPool(seen, guard, tally, context) : { complete: false };
  const settled = !ports.redirects || (await clearRules(seen.rules, context));
  const complete = cleared && swept.complete && settled;
  context.invocation.log('info', 'pruned', { ...tally, complete, retired: ended.retired.length });
  return { kept, ...ended, ...tally, ...swept, complete, notes };
}

async function foresee(seen: Seen, context: Context): Promise<PruneReport> {
  const retired = seen.outdated.map(({ id }) => id);
  const abandoned = seen.dead.map(({ id }) => id);
  const over = [...seen.ended, ...retired, ...abandoned].filter((id) => seen.folders.has(id));
  const tally: Tally = { files: 0, poolFiles: 0, bytes: 0 };
  await countFiles(over, seen.keys, tally, context);
  await countPool(seen.keys, tally, context);
  return { kept: seen.kept, retired, abandoned, ...tally, complete: true, notes: seen.notes };
}

const postponed = (why: string, ended: Ended): PruneReport => ({
  kept: [],
  ...ended,
  files: 0,
  poolFiles: 0,
  bytes: 0,
  complete: false,
  postponed: why,
  notes: [],
});
