import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { globSync } from 'tinyglobby';

/** The test suite's properties with many runs instead of few: `npm run fuzz -- --runs 100000 --seed 7`. */
const { values } = parseArgs({
  options: {
    /** Of each property. */
    runs: { type: 'string', default: '10000' },
    /** A failure names its own. */
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    /** Test files whose path has that in it. */
    only: { type: 'string', default: '' },
  },
});
for (const [option, value] of [
  ['--runs', values.runs],
  ['--seed', values.seed],
] as const) {
  if (!/^\d{1,12}$/.test(value)) throw new Error(`${option}: got "${value}"; use a whole number`);
}
const files = globSync('test/{pure,executed}/*.test.ts').filter(
  (file) => file.includes(values.only) && readFileSync(file, 'utf8').includes('support/fuzz.ts'),
);
const properties = files.reduce(
  (sum, file) => sum + (readFileSync(file, 'utf8').match(/\bruns\(\d/g)?.length ?? 0),
  0,
);
console.log(
  `${values.runs} runs of each of ${properties} properties in ${files.length} files, seed ${values.seed}`,
);
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', '--testTimeout', String(60 * 60_000), ...files],
  {
    stdio: 'inherit',
    env: { ...process.env, FUZZ_RUNS: values.runs, FUZZ_SEED: values.seed },
  },
);
process.exitCode = status ?? 1;
