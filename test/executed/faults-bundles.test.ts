import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  REAL_SCENARIOS,
  type RealCase,
  RealStage,
  realTitle,
} from '../support/faults/real-cases.ts';
import { sampled } from '../support/faults/sample.ts';

/** Of each scenario; `npm run faults` tries them all. */
const CASES = 1;
const SEED = Number(process.env.FAULTS_SEED ?? 1);

let folder: string;
let stage: RealStage;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'faults-'));
  stage = new RealStage(folder);
  await stage.begin();
});
afterAll(async () => {
  await stage.end();
  rmSync(folder, { recursive: true, force: true });
});

async function expectHeld(one: RealCase): Promise<void> {
  const broken = await stage.tryCase(one);
  if (broken !== undefined) expect.fail(`${realTitle(one)}\n${broken}`);
}

/** What nobody answers takes as long as the functions wait: seconds, and nothing to compute. */
const isQuick = ({ strike: { fault } }: RealCase): boolean =>
  fault.effect.kind !== 'slow' && !(fault.effect.kind === 'broken' && fault.effect.silent);

describe('whatever goes wrong at a call of a shipped bundle, the site stays whole, the job ends, and a retry goes on', () => {
  test.each(REAL_SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async (_, scenario) => {
      const cases = (await stage.casesOf(scenario)).filter(isQuick);
      for (const one of sampled(cases, CASES, SEED)) await expectHeld(one);
    },
  );

  test('a manifest whose bytes are not those of its checksum does not end the process', async () => {
    const [promote] = REAL_SCENARIOS.filter(({ name }) => name === 'promote');
    const cases = promote ? await stage.casesOf(promote) : [];
    const meant = cases.filter(
      ({ strike: { call, fault } }) =>
        call.startsWith('GetObject _site/releases/') && fault.name === 'empty answer',
    );
    expect(meant).toHaveLength(1);
    for (const one of meant) await expectHeld(one);
  });
});
