import { describe, expect, test } from 'vitest';
import { chance, type Distribution, draw, seedOf, shuffled } from '../../proof/simulated/chance.ts';
import { DEFAULT_LOADS, DEFAULT_SEED, HELP, readOptions } from '../../proof/simulated/options.ts';
import { whole } from '../../proof/simulated/table.ts';
import { VirtualTime } from '../../proof/simulated/time.ts';

test('everything happens in the order of its time, and of its planning where that is the same', async () => {
  const time = new VirtualTime();
  const seen: string[] = [];
  const say = (word: string) => () => seen.push(`${time.now} ${word}`);
  for (const at of [30, 10, 20, 10, 0]) time.at(at, say(`planned for ${at}`));
  time.at(10, async () => {
    await Promise.resolve();
    seen.push('waited for');
    time.at(5, say('late'));
  });
  void time.sleep(15).then(say('slept'));
  await time.run();
  expect(seen).toEqual([
    '0 planned for 0',
    '10 planned for 10',
    '10 planned for 10',
    'waited for',
    '10 late',
    '15 slept',
    '20 planned for 20',
    '30 planned for 30',
  ]);
});

describe('chance', () => {
  test('is the same for the same numbers, and another for others', () => {
    expect(chance(1, 2, 3)).toBe(chance(1, 2, 3));
    expect(new Set([chance(1, 2, 3), chance(1, 3, 2), chance(2, 2, 3)]).size).toBe(3);
    expect(seedOf(1, 2)).not.toBe(seedOf(12));
  });

  test('is spread evenly', () => {
    const values = Array.from({ length: 10_000 }, (_, index) => chance(5, index));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeCloseTo(0.5, 1);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
  });

  test('draws from a distribution along straight lines', () => {
    const distribution: Distribution = [
      [0, 10],
      [0.5, 20],
      [1, 120],
    ];
    expect([0, 0.25, 0.5, 0.75, 1].map((at) => draw(distribution, at))).toEqual([
      10, 15, 20, 70, 120,
    ]);
  });

  test('puts things into an order of its own and loses none', () => {
    const values = Array.from({ length: 50 }, (_, index) => index);
    const order = shuffled(values, 3);
    expect(order).not.toEqual(values);
    expect([...order].sort((a, b) => a - b)).toEqual(values);
  });
});

describe('the command line', () => {
  test('without options everything is simulated', () => {
    const options = readOptions([]);
    expect(options).toMatchObject({ seed: DEFAULT_SEED, loads: DEFAULT_LOADS, write: false });
    expect(options?.sizes).toEqual(['small', 'medium', 'large']);
    expect(options?.ways).toContain('atomic-site');
  });

  test('--only chooses sizes, ways or both', () => {
    expect(readOptions(['--only', 'small'])).toMatchObject({ sizes: ['small'] });
    expect(readOptions(['--only', 'atomic-site', '--only', 'medium'])).toMatchObject({
      sizes: ['medium'],
      ways: ['atomic-site'],
    });
  });

  test('everything wrong is told at once', () => {
    expect(() =>
      readOptions(['--seed', '4e9', '--loads', '1e9', '--only', 'tiny', '--write']),
    ).toThrow(
      expect.objectContaining({
        message: [
          '--seed: got 4e9; use a whole number from 0 to 2147483647',
          '--loads: got 1e9; use a whole number from 30 to 10000000',
          '--only: got tiny; use small, medium, large, copy-then-invalidate, assets-first, prefix-delete, prefix-cookie, atomic-site, fingerprint, page-cookie, page-cookie-day, both',
          '--write: got it with --seed, --loads or --only; leave those out, since docs/proof.md shows the defaults',
        ].join('\n'),
      }),
    );
  });

  test('every option is in the help text', () => {
    for (const option of ['--seed', '--loads', '--only', '--write', '--help']) {
      expect(HELP).toContain(option);
    }
    expect(readOptions(['--help'])).toBeUndefined();
  });
});

test('numbers are written alike in every language', () => {
  expect([0, 999, 1_000, 1_234_567].map(whole)).toEqual(['0', '999', '1,000', '1,234,567']);
});
