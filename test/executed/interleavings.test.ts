import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { exploreAll } from '../support/exploration/exhaustive.ts';
import { exploreFaults } from '../support/exploration/faults.ts';
import { play, quietTurns, turns } from '../support/exploration/random.ts';
import { EVERYBODY, PLOTS, type PlotName } from '../support/exploration/scenes.ts';
import { aStage } from '../support/exploration/stage.ts';
import { counts } from '../support/exploration/world.ts';

const stage = aStage();

/** How much is explored: more for a longer look. The defaults take less than a minute. */
const { EXPLORE_SCHEDULES } = process.env;
const SCHEDULES = Number(EXPLORE_SCHEDULES ?? 240);
const SCHEDULES_OF_LARGE = EXPLORE_SCHEDULES === undefined ? 15 : SCHEDULES;
const RUNS = Number(process.env.EXPLORE_RUNS ?? 12);
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

/**
 * They have more interleavings than a test run has time for, as have all of more than two: they are for the random part,
 * and here for a longer look.
 */
const LARGE: readonly PlotName[] = [
  'a promotion that is taken back and a clean-up',
  'two promotions',
  'two promotions of the same release',
  'two promotions of the same release, of which one fails',
  'a promotion and one that is taken back',
  'a promotion and a rollback',
  'a rollback and a promotion that is taken back',
  'two clean-ups',
  'two promotions, one after the other, and one that is taken back',
  'a rollback to an outdated release, then a promotion that is taken back, and a clean-up',
  'an upload that finds a file in the pool, and a clean-up whose request is sent twice',
];

describe('whatever the order of their calls, nothing breaks in', () => {
  test.each(names)('%s', async (name) => {
    const scene = await stage().scene(name);
    const isLarge = scene.actors.length > 2 || LARGE.includes(name);
    const schedules = isLarge ? SCHEDULES_OF_LARGE : SCHEDULES;
    const found = await exploreAll(scene, { schedules });
    const all = found.cut ? 'the first of all' : 'all';
    told.push(
      `${name}: ${all} interleavings, ${found.schedules} schedules, ${found.states} states`,
    );
    expect(found.violation).toBeUndefined();
    if (!isLarge && EXPLORE_SCHEDULES === undefined) expect(found.cut).toBe(false);
  });
});

describe('whatever fault it meets, and wherever, nothing breaks after', () => {
  /** With whom: a clean-up, which deletes whatever seems to be nobody's. */
  const everybody = EVERYBODY({}).map(({ name }, place) => [name, place] as const);
  const CLEAN_UP = everybody.findIndex(([name]) => name === 'clean-up');

  /** They do call by call what another does, who finds a file in the pool and promotes as well. */
  const TWINS = [
    'same again',
    'other promotion',
    'reusing upload',
    'delivered',
    'delivered again',
    'another clean-up',
  ];

  test.each(everybody.filter(([name]) => !TWINS.includes(name)))('%s', async (_, place) => {
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
