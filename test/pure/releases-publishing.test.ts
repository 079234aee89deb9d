import { describe, expect, test } from 'vitest';
import { Refused } from '../../bin/releases/errors.ts';
import { OperatorFake } from '../support/operator.ts';

const ONE = '20261120T101500Z-1111111';
const TWO = '20261121T101500Z-2222222';
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
    `Release ${THREE} was not made live: visitors get release ${FOUR}, which is newer. To go back: npm run releases -- rollback ${THREE}`,
  );
  expect(fake.live()).toBe(FOUR);
});

describe('rollback without an id', () => {
  const back = { command: 'rollback', id: undefined, freeze: undefined } as const;

  test('goes back to the release before the live one', async () => {
    const fake = new OperatorFake();
    fake.release(ONE, 'live', 'replaced');
    fake.release(THREE, 'live');
    fake.point(THREE, ONE);
    await fake.run(back);
    expect(fake.live()).toBe(ONE);
  });

  test('never goes forward to the release that was just left, whoever agreed to what', async () => {
    const fake = new OperatorFake();
    fake.asks = false;
    fake.release(ONE, 'live', 'replaced');
    fake.end(fake.release(TWO, 'live', 'replaced'));
    fake.release(THREE, 'live');
    fake.release(FOUR, 'live', 'replaced');
    fake.point(THREE, FOUR);
    await expect(fake.run(back)).rejects.toThrow(
      new Refused(
        [
          `Release ${THREE} is live, and the one before it, ${FOUR}, is newer: somebody went back from it. Without an ID, rollback never goes forward. Nothing was changed.`,
          `Older ones that are kept: ${ONE}. To go back further: npm run releases -- rollback ${ONE}`,
          `To go forward again: npm run releases -- promote ${FOUR}`,
        ].join('\n'),
      ),
    );
    expect(fake.live()).toBe(THREE);
    await fake.run({ ...back, id: 'previous' });
    expect(fake.live()).toBe(FOUR);
  });
});

test('a clean-up that an upload puts off asks nobody to agree to it', async () => {
  const fake = new OperatorFake();
  fake.point(fake.release(ONE, 'live'));
  const upload = { job: 'job-1', at: '2026-11-23T11:59:00.000Z' };
  const uploading = '20261123T115900Z-5555555';
  fake.record({ version: 2, id: uploading, upload });
  const { text } = await fake.run({ command: 'prune', dryRun: false });
  expect(fake.asked).toEqual([]);
  expect(text).toMatch(new RegExp(`\n\nPut off: Release ${uploading} is being uploaded since .*$`));
});

describe('a rollback that freezes', () => {
  const SAYS = 'Publishing is frozen: "npm run releases -- unfreeze" ends that.';
  const freezing = (fake: OperatorFake, id: string) =>
    fake.run({ command: 'rollback', id, freeze: 'broken' }).then(
      () => 'done',
      (error: Error) => error.message,
    );
  const aSite = () => {
    const fake = new OperatorFake();
    fake.release(ONE, 'live', 'replaced');
    fake.point(fake.release(THREE, 'live'), ONE);
    return fake;
  };

  test.each([
    ['went back', ONE],
    ['was there already', THREE],
  ])('and then fails says that publishing is frozen, if it %s', async (_, id) => {
    const fake = aSite();
    fake.site = () => 'another';
    const message = await freezing(fake, id);
    expect(message).toMatch(/the site does not answer as it should/);
    expect(message.endsWith(` ${SAYS}`), message).toBe(true);
    expect(fake.pointer.contents()).toHaveProperty('frozen');
  });

  test('and is interrupted after the write says so, too', async () => {
    const fake = aSite();
    fake.site = () => 'another';
    fake.pointer.afterPut = () => fake.stop.abort();
    expect(await freezing(fake, THREE)).toMatch(
      new RegExp(`^Interrupted\\. Release ${THREE} is live, and nobody watches .* ${SAYS}$`),
    );
  });

  test('and is interrupted before it says that nothing happened; in the middle, that nobody knows', async () => {
    const before = aSite();
    before.bucket.beforeCall = () => before.stop.abort();
    before.asks = false;
    expect(await freezing(before, ONE)).toBe(`Interrupted; release ${ONE} was not made live.`);
    const amid = aSite();
    amid.pointer.beforePut = () => {
      amid.stop.abort();
      throw new DOMException('Request aborted', 'AbortError');
    };
    expect(await freezing(amid, ONE)).toBe(
      `Interrupted. Whether release ${ONE} was made live, "npm run releases -- list" shows.`,
    );
  });
});
