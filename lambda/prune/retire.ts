import type { ReleaseEnd } from '../../lib/release/contract.ts';
import { changeEntry } from '../shared/ledger.ts';
import type { Context } from './context.ts';
import type { Seen } from './look.ts';

/**
 * Ends what may go, one conditional write at a time: from then on no promotion makes it live, and no upload
 * completes it. The ledger comes first: it is where a person pins a release, so of the two one knows that
 * it came too late.
 *
 * @returns whether all of it was as it was seen. If not, it is to be looked at again.
 */
export async function retire(
  { outdated, dead }: Seen,
  ended: { readonly retired: string[]; readonly abandoned: string[] },
  context: Context,
): Promise<boolean> {
  for (const { id, version } of dead) {
    if (!(await end(id, 'abandoned', version, context))) return false;
    ended.abandoned.push(id);
  }
  for (const { id, version, isInLedger } of outdated) {
    if (isInLedger && !(await markRetired(id, context))) return false;
    if (!(await end(id, 'retired', version, context))) return false;
    ended.retired.push(id);
  }
  return true;
}

/** Whether the ledger says now that the release is retired: not if somebody has pinned it. */
async function markRetired(
  id: string,
  { ports, by, clock, invocation }: Context,
): Promise<boolean> {
  const at = new Date(clock.now()).toISOString();
  const { endAt, signal } = invocation;
  let pinned = false;
  await changeEntry(
    id,
    (entry) => {
      pinned = entry.pinned !== undefined;
      if (pinned || entry.states.at(-1)?.state === 'retired') return undefined;
      return { ...entry, states: [...entry.states, { state: 'retired', at, by }] };
    },
    // Not written anew if it went since: whether somebody had pinned it, nobody would know.
    { by, at, manifest: async () => undefined },
    ports.ledger,
    { clock, endAt, signal },
  );
  return !pinned;
}

async function end(
  id: string,
  state: ReleaseEnd['end']['state'],
  version: string | undefined,
  { ports, by, clock, invocation }: Context,
): Promise<boolean> {
  const at = new Date(clock.now()).toISOString();
  const record: ReleaseEnd = { version: 2, id, end: { state, at, by } };
  const text = JSON.stringify(record);
  const written = await ports.records.write(id, text, version, invocation.signal);
  invocation.log('info', state, { releaseId: id, done: written !== undefined });
  return written !== undefined;
}
