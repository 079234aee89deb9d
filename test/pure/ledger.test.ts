import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addState,
  changeEntry,
  firstEntry,
  lastState,
  notNoted,
  openEntry,
  readEntry,
  type StateEntry,
  withPin,
} from '../../lambda/shared/ledger.ts';
import type { StoreTime } from '../../lambda/shared/store.ts';
import type { Manifest, ReleaseState } from '../../lib/release/contract.ts';
import { aClock, anAwsError } from '../support/job.ts';
import { LedgerFake } from '../support/ledger-store.ts';
import { A, B, pointerTo } from '../support/pointer-store.ts';

const AT = '2026-11-23T06:15:00.000Z';
const { signal } = new AbortController();

const time = (clock = aClock()): StoreTime => ({ clock, endAt: clock.now() + 60_000, signal });

const MANIFEST: Manifest = {
  version: 2,
  id: A,
  revision: 'abcdef',
  createdAt: '2026-11-23T06:00:00.000Z',
  pointer: pointerTo(A),
  gone: [],
  files: [
    { path: 'a.css', key: 'k', size: 5, sha256: 's', type: 'text/css; charset=utf-8' },
    { path: 'a.html', key: 'k', size: 7, sha256: 's', type: 'text/html; charset=utf-8' },
  ],
};
const manifest = async () => MANIFEST;

const ENTRY = firstEntry(MANIFEST, {
  by: 'pipeline execution e-1',
  at: AT,
  execution: 'e-1',
  plan: { put: 1, copy: 0, keep: 1, pool: 0 },
  findings: ['a.html: /missing'],
});

const a = (state: ReleaseState, note?: string): StateEntry => ({
  state,
  at: AT,
  by: 'ann',
  ...(note !== undefined && { note }),
});

async function aLedger(): Promise<LedgerFake> {
  const ledger = new LedgerFake();
  await openEntry(ENTRY, ledger, time());
  return ledger;
}

test("a release's first page says what it is, who made it and how", async () => {
  const ledger = await aLedger();
  expect(ledger.entry(A)).toEqual({
    version: 1,
    id: A,
    revision: 'abcdef',
    execution: 'e-1',
    files: 2,
    bytes: 12,
    pages: 1,
    plan: { put: 1, copy: 0, keep: 1, pool: 0 },
    findings: ['a.html: /missing'],
    states: [{ state: 'uploaded', at: AT, by: 'pipeline execution e-1' }],
  });
});

test('a job that is done twice leaves the page as others have written it since', async () => {
  const ledger = await aLedger();
  await addState(A, a('live'), manifest, ledger, time());
  await openEntry(ENTRY, ledger, time());
  expect(ledger.states(A)).toEqual(['uploaded', 'live']);
});

test('states are added one after the other, each with who, when and why', async () => {
  const ledger = await aLedger();
  await addState(A, a('live'), manifest, ledger, time());
  await addState(A, a('failed', 'it did not answer'), manifest, ledger, time());
  expect(ledger.entry(A).states.slice(1)).toEqual([
    { state: 'live', at: AT, by: 'ann' },
    { state: 'failed', at: AT, by: 'ann', note: 'it did not answer' },
  ]);
  expect(await lastState(A, ledger, signal)).toEqual(a('failed', 'it did not answer'));
});

test('the state that a release is in already is not added again', async () => {
  const ledger = await aLedger();
  await addState(A, a('live'), manifest, ledger, time());
  await addState(A, a('live'), manifest, ledger, time());
  expect(ledger.states(A)).toEqual(['uploaded', 'live']);
  expect(ledger.writes).toBe(2);
});

test('an answer that got lost adds nothing twice', async () => {
  const ledger = await aLedger();
  ledger.afterWrite = () => {
    if (ledger.writes === 2) throw anAwsError('TimeoutError');
  };
  await addState(A, a('live'), manifest, ledger, time());
  expect(ledger.states(A)).toEqual(['uploaded', 'live']);
});

describe('a page that is lost or damaged is written anew from the manifest, and says so', () => {
  const note = (was: string) =>
    `uploaded: This entry was ${was} and was written anew from the manifest on ${AT} by ann.`;

  test.each([
    ['missing', undefined],
    ['damaged', '{"version":1'],
    ['damaged', '{}'],
    ['damaged', JSON.stringify({ ...ENTRY, id: B })],
    ['damaged', JSON.stringify({ ...ENTRY, states: [{ state: 'sold', at: AT, by: 'x' }] })],
  ])('%s: %s', async (was, text) => {
    const ledger = new LedgerFake();
    if (text !== undefined) ledger.put(A, text);
    expect(await lastState(A, ledger, signal)).toBeUndefined();
    await addState(A, a('live'), manifest, ledger, time());
    expect(ledger.states(A)).toEqual([note(was), 'live']);
    const { plan, findings, files, bytes, pages, revision } = ledger.entry(A);
    expect({ plan, findings, files, bytes, pages, revision }).toEqual({
      plan: undefined,
      findings: [],
      files: 2,
      bytes: 12,
      pages: 1,
      revision: 'abcdef',
    });
    expect(readEntry(ledger.pages.get(A)?.text ?? '', A)).toBeDefined();
  });

  test('even where there is nothing to add', async () => {
    const ledger = new LedgerFake();
    const writer = { by: 'ann', at: AT, manifest };
    await changeEntry(A, () => undefined, writer, ledger, time());
    expect(ledger.states(A)).toEqual([note('missing')]);
  });

  test('not where there is no such release', async () => {
    const ledger = new LedgerFake();
    await expect(addState(A, a('live'), async () => undefined, ledger, time())).rejects.toThrow(
      `ledger: release ${A} has neither entry nor manifest`,
    );
  });
});

test('what waiting can cure is tried again, the rest is thrown at once', async () => {
  const ledger = await aLedger();
  let busy = 3;
  ledger.beforeRead = () => {
    if (busy-- > 0) throw anAwsError('SlowDown', 503);
  };
  await addState(A, a('live'), manifest, ledger, time());
  expect(ledger.states(A)).toEqual(['uploaded', 'live']);

  const clock = aClock();
  ledger.beforeRead = () => {
    throw anAwsError('AccessDenied', 403, 'No');
  };
  await expect(addState(A, a('failed'), manifest, ledger, time(clock))).rejects.toThrow('No');
  expect(clock.slept).toEqual([]);
  expect(notNoted(anAwsError('AccessDenied', 403, 'No.'))).toBe(
    'The ledger was not written (AccessDenied (403): No), which no visitor notices.',
  );
});

test('it gives up when others are faster each time, or its time is over', async () => {
  const ledger = await aLedger();
  ledger.beforeWrite = (id) => ledger.put(id, JSON.stringify(ENTRY));
  await expect(addState(A, a('live'), manifest, ledger, time())).rejects.toThrow(
    'ledger: others were faster each time',
  );
  const clock = aClock();
  const short = { clock, endAt: clock.now(), signal };
  await expect(addState(A, a('live'), manifest, ledger, short)).rejects.toThrow('others were');
  expect(clock.slept).toEqual([]);
});

test('whatever order any number of writers come in, none loses what another wrote', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.boolean(), async (scheduler, opened) => {
      const ledger = opened ? await aLedger() : new LedgerFake();
      ledger.schedule = (label) => scheduler.schedule(Promise.resolve(), label);
      const add = (state: ReleaseState, note: string) =>
        addState(A, a(state, note), manifest, ledger, time());
      const writing = Promise.all([
        add('live', '1'),
        add('replaced', '2'),
        add('failed', '3'),
        changeEntry(
          A,
          (entry) => ({ ...entry, pinned: { by: 'ann', at: AT } }),
          { by: 'ann', at: AT, manifest },
          ledger,
          time(),
        ),
      ]);
      await scheduler.waitFor(writing);
      const states = ledger.states(A);
      expect(states).toHaveLength(4);
      expect(states.slice(1).sort()).toEqual(['failed: 3', 'live: 1', 'replaced: 2']);
      expect(ledger.entry(A).pinned).toEqual({ by: 'ann', at: AT });
    }),
  );
});

describe('a pin', () => {
  const pin = { by: 'ann', at: AT };

  test('is added once, and whoever was first stays', () => {
    const pinned = withPin(ENTRY, pin);
    expect(pinned).toEqual({ ...ENTRY, pinned: pin });
    expect(withPin({ ...ENTRY, pinned: pin }, { by: 'bob', at: AT })).toBeUndefined();
  });

  test('is refused once a clean-up has begun to retire the release, whatever was noted since', () => {
    // A promotion came in between: the clean-up may end the release all the same.
    const entry = { ...ENTRY, states: [a('uploaded'), a('retired'), a('live')] };
    expect(() => withPin(entry, pin)).toThrow(`release ${A} was retired at ${AT} by ann`);
  });
});
