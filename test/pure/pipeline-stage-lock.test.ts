import { expect, test } from 'vitest';
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
