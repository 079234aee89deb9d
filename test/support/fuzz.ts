import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect } from 'vitest';

/** How many runs each property gets instead of its own few, and the seed: `npm run fuzz` sets them. */
const { FUZZ_RUNS, FUZZ_SEED = String(Date.now() % 2 ** 31) } = process.env;

/**
 * What a property is asserted with. Its test has no timeout of its own: `npm run fuzz` sets a longer one for all.
 *
 * @param quick how many runs a test of every day takes
 */
export const runs = (quick: number) => ({
  numRuns: FUZZ_RUNS === undefined ? quick : Number(FUZZ_RUNS),
  seed: Number(FUZZ_SEED),
});

/**
 * For how long one input may be computed on: seconds of the processor, which a busy machine does not take away. Inputs take
 * milliseconds, so this is a hang, or what takes the square of the input's length.
 */
const LONGEST_MS = 5_000;

let watchdog: Worker | undefined;

/**
 * The same check, under a watchdog: where one input is computed on for longer than `LONGEST_MS`, the input is printed and the
 * process that tests is killed, which Vitest tells as a failure.
 */
export function bounded<Input extends unknown[], Result>(
  check: (...input: Input) => Result,
): (...input: Input) => Result {
  return (...input) => {
    watchdog ??= start();
    const { currentTestName, testPath } = expect.getState();
    const value = inspect(input, { depth: 10, maxStringLength: 500, customInspect: false });
    watchdog.postMessage(`${currentTestName} (${testPath}, seed ${FUZZ_SEED}):\n${value}`);
    const done = () => watchdog?.postMessage(undefined);
    let result: Result;
    try {
      result = check(...input);
    } catch (error) {
      done();
      throw error;
    }
    if (result instanceof Promise) return result.finally(done) as Result;
    done();
    return result;
  };
}

function start(): Worker {
  const up = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./watchdog.mjs', import.meta.url), {
    workerData: { longestMs: LONGEST_MS, up },
    execArgv: [],
  });
  worker.unref();
  // The very first input may be the one that hangs.
  if (Atomics.wait(up, 0, 0, 60_000) === 'timed-out')
    throw new Error('the watchdog does not start');
  return worker;
}

const anyLength = fc.integer({ min: 1_000, max: 100_000 });

/** 100 KB of one thing, with something else before and after it. */
const run = fc
  .tuple(
    fc.constantFrom('', '', '/', '"', '{"', '['),
    fc.constantFrom(
      ...['a', '/', '*', ' ', '\t', '\n', '%', '~', '.', '-', '0', '"', '\\', ':', ',', '=', '#{'],
      ...['/a', '/*', '%2e', '../', '[{"a":[', 'é', 'e\u0301', '\ud800', '😀', '\0'],
    ),
    anyLength,
    fc.constantFrom('', '', '!', ']', '}', '\n', 'a', '/*', '"'),
  )
  .map(([start, one, length, end]) => start + one.repeat(length / one.length) + end);

/** JSON that is as deep as it is long. */
const nest = fc
  .tuple(fc.constantFrom(['[', ']'], ['{"a":', '}'], ['[{"a":[', ']}]'], ['[', '']), anyLength)
  .map(([[open = '', close = ''], length]) => {
    const depth = length / (open.length + close.length);
    return `${open.repeat(depth)}1${close.repeat(depth)}`;
  });

/** As long as whoever wants to stall a parser makes it. */
export const longText: fc.Arbitrary<string> = fc.oneof({ weight: 3, arbitrary: run }, nest);
