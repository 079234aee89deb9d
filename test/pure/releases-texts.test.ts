import { describe, expect, test } from 'vitest';
import type { Release } from '../../bin/releases/catalogue.ts';
import { differenceOf, differenceText } from '../../bin/releases/diff.ts';
import { listText, rowOf } from '../../bin/releases/list.ts';
import { reportText } from '../../bin/releases/prune.ts';
import { showText } from '../../bin/releases/show.ts';
import { who } from '../../bin/releases/texts.ts';
import type { LedgerEntry, Manifest } from '../../lib/release/contract.ts';

const ONE = '20261120T101500Z-1a2b3c4';
const TWO = '20261121T101500Z-5d6e7f8';
const REVISION = '5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f80';

const file = (path: string, sha256: string, size: number, release = TWO) => ({
  path,
  key: path.startsWith('assets/') ? path : `releases/${release}/${path}`,
  size,
  sha256,
  type: path.endsWith('.html') ? 'text/html; charset=utf-8' : 'text/css',
});

const manifest: Manifest = {
  version: 2,
  id: TWO,
  revision: REVISION,
  createdAt: '2026-11-21T10:15:00.000Z',
  pointer: { id: TWO, base: ONE, delta: '' },
  files: [
    file('assets/main.css', 'c', 1_500),
    file('index.html', 'i', 500),
    file('old.html', 'o', 100, ONE),
  ],
  gone: [],
};

const entry: LedgerEntry = {
  version: 1,
  id: TWO,
  revision: REVISION,
  execution: '11111111-2222-4333-8444-555555555555',
  files: 3,
  bytes: 2_100,
  pages: 2,
  plan: { put: 1, copy: 0, keep: 1, pool: 1 },
  findings: ['index.html refers to /none/, which is not in the release'],
  states: [
    { state: 'uploaded', at: '2026-11-21T10:15:02.000Z', by: 'pipeline execution 11111111-2222' },
    { state: 'live', at: '2026-11-21T10:15:04.000Z', by: 'pipeline execution 11111111-2222' },
    {
      state: 'replaced',
      at: '2026-11-22T08:00:00.000Z',
      by: 'arn:aws:sts::123456789012:assumed-role/Operator/jo',
      note: `By release ${ONE}.`,
    },
  ],
  pinned: { by: 'arn:aws:iam::123456789012:user/jo', at: '2026-11-22T08:01:00.000Z' },
};

const release = (changes: Partial<Release> = {}): Release => ({
  id: TWO,
  state: 'previous',
  record: manifest,
  manifest,
  entry,
  problems: [],
  ...changes,
});

const lost = release({
  id: ONE,
  state: 'live',
  record: undefined,
  manifest: undefined,
  entry: undefined,
  problems: ['manifest lost'],
});

const pointers = {
  live: { id: ONE, base: ONE, delta: '' },
  previous: undefined,
  frozen: undefined,
  damage: [],
};

describe('the list', () => {
  test('is a table: what is live, what became of each release, who did it, and what is wrong', () => {
    expect(listText('https://site', pointers, [rowOf(release()), rowOf(lost)], 2)).toBe(
      [
        `https://site shows ${ONE}`,
        '',
        'id                        state     since                    revision      files    size  pages  by',
        `${TWO}  previous  2026-11-22 08:00:00 UTC  5d6e7f8091a2      3  2.1 kB      2  jo  pinned`,
        `${ONE}  live      2026-11-20 10:15:00 UTC  ?                 ?       ?      ?  ?   manifest lost`,
        '',
        '2 retired or abandoned: --all',
      ].join('\n'),
    );
  });

  test('says on top that publishing is frozen, since when, by whom and why', () => {
    const frozen = { by: 'jo', reason: 'the "shop" is closed', at: '2026-11-22T08:00:00.000Z' };
    const text = listText('https://site', { ...pointers, frozen }, [], 0);
    expect(text).toBe(
      [
        'Publishing is frozen since 2026-11-22 08:00:00 UTC by jo: "the \\"shop\\" is closed".',
        '',
        `https://site shows ${ONE}`,
        '',
        'There are no releases. A push makes one.',
      ].join('\n'),
    );
  });

  test('a page of the ledger that is lost costs no more than who and when', () => {
    const row = rowOf(release({ entry: undefined, problems: ['ledger page lost'] }));
    expect(row).toEqual({
      id: TWO,
      state: 'previous',
      since: '2026-11-21T10:15:00.000Z',
      uploadedAt: '2026-11-21T10:15:00.000Z',
      by: null,
      revision: REVISION,
      files: 3,
      bytes: 2_100,
      pages: 2,
      pinned: false,
      problems: ['ledger page lost'],
    });
  });
});

test('an id of a time that never was is no obstacle', () => {
  const id = '20261399T996199Z-made';
  const made = release({ id, entry: undefined, manifest: undefined, record: undefined });
  expect(rowOf(made)).toMatchObject({ id, since: null, uploadedAt: null });
  expect(showText(made)).toMatch(new RegExp(`^Release +${id}\nState +previous$`, 'm'));
  expect(listText('https://site', pointers, [rowOf(made)], 0)).toMatch(
    new RegExp(`^${id}  previous  [?] +[?]`, 'm'),
  );
});

test('show tells all that is known of a release', () => {
  expect(showText(release())).toBe(
    [
      `Release   ${TWO}`,
      'State     previous since 2026-11-22 08:00:00 UTC',
      `Revision  ${REVISION}`,
      'Made by   pipeline execution 11111111-2222-4333-8444-555555555555',
      'Holds     3 files, 2.1 kB, 2 pages',
      'Upload    1 written, 0 copied, 1 kept in place, 1 new in the pool',
      'Pinned    since 2026-11-22 08:01:00 UTC by arn:aws:iam::123456789012:user/jo',
      `Base      ${ONE}`,
      `Files in  pool 1, releases/${TWO}/ 1, releases/${ONE}/ 1`,
      `Manifest  _site/releases/${TWO}.json`,
      '',
      'What became of it',
      '2026-11-21 10:15:02 UTC  uploaded  pipeline 11111111',
      '2026-11-21 10:15:04 UTC  live      pipeline 11111111',
      `2026-11-22 08:00:00 UTC  replaced  jo                 By release ${ONE}.`,
      '',
      'What the gates had to say',
      '- index.html refers to /none/, which is not in the release',
    ].join('\n'),
  );
});

test('show of a release of which nothing is left still says what is lost', () => {
  expect(showText(lost)).toBe(
    [
      `Release   ${ONE}`,
      'State     live since 2026-11-20 10:15:00 UTC',
      'Problems  manifest lost',
      'Revision  unknown',
      'Holds     ? files, ?, ? pages',
    ].join('\n'),
  );
});

test('a difference goes by content, not by place or time, and ends with the sums', () => {
  const before = {
    id: ONE,
    files: [file('a.html', '1', 10, ONE), file('b.html', '2', 1_000), file('d.html', '4', 40)],
  };
  const after = {
    id: TWO,
    files: [file('a.html', '1', 10), file('b.html', 'other', 2_000), file('c.html', '3', 30)],
  };
  const difference = differenceOf(before, after);
  expect(difference).toEqual({
    from: ONE,
    to: TWO,
    added: [{ path: 'c.html', size: 30 }],
    removed: [{ path: 'd.html', size: 40 }],
    changed: [{ path: 'b.html', fromSize: 1_000, toSize: 2_000 }],
    same: 1,
    copies: { added: 0, removed: 0, same: 0 },
  });
  expect(differenceText(difference)).toBe(
    [
      `${ONE} → ${TWO}`,
      '',
      '~  b.html  1.0 kB → 2.0 kB',
      '+  c.html  30 B',
      '-  d.html  40 B',
      '',
      '+ 1 file added (30 B), - 1 removed (40 B), ~ 1 changed (1.0 kB → 2.0 kB), 1 the same',
    ].join('\n'),
  );
});

test('copies under fingerprinted names are counted in a difference, and not told one by one', () => {
  const copy = (tag: string) => ({
    ...file(`a.pinned-${tag}.css`, tag, 10),
    original: 'a.css',
  });
  const before = { id: ONE, files: [file('a.css', '1', 10), copy('1'), copy('0')] };
  const after = { id: TWO, files: [file('a.css', '2', 10), copy('2'), copy('0'), copy('3')] };
  expect(differenceText(differenceOf(before, after)).split('\n').slice(2)).toEqual([
    '~  a.css  10 B → 10 B',
    '',
    '+ 0 files added (0 B), - 0 removed (0 B), ~ 1 changed (10 B → 10 B), 0 the same',
    'Copies under fingerprinted names: 2 added, 1 removed, 1 the same',
  ]);
});

test('a clean-up reports what stays and why, what goes, and what waits', () => {
  const config = {
    immutable: [],
    health: { path: '/', deadlineSeconds: 120 },
    retention: { newest: 1, days: 30 },
    redirectsFile: false,
  };
  const report = {
    kept: [{ id: TWO, reasons: ['live', 'newest'] as const }],
    retired: [ONE],
    abandoned: [],
    files: 1_200,
    poolFiles: 1,
    bytes: 3_000_000,
    complete: false,
    postponed: 'Release x was begun meanwhile.',
    notes: ['releases/odd/ was left alone.'],
  };
  expect(reportText(report, 'did', { config })).toBe(
    [
      'By the retention in site.config.ts the newest 1 and all younger than 30 days are kept, besides what is needed.',
      '',
      `kept     ${TWO}  live, newest`,
      `retired  ${ONE}`,
      '',
      'Deleted 1,200 files of releases and 1 file of the pool, 3.0 MB; retired 1 release.',
      'Put off: Release x was begun meanwhile.',
      'Note: releases/odd/ was left alone.',
    ].join('\n'),
  );
  const foreseen = reportText(report, 'would', { config }).split('\n');
  expect(foreseen).toContain(`would retire  ${ONE}`);
  expect(foreseen).toContain(
    'Would delete 1,200 files of releases and 1 file of the pool, 3.0 MB; would retire 1 release.',
  );
  expect(foreseen.at(-1)).toBe('Nothing was changed.');
});

test.each([
  ['pipeline execution ab85dafe-e13b-4205-b634-53668e7569c3', 'pipeline ab85dafe'],
  ['arn:aws:sts::123456789012:assumed-role/Operator/jo@example.com', 'jo@example.com'],
  ['arn:aws:iam::123456789012:root', 'root'],
  ['the daily clean-up', 'the daily clean-up'],
])('a table has room for the end of a name: %s', (by, short) => {
  expect(who(by)).toBe(short);
});
