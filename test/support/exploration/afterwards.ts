import { PruneRefused } from '../../../lambda/prune/prune.ts';
import { MANIFESTS_PREFIX, type Manifest, RELEASES_PREFIX } from '../../../lib/release/contract.ts';
import { prune, rollback } from './actors.ts';
import { idOf, recordIn } from './invariants.ts';
import { counts, type World } from './world.ts';

const DAY_MS = 24 * 60 * 60_000;

/** Everything that was ever checked here, so that no end is looked at twice. */
export type Seen = Set<string>;

/**
 * When everybody is through: a clean-up on the next day, and if that is refused, what its message tells the
 * operator to do and another. After it exactly the wanted keys are there, and no job is left without an end.
 */
export async function afterwards(world: World, seen: Seen): Promise<string | undefined> {
  const remains = world.remains();
  if (seen.has(remains)) return undefined;
  seen.add(remains);
  counts.ends += 1;
  await world.pass(DAY_MS);
  let problem: string | undefined;
  for (let tries = 1; tries <= 4; tries += 1) {
    const { end } = await world.alone(prune(`clean-up ${tries} on the next day`));
    if (world.violation) return undefined;
    if (end?.kind === 'returned') {
      const report = end.value as { complete: boolean; postponed?: string };
      if (report.complete) return leftovers(world);
      problem = `it was not complete: ${report.postponed}`;
      continue;
    }
    const error = end?.kind === 'threw' ? end.error : undefined;
    // The same name, but of the bundle in which a safeguard is missing.
    if (!(error instanceof PruneRefused) && (error as Error)?.name !== 'PruneRefused') throw error;
    problem = (error as Error).message;
    // What the message advises; where that is any other release, one of those that there are.
    const advised = /releases -- promote (\S+)"/.exec(problem)?.[1];
    const id = advised ?? (await anotherThanLive(world));
    if (id === undefined) return `nobody can clean up any more: ${problem}`;
    await world.alone(rollback(`operator ${tries}`, id, { evenFrozen: true }));
  }
  return `no clean-up comes to its end: ${problem}`;
}

async function anotherThanLive(world: World): Promise<string | undefined> {
  const { items } = world.state.contents;
  return [...(await manifestsIn(world)).keys()].find((id) => id !== idOf(items.live));
}

async function manifestsIn(world: World): Promise<Map<string, Manifest>> {
  const { objects } = world.state.contents;
  const manifests = new Map<string, Manifest>();
  for (const key of objects.keys()) {
    if (!key.startsWith(MANIFESTS_PREFIX)) continue;
    const record = await recordIn(world.account, world.state, key);
    if ('files' in record) manifests.set(record.id, record);
  }
  return manifests;
}

async function leftovers(world: World): Promise<string | undefined> {
  const { objects } = world.state.contents;
  const manifests = await manifestsIn(world);
  const wanted = new Set(
    [...manifests.values()].flatMap(({ files }) => files.map(({ key }) => key)),
  );
  const extra = [...objects.keys()].filter((key) => {
    if (wanted.has(key)) return false;
    if (key.startsWith('assets/')) return true;
    if (!key.startsWith(RELEASES_PREFIX)) return false;
    // Another delivery of the same job may have planned a file that the release did without in the end. It goes with it.
    return !manifests.has(key.split('/')[1] ?? '');
  });
  if (extra.length > 0) return `nobody needs ${extra.join(', ')}`;
  for (const key of objects.keys()) {
    if (!key.startsWith(MANIFESTS_PREFIX)) continue;
    const record = await recordIn(world.account, world.state, key);
    if ('upload' in record) return `the upload of ${record.id} never ends`;
  }
  return undefined;
}
