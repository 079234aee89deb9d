import { describe, expect, test } from 'vitest';
import { readOptions } from '../../bench/options.ts';
import { inTurn } from '../../bench/processes.ts';
import { ratioOf, spreadOf } from '../../bench/statistics.ts';
import { against, cellsOf, kilobytes, milliseconds, render, times } from '../../bench/table.ts';

describe('what measurements come to', () => {
  test.each<[string, number[], number, number, number]>([
    ['one', [7], 7, 7, 7],
    ['two', [10, 20], 15, 12.5, 17.5],
    ['an odd number, in any order', [50, 10, 30, 20, 40], 30, 20, 40],
    ['one outlier, which moves nothing', [10, 20, 30, 40, 9_000], 30, 20, 40],
    ['numbers that sort differently as text', [9, 10, 100], 10, 9.5, 55],
  ])('the median and the middle half of %s', (_, values, median, low, high) => {
    expect(spreadOf(values)).toEqual({ median, low, high });
  });

  test('nothing measured is an error, not a number', () => {
    expect(() => spreadOf([])).toThrow('nothing was measured');
  });

  test('a ratio compares medians', () => {
    expect(ratioOf([1, 2, 900], [8, 8, 8])).toBe(0.25);
  });
});

describe('things that are compared are measured in turn', () => {
  test('after one turn that does not count', async () => {
    const order: string[] = [];
    const measure = (name: string) => async () => order.push(name);
    expect(await inTurn(2, { a: measure('a'), b: measure('b') })).toEqual({ a: [3, 5], b: [4, 6] });
    expect(order.join('')).toBe('ababab');
  });

  test('one that fails ends the measurement', async () => {
    const failing = async () => {
      throw new Error('exit status 1');
    };
    await expect(inTurn(2, { failing })).rejects.toThrow('exit status 1');
  });
});

test('the sections of the table share their columns', () => {
  const spread = { median: 1.25, low: 1, high: 12 };
  const table = render([
    { heading: ['Start-up', 'median', 'middle half'], rows: [['Upload', '2 KB']] },
    {
      heading: ['Router', 'median', 'middle half'],
      rows: [['shipped', ...cellsOf(spread, milliseconds), times(1.234)]],
      notes: ['in a sandbox'],
    },
  ]);
  expect(table.split('\n')).toEqual([
    'Start-up   median       middle half',
    '───────────────────────────────────────────',
    '  Upload     2 KB',
    '',
    'Router     median       middle half',
    '───────────────────────────────────────────',
    '  shipped  1.3 ms  1.0 ms … 12.0 ms  1.23 ×',
    '  * in a sandbox',
    '',
  ]);
});

test.each([
  [360 * 1024, 'met: at most 360.0 KB'],
  [360 * 1024 + 1, 'missed: at most 360.0 KB'],
])('a target is met up to and with its own value: %i', (bytes, verdict) => {
  expect(against(bytes, 360 * 1024, kilobytes)).toBe(verdict);
});

describe('the command line', () => {
  test('without options everything is measured as often as each part wants', () => {
    expect(readOptions([])).toEqual({
      parts: ['bundles', 'router', 'push', 'releases'],
      runs: undefined,
      python: undefined,
      page: 'site/src/pages/index.html',
    });
  });

  test('parts keep their order and come once', () => {
    const args = ['--only', 'push', '--only', 'bundles', '--only', 'push', '--runs', '3'];
    expect(readOptions(args)).toMatchObject({ parts: ['bundles', 'push'], runs: 3 });
  });

  test('--help measures nothing', () => {
    expect(readOptions(['--help'])).toBeUndefined();
  });

  test('all mistakes are told together', () => {
    expect(() => readOptions(['--only', 'edge', '--runs', '0'])).toThrow(
      new Error(
        '--only: got edge; use bundles, router, push, releases\n--runs: got 0; use a whole number from 1 to 9999',
      ),
    );
  });
});
