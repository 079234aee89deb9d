import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import { casesOf, titleOf, tryCase } from '../test/support/faults/enumerate.ts';
import { HELD } from '../test/support/faults/invariants.ts';
import { REAL_SCENARIOS, RealStage, realTitle } from '../test/support/faults/real-cases.ts';
import { sampled } from '../test/support/faults/sample.ts';
import { SCENARIOS, Setups } from '../test/support/faults/scenarios.ts';
import { Tally } from '../test/support/faults/tally.ts';
import { HELP, type Options, readOptions } from './faults-options.ts';

/** Every fault at every call of every function: `npm run faults`, in docs/faults.md. */
const options = commandLine();
if (options) await main(options);

function commandLine(): Options | undefined {
  try {
    const asked = readOptions(process.argv.slice(2));
    if (!asked) console.log(HELP);
    return asked;
  } catch (error) {
    // The person's own mistake: a stack would only hide it.
    console.error((error as Error).message);
    process.exitCode = 1;
    return undefined;
  }
}

async function main({ only, sample, seed, fast, real, processes }: Options): Promise<void> {
  const isMeant = ({ name }: { readonly name: string }) => name.startsWith(only);
  const scenarios = real ? [] : SCENARIOS.filter(isMeant);
  const realScenarios = fast ? [] : REAL_SCENARIOS.filter(isMeant);
  if (scenarios.length + realScenarios.length === 0) {
    const names = [...SCENARIOS, ...REAL_SCENARIOS].map(({ name }) => name);
    console.error(
      `--only, --fast, --real: leave no scenario; there are ${[...new Set(names)].join(' · ')}`,
    );
    process.exitCode = 1;
    return;
  }
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'faults-'));
  process.env.TMPDIR = join(folder, 'artifacts');
  mkdirSync(process.env.TMPDIR);
  const tally = new Tally();
  try {
    console.log(`What must hold:\n${HELD.map((one) => `  - ${one}`).join('\n')}\n`);
    for (const scenario of scenarios) {
      const began = Date.now();
      // Each with accounts of its own: what they remember of all cases would not fit into memory.
      const setups = new Setups(folder);
      const seen = new Set<string>();
      const cases = sampled(await casesOf(scenario, setups), sample, seed);
      for (const one of cases) {
        const broken = await tryCase(one, setups, seen);
        tally.count(scenario.name, one.strike.fault.name, titleOf(one), broken);
      }
      await setups.end();
      const seconds = ((Date.now() - began) / 1_000).toFixed(0);
      console.log(`${scenario.name}: ${cases.length} cases in ${seconds} s`);
    }
    const stage = new RealStage(folder);
    if (!fast) await stage.begin();
    for (const scenario of realScenarios) {
      const began = Date.now();
      const cases = sampled(await stage.casesOf(scenario), sample, seed);
      await pMap(
        cases,
        async (one) => {
          const broken = await stage.tryCase(one);
          tally.count(`${scenario.name} (bundle)`, one.strike.fault.name, realTitle(one), broken);
        },
        { concurrency: processes },
      );
      const seconds = ((Date.now() - began) / 1_000).toFixed(0);
      console.log(`${scenario.name} (bundle): ${cases.length} cases in ${seconds} s`);
    }
    await stage.end();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\n${tally.lines().join('\n')}`);
  for (const violation of tally.violations.slice(0, 20)) console.log(`\n${violation}`);
  process.exitCode = tally.violations.length > 0 ? 1 : 0;
}
