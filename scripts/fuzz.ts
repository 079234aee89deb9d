import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { globSync } from 'tinyglobby';
import { readCommandLine } from '../proof/options.ts';

const HELP = `npm run fuzz [-- OPTIONS]

The test suite's properties with many runs instead of few. Exits with 1 if one does not hold.

  --runs N      of each property (default 10000)
  --seed N      what is drawn; a failure names its own (default: another each time)
  --only PART   test files whose path has that in it
  --help        this text`;

function main(): void {
  const options = readCommandLine(
    process.argv.slice(2),
    {
      runs: { default: 10_000, least: 1, most: 1_000_000_000 },
      seed: { default: Date.now() % 2 ** 31, least: 0, most: 2 ** 31 - 1 },
    },
    [],
    ['only'],
  );
  if (!options) {
    console.log(HELP);
    return;
  }
  const { runs, seed, only } = options;
  const fuzzed = globSync('test/{pure,executed}/*.test.ts').filter((file) =>
    readFileSync(file, 'utf8').includes('support/fuzz.ts'),
  );
  const files = fuzzed.filter((file) => file.includes(only));
  if (files.length === 0) {
    throw new Error(`--only: got ${only}; use a part of one of ${fuzzed.sort().join(', ')}`);
  }
  const properties = files.reduce(
    (sum, file) => sum + (readFileSync(file, 'utf8').match(/\bruns\(\d/g)?.length ?? 0),
    0,
  );
  console.log(
    `${runs} runs of each of ${properties} properties in ${files.length} files, seed ${seed}`,
  );
  const { status } = spawnSync(
    'npx',
    ['vitest', 'run', '--testTimeout', String(60 * 60_000), ...files],
    {
      stdio: 'inherit',
      env: { ...process.env, FUZZ_RUNS: String(runs), FUZZ_SEED: String(seed) },
    },
  );
  process.exitCode = status ?? 1;
}

try {
  main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
