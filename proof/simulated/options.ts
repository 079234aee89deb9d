import { parseArgs } from 'node:util';
import { CANDIDATES, WAYS } from './models/ways.ts';
import { SIZES } from './sites/history.ts';

export const DEFAULT_SEED = 1;
/** Visits in each row of the table, split among the kinds of delay. */
export const DEFAULT_LOADS = 12_000;
const FEWEST_LOADS = 30;
const MOST_LOADS = 10_000_000;
const MOST_SEED = 2 ** 31 - 1;

const SIZE_NAMES = SIZES.map(({ name }) => name);
const WAY_NAMES = [...WAYS, ...CANDIDATES].map(({ option }) => option);

export const HELP = `npm run proof [-- OPTIONS]

Simulates visitors, edges and pipelines for several ways to publish a site, all with the same visits and the same chance, and
prints one table: pages that mix two releases, files that are missing, old pages, what stays warm, what a release costs.
The same seed gives the same table on every machine. What is simulated: docs/proof.md

  --seed N      another chance (default: ${DEFAULT_SEED})
  --loads N     visits of pages in each row (default: ${DEFAULT_LOADS}; more of them find what is rarer)
  --only NAME   a size of site (${SIZE_NAMES.join(', ')})
                or a way to publish (${WAY_NAMES.slice(0, 3).join(', ')},
                ${WAY_NAMES.slice(3).join(', ')});
                may be given several times (default: all of them)
  --write       puts the table into docs/proof.md, where the defaults are shown
  --help        this text`;

export interface Options {
  readonly seed: number;
  readonly loads: number;
  /** Names; each list has at least one. */
  readonly sizes: readonly string[];
  readonly ways: readonly string[];
  readonly write: boolean;
}

/**
 * What the command line asks for; `undefined` if for help.
 *
 * @throws Error naming everything wrong with it
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: String(DEFAULT_SEED) },
      loads: { type: 'string', default: String(DEFAULT_LOADS) },
      only: { type: 'string', multiple: true, default: [] },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const problems: string[] = [];
  const number = (name: 'seed' | 'loads', least: number, most: number): number => {
    const value = /^\d{1,10}$/.test(values[name]) ? Number(values[name]) : -1;
    if (value < least || value > most) {
      problems.push(`--${name}: got ${values[name]}; use a whole number from ${least} to ${most}`);
    }
    return value;
  };
  const seed = number('seed', 0, MOST_SEED);
  const loads = number('loads', FEWEST_LOADS, MOST_LOADS);
  for (const name of values.only) {
    if (![...SIZE_NAMES, ...WAY_NAMES].includes(name)) {
      problems.push(`--only: got ${name}; use ${[...SIZE_NAMES, ...WAY_NAMES].join(', ')}`);
    }
  }
  const isDefault = seed === DEFAULT_SEED && loads === DEFAULT_LOADS && values.only.length === 0;
  if (values.write && !isDefault) {
    problems.push(
      '--write: got it with --seed, --loads or --only; leave those out, since docs/proof.md shows the defaults',
    );
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const chosen = (names: readonly string[]) => {
    const some = names.filter((name) => values.only.includes(name));
    return some.length > 0 ? some : names;
  };
  return {
    seed,
    loads,
    sizes: chosen(SIZE_NAMES),
    ways: chosen(WAY_NAMES),
    write: values.write,
  };
}
