import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { freeze, freezeText } from '../../lambda/shared/freeze.ts';
import { flip, pointerText, readPointer, takeBack } from '../../lambda/shared/pointer.ts';
import type { StoreTime } from '../../lambda/shared/store.ts';
import type { Freeze, Pointer } from '../../lib/release/contract.ts';
import { aClock, anAwsError } from '../support/job.ts';
import { A, B, C, PointerStoreFake, pointerTo, textOf } from '../support/pointer-store.ts';

const to = (id: string) => async () => pointerTo(id);
const isNever = async () => false;

const time = (clock = aClock()): StoreTime => ({
  clock,
  endAt: clock.now() + 60_000,
  signal: new AbortController().signal,
});

test('the first release goes live without one before it', async () => {
  const store = new PointerStoreFake();
  expect(await flip(to(A), store, time())).toEqual({
    kind: 'flipped',
    changed: true,
    previousId: undefined,
    older: undefined,
  });
  expect(store.contents()).toEqual({ live: textOf(A) });
});

test('a release goes live and the one before it is remembered, in one write', async () => {
  const store = new PointerStoreFake({ live: textOf(A), previous: 'older' });
  expect(await flip(to(B), store, time())).toMatchObject({ changed: true, previousId: A });
  expect(store.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
  expect(store.writes).toBe(1);
});

test('a release that is live already is not written again, and tells the same story', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  await flip(to(B), store, time());
  expect(await flip(to(B), store, time())).toMatchObject({ changed: false, previousId: A });
  expect(store.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
  expect(store.writes).toBe(1);
});

test('the live release found in another way keeps the one before it', async () => {
  const store = new PointerStoreFake({
    live: pointerText({ id: B, base: A, delta: 'xyz' }),
    previous: textOf(A),
  });
  expect(await flip(to(B), store, time())).toMatchObject({ changed: true, previousId: A });
  expect(store.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
});

test('who may not go back leaves a newer release live, but no older one and no damaged pointer', async () => {
  const store = new PointerStoreFake({ live: textOf(B) });
  const onlyForward = { mayGoBack: async () => false };
  await expect(flip(to(A), store, time(), onlyForward)).rejects.toThrow(
    `Release ${A} was not made live: visitors get release ${B}, which is newer. To go back: npm run releases -- rollback ${A}`,
  );
  expect(store.writes).toBe(0);
  expect(await flip(to(C), store, time(), onlyForward)).toMatchObject({ previousId: B });
  store.write({ live: 'damaged' });
  expect(await flip(to(A), store, time(), onlyForward)).toMatchObject({ changed: true });
});

test('of two releases from the same second neither is newer', async () => {
  const store = new PointerStoreFake({ live: textOf(`${B.slice(0, 16)}-zzzzzzz`) });
  const onlyForward = { mayGoBack: async () => false };
  expect(await flip(to(B), store, time(), onlyForward)).toMatchObject({ changed: true });
});

test('a pointer that somebody damaged is replaced and kept for the operator to see', async () => {
  const store = new PointerStoreFake({ live: 'damaged' });
  expect(await flip(to(B), store, time())).toEqual({
    kind: 'flipped',
    changed: true,
    previousId: undefined,
    older: undefined,
  });
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
    expect(await flip(to(B), store, time())).toMatchObject({ changed: true, previousId: C });
    expect(store.contents()).toMatchObject({ live: textOf(B), previous: textOf(C) });
  });

  test('they make the same release live: nothing is left to do', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    store.beforePut = () => {
      if (store.writes === 0) store.write({ live: textOf(B), previous: textOf(A) });
    };
    expect(await flip(to(B), store, time())).toMatchObject({
      changed: false,
      previousId: A,
    });
  });

  test('without end: it gives up at its own end with the last error', async () => {
    const clock = aClock();
    const store = new PointerStoreFake({ live: textOf(A) });
    store.beforePut = () => store.write({ other: `${clock.slept.length}` });
    const began = clock.time;
    await expect(flip(to(B), store, time(clock))).rejects.toThrow('ConflictException');
    expect(clock.time - began).toBeLessThanOrEqual(60_000);
    expect(clock.slept.length).toBeGreaterThan(5);
    expect(store.contents()).toMatchObject({ live: textOf(A) });
  });
});

test('an answer that got lost after the write is found out by reading', async () => {
  const store = new PointerStoreFake({ live: textOf(A), previous: 'older' });
  let lost = false;
  store.afterPut = () => {
    if (lost) return;
    lost = true;
    throw anAwsError('TimeoutError');
  };
  // Ours, as far as anybody can tell: so it may be taken back.
  expect(await flip(to(B), store, time())).toMatchObject({
    changed: true,
    previousId: A,
    older: 'older',
  });
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
  await expect(flip(to(B), store, time(clock))).rejects.toBe(error);
  expect(clock.slept).toEqual([]);
});

test('a pointer larger than the store takes is refused, and nothing is written', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  const target: Pointer = { id: B, base: A, delta: 'x'.repeat(1_000) };
  await expect(flip(async () => target, store, time())).rejects.toThrow(
    `pointer of ${B}: 1078 bytes; the key-value store takes 1024 for a value`,
  );
  expect(store.writes).toBe(0);
});

const FREEZE: Freeze = { by: 'ann', reason: 'an incident', at: '2026-11-23T06:00:00.000Z' };
const FROZEN = freezeText(FREEZE);

describe('while publishing is frozen', () => {
  test('no release goes live, and who asks is told by whom, why, and what stays live', async () => {
    const store = new PointerStoreFake({ live: textOf(A), frozen: FROZEN });
    expect(await flip(to(B), store, time())).toEqual({
      kind: 'frozen',
      freeze: FREEZE,
      liveId: A,
    });
    expect(store.contents()).toEqual({ live: textOf(A), frozen: FROZEN });
    expect(store.writes).toBe(0);
  });

  test('a freeze that comes between the reading and the writing of a flip is found', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    store.beforePut = () => {
      if (!store.contents().frozen) store.write({ frozen: FROZEN });
    };
    expect(await flip(to(B), store, time())).toMatchObject({ kind: 'frozen' });
    expect(store.contents().live).toBe(textOf(A));
  });

  test('the release that is live already is no promotion', async () => {
    const store = new PointerStoreFake({ live: textOf(A), frozen: FROZEN });
    expect(await flip(to(A), store, time())).toMatchObject({
      kind: 'flipped',
      changed: false,
    });
  });

  test('a person may go back even so, and freezes in the same write', async () => {
    const store = new PointerStoreFake({ live: textOf(B), frozen: 'by hand' });
    await flip(to(A), store, time(), { evenFrozen: true, freeze: FREEZE });
    expect(store.contents()).toEqual({ live: textOf(A), previous: textOf(B), frozen: FROZEN });
    expect(store.writes).toBe(1);
  });

  test('a freeze asked for with a release that is live already is written', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    await flip(to(A), store, time(), { freeze: FREEZE });
    expect(store.contents()).toEqual({ live: textOf(A), frozen: FROZEN });
  });
});

describe('what a flip looks up before it writes', () => {
  test('stops it', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    const retired = () => Promise.reject(new Error('retired'));
    await expect(flip(retired, store, time())).rejects.toThrow('retired');
    expect(store.contents()).toEqual({ live: textOf(A) });
  });

  test('is looked up again whenever the store has changed since, whatever was written', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    let retired = false;
    store.beforePut = () => {
      if (retired) return;
      // What prune does: first it ends the release's record, then it writes to the store.
      retired = true;
      store.write({ anything: 'x' });
    };
    const lookUp = async () => {
      if (retired) throw new Error('retired');
      return pointerTo(B);
    };
    await expect(flip(lookUp, store, time())).rejects.toThrow('retired');
    expect(store.contents().live).toBe(textOf(A));
  });
});

describe('a flip is taken back', () => {
  test('to exactly the state before it', async () => {
    const store = new PointerStoreFake({ live: textOf(A), previous: textOf(C) });
    const { older } = (await flip(to(B), store, time())) as { older: string | undefined };
    expect(await takeBack(B, older, isNever, store, time())).toEqual({ kind: 'back', to: A });
    expect(store.contents()).toEqual({ live: textOf(A), previous: textOf(C) });
  });

  test('without a trace of a previous that was not there', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    await flip(to(B), store, time());
    await takeBack(B, undefined, isNever, store, time());
    expect(store.contents()).toEqual({ live: textOf(A) });
  });

  test('only if the release is still live: what somebody else did since stays', async () => {
    const store = new PointerStoreFake({ live: textOf(C), previous: textOf(B) });
    expect(await takeBack(B, undefined, isNever, store, time())).toEqual({
      kind: 'overtaken',
      liveId: C,
    });
    expect(store.writes).toBe(0);
  });

  test('or not, when somebody is faster by a moment', async () => {
    const store = new PointerStoreFake({ live: textOf(B), previous: textOf(A) });
    store.beforePut = () => store.write({ live: textOf(C), previous: textOf(B) });
    expect(await takeBack(B, undefined, isNever, store, time())).toEqual({
      kind: 'overtaken',
      liveId: C,
    });
    expect(store.contents()).toEqual({ live: textOf(C), previous: textOf(B) });
  });

  test.each([
    ['there is none', {}],
    ['it is damaged', { previous: 'damaged' }],
    ['it is the same', { previous: textOf(B) }],
  ])('never to a release before it if %s', async (_, values) => {
    const store = new PointerStoreFake({ live: textOf(B), ...values });
    expect(await takeBack(B, undefined, isNever, store, time())).toEqual({ kind: 'nowhere' });
    expect(store.contents()).toEqual({ live: textOf(B), ...values });
  });

  test('never to one that a clean-up has ended, even if it did so a moment ago', async () => {
    const store = new PointerStoreFake({ live: textOf(B), previous: textOf(A) });
    const ended = new Set<string>();
    store.beforePut = () => {
      ended.add(A);
      store.write({ pruned: 'now' });
    };
    const isEnded = async (id: string) => ended.has(id);
    expect(await takeBack(B, undefined, isEnded, store, time())).toEqual({ kind: 'gone', to: A });
    expect(store.contents().live).toBe(textOf(B));
  });

  test('once, though the answer got lost', async () => {
    const store = new PointerStoreFake({ live: textOf(B), previous: textOf(A) });
    store.afterPut = () => {
      if (store.writes === 1) throw anAwsError('TimeoutError');
    };
    expect(await takeBack(B, textOf(C), isNever, store, time())).toEqual({ kind: 'back', to: A });
    expect(store.contents()).toEqual({ live: textOf(A), previous: textOf(C) });
    expect(store.writes).toBe(1);
  });
});

test('whatever order a promotion, its taking back, a freeze and another promotion run in, a frozen site stays as it was frozen', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const store = new PointerStoreFake({ live: textOf(A) });
      store.schedule = (label) => scheduler.schedule(Promise.resolve(), label);
      const history = [store.contents()];
      store.afterPut = () => void history.push(store.contents());
      const bad = async () => {
        const flipped = await flip(to(B), store, time());
        if (flipped.kind === 'frozen') return flipped;
        return takeBack(B, flipped.older, isNever, store, time());
      };
      const results = Promise.all([
        bad(),
        flip(to(C), store, time()),
        freeze(FREEZE, store, time()),
      ]);
      await scheduler.waitFor(results);
      const [first, second] = await results;
      expect(store.contents().frozen).toBe(FROZEN);
      history.forEach((after, index) => {
        const before = history[index - 1];
        if (before?.frozen === undefined || before.live === after.live) return;
        expect([before.live, after.live]).toEqual([textOf(B), before.previous]);
      });
      const wasLive = (id: string) => history.some(({ live }) => live === textOf(id));
      expect(wasLive(B)).toBe(first.kind !== 'frozen');
      expect(wasLive(C)).toBe(second.kind !== 'frozen');
      // A release that was taken back is not what is left.
      expect(store.contents().live === textOf(B)).toBe(false);
    }),
  );
});

test('whatever order any number of promotions run in, live and previous are always two of them in that order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const store = new PointerStoreFake({ live: textOf(A) });
      store.schedule = (label) => scheduler.schedule(Promise.resolve(), label);
      const flips = [flip(to(B), store, time()), flip(to(C), store, time())];
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
  [
    pointerText({ id: A, base: A, delta: '', style: 'file', pages: '' }),
    { id: A, base: A, delta: '', style: 'file', pages: '' },
  ],
])('a stored value is a pointer or it is not: %s', (text, pointer) => {
  expect(readPointer(text)).toEqual(pointer);
});

describe('a release with redirect rules', () => {
  const rules = '0123456789abcdef 1 0 0';
  const values = new Map([['rules/0123456789abcdef/x0', '0 /a /b 301!']]);
  const withRules = async () => ({ ...pointerTo(B), rules, values });

  test('goes live with their values, in one write, and names the one before it', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    await flip(withRules, store, time());
    expect(store.writes).toBe(1);
    expect(store.contents()).toEqual({
      live: pointerText({ ...pointerTo(B), rules, before: A }),
      previous: textOf(A),
      ...Object.fromEntries(values),
    });
  });

  test('is the same by a second flip, and writes nothing', async () => {
    const store = new PointerStoreFake({ live: textOf(A) });
    await flip(withRules, store, time());
    expect(await flip(withRules, store, time())).toMatchObject({ changed: false, previousId: A });
    expect(store.writes).toBe(1);
  });

  test('is taken back as it was, its own values left where they are', async () => {
    const store = new PointerStoreFake({ live: textOf(C) });
    await flip(withRules, store, time());
    const whole = store.contents();
    const { older } = (await flip(to(A), store, time())) as { older: string | undefined };
    expect(await takeBack(A, older, isNever, store, time())).toEqual({ kind: 'back', to: B });
    expect(store.contents()).toEqual(whole);
  });

  test('gets its values again when somebody goes back to it', async () => {
    const store = new PointerStoreFake({ live: textOf(A), previous: textOf(C) });
    await flip(withRules, store, time());
    expect(store.contents()).toMatchObject(Object.fromEntries(values));
  });

  test('is read from the store with them, and not if they are damaged', () => {
    const pointer = { ...pointerTo(B), rules, before: A };
    expect(readPointer(pointerText(pointer))).toEqual(pointer);
    expect(readPointer(JSON.stringify({ ...pointer, rules: 'x' }))).toBeUndefined();
    expect(readPointer(JSON.stringify({ ...pointer, before: 'x' }))).toBeUndefined();
  });
});

test('a flip that is stopped in the middle of a try says what was the matter with the one before', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  const stop = new AbortController();
  let tries = 0;
  store.schedule = async () => {
    tries += 1;
    if (tries === 1) throw anAwsError('InternalServerException', 500);
    stop.abort();
    throw Object.assign(new Error('Request aborted'), { name: 'AbortError' });
  };
  await expect(flip(to(B), store, { ...time(), signal: stop.signal })).rejects.toThrow(
    'InternalServerException says AWS',
  );
});

test('a flip that freezes, and never hears of its write, finds that it was made', async () => {
  const store = new PointerStoreFake({ live: textOf(A) });
  store.afterPut = () => {
    throw anAwsError('TimeoutError');
  };
  const freezing = { evenFrozen: true, freeze: { by: 'jo', reason: 'broken', at: 'now' } };
  expect(await flip(to(B), store, time(), freezing)).toMatchObject({
    changed: true,
    previousId: A,
  });
  expect(store.writes).toBe(1);
});
