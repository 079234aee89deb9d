import type { FlipOptions, Frozen } from '../../lambda/shared/pointer.ts';
import type { Freeze } from '../../lib/release/contract.ts';
import { listingOf, type Pointers, pointersOf, releaseOf, uploadedAt } from './catalogue.ts';
import { Refused } from './errors.ts';
import { notify } from './notify.ts';
import type { Answer, Operator } from './operator.ts';
import { type Published, publish } from './publish.ts';
import { count, frozenSince, when } from './texts.ts';

/** Makes a release live. */
export async function promote(
  id: string,
  evenFrozen: boolean,
  pointers: Pointers,
  operator: Operator,
): Promise<Answer> {
  const { frozen, live } = pointers;
  // Told before anything is asked. Whether it is so in the end, the write itself decides.
  if (frozen && !evenFrozen && live?.id !== id) throw notWhileFrozen(id, frozen, live?.id);
  await agreeTo(id, `Make release ${id} live?`, pointers, operator);
  const published = unfrozen(id, await publish(id, { evenFrozen }, operator));
  await notifyOfPromotion(published, operator);
  return publishedAnswer(published, operator);
}

/**
 * Goes back to a release, whether publishing is frozen or not. With a reason, publishing is frozen in the same
 * write: no push that is on its way comes in between.
 */
export async function rollback(
  id: string,
  reason: string | undefined,
  pointers: Pointers,
  operator: Operator,
): Promise<Answer> {
  const { connection, clock } = operator;
  const question = `Go back to release ${id}${reason === undefined ? '' : ' and freeze publishing'}?`;
  await agreeTo(id, question, pointers, operator);
  const options: FlipOptions = {
    evenFrozen: true,
    ...(reason !== undefined && {
      freeze: { by: connection.by, reason, at: new Date(clock.now()).toISOString() },
    }),
  };
  const published = unfrozen(id, await publish(id, options, operator));
  if (published.changed) {
    const previousId = published.previous;
    await notify({ kind: 'rolled back', releaseId: id, previousId, freeze: reason }, operator);
  } else if (reason !== undefined) {
    await notify({ kind: 'frozen', reason }, operator);
  }
  return publishedAnswer(published, operator);
}

/** Not of a release that was live already: for visitors nothing has changed. */
export async function notifyOfPromotion(published: Published, operator: Operator): Promise<void> {
  const { changed, id: releaseId, previous: previousId } = published;
  if (changed) await notify({ kind: 'promoted', releaseId, previousId }, operator);
}

/**
 * For a rollback that names no release. The one before the live one is the newer one if somebody went back
 * from it: going there would bring back what they wanted to be rid of.
 *
 * @throws Refused if it is newer, naming those that are older
 */
export async function refuseToGoForward(pointers: Pointers, operator: Operator): Promise<void> {
  const [live, previous] = [pointers.live?.id, pointers.previous?.id];
  if (live === undefined || previous === undefined || previous <= live) return;
  const older: string[] = [];
  for (const id of (await listingOf(operator)).ids) {
    if (older.length >= CANDIDATES) break;
    if (id >= live) continue;
    const { manifest, state } = await releaseOf(id, pointers, operator);
    if (manifest !== undefined && state !== 'failed') older.push(id);
  }
  const [next] = older;
  throw new Refused(
    [
      `Release ${live} is live, and the one before it, ${previous}, is newer: somebody went back from it. Without an ID, rollback never goes forward. Nothing was changed.`,
      next === undefined
        ? 'No older release is kept.'
        : `Older ones that are kept: ${older.join(', ')}. To go back further: npm run releases -- rollback ${next}`,
      `To go forward again: npm run releases -- promote ${previous}`,
    ].join('\n'),
  );
}

/** How many older releases are named. */
const CANDIDATES = 3;

/** Unless visitors have it already, and nothing changes for them. */
export async function agreeTo(
  id: string,
  question: string,
  pointers: Pointers,
  operator: Operator,
  otherwise?: string,
): Promise<void> {
  const { siteUrl } = operator.connection;
  const live = pointers.live?.id;
  if (live === id) {
    operator.say(`Release ${id} is live already; what belongs to it is brought up to date.`);
    return;
  }
  // What follows is for the question: a manifest may have ten megabytes.
  if (!operator.asks) return;
  const { manifest, record } = await releaseOf(id, pointers, operator);
  const facts = [
    `uploaded ${when(uploadedAt(id) ?? 'at an unknown time')}`,
    ...(manifest ? [`revision ${manifest.revision.slice(0, 12)}`] : []),
    ...(manifest ? [count(manifest.files.length, 'file')] : []),
    // The promotion refuses it, and says why.
    ...(record && 'end' in record ? [record.end.state] : []),
  ].join(', ');
  const now = live === undefined ? 'shows no release' : `shows release ${live}`;
  const newer = live !== undefined && live < id ? ', newer than that' : '';
  await operator.agree(
    `${siteUrl} ${now}. ${question.replace(/\?$/, '')} (${facts}${newer})?`,
    otherwise,
  );
}

export function unfrozen(id: string, published: Published | Frozen): Published {
  if (published.kind === 'published') return published;
  throw notWhileFrozen(id, published.freeze, published.liveId);
}

function notWhileFrozen(id: string, frozen: Freeze, live: string | undefined): Refused {
  return new Refused(
    [
      `${frozenSince(frozen)} Release ${id} was not made live: visitors get ${live === undefined ? 'no release' : `release ${live}`}.`,
      'Ask that person. "npm run releases -- unfreeze" ends it; --even-frozen makes this one release live and leaves publishing frozen.',
    ].join('\n'),
  );
}

export async function publishedAnswer(published: Published, operator: Operator): Promise<Answer> {
  const { kind: _, id, changed, previous, movedAt, firstPage, summaries } = published;
  // Whoever goes back wants to know whether the next push undoes it.
  const { frozen } = await pointersOf(operator);
  return {
    text: [
      ...summaries,
      frozen
        ? `${frozenSince(frozen)} "npm run releases -- unfreeze" ends that.`
        : 'Publishing is not frozen: the next push goes live.',
    ].join('\n'),
    json: {
      id,
      changed,
      previous: previous ?? null,
      movedAt: movedAt ?? null,
      firstPage: firstPage ?? null,
      frozen: frozen ?? null,
    },
  };
}
