import type { Request } from './arguments.ts';
import { listingOf, notEnded, pointersOf } from './catalogue.ts';
import { diff } from './diff.ts';
import { freeze, unfreeze } from './freeze.ts';
import { idsFor } from './ids.ts';
import { list } from './list.ts';
import type { Answer, Operator } from './operator.ts';
import { pin, unpin } from './pin.ts';
import { promote, refuseToGoForward, rollback } from './promote.ts';
import { prune } from './prune.ts';
import { show } from './show.ts';

/** Does what was asked for. */
export async function run(request: Request, operator: Operator): Promise<Answer> {
  if (request.command === 'list') return list(request.all, operator);
  if (request.command === 'freeze') return freeze(request.reason, operator);
  if (request.command === 'prune') return prune(request.dryRun, operator);

  const pointers = await pointersOf(operator);
  const listing = once(() => listingOf(operator));
  const look = <P extends string>(words: Record<P, string>) =>
    idsFor(words, {
      live: pointers.live?.id,
      previous: pointers.previous?.id,
      ids: async () => (await listing()).ids,
      notEnded: async (ids) => notEnded(ids, await listing(), operator),
    });
  switch (request.command) {
    case 'show':
      return show((await look({ ID: request.id })).ID, pointers, operator);
    case 'diff': {
      const { A, B } = await look({ A: request.from, B: request.to });
      return diff(A, B, pointers, operator);
    }
    case 'promote': {
      const { ID } = await look({ ID: request.id });
      return promote(ID, request.evenFrozen, pointers, operator);
    }
    case 'rollback': {
      if (request.id === undefined) await refuseToGoForward(pointers, operator);
      const { ID } = await look({ ID: request.id ?? 'previous' });
      return rollback(ID, request.freeze, pointers, operator);
    }
    case 'approve':
    case 'reject': {
      // Only now: no other command needs CodePipeline's client.
      const { approve, reject } = await import('./approval.ts');
      return request.command === 'approve'
        ? approve(request.comment, pointers, operator)
        : reject(request.reason, pointers, operator);
    }
    case 'unfreeze':
      return unfreeze(request.promote, pointers, operator);
    case 'pin':
      return pin((await look({ ID: request.id })).ID, pointers, operator);
    case 'unpin':
      return unpin((await look({ ID: request.id })).ID, pointers, operator);
  }
}

/** Two words need one look. */
function once<T>(look: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => {
    found ??= look();
    return found;
  };
}
