import { Account } from './account.ts';
import { type Actor, promote, type Site, upload } from './actors.ts';
import * as shipped from './cores.ts';
import { type Beginning, World } from './world.ts';

export interface SetupStep {
  readonly name: string;
  readonly site: Site;
  /** 0: the release becomes its own base. @default 1 */
  readonly rebaseShare?: number;
  /** @default true */
  readonly live?: boolean;
}

/** An account with some releases, made by the shipped functions one after the other, and their ids by name. */
export interface Setup {
  readonly begin: Beginning;
  readonly ids: Readonly<Record<string, string>>;
}

export async function setUp(
  folder: string,
  steps: readonly SetupStep[],
  more: (ids: Record<string, string>) => readonly Actor[] = () => [],
): Promise<Setup> {
  const empty = await Account.in(folder);
  const world = await World.of({ actors: [], begin: empty, cores: shipped });
  const ids: Record<string, string> = {};
  for (const [index, { name, site, rebaseShare = 1, live = true }] of steps.entries()) {
    const aheadMs = (index - steps.length) * 60_000;
    // Of equal length, as commits are: a pointer names no layer of another.
    const revision = name.padEnd(7, '0');
    const actor = upload(name, site, { rebaseShare, aheadMs, revision, job: `setup-${name}` });
    const { uploaded } = (await finished(world, actor)) as { uploaded: string };
    ids[name] = uploaded;
    if (live)
      await finished(world, promote(`${name} live`, uploaded, { aheadMs: aheadMs + 1_000 }));
  }
  for (const actor of more(ids)) await finished(world, actor);
  const begin = await Account.in(folder, world);
  await empty.account.remove();
  return { begin, ids };
}

async function finished(world: World, actor: Actor): Promise<unknown> {
  const { end } = await world.alone(actor);
  if (end?.kind !== 'returned' || world.violation) {
    throw new Error(`${actor.name}: ${JSON.stringify(world.violation)}\n${world.story()}`, {
      cause: end?.kind === 'threw' ? end.error : end,
    });
  }
  return end.value;
}
