import { expect, test } from 'vitest';
import { Refused } from '../../bin/releases/errors.ts';
import { ledgerKey, manifestKey } from '../../lib/release/contract.ts';
import { OperatorFake } from '../support/operator.ts';

const ONE = '20261120T101500Z-1111111';

function aRelease(): OperatorFake {
  const fake = new OperatorFake();
  fake.release(ONE, 'live', 'replaced');
  return fake;
}

const PUT_BACK = `Put ${manifestKey(ONE)} back if you have it; otherwise push its commit again to make a new release of it.`;

test('what is pinned is unpinned again', async () => {
  const fake = aRelease();
  await fake.run({ command: 'pin', id: ONE });
  expect(fake.entry(ONE).pinned).toMatchObject({ by: 'arn:aws:iam::1:user/jo' });
  await fake.run({ command: 'unpin', id: ONE });
  expect(fake.entry(ONE)).not.toHaveProperty('pinned');
});

test.each<[string, string | undefined, string]>([
  ['lost', undefined, 'manifest lost'],
  [
    'damaged',
    '{}',
    'manifest damaged (version: Invalid key: Expected "version" but received undefined)',
  ],
])('a release whose manifest is %s cannot be pinned', async (_, text, problem) => {
  const fake = aRelease();
  if (text === undefined) fake.bucket.objects.delete(manifestKey(ONE));
  else fake.bucket.objects.set(manifestKey(ONE), text);
  await expect(fake.run({ command: 'pin', id: ONE })).rejects.toThrow(
    new Refused(
      `Release ${ONE}: ${problem}. Nobody knows which files it consists of: pinning it would keep nothing. ${PUT_BACK}`,
    ),
  );
  expect(fake.entry(ONE)).not.toHaveProperty('pinned');
});

test('a page of the ledger that nothing is left to write anew from is told as such by unpin', async () => {
  const fake = aRelease();
  fake.bucket.objects.delete(manifestKey(ONE));
  fake.bucket.objects.set(ledgerKey(ONE), '{');
  const unpin = () => fake.run({ command: 'unpin', id: ONE });
  const anew = 'its page in the ledger, lost or damaged, cannot be written anew';
  await expect(unpin()).rejects.toThrow(
    new Refused(
      `Release ${ONE}: manifest lost, ledger page damaged. Nobody knows which files it consists of: ${anew}. ${PUT_BACK}`,
    ),
  );
  fake.record({
    version: 2,
    id: ONE,
    end: { state: 'retired', at: '2026-11-23T00:00:00Z', by: 'e' },
  });
  await expect(unpin()).rejects.toThrow(
    new Refused(
      `Release ${ONE} was retired at 2026-11-23 00:00:00 UTC: ${anew}. Nobody needs it: no pin keeps what has ended.`,
    ),
  );
  fake.bucket.objects.delete(ledgerKey(ONE));
  fake.record({ version: 2, id: ONE, upload: { job: 'j', at: '2026-11-23T00:00:00Z' } });
  await expect(unpin()).rejects.toThrow(
    new Refused(`Release ${ONE} is being uploaded, and not pinned.`),
  );
});
