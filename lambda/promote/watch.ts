import { RELEASE_PROBE_PATH } from '../../lib/release/contract.ts';
import type { Clock } from '../shared/clock.ts';
import { describeError } from '../shared/failure.ts';

/** The site at its public address, as visitors reach it. */
export interface Site {
  /** Rejects if nothing answers in time. A redirect is an answer, and not followed. */
  get(
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }>;
}

export interface WatchTime {
  readonly clock: Clock;
  /** When to stop looking, in milliseconds since 1970. */
  readonly until: number;
  readonly signal: AbortSignal;
}

export type Sight =
  | { readonly kind: 'up' }
  /** Not yet, or not any more: what the site answered instead, as a sentence. */
  | { readonly kind: 'down'; readonly problem: string }
  /** Somebody made another release live meanwhile. */
  | { readonly kind: 'overtaken'; readonly liveId: string | undefined };

const PROBE = `/${RELEASE_PROBE_PATH}`;

/** An edge knows a new pointer after a few seconds, so the first looks follow each other closely. */
const LOOK_EVERY_MS = [500, 1_000, 2_000];
const LONGEST_WAIT_MS = 4_000;

/**
 * Looks at the site until it serves release `id`, in the eyes of the edge nearest to this function: its
 * probe names the release, and the health path answers 200.
 */
export async function watch(
  id: string,
  healthPath: string,
  site: Site,
  /** The release that the pointer names; rejects if it cannot be read. */
  pointedAt: (signal: AbortSignal) => Promise<string | undefined>,
  { clock, until, signal }: WatchTime,
): Promise<Sight> {
  for (let turn = 0; ; turn += 1) {
    const problem = await problemOf(id, healthPath, site, signal);
    if (problem === undefined) return { kind: 'up' };
    try {
      const liveId = await pointedAt(signal);
      if (liveId !== id) return { kind: 'overtaken', liveId };
    } catch {
      // The store's trouble is not the release's: the pointer is looked at again before it is moved.
    }
    const left = until - clock.now();
    if (left <= 0) return { kind: 'down', problem };
    const wait = Math.min(left, LOOK_EVERY_MS[turn] ?? LONGEST_WAIT_MS);
    try {
      await clock.sleep(wait, signal);
    } catch {
      return { kind: 'down', problem };
    }
  }
}

/** In this order: what answers the health path after the probe is the release that the probe named. */
async function problemOf(
  id: string,
  healthPath: string,
  site: Site,
  signal: AbortSignal,
): Promise<string | undefined> {
  const asked = async (path: string) => {
    try {
      return await site.get(path, signal);
    } catch (error) {
      return `${path} did not answer (${describeError(error)}).`;
    }
  };
  const probe = await asked(PROBE);
  if (typeof probe === 'string') return probe;
  if (probe.status !== 200) return `${PROBE} answered ${probe.status}.`;
  const named = probe.text.trim();
  if (named !== id) return `${PROBE} answered "${named.slice(0, 60)}".`;
  const health = await asked(healthPath);
  if (typeof health === 'string') return health;
  return health.status === 200 ? undefined : `${healthPath} answered ${health.status}.`;
}
