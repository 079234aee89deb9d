import { afterAll, expect, test } from 'vitest';
import { soak } from '../../proof/soak/soak.ts';
import { removeDirectories } from '../support/local-stack.ts';

afterAll(removeDirectories);

test('under load from another process no request and no push is lost, and what is served is always a live release', async () => {
  const result = await soak({
    milliseconds: 4_000,
    rate: 30,
    pushEvery: 1_300,
    mostGrowth: { heap: 0, rss: 0 },
  });
  // Seconds say nothing about memory.
  expect(result.judgedMemory).toBe(false);
  expect(result.problems).toEqual([]);
  expect(result.answered).toBe(result.sent);
  // Otherwise nothing has happened that could have gone wrong.
  expect(result.sent).toBeGreaterThan(80);
  expect(result.ends.published).toBeGreaterThan(1);
  expect(result.latency.count).toBe(result.sent);
  expect(result.memory.heap.last).toBeGreaterThan(0);
}, 300_000);
