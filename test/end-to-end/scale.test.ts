import { afterAll, beforeAll, expect, test } from 'vitest';
import { measureScale } from '../../bench/scale.ts';
import { render, type Section } from '../../bench/table.ts';
import { aDirectory, removeDirectories } from '../support/local-stack.ts';

const FILES = 100;

let section: Section;

beforeAll(async () => {
  section = await measureScale(
    {
      scratch: await aDirectory('scale'),
      signal: new AbortController().signal,
      progress: () => {},
    },
    FILES,
  );
}, 300_000);

afterAll(removeDirectories);

/** A row by its name, or several: an action has one in every release. */
const rows = (name: string) => section.rows.filter(([first = '']) => first.startsWith(name));
const cell = (row: readonly string[] | undefined, column: string): string =>
  row?.[section.heading.indexOf(column)] ?? '';
const requests = (row: readonly string[] | undefined, kind: string): number =>
  Number(new RegExp(`${kind} ([\\d,]+)`).exec(cell(row, 'requests'))?.[1]?.replace(',', '') ?? 0);

test('every operation is in the table, each release with its actions', () => {
  const action = ['  Source', '  Build', '  Upload', '  Promote', '  Invalidate'];
  const rollback = ['  from the write to the first page', '  to the end of the command'];
  expect(section.rows.map(([name]) => name)).toEqual([
    'First release, 100 files',
    ...action,
    'Small change, 1 page changed',
    ...action,
    'Rebase, 5 pages changed',
    ...action,
    'Rollback to the release before',
    ...rollback,
    'Rollback to the first release',
    ...rollback,
    'Small change of that one, 1 page changed',
    ...action,
    expect.stringMatching(/^Daily clean-up, \d+ files deleted$/),
  ]);
  expect(render([section])).toContain('Scale: a site of 100 files, 0.5 MB');
});

test('every function is shown with its time, its memory of what it has, and its price', () => {
  const ran = ['  Upload', '  Promote', '  Invalidate', 'Daily'].flatMap(rows);
  expect(ran).toHaveLength(13);
  for (const row of ran) {
    const [, peak, has] = /^([\d,]+) of ([\d,]+) MB$/.exec(cell(row, 'peak memory')) ?? [];
    expect(Number(peak)).toBeGreaterThan(20);
    expect(Number(peak)).toBeLessThan(Number(has?.replace(',', '')));
    expect(cell(row, 'function')).toMatch(/^\d+\.\d\d s$/);
    expect(Number(cell(row, '$ requests'))).toBeGreaterThan(0);
    expect(cell(row, '$ Lambda')).toMatch(/^0\.000\d$/);
  }
});

test('an upload pays for what changed, and a rebase for a copy of the rest', () => {
  const [first, small, rebase] = rows('  Upload');
  expect(requests(first, 'PUT')).toBeGreaterThanOrEqual(FILES);
  expect(requests(small, 'PUT')).toBeLessThan(10);
  expect(requests(small, 'COPY')).toBe(0);
  // All files but the one in the pool and those that have changed.
  expect(requests(rebase, 'COPY')).toBe(FILES - 1 - 5);
  expect(Number(cell(first, 'MB sent'))).toBeGreaterThan(0.3);
});

test('a rollback is one write to the store, and nothing is uploaded', () => {
  for (const row of rows('Rollback')) {
    expect(requests(row, 'store write')).toBe(1);
    // The two pages of the ledger.
    expect(requests(row, 'PUT')).toBe(2);
    expect(Number.parseFloat(cell(row, 'time'))).toBeGreaterThan(0);
    expect(cell(row, 'peak memory')).toMatch(/^\d+ MB$/);
  }
});

test('the clean-up deletes what the two releases in between have brought', () => {
  const [row] = rows('Daily clean-up');
  // Without the pool, the rebased release has all files of the site; the small one has a page.
  expect(row?.[0]).toBe('Daily clean-up, 102 files deleted');
  expect(requests(row, 'DELETE')).toBe(3);
  expect(requests(row, 'PUT')).toBeGreaterThan(0);
});
