import { ledgerIn, recordsIn } from '../../lambda/shared/content-bucket.ts';
import { changeEntry, Retired, withPin } from '../../lambda/shared/ledger.ts';
import { manifestOf } from '../../lambda/shared/manifest.ts';
import { type LedgerEntry, manifestKey } from '../../lib/release/contract.ts';
import { type Pointers, type Release, releaseOf } from './catalogue.ts';
import { Refused } from './errors.ts';
import { type Answer, type Operator, timeOf } from './operator.ts';
import { when, who } from './texts.ts';

/** Keeps a release whatever its age. */
export async function pin(id: string, pointers: Pointers, operator: Operator): Promise<Answer> {
  const release = await releaseOf(id, pointers, operator);
  const { record, manifest } = release;
  if (record && 'end' in record) throw ended(id, record.end.state, record.end.at);
  if (record && 'upload' in record) {
    throw new Refused(`Release ${id} is being uploaded; pin it once it is complete.`);
  }
  if (manifest === undefined) throw beyondRepair(release, 'pinning it would keep nothing');
  const { by } = operator.connection;
  const at = new Date(operator.clock.now()).toISOString();
  let before: LedgerEntry['pinned'];
  await change(id, operator, at, (entry) => {
    before = entry.pinned;
    return withPin(entry, { by, at });
  }).catch((error: unknown) => {
    if (error instanceof Retired) throw ended(id, error.state.state, error.state.at);
    throw error;
  });
  const pinned = before ?? { by, at };
  return {
    text: before
      ? `Release ${id} was pinned already, at ${when(before.at)} by ${who(before.by)}.`
      : `Release ${id} is pinned: no clean-up deletes it until "npm run releases -- unpin ${id}".`,
    json: { id, pinned, changed: before === undefined },
  };
}

/** Keeps a release no longer than others. A page of the ledger that is lost or damaged is written anew. */
export async function unpin(id: string, pointers: Pointers, operator: Operator): Promise<Answer> {
  const release = await releaseOf(id, pointers, operator);
  const { entry: known, manifest, record } = release;
  if (known === undefined && manifest === undefined) {
    if (record && 'upload' in record) {
      throw new Refused(`Release ${id} is being uploaded, and not pinned.`);
    }
    throw beyondRepair(release, 'its page in the ledger, lost or damaged, cannot be written anew');
  }
  const at = new Date(operator.clock.now()).toISOString();
  let before: LedgerEntry['pinned'];
  await change(id, operator, at, (entry) => {
    before = entry.pinned;
    if (before === undefined) return undefined;
    const { pinned: _, ...rest } = entry;
    return rest;
  });
  const was = before ? `Release ${id} is no longer pinned` : `Release ${id} was not pinned`;
  const anew = known === undefined ? ' Its page in the ledger was written anew.' : '';
  return {
    text: `${was}: clean-ups keep it as long as any other.${anew}`,
    json: { id, pinned: null, changed: before !== undefined },
  };
}

async function change(
  id: string,
  operator: Operator,
  at: string,
  how: (entry: LedgerEntry) => LedgerEntry | undefined,
): Promise<void> {
  const { s3, bucket, by } = operator.connection;
  const manifest = () => manifestOf(id, recordsIn(s3, bucket), operator.signal);
  await changeEntry(id, how, { by, at, manifest }, ledgerIn(s3, bucket), timeOf(operator));
}

/** Of a release without a manifest: what is lost, what follows from that, and what to do. */
function beyondRepair({ id, record, problems }: Release, consequence: string): Refused {
  if (record && 'end' in record) {
    return new Refused(
      `Release ${id} was ${record.end.state} at ${when(record.end.at)}: ${consequence}. Nobody needs it: no pin keeps what has ended.`,
    );
  }
  return new Refused(
    `Release ${id}: ${problems.join(', ')}. Nobody knows which files it consists of: ${consequence}. Put ${manifestKey(id)} back if you have it; otherwise push its commit again to make a new release of it.`,
  );
}

const ended = (id: string, state: string, at: string): Refused =>
  new Refused(
    `Release ${id} was ${state} at ${when(at)}: its files are being deleted, and pinning it would keep nothing.`,
  );
