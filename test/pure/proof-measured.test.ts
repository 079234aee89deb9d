import { describe, expect, test } from 'vitest';
import { readOptions } from '../../proof/measured/options.ts';
import { pagesOf, referencesIn, releaseIn, siteOf } from '../../proof/measured/site.ts';
import { Tally } from '../../proof/measured/tally.ts';

describe.each([true, false])('the site that is published, hashed: %s', (hashed) => {
  const shape = { hashed, pages: 9 };
  const [one, two] = [siteOf(1, shape), siteOf(2, shape)];

  test('every file says of which release it is', () => {
    for (const [path, content] of two) expect(releaseIn(content), path).toBe(2);
  });

  test('from a page everything can be found by following what is named', () => {
    const files = new Set<string>();
    const follow = (path: string): void => {
      const content = two.get(path.slice(1));
      expect(content, path).toBeDefined();
      files.add(path);
      referencesIn(content ?? '').map(follow);
    };
    follow('/index.html');
    const assets = [...two.keys()].filter((path) => path.startsWith('assets/'));
    expect(assets).toHaveLength(4);
    expect([...files].sort()).toEqual(['/index.html', ...assets.map((path) => `/${path}`)].sort());
  });

  test('pages keep their address, and subresources do unless they are hashed', () => {
    for (const page of pagesOf(shape)) {
      expect(one.has(page === '/' ? 'index.html' : page.slice(1)), page).toBe(true);
    }
    const kept = [...one.keys()].filter((path) => path.startsWith('assets/') && two.has(path));
    expect(kept).toHaveLength(hashed ? 0 : 4);
  });
});

describe('a page load counts as', () => {
  const load = { green: 1, page: 1, releases: [1, 1, 1], fetched: [1], failed: [] };
  test.each([
    [
      'nothing but a page load where all is of the live release',
      {},
      { mixed: 0, mixedWithoutFetched: 0, failed: 0, stale: 0 },
    ],
    [
      'mixed where one file is of another release',
      { releases: [1, 2, 1] },
      { mixed: 1, mixedWithoutFetched: 1 },
    ],
    [
      'mixed by what scripts fetch where only that is of another release',
      { fetched: [2] },
      { mixed: 1, mixedWithoutFetched: 0 },
    ],
    ['mixed where it is old as well', { page: 0, releases: [0, 1] }, { mixed: 1, stale: 1 }],
    ['failed once, however many files it lacks', { failed: ['/a', '/b'] }, { failed: 1, mixed: 0 }],
    ['stale where the release was reported before it began', { green: 2 }, { stale: 1 }],
    [
      'not stale where it is newer than what was reported',
      { page: 2, releases: [2], fetched: [2] },
      { stale: 0 },
    ],
    [
      'failed and not stale where there was no page',
      { page: undefined, failed: ['/'] },
      { failed: 1, stale: 0 },
    ],
  ])('%s', (_, change, expected) => {
    const tally = new Tally();
    tally.note({ ...load, ...change });
    expect(tally).toMatchObject({ loads: 1, ...expected });
  });
});

describe('the command line', () => {
  test('all that is wrong with it is said at once', () => {
    expect(() => readOptions(['--releases', '0', '--pages', 'many', '--rest', '1.5'])).toThrow(
      '--releases: got 0; use a whole number from 1 to 1000\n' +
        '--pages: got many; use a whole number from 0 to 10000\n' +
        '--rest: got 1.5; use a whole number from 0 to 60000',
    );
  });

  test('what is not said has a default', () => {
    expect(readOptions(['--clients', '4'])).toMatchObject({
      releases: 20,
      clients: 4,
      roundTrip: 50,
      withBrowser: true,
      write: false,
    });
  });
});
