import { readCommandLine } from '../proof/options.ts';

export const HELP = `npm run faults [-- OPTIONS]

Tries every fault at every call of every function (docs/faults.md) and exits with 1 if anything that must hold
did not.

  --only NAME      scenarios whose name begins with that
  --sample N       so many cases of each scenario (default: all)
  --seed N         another sample of the same size (default 1)
  --fast           leaves out the bundles in processes of their own, which take most of the time
  --real           the bundles alone
  --processes N    how many bundles at once (default 4)
  --help           this text`;

const NUMBERS = {
  sample: { default: Number.POSITIVE_INFINITY, least: 1, most: 1_000_000 },
  seed: { default: 1, least: 0, most: 2 ** 31 - 1 },
  processes: { default: 4, least: 1, most: 100 },
};

/**
 * What the command line asks for; `undefined` if for help.
 *
 * @throws Error naming everything wrong with it
 */
export const readOptions = (args: readonly string[]) =>
  readCommandLine(args, NUMBERS, ['fast', 'real'], ['only']);

export type Options = NonNullable<ReturnType<typeof readOptions>>;
