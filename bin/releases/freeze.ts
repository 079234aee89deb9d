import { freeze as freezeStore, unfreeze as unfreezeStore } from '../../lambda/shared/freeze.ts';
import type { Freeze } from '../../lib/release/contract.ts';
import { listingOf, type Pointers, pointersOf, type Release, releaseOf } from './catalogue.ts';
import { notify } from './notify.ts';
import { type Answer, type Operator, timeOf } from './operator.ts';
import { agreeTo, notifyOfPromotion, publishedAnswer, unfrozen } from './promote.ts';
import { publish } from './publish.ts';
import { frozenSince } from './texts.ts';

/** Lets no release go live until somebody unfreezes. */
export async function freeze(reason: string, operator: Operator): Promise<Answer> {
  const { connection, clock } = operator;
  const at = new Date(clock.now()).toISOString();
  const frozen: Freeze = { by: connection.by, reason, at };
  const before = await freezeStore(frozen, connection.pointer, timeOf(operator));
  await notify({ kind: 'frozen', reason }, operator);
  return {
    text: [
      ...(before ? [`It was frozen before: ${frozenSince(before)}`] : []),
      frozenSince(frozen),
      'Pushes are built and kept, and none goes live, until "npm run releases -- unfreeze".',
    ].join('\n'),
    json: { frozen, before: before ?? null },
  };
}

/** Lets releases go live again; with `promote`, the newest that was kept meanwhile at once. */
export async function unfreeze(
  promote: boolean,
  pointers: Pointers,
  operator: Operator,
): Promise<Answer> {
  const { connection } = operator;
  const agreed = promote ? (await newestKept(pointers, operator)).kept : undefined;
  if (agreed !== undefined) {
    await agreeTo(agreed, `Unfreeze, and make release ${agreed} live?`, pointers, operator);
  }
  const ended = await unfreezeStore(connection.pointer, timeOf(operator));
  if (ended) await notify({ kind: 'unfrozen' }, operator);
  const said = ended
    ? `Publishing is no longer frozen. ${frozenSince(ended).replace(' is ', ' was ')}`
    : 'Publishing was not frozen.';
  if (!promote) {
    return {
      text: `${said}\nThe next push goes live. What was kept meanwhile does not by itself: --promote, or "npm run releases -- promote ID".`,
      json: { ended: ended ?? null, promoted: null },
    };
  }
  operator.say(said);
  // Anew: whatever was uploaded until now was kept, and whatever comes from now on goes live by itself.
  const now = await pointersOf(operator);
  const { kept, been } = await newestKept(now, operator);
  if (kept === undefined) {
    const again =
      been === undefined
        ? ''
        : `\nRelease ${been} is newer, and is left alone: it was live before. "npm run releases -- promote ${been}" brings it back.`;
    return {
      text: `No release was kept that is newer than the live one${now.live ? `, ${now.live.id}` : ''}.${again}`,
      json: { ended: ended ?? null, promoted: null },
    };
  }
  if (kept !== agreed) {
    const question = `It is no longer frozen; make release ${kept} live, which was kept meanwhile?`;
    const otherwise = 'Publishing is no longer frozen; no release was made live.';
    await agreeTo(kept, question, now, operator, otherwise);
  }
  // What was pushed since goes live by itself, and maybe just now.
  const published = unfrozen(kept, await publish(kept, { mayGoBack: async () => false }, operator));
  await notifyOfPromotion(published, operator);
  const { text, json } = await publishedAnswer(published, operator);
  return { text, json: { ended: ended ?? null, promoted: json } };
}

/**
 * The newest complete release that has never been live. One that was taken back, or that somebody went back from, is
 * newer than the live one too, and nobody wants that one again.
 */
async function newestKept(
  pointers: Pointers,
  operator: Operator,
): Promise<{ readonly kept?: string; readonly been?: string }> {
  const live = pointers.live?.id ?? '';
  let been: string | undefined;
  for (const id of (await listingOf(operator)).ids) {
    if (id <= live) break;
    const release = await releaseOf(id, pointers, operator);
    if (release.manifest === undefined) continue;
    if (!hasBeenLive(release)) return { kept: id };
    been ??= id;
  }
  return been === undefined ? {} : { been };
}

/** As far as the ledger knows: a lost page keeps no release from going live. */
const hasBeenLive = ({ entry, state }: Release): boolean =>
  state === 'previous' || (entry?.states.some((line) => line.state !== 'uploaded') ?? false);
