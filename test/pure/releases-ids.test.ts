import { expect, test } from 'vitest';
import { idsFor, nearestTo } from '../../bin/releases/ids.ts';

const ONE = '20261120T101500Z-1a2b3c4';
const TWO = '20261121T101500Z-5d6e7f8';
const THREE = '20261122T101500Z-5d6e7f8';

const known = (
  changes: { live?: string; previous?: string; ids?: string[]; ended?: string[] } = {},
) => ({
  live: 'live' in changes ? changes.live : THREE,
  previous: 'previous' in changes ? changes.previous : TWO,
  ids: async () => changes.ids ?? [THREE, TWO, ONE],
  notEnded: async (ids: readonly string[]) => ids.filter((id) => !changes.ended?.includes(id)),
});
const find = async (word: string, changes = {}) => (await idsFor({ ID: word }, known(changes))).ID;

test.each([
  ['live', THREE],
  ['previous', TWO],
  [ONE, ONE],
  ['1a2b3c4', ONE],
  ['20261120', ONE],
  ['1120T', ONE],
  ['20261120T101500Z-1a2b', ONE],
])('"%s" means one release', async (word, id) => {
  expect(await find(word)).toBe(id);
});

test('a part means a release that has not ended; one that has, only if no other is meant', async () => {
  expect(await find('5d6e7f8', { ended: [THREE] })).toBe(TWO);
  expect(await find('1a2b3c4', { ended: [ONE] })).toBe(ONE);
  await expect(find('5d6e7f8', { ended: [TWO, THREE] })).rejects.toThrow('2 releases have that');
});

test('what has ended is not looked up where a part has one match', async () => {
  const notEnded = async () => {
    throw new Error('looked up');
  };
  expect(await idsFor({ ID: '1a2b3c4' }, { ...known(), notEnded })).toEqual({ ID: ONE });
});

test('the live release and the one before it are known without a listing', async () => {
  const ids = async () => {
    throw new Error('listed');
  };
  expect(await idsFor({ A: 'previous', B: THREE }, { ...known(), ids })).toEqual({
    A: TWO,
    B: THREE,
  });
});

test.each([
  [
    '5d6e7f8',
    `ID: got "5d6e7f8"; 2 releases have that in their id: ${THREE}, ${TWO}; write more of it`,
  ],
  ['1a2b3c5', `ID: got "1a2b3c5"; there is no such release; the nearest: ${ONE}, ${THREE}, ${TWO}`],
  [
    '20261120T101500Z-1a2b3c5',
    `ID: got "20261120T101500Z-1a2b3c5"; there is no such release; the nearest: ${ONE}, ${THREE}, ${TWO}`,
  ],
])('"%s" means none, and the answer says which may have been meant', async (word, message) => {
  await expect(find(word)).rejects.toThrow(new RegExp(`^${escaped(message)}$`));
});

test('before the first release, and after only one, that is what is said', async () => {
  await expect(find('live', { live: undefined })).rejects.toThrow(
    /^ID: got "live"; no release is live yet$/,
  );
  await expect(find('previous', { previous: undefined })).rejects.toThrow(
    /^ID: got "previous"; there is no release before the live one$/,
  );
  await expect(find('x', { ids: [] })).rejects.toThrow(
    /^ID: got "x"; there is no release at all yet$/,
  );
});

test('two words that mean nothing are told together', async () => {
  await expect(idsFor({ A: 'zzz', B: 'live' }, known({ live: undefined }))).rejects.toThrow(
    /^A: got "zzz"; .*\nB: got "live"; no release is live yet$/,
  );
});

test('of thousands of releases the nearest are few, and the nearest first', () => {
  const ids = Array.from(
    { length: 5_000 },
    (_, index) =>
      `20260101T${String(index).padStart(6, '0')}Z-${index.toString(16).padStart(7, '0')}`,
  );
  expect(nearestTo('0000fffe', ids)).toHaveLength(3);
  expect(nearestTo('20260101T000042Z-000003a', ids)[0]).toBe('20260101T000042Z-000002a');
});

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
