import { describe, expect, test } from 'vitest';
import { Judge } from '../../proof/soak/judge.ts';
import { growthIn, type Sample, type Trend, trendOf } from '../../proof/soak/memory.ts';
import { readOptions } from '../../proof/soak/options.ts';
import { ERROR_PAGE, PAGE, SCRIPT, START_PAGE, siteOf, versionOf } from '../../proof/soak/site.ts';

const [FIRST, SECOND] = PAGE as [(typeof PAGE)[number], (typeof PAGE)[number]];

describe('the site under load', () => {
  test('every file says its version, and has it until the next one', () => {
    for (const part of [START_PAGE, ERROR_PAGE, SCRIPT, ...PAGE]) {
      for (let release = 0; release < 30; release += 1) {
        const version = part.versionIn(release);
        expect(versionOf(part.contentOf(version))).toBe(version);
        expect(part.versionIn(version)).toBe(version);
        expect(version).toBeLessThanOrEqual(release);
        expect(part.nextAfter(version)).toBeGreaterThan(release);
        expect(part.versionIn(part.nextAfter(version))).toBe(part.nextAfter(version));
      }
    }
  });

  test('a release changes some of its files and keeps the others', () => {
    const [before, after] = [siteOf(9), siteOf(10)];
    const kept = [...after].filter(([path, content]) => before.get(path) === content);
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.length).toBeLessThan(after.size - 3);
  });
});

describe('an answer is found to be wrong', () => {
  let now = 0;

  /** Releases 0 to 3 were pushed, 2 is reported. */
  function aJudge(): Judge {
    now = 0;
    const judge = new Judge(() => now);
    for (const release of [0, 1, 2, 3]) judge.pushing(release);
    for (const release of [0, 1, 2]) judge.ended(release, 'published');
    return judge;
  }
  const ok = (text: string) => ({ status: 200, text });
  const page = START_PAGE.contentOf;

  test.each<[string, (judge: Judge) => void, number]>([
    [
      'not where it is the live page',
      (judge) => judge.page(START_PAGE, ok(page(2)), judge.moment()),
      0,
    ],
    [
      'not where it is the page that is about to be live',
      (judge) => judge.page(START_PAGE, ok(page(3)), judge.moment()),
      0,
    ],
    [
      'where a byte of it is another',
      (judge) => judge.page(START_PAGE, ok(`${page(2)} `), judge.moment()),
      1,
    ],
    [
      'where it has the wrong status',
      (judge) => judge.page(START_PAGE, { status: 500, text: page(2) }, judge.moment()),
      1,
    ],
    [
      'where it is older than what was reported',
      (judge) => judge.page(START_PAGE, ok(page(1)), judge.moment()),
      1,
    ],
    [
      'where it is newer than what was pushed',
      (judge) => judge.page(START_PAGE, ok(page(4)), judge.moment()),
      1,
    ],
    [
      'where it is another page',
      (judge) => judge.page(FIRST, ok(SECOND.contentOf(0)), judge.moment()),
      1,
    ],
    ['where there is none', (judge) => judge.lost('/', 'reset'), 1],
    [
      'where a file of the pool is another',
      (judge) => judge.pool(SCRIPT, 0, ok(SCRIPT.contentOf(3))),
      1,
    ],
    [
      'where a file of the pool is gone',
      (judge) => judge.pool(SCRIPT, 0, { status: 404, text: SCRIPT.contentOf(0) }),
      1,
    ],
    [
      'where a missing page is none',
      (judge) => judge.missing(ERROR_PAGE, ok(ERROR_PAGE.contentOf(0)), judge.moment()),
      1,
    ],
    ['where a push has failed', (judge) => judge.ended(3, 'failed'), 1],
  ])('%s', (_, happens, wrong) => {
    const judge = aJudge();
    happens(judge);
    expect(judge.wrong).toBe(wrong);
    expect(judge.problems).toHaveLength(wrong);
  });

  test('where it is older than what somebody had got before it was asked for', () => {
    const judge = aJudge();
    const before = judge.moment();
    judge.page(START_PAGE, ok(page(3)), before);
    // Asked for before that, and so perhaps answered before.
    judge.page(START_PAGE, ok(page(2)), before);
    expect(judge.wrong).toBe(0);
    judge.page(START_PAGE, ok(page(2)), judge.moment());
    expect(judge.problems).toEqual(['index.html: got version 2 after release 3 was live']);
  });

  test('where a page is of a release whose push was superseded', () => {
    const judge = aJudge();
    judge.page(START_PAGE, ok(page(3)), judge.moment());
    judge.ended(3, 'superseded');
    judge.finish();
    expect(judge.problems).toEqual(['release 3: was live, and is superseded']);
  });

  test('where the error page is old for longer than an edge keeps it', () => {
    const judge = aJudge();
    judge.pushing(5);
    judge.ended(5, 'published');
    const old = { status: 404, text: ERROR_PAGE.contentOf(0) };
    now += 10_000;
    judge.missing(ERROR_PAGE, old, judge.moment());
    expect(judge.wrong).toBe(0);
    now += 2_000;
    judge.missing(ERROR_PAGE, old, judge.moment());
    expect(judge.wrong).toBe(1);
  });
});

describe('memory', () => {
  const samples = (heaps: readonly number[]): Sample[] =>
    heaps.map((heap, minute) => ({ time: minute * 60_000, heap, external: 0, rss: 0 }));

  test.each([
    ['that stays is flat', [5, 5, 5], 0],
    ['that grows does so by its slope', [1, 3, 5, 7], 2],
    ['that is given back falls', [4, 3, 2], -1],
    ['is flat whatever one sample says', [5, 5, 500, 5, 5, 5], 0],
  ])('%s', (_, heaps, slope) => {
    expect(trendOf(samples(heaps), 'heap').slope).toBeCloseTo(slope);
  });

  test('takes two samples', () => {
    expect(() => trendOf(samples([1]), 'heap')).toThrow('memory: got 1 samples; it takes two');
  });

  describe('that grows by more than it may', () => {
    const trend = (megabytes: number): Trend => ({ first: 0, last: 0, slope: megabytes * 1e6 });
    const most = { heap: 1e6, rss: 8e6 };
    const grown = { heap: trend(1.5), external: trend(99), rss: trend(8) };

    test('is a problem from two minutes on', () => {
      const told = ['heap: grows by 1.50 MB a minute, at most 1.00 is let through'];
      expect(growthIn(grown, 120_000, most)).toEqual(told);
      expect(growthIn({ ...grown, heap: trend(1) }, 120_000, most)).toEqual([]);
    });

    test('gets no verdict below that, not even that it is none', () => {
      expect(growthIn(grown, 119_999, most)).toBeUndefined();
    });
  });
});

test('all that is wrong with the command line is said at once', () => {
  expect(() => readOptions(['--minutes', '0', '--rate', 'x', '--push-every', '2.5'])).toThrow(
    '--minutes: got 0; use a number from 0.1 to 1440\n' +
      '--rate: got x; use a whole number from 1 to 5000\n' +
      '--push-every: got 2.5; use a whole number from 1 to 3600',
  );
  expect(readOptions(['--minutes', '0.5'])).toMatchObject({ milliseconds: 30_000, rate: 50 });
});
