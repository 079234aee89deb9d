import { readCommandLine } from '../options.ts';
import type { MeasureOptions } from './measure.ts';
import type { RecipeOptions } from './recipe.ts';

export const HELP = `npm run proof:measured [-- OPTIONS]

Publishes the same releases in two ways on this machine, while visitors load pages over HTTP and in a
real browser, and counts the page loads that got files of two releases: the well-known recipe (copy into
the bucket, then invalidate /*) and this project's stack, each with hashed and with fixed names of
scripts and styles, and this project's with fixed names and fingerprint: true. Takes some ten minutes.

  --releases N       how many are published one after the other (default 20)
  --pages N          of the site, besides the start page (default 40)
  --clients N        visitors over HTTP, every other one with a cache (default 16)
  --round-trip MS    added to every request of a visitor (default 50)
  --pause MS         how long a visitor looks at a page, on average (default 100)
  --put-latency MS   how long S3 takes to store an object of the recipe, half as much more or less each
                     time (default 100, the lower end of what AWS names for small objects)
  --invalidation MS  how long an invalidation of the recipe takes (default 1000; on AWS up to 5 seconds)
  --edge-delay MS    how much later than its write the edge sees our pointer, at most (default 2000)
  --rest MS          from the end of a release to the start of the next (default 1000)
  --no-browser       only visitors over HTTP
  --write            puts the table into docs/proof-measured.md
  --help             this text`;

export interface Options extends Omit<MeasureOptions, 'hashed'>, RecipeOptions {
  readonly edgeDelay: number;
  readonly withBrowser: boolean;
  readonly write: boolean;
}

const NUMBERS = {
  releases: { default: 20, least: 1, most: 1_000 },
  pages: { default: 40, least: 0, most: 10_000 },
  clients: { default: 16, least: 1, most: 200 },
  'round-trip': { default: 50, least: 0, most: 10_000 },
  pause: { default: 100, least: 0, most: 60_000 },
  'put-latency': { default: 100, least: 0, most: 10_000 },
  invalidation: { default: 1_000, least: 0, most: 60_000 },
  'edge-delay': { default: 2_000, least: 0, most: 30_000 },
  rest: { default: 1_000, least: 0, most: 60_000 },
};

/**
 * What the command line asks for; `undefined` if for help.
 *
 * @throws Error naming everything wrong with it
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = readCommandLine(args, NUMBERS, ['no-browser', 'write']);
  if (!values) return undefined;
  return {
    ...values,
    roundTrip: values['round-trip'],
    putLatency: values['put-latency'],
    edgeDelay: values['edge-delay'],
    withBrowser: !values['no-browser'],
  };
}
