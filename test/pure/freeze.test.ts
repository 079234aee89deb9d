import { expect, test } from 'vitest';
import { freeze, freezeText, readFreeze, unfreeze } from '../../lambda/shared/freeze.ts';
import type { StoreTime } from '../../lambda/shared/store.ts';
import type { Freeze } from '../../lib/release/contract.ts';
import { aClock, anAwsError } from '../support/job.ts';
import { A, PointerStoreFake, textOf } from '../support/pointer-store.ts';

const FREEZE: Freeze = { by: 'ann', reason: 'an incident', at: '2026-11-23T06:00:00.000Z' };
const OTHER: Freeze = { ...FREEZE, by: 'bob' };

const time = (): StoreTime => {
  const clock = aClock();
  return { clock, endAt: clock.now() + 60_000, signal: new AbortController().signal };
};

test('publishing is frozen with who and why, and the pointer stays', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  expect(await freeze(FREEZE, store, time())).toBeUndefined();
  expect(store.contents()).toEqual({ live: textOf(A), frozen: freezeText(FREEZE) });
});

test('who freezes what is frozen is told by whom it was, and replaces the reason', async () => {
  const store = new PointerStoreFake({ frozen: freezeText(OTHER) });
  expect(await freeze(FREEZE, store, time())).toEqual(OTHER);
  expect(store.contents()).toEqual({ frozen: freezeText(FREEZE) });
});

test('unfreezing removes the key and says what ended', async () => {
  const store = new PointerStoreFake({ live: textOf(A), frozen: freezeText(FREEZE) });
  expect(await unfreeze(store, time())).toEqual(FREEZE);
  expect(store.contents()).toEqual({ live: textOf(A) });
});

test('unfreezing what is not frozen writes nothing', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  expect(await unfreeze(store, time())).toBeUndefined();
  expect(store.writes).toBe(0);
});

test('an answer that got lost changes nothing about the outcome', async () => {
  const store = new PointerStoreFake();
  store.afterPut = () => {
    if (store.writes % 2 === 1) throw anAwsError('TimeoutError');
  };
  expect(await freeze(FREEZE, store, time())).toBeUndefined();
  expect(await unfreeze(store, time())).toEqual(FREEZE);
  expect(store.contents()).toEqual({});
});

test('a reason that is too long is refused before anything is read', async () => {
  const store = new PointerStoreFake();
  const why = { ...FREEZE, reason: 'é'.repeat(500) };
  await expect(freeze(why, store, time())).rejects.toThrow(
    'freeze: got 1056 bytes; the key-value store takes 1024 for a value, so write a shorter reason',
  );
  expect(store.reads).toBe(0);
});

test.each([
  [freezeText(FREEZE), FREEZE],
  ['by hand', { by: 'somebody', reason: 'by hand', at: 'an unknown time' }],
  ['{}', { by: 'somebody', reason: '{}', at: 'an unknown time' }],
])('whatever stands under the key freezes: %s', (text, frozen) => {
  expect(readFreeze(text)).toEqual(frozen);
});
