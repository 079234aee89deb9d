import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { casesOf, titleOf, tryCase } from '../support/faults/enumerate.ts';
import { sampled } from '../support/faults/sample.ts';
import { SCENARIOS, Setups } from '../support/faults/scenarios.ts';

/** Of each scenario; `npm run faults` tries them all. */
const CASES = 8;
/** Another one, another sample. */
const SEED = Number(process.env.FAULTS_SEED ?? 1);

let folder: string;
let setups: Setups;
const { TMPDIR } = process.env;
beforeAll(() => {
  folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'faults-'));
  process.env.TMPDIR = join(folder, 'artifacts');
  mkdirSync(process.env.TMPDIR);
  setups = new Setups(folder);
});
afterAll(async () => {
  await setups.end();
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  rmSync(folder, { recursive: true, force: true });
});

describe('whatever goes wrong at whatever call, the site stays whole, the job ends, and the next one goes on', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async (_, scenario) => {
      const cases = await casesOf(scenario, setups);
      const seen = new Set<string>();
      for (const one of sampled(cases, CASES, SEED)) {
        const broken = await tryCase(one, setups, seen);
        if (broken !== undefined) expect.fail(`${titleOf(one)}\n${broken}`);
      }
    },
  );
});
