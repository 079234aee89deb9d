import { expect, test } from 'vitest';
import { readOptions } from '../../scripts/faults-options.ts';

test('all that is wrong with the command line of the faults is said at once', () => {
  expect(() => readOptions(['--sample', 'many', '--seed', '1.5', '--processes', '0'])).toThrow(
    '--sample: got many; use a whole number from 1 to 1000000\n' +
      '--seed: got 1.5; use a whole number from 0 to 2147483647\n' +
      '--processes: got 0; use a whole number from 1 to 100',
  );
});

test('without options every case of every scenario is tried', () => {
  expect(readOptions([])).toEqual({
    only: '',
    sample: Number.POSITIVE_INFINITY,
    seed: 1,
    fast: false,
    real: false,
    processes: 4,
  });
  expect(readOptions(['--only', 'Promote', '--fast', '--sample', '200'])).toMatchObject({
    only: 'Promote',
    sample: 200,
    fast: true,
  });
});
