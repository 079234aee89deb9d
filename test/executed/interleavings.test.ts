import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { exploreAll } from '../support/exploration/exhaustive.ts';
import { exploreFaults } from '../support/exploration/faults.ts';
import { play, quietTurns, turns } from '../support/exploration/random.ts';
import { EVERYBODY, PLOTS, type PlotName } from '../support/exploration/scenes.ts';
import { aStage } from '../support/exploration/stage.ts';
import { counts } from '../support/exploration/world.ts';

const stage = aStage();

/** How much is explored: more for a longer look. The defaults take a minute. */
const SCHEDULES = Number(process.env.EXPLORE_SCHEDULES ?? 240);
const RUNS = Number(process.env.EXPLORE_RUNS ?? 60);
/** To see a failure again: the seed that its message names. */
const SEED =
  process.env.EXPLORE_SEED === undefined ? {} : { seed: Number(process.env.EXPLORE_SEED) };

const told: string[] = [];
afterAll(() => {
  const { worlds, steps, checks, ends } = counts;
  console.info(
    [
      ...told,
      `${worlds} schedules, ${steps} steps, invariants checked in ${checks} states, cleaned up after ${ends} ends.`,
    ].join('\n'),
  );
});

const names = Object.keys(PLOTS) as PlotName[];

describe('whatever the order of their calls, nothing breaks in', () => {
  test.each(names)('%s', async (name) => {
    const scene = await stage().scene(name);
    // Of more than two there are too many: they are for the random part, and here for a longer look.
    const schedules = scene.actors.length > 2 ? SCHEDULES / 6 : SCHEDULES;
    const found = await exploreAll(scene, { schedules });
    const all = found.cut ? 'the first of all' : 'all';
    told.push(
      `${name}: ${all} interleavings, ${found.schedules} schedules, ${found.states} states`,
    );
    expect(found.violation).toBeUndefined();
  });
});

describe('whatever fault it meets, and wherever, nothing breaks after', () => {
  /** With whom: a clean-up, which deletes whatever seems to be nobody's. */
  const everybody = EVERYBODY({}).map(({ name }, place) => [name, place] as const);
  const CLEAN_UP = everybody.findIndex(([name]) => name === 'clean-up');

  test.each(everybody)('%s', async (_, place) => {
    const others = place === CLEAN_UP ? [] : [CLEAN_UP];
    const found = await exploreFaults(await stage().cast([place, ...others]));
    expect(found.violation).toBeUndefined();
  });
});

/** Told with the schedule, and with what it takes to see it again. */
const holds = (property: fc.IAsyncProperty<unknown>) =>
  fc.assert(property, {
    ...SEED,
    numRuns: RUNS,
    interruptAfterTimeLimit: 240_000,
    markInterruptAsFailure: true,
  });

const everywhere = fc
  .shuffledSubarray([...EVERYBODY({}).keys()], { minLength: 3, maxLength: 5 })
  .map((places) => [...places]);

async function expectWhole(run: Promise<string | undefined>): Promise<void> {
  const broken = await run;
  if (broken !== undefined) throw new Error(broken);
}

describe('whoever meets, nothing breaks', () => {
  test('while all goes well', async () => {
    await holds(
      fc.asyncProperty(everywhere, quietTurns, async (places, schedule) =>
        expectWhole(play(await stage().cast(places), schedule)),
      ),
    );
  }, 300_000);

  test('with crashes, redeliveries, lost requests and answers, late ones, and time that passes', async () => {
    await holds(
      fc.asyncProperty(everywhere, turns, async (places, schedule) =>
        expectWhole(play(await stage().cast(places, { redeliveries: 1 }), schedule)),
      ),
    );
  }, 300_000);
});
