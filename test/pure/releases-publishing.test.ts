import { expect, test } from 'vitest';
import { OperatorFake } from '../support/operator.ts';

const ONE = '20261120T101500Z-1111111';
const THREE = '20261122T101500Z-3333333';
const FOUR = '20261123T101500Z-4444444';

/** ONE is live and publishing is frozen; THREE was kept. */
function frozen(): OperatorFake {
  const fake = new OperatorFake();
  fake.release(ONE, 'live');
  fake.release(THREE);
  fake.point(ONE);
  fake.pointer.write({ frozen: JSON.stringify({ by: 'jo', reason: 'closed', at: '2026' }) });
  return fake;
}

const unfreezing = (fake: OperatorFake) => fake.run({ command: 'unfreeze', promote: true });

test('unfreezing makes the release live that was agreed to, and asks once', async () => {
  const fake = frozen();
  await unfreezing(fake);
  expect(fake.asked).toHaveLength(1);
  expect(fake.asked[0]).toContain(`Unfreeze, and make release ${THREE} live`);
  expect(fake.live()).toBe(THREE);
});

test('a newer release that was kept meanwhile is asked for anew, never made live for the other', async () => {
  const fake = frozen();
  fake.agrees = (question) => {
    fake.release(FOUR);
    return question.includes(THREE);
  };
  await expect(unfreezing(fake)).rejects.toThrow(
    /^Publishing is no longer frozen; no release was made live\.$/,
  );
  expect(fake.asked[1]).toContain(`make release ${FOUR} live, which was kept meanwhile`);
  expect(fake.live()).toBe(ONE);
});

test('who has agreed to everything gets the newest', async () => {
  const fake = frozen();
  fake.asks = false;
  fake.pointer.afterPut = () => fake.release(FOUR);
  await unfreezing(fake);
  expect(fake.live()).toBe(FOUR);
});

test('what the pipeline made live since is never replaced by something older', async () => {
  const fake = frozen();
  fake.release(FOUR, 'live');
  let writes = 0;
  fake.pointer.beforePut = () => {
    writes += 1;
    if (writes === 2) fake.point(FOUR, ONE);
  };
  await expect(unfreezing(fake)).rejects.toThrow(
    `Release ${THREE} was not made live: release ${FOUR}, which is newer, is live by now.`,
  );
  expect(fake.live()).toBe(FOUR);
});

