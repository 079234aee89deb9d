// Runs beside the thread that tests (fuzz.ts), since nothing in that thread can end a loop of its own.
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const { longestMs, up } = workerData;

/** What is worked on, and how long the process had computed when that began. */
let underWay;

const computedMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

parentPort.on('message', (told) => {
  underWay = told && { told, from: computedMs() };
});

setInterval(() => {
  if (underWay === undefined || computedMs() - underWay.from < longestMs) return;
  // By way of the blocked thread nothing would be written any more.
  writeSync(2, `\nHANGS: still computing after ${longestMs / 1000} s: ${underWay.told}\n`);
  process.kill(process.pid, 'SIGKILL');
}, 250);

Atomics.store(up, 0, 1);
Atomics.notify(up, 0);
