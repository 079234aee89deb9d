import { readCommandLine } from '../options.ts';
import type { SoakOptions } from './soak.ts';

export const HELP = `npm run soak [-- OPTIONS]

Runs the local stack in one process and puts it under load from another: requests at a rate, pushes,
bursts of pushes and clean-ups. Fails where a request has no answer, where an answer is not byte for byte
a file of a release that may have been live in that moment, where a push ends otherwise than published or
superseded, where the last push is not what is served in the end, or where memory grows.

  --minutes N     how long (default 5; fractions as well)
  --rate N        requests a second (default 50)
  --push-every S  seconds from one push to the next; every third is a burst of three (default 10)
  --heap MB       by how much the heap of the server may grow in a minute (default 1)
  --rss MB        the same for all of its memory (default 8)
  --write         puts the figures into docs/soak.md
  --help          this text

Memory is looked at after a forced collection, from a third of the time on. Below two minutes it is only
reported, without a verdict.`;

const NUMBERS = {
  minutes: { default: 5, least: 0.1, most: 1_440, fraction: true },
  rate: { default: 50, least: 1, most: 5_000 },
  'push-every': { default: 10, least: 1, most: 3_600 },
  heap: { default: 1, least: 0.01, most: 1_000, fraction: true },
  rss: { default: 8, least: 0.01, most: 1_000, fraction: true },
};

export interface Options extends SoakOptions {
  readonly write: boolean;
}

/**
 * What the command line asks for; `undefined` if for help.
 *
 * @throws Error naming everything wrong with it
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = readCommandLine(args, NUMBERS, ['write']);
  if (!values) return undefined;
  const { minutes, rate, heap, rss, write } = values;
  return {
    milliseconds: minutes * 60_000,
    rate,
    pushEvery: values['push-every'] * 1_000,
    mostGrowth: { heap: heap * 1e6, rss: rss * 1e6 },
    write,
  };
}
