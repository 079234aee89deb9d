import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type HistoryOptions, historyOf, type PlannedRelease } from '../../bench/history.ts';
import {
  dollarsOf,
  loadsOf,
  meanOf,
  missedOf,
  requestsOf,
  UPLOADERS,
} from '../../bench/uploaders.ts';

const releasesOf = (options: Partial<HistoryOptions> = {}): PlannedRelease[] => [
  ...historyOf({ releases: 1, files: 2_500, changed: 10, pattern: 'other files', ...options }),
];
const last = (options: Partial<HistoryOptions> = {}): PlannedRelease =>
  releasesOf(options).at(-1) as PlannedRelease;

const sum = (sizes: readonly { readonly size: number }[]): number =>
  sizes.reduce((total, { size }) => total + size, 0);

describe('what other uploaders ask for the same release', () => {
  const release = last();
  const loads = loadsOf(release);
  const everything = sum(release.files);
  const otherSize = release.changes.filter(({ sameSize }) => !sameSize);

  test.each([
    // A listing has a thousand keys at most, so three of them.
    ['s3 sync', { LIST: 3, PUT: 2_500, invalidation: 1 }, everything],
    ['full copy', { PUT: 2_500, invalidation: 1 }, everything],
    ['--size-only', { LIST: 3, PUT: 5, invalidation: 1 }, sum(otherSize)],
    ['ETag diff', { LIST: 3, PUT: 10, invalidation: 1 }, sum(release.changes)],
  ] as const)('%s', (way, counts, bytes) => {
    expect(Object.fromEntries(loads[way].counts)).toEqual(counts);
    expect(loads[way].bytes).toBe(bytes);
  });

  test('--size-only leaves visitors with the old version of what keeps its size', () => {
    expect(missedOf(release.changes)).toBe(5);
    expect(missedOf(release.changes) + (loads['--size-only'].counts.get('PUT') ?? 0)).toBe(10);
  });

  test('ours is what the shipped plan says, the manifest and what every release needs included', () => {
    const { put, copy, manifest } = release.plan;
    expect(put).toHaveLength(10);
    expect(Object.fromEntries(loads.ours.counts)).toEqual({
      PUT: 16,
      COPY: copy.length + 1,
      GET: 4,
      LIST: 0,
      HEAD: 0,
      'store read': 5,
      'store write': 1,
      invalidation: 1,
    });
    expect(loads.ours.bytes).toBe(sum(put) + gzipSync(JSON.stringify(manifest)).length);
  });

  test('only requests to S3 are counted as such, and all of them are paid', () => {
    expect(requestsOf(loads['s3 sync'])).toBe(2_503);
    expect(dollarsOf(loads['s3 sync'])).toBeCloseTo((2_503 * 0.005) / 1_000 + 0.005, 12);
    const { counts } = loads.ours;
    expect(requestsOf(loads.ours)).toBe(20 + (counts.get('COPY') ?? 0));
  });

  test('the first release brings everything, whoever uploads it', () => {
    const [first] = releasesOf({ releases: 0 });
    expect(loadsOf(first as PlannedRelease).ours.counts.get('PUT')).toBe(2_506);
  });
});

describe('the history of a made-up site', () => {
  test('is the same every time', () => {
    const keys = () => last({ files: 200 }).plan.manifest.files.map(({ key }) => key);
    expect(keys()).toEqual(keys());
  });

  test.each([
    ['nothing', 0],
    ['other files', 20],
    ['mostly the same', 20],
  ] as const)('changes as many as it is told: %s', (pattern, changed) => {
    const { changes, plan } = last({ files: 200, changed, pattern });
    expect(changes).toHaveLength(changed);
    expect(plan.put).toHaveLength(changed);
  });

  test('mostly the same pages are fewer than others', () => {
    const changedIn = (pattern: 'other files' | 'mostly the same') =>
      new Set(
        releasesOf({ files: 1_000, releases: 10, pattern })
          .slice(1)
          .flatMap(({ plan }) => plan.put.map(({ path }) => path)),
      ).size;
    expect(changedIn('mostly the same')).toBeLessThan(30);
    expect(changedIn('other files')).toBeGreaterThan(80);
  });
});

test('a mean release has the mean of each kind, missing ones counted as none', () => {
  const loads = [
    { counts: new Map([['PUT', 4]] as const), bytes: 10 },
    { counts: new Map([['COPY', 3]] as const), bytes: 30 },
  ];
  const mean = meanOf(loads);
  expect(Object.fromEntries(mean.counts)).toEqual({ PUT: 2, COPY: 1.5 });
  expect(mean.bytes).toBe(20);
  expect(() => meanOf([])).toThrow('no release to take the mean of');
  expect(UPLOADERS).toHaveLength(5);
});
