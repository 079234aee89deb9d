import { describe, expect, test } from 'vitest';
import { StageLock } from '../../local/pipeline/stage-lock.ts';

const never = new AbortController().signal;

function enter(lock: StageLock, log: string[], id: string, signal = never): void {
  lock.enter(id, signal).then(
    (by) => log.push(by === undefined ? `${id} in` : `${id} superseded by ${by}`),
    (reason) => log.push(`${id} ${reason}`),
  );
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the newest waiting execution goes next, the ones before it do not run', async () => {
  const lock = new StageLock('SUPERSEDED');
  const log: string[] = [];
  for (const id of ['one', 'two', 'three']) enter(lock, log, id);
  await turn();
  expect(log).toEqual(['one in', 'two superseded by three']);
  expect(lock.holder).toBe('one');
  lock.leave();
  await turn();
  expect(log.at(-1)).toBe('three in');
  lock.leave();
  expect(lock.holder).toBeUndefined();
});

test('queued executions go one after the other', async () => {
  const lock = new StageLock('QUEUED');
  const log: string[] = [];
  for (const id of ['one', 'two', 'three']) enter(lock, log, id);
  lock.leave();
  await turn();
  expect(log).toEqual(['one in', 'two in']);
  lock.leave();
  await turn();
  expect(log).toEqual(['one in', 'two in', 'three in']);
});

test('who stops waiting is not let in', async () => {
  const lock = new StageLock('QUEUED');
  const log: string[] = [];
  const stop = new AbortController();
  enter(lock, log, 'one');
  enter(lock, log, 'two', stop.signal);
  stop.abort('stopped');
  lock.leave();
  enter(lock, log, 'three', stop.signal);
  await turn();
  expect(log.toSorted()).toEqual(['one in', 'three stopped', 'two stopped']);
  expect(lock.holder).toBeUndefined();
});

describe('a stage that is closed', () => {
  test('lets nobody in until it is open and somebody looks; then the newest', async () => {
    let open = false;
    const lock = new StageLock('SUPERSEDED', () => open);
    const log: string[] = [];
    enter(lock, log, 'one');
    enter(lock, log, 'two');
    lock.admit();
    await turn();
    expect(log).toEqual(['one superseded by two']);
    expect(lock.holder).toBeUndefined();
    open = true;
    lock.admit();
    await turn();
    expect(log.at(-1)).toBe('two in');
  });

  test('does not let an older one in after a newer one that comes just as it opens', async () => {
    let open = false;
    const lock = new StageLock('SUPERSEDED', () => open);
    const log: string[] = [];
    enter(lock, log, 'one');
    open = true;
    enter(lock, log, 'two');
    await turn();
    lock.leave();
    await turn();
    expect(log).toEqual(['one superseded by two', 'two in']);
  });

  test('keeps who waits behind another one, if it closes meanwhile', async () => {
    let open = true;
    const lock = new StageLock('QUEUED', () => open);
    const log: string[] = [];
    enter(lock, log, 'one');
    enter(lock, log, 'two');
    open = false;
    lock.leave();
    await turn();
    expect(log).toEqual(['one in']);
    open = true;
    lock.admit();
    await turn();
    expect(log).toEqual(['one in', 'two in']);
  });
});
