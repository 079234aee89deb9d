import { describe, expect, test } from 'vitest';
import { HELP, readOptions } from '../../bench/options.ts';
import { type Kind, priceOf, priceOfTime } from '../../bench/prices.ts';
import { inTurn } from '../../bench/processes.ts';
import { ratioOf, spreadOf } from '../../bench/statistics.ts';
import { SyntheticSite } from '../../bench/synthetic-site.ts';
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
  test('without options everything but scale is measured as often as each part wants', () => {
    expect(readOptions([])).toEqual({
      parts: ['bundles', 'router', 'synth', 'push', 'releases'],
      write: undefined,
      runs: undefined,
      python: undefined,
      page: 'site/src/pages/index.html',
      files: 50_000,
    });
  });

  test('scale is measured when it is asked for, which the help says', () => {
    const args = ['--only', 'scale', '--only', 'router', '--files', '100'];
    expect(readOptions(args)).toMatchObject({ parts: ['router', 'scale'], files: 100 });
    expect(HELP).toContain('(default: all but scale, ');
  });

  test('parts keep their order and come once', () => {
    const args = ['--only', 'push', '--only', 'bundles', '--only', 'push', '--runs', '3'];
    expect(readOptions(args)).toMatchObject({ parts: ['bundles', 'push'], runs: 3 });
  });

  test('--help measures nothing', () => {
    expect(readOptions(['--help'])).toBeUndefined();
  });

  test('all mistakes are told together', () => {
    const args = ['--only', 'edge', '--runs', '0', '--files', '100001'];
    expect(() => readOptions(args)).toThrow(
      new Error(
        '--only: got edge; use bundles, router, synth, push, releases, scale\n--runs: got 0; use a whole number from 1 to 9999\n--files: got 100001; use a whole number from 100 to 100000',
      ),
    );
  });

  test.each(['99', '-100', '1e4', '500.5', 'many', ''])('a site of %j files is none', (files) => {
    expect(() => readOptions([`--files=${files}`])).toThrow(`--files: got ${files}; `);
  });
});

describe('what it would cost on AWS', () => {
  test.each<[Kind, number, number]>([
    ['PUT', 1_000, 0.005],
    ['COPY', 1_000, 0.005],
    ['LIST', 1_000, 0.005],
    ['GET', 1_000, 0.0004],
    ['HEAD', 1_000, 0.0004],
    ['DELETE', 1_000, 0],
    ['store read', 1, 0.001],
    ['store write', 1, 0.001],
    ['invalidation', 1, 0.005],
  ])('%s, %i times', (kind, count, dollars) => {
    expect(priceOf(new Map([[kind, count]]))).toBeCloseTo(dollars, 12);
  });

  test('invocations are paid by their number, and by time and memory together', () => {
    const free = { billedMs: 0, memoryMiB: 1_024 };
    expect(priceOfTime(new Array(1e6).fill(free))).toBeCloseTo(0.2, 6);
    const aSecond = { billedMs: 1_000, memoryMiB: 2_048 };
    expect(priceOfTime([aSecond]) - priceOfTime([free])).toBeCloseTo(2 * 0.0000133334, 12);
  });
});

describe('the made-up site', () => {
  const site = SyntheticSite.of(200);
  const filesOf = (one: SyntheticSite) => new Map(one.changesSince());

  test('has as many files as asked for, and is the same every time', () => {
    expect(filesOf(site).size).toBe(200);
    expect(filesOf(SyntheticSite.of(200))).toEqual(filesOf(site));
  });

  test.each([
    ['/', []],
    ['/?probe=1', []],
    ['/section-3/topic-0/page-3/', []],
    ['/health', ['health/index.html']],
    ['/status/caf%C3%A9/?probe=1', ['status/café/index.html']],
    ['/health.json', ['health.json']],
  ])('answers what the operator asks a site for: %s', (healthPath, more) => {
    const files = filesOf(SyntheticSite.of(200, healthPath));
    const usual = filesOf(site);
    expect([...files.keys()].filter((path) => !usual.has(path))).toEqual(more);
    expect(files.size).toBe(200);
    const changed = SyntheticSite.of(200, healthPath).change(100, 1);
    expect([...filesOf(changed).keys()]).toEqual(expect.arrayContaining(more));
  });

  test('a change brings so many pages, and their script under a new name', () => {
    const changed = [...site.change(3, 1).changesSince(site)].map(([path]) => path);
    expect(changed).toEqual([
      'index.html',
      'section-26/topic-0/page-66/index.html',
      'section-12/topic-0/page-132/index.html',
      expect.stringMatching(/^assets\/version-1-[0-9a-f]{8}\.js$/),
    ]);
  });

  test('what turns one version into another is all that differs', () => {
    const [before, after] = [site.change(50, 1), site.change(3, 2)];
    const files = filesOf(before);
    for (const [path, content] of after.changesSince(before)) {
      if (content === undefined) files.delete(path);
      else files.set(path, content);
    }
    expect(files).toEqual(filesOf(after));
  });

  test('what visitors are to get is in it, changed pages first', () => {
    const changed = site.change(3, 1);
    const files = filesOf(changed);
    const sample = [...changed.sample(10)];
    expect(sample.length).toBe(26);
    for (const [address, content] of sample) {
      expect(files.get(address.slice(1).replace(/(^|\/)$/, '$1index.html'))).toBe(content);
    }
  });
});
