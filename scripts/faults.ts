import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pMap from 'p-map';
import { casesOf, titleOf, tryCase } from '../test/support/faults/enumerate.ts';
import { HELD } from '../test/support/faults/invariants.ts';
import { REAL_SCENARIOS, RealStage, realTitle } from '../test/support/faults/real-cases.ts';
import { sampled } from '../test/support/faults/sample.ts';
import { SCENARIOS, Setups } from '../test/support/faults/scenarios.ts';
import { Tally } from '../test/support/faults/tally.ts';

/**
 * Every fault at every call of every function: `npm run faults`, in docs/faults.md.
 *
 * Exits with 1 if anything that must hold did not.
 */
const { values } = parseArgs({
  options: {
    /** Scenarios whose name begins with that. */
    only: { type: 'string', default: '' },
    /** So many of each scenario instead of all. */
    sample: { type: 'string' },
    /** Leaves out the bundles in processes of their own, which take most of the time. */
    fast: { type: 'boolean', default: false },
    /** The bundles alone. */
    real: { type: 'boolean', default: false },
    /** How many processes at once. */
    processes: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
  },
});
const size = values.sample === undefined ? Number.POSITIVE_INFINITY : Number(values.sample);

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'faults-'));
process.env.TMPDIR = join(folder, 'artifacts');
mkdirSync(process.env.TMPDIR);
const tally = new Tally();
try {
  console.log(`What must hold:\n${HELD.map((one) => `  - ${one}`).join('\n')}\n`);
  const isMeant = ({ name }: { readonly name: string }) => name.startsWith(values.only);
  for (const scenario of SCENARIOS.filter((one) => !values.real && isMeant(one))) {
    const began = Date.now();
    // Each with accounts of its own: what they remember of all cases would not fit into memory.
    const setups = new Setups(folder);
    const seen = new Set<string>();
    const cases = sampled(await casesOf(scenario, setups), size, Number(values.seed));
    for (const one of cases) {
      const broken = await tryCase(one, setups, seen);
      tally.count(scenario.name, one.strike.fault.name, titleOf(one), broken);
    }
    await setups.end();
    const seconds = ((Date.now() - began) / 1_000).toFixed(0);
    console.log(`${scenario.name}: ${cases.length} cases in ${seconds} s`);
  }
  const stage = new RealStage(folder);
  if (!values.fast) await stage.begin();
  for (const scenario of REAL_SCENARIOS.filter((one) => !values.fast && isMeant(one))) {
    const began = Date.now();
    const cases = sampled(await stage.casesOf(scenario), size, Number(values.seed));
    await pMap(
      cases,
      async (one) => {
        const broken = await stage.tryCase(one);
        tally.count(`${scenario.name} (bundle)`, one.strike.fault.name, realTitle(one), broken);
      },
      { concurrency: Number(values.processes) },
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
