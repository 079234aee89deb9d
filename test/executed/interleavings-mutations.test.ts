import { afterAll, describe, expect, test } from 'vitest';
import { exploreAll } from '../support/exploration/exhaustive.ts';
import { MUTANTS, mutated } from '../support/exploration/mutants.ts';
import { follow } from '../support/exploration/random.ts';
import { aStage } from '../support/exploration/stage.ts';
import { counts } from '../support/exploration/world.ts';

const stage = aStage();

afterAll(() => {
  const { worlds, steps } = counts;
  console.info(`${MUTANTS.length} safeguards removed: ${worlds} schedules, ${steps} steps.`);
});

describe('the exploration notices functions without', () => {
  test.each(MUTANTS.map((mutant) => [mutant.without, mutant] as const))('%s', async (_, mutant) => {
    const scene = await stage().scene(mutant.plot, { cores: await mutated(mutant) });
    const found = mutant.course
      ? await follow(scene, mutant.course)
      : (await exploreAll(scene)).violation;
    expect(found?.split(': ')[0]).toBe(mutant.shows);
  });
});

test.each(
  MUTANTS.filter(({ course }) => course).map((mutant) => [mutant.without, mutant] as const),
)('with it, nothing breaks on the same way: %s', async (_, { plot, course = [] }) => {
  expect(await follow(await stage().scene(plot), course)).toBeUndefined();
});
