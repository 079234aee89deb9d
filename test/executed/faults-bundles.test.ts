import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAULTS } from '../support/faults/kinds.ts';
import { FaultProxy } from '../support/faults/proxy.ts';
import {
  REAL_SCENARIOS,
  type RealCase,
  RealStage,
  realTitle,
} from '../support/faults/real-cases.ts';
import { sampled } from '../support/faults/sample.ts';
import { serve } from '../support/handlers.ts';

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
  // What comes after takes the longest; once is enough here.
  const broken = await stage.tryCase(one, one.scenario.name === 'promote');
  if (broken !== undefined) expect.fail(`${realTitle(one)}\n${broken}`);
}

test('what a client gives up is carried out after that, not before', async () => {
  const served: number[] = [];
  const service = await serve(async (_, response) => {
    served.push(Date.now());
    response.end();
  });
  const [fault] = FAULTS.filter(({ effect }) => effect.kind === 'broken' && effect.done === 'late');
  if (!fault) throw new Error('no such fault');
  const proxy = new FaultProxy({
    strike: { call: 'GET / #1', fault, lasting: 'once' },
    kill: () => {},
    twice: () => {},
    changed: async () => {},
  });
  const port = await proxy.before('site', service.url);
  const asking = fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_600) });
  await expect(asking).rejects.toThrow('timeout');
  const givenUpAt = Date.now();
  await proxy.close();
  await service.close();
  expect(served).toHaveLength(1);
  expect(served[0]).toBeGreaterThanOrEqual(givenUpAt);
});

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
