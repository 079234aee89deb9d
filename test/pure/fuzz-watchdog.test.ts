import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { globSync } from 'tinyglobby';
import { expect, test } from 'vitest';

const WATCHDOG = new URL('../support/watchdog.mjs', import.meta.url);

/** A process in which something is checked under the watchdog, as `bounded` does it. */
const checking = (check: string) =>
  spawnSync(
    process.execPath,
    [
      '--eval',
      `const { Worker } = require('node:worker_threads');
       const up = new Int32Array(new SharedArrayBuffer(4));
       const workerData = { longestMs: 500, up };
       const watchdog = new Worker(new URL('${WATCHDOG}'), { workerData, execArgv: [] });
       watchdog.unref();
       Atomics.wait(up, 0, 0);
       watchdog.postMessage('a parser: "[[[["');
       ${check}`,
    ],
    { timeout: 60_000 },
  );

test('a check that never returns is ended, and what it was given is told', () => {
  const { signal, stderr } = checking('for (;;);');
  expect(signal).toBe('SIGKILL');
  expect(stderr.toString()).toBe('\nHANGS: still computing after 0.5 s: a parser: "[[[["\n');
});

test('a check that has returned is not, whatever is computed after it', () => {
  const { status, stderr } = checking(`watchdog.postMessage(undefined);
    const end = performance.now() + 1_500;
    while (performance.now() < end);`);
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
});

test('no property has a timeout of its own, which would be too short for the runs of npm run fuzz', () => {
  const fuzzed = globSync('test/{pure,executed}/*.test.ts', { absolute: true })
    .map((file) => [file, readFileSync(file, 'utf8')] as const)
    .filter(([, text]) => /\bruns\(\d/.test(text));
  expect(fuzzed.length).toBeGreaterThan(5);
  for (const [file, text] of fuzzed) {
    // As Biome writes it: after the function's last line, or in options before it.
    expect([file, text.match(/^ *\}, [\d_]+\);$|\btimeout: /m)?.[0]]).toEqual([file, undefined]);
  }
});
