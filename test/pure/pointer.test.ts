import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FlipTime, flip, pointerText, readPointer } from '../../lambda/shared/pointer.ts';
import type { Pointer } from '../../lib/release/contract.ts';
import { aClock, anAwsError } from '../support/job.ts';
import { A, B, C, PointerStoreFake, pointerTo, textOf } from '../support/pointer-store.ts';

const time = (clock = aClock()): FlipTime => ({
  clock,
  endAt: clock.now() + 60_000,
  signal: new AbortController().signal,
});

test('the first release goes live without one before it', async () => {
  const store = new PointerStoreFake();
  expect(await flip(pointerTo(A), store, time())).toEqual({ changed: true, previousId: undefined });
  expect(store.contents()).toEqual({ live: textOf(A) });
});

test('a release goes live and the one before it is remembered, in one write', async () => {
  const store = new PointerStoreFake({ live: textOf(A), previous: 'older' });
  expect(await flip(pointerTo(B), store, time())).toEqual({ changed: true, previousId: A });
  expect(store.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
  expect(store.writes).toBe(1);
});

test('a release that is live already is not written again, and tells the same story', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  await flip(pointerTo(B), store, time());
  expect(await flip(pointerTo(B), store, time())).toEqual({ changed: false, previousId: A });
  expect(store.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
  expect(store.writes).toBe(1);
});

test('the live release found in another way keeps the one before it', async () => {
  const store = new PointerStoreFake({
    live: pointerText({ id: B, base: A, delta: 'xyz' }),
    previous: textOf(A),
  });
  expect(await flip(pointerTo(B), store, time())).toEqual({ changed: true, previousId: A });
  expect(store.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
});

test('a pointer that somebody damaged is replaced and kept for the operator to see', async () => {
  const store = new PointerStoreFake({ live: 'damaged' });
  expect(await flip(pointerTo(B), store, time())).toEqual({ changed: true, previousId: undefined });
  expect(store.contents()).toEqual({ live: textOf(B), previous: 'damaged' });
});

describe('somebody writes in between', () => {
  test.each([
    ['ConflictException', 409],
    ['PreconditionFailed', 412],
    ['ValidationException', 400],
  ])('%s: it starts again from what they wrote', async (name, status) => {
    const store = new PointerStoreFake({ live: textOf(A) });
    store.conflict = anAwsError(name, status);
    let rivals = 2;
    store.beforePut = () => {
      if (rivals-- > 0) store.write({ live: textOf(C), other: `${rivals}` });
    };
    expect(await flip(pointerTo(B), store, time())).toEqual({ changed: true, previousId: C });
    expect(store.contents()).toMatchObject({ live: textOf(B), previous: textOf(C) });
  });

  test('they make the same release live: nothing is left to do', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    store.beforePut = () => {
      if (store.writes === 0) store.write({ live: textOf(B), previous: textOf(A) });
    };
    expect(await flip(pointerTo(B), store, time())).toEqual({ changed: false, previousId: A });
  });

  test('without end: it gives up at its own end with the last error', async () => {
    const clock = aClock();
    const store = new PointerStoreFake({ live: textOf(A) });
    store.beforePut = () => store.write({ other: `${clock.slept.length}` });
    const began = clock.time;
    await expect(flip(pointerTo(B), store, time(clock))).rejects.toThrow('ConflictException');
    expect(clock.time - began).toBeLessThanOrEqual(60_000);
    expect(clock.slept.length).toBeGreaterThan(5);
    expect(store.contents()).toMatchObject({ live: textOf(A) });
  });
});

test('an answer that got lost after the write is found out by reading', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  let lost = false;
  store.afterPut = () => {
    if (lost) return;
    lost = true;
    throw anAwsError('TimeoutError');
  };
  expect(await flip(pointerTo(B), store, time())).toEqual({ changed: false, previousId: A });
  expect(store.writes).toBe(1);
});

test.each([
  [anAwsError('AccessDeniedException', 403)],
  [anAwsError('ValidationException', 400, 'Value too long')],
])('what waiting cannot cure is thrown at once: %s', async (error) => {
  const clock = aClock();
  const store = new PointerStoreFake({ live: textOf(A) });
  store.beforePut = () => {
    throw error;
  };
  await expect(flip(pointerTo(B), store, time(clock))).rejects.toBe(error);
  expect(clock.slept).toEqual([]);
});

test('a pointer larger than the store takes is refused before anything is read', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  const target: Pointer = { id: B, base: A, delta: 'x'.repeat(1_000) };
  await expect(flip(target, store, time())).rejects.toThrow(
    `pointer of ${B}: 1078 bytes; the key-value store takes 1024 for a value`,
  );
  expect(store.reads).toBe(0);
});

test('whatever order any number of promotions run in, live and previous are always two of them in that order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const store = new PointerStoreFake({ live: textOf(A) });
      store.schedule = (label) => scheduler.schedule(Promise.resolve(), label);
      const flips = [flip(pointerTo(B), store, time()), flip(pointerTo(C), store, time())];
      await scheduler.waitFor(Promise.all(flips));
      const { live, previous } = store.contents();
      expect([
        [textOf(B), textOf(C)],
        [textOf(C), textOf(B)],
      ]).toContainEqual([live, previous]);
    }),
  );
});

test.each([
  ['', undefined],
  ['null', undefined],
  ['{"id":"x","base":"x","delta":""}', undefined],
  [`{"id":"${A}","base":"${A}"}`, undefined],
  [textOf(A), { id: A, base: A, delta: '' }],
])('a stored value is a pointer or it is not: %s', (text, pointer) => {
  expect(readPointer(text)).toEqual(pointer);
});
