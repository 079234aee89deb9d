import { expect, test } from 'vitest';
import type { Row } from '../../bin/releases/list.ts';
import { ledgerKey, manifestKey } from '../../lib/release/contract.ts';
import { OperatorFake } from '../support/operator.ts';

const ONE = '20261120T101500Z-1111111';
const TWO = '20261121T101500Z-2222222';
const THREE = '20261122T101500Z-2222222';

/** As the manifest of a site of many files is. */
function enlarge(fake: OperatorFake, id: string): void {
  const key = manifestKey(id);
  fake.bucket.objects.set(key, `${fake.bucket.objects.get(key)}${' '.repeat(5_000)}`);
}

async function rowsOf(fake: OperatorFake): Promise<Row[]> {
  const { json } = await fake.run({ command: 'list', all: true });
  return (json as { releases: Row[] }).releases;
}

test('a list says the same of a large release without fetching its manifest', async () => {
  const fake = new OperatorFake();
  fake.point(fake.release(TWO, 'live'), fake.release(ONE, 'live', 'replaced'));
  fake.release(THREE);
  const small = await rowsOf(fake);
  expect(small.map(({ state }) => state)).toEqual(['uploaded', 'live', 'previous']);
  for (const id of [ONE, TWO, THREE]) enlarge(fake, id);
  fake.bucket.calls.length = 0;
  expect(await rowsOf(fake)).toEqual(small);
  expect(fake.bucket.calls.filter((call) => call.includes('Object ')).sort()).toEqual(
    [ONE, TWO, THREE].map((id) => `GetObject ${ledgerKey(id)}`),
  );
});

test('a large manifest is fetched where the ledger does not tell what is in it', async () => {
  const fake = new OperatorFake();
  fake.point(fake.release(ONE, 'live'));
  enlarge(fake, ONE);
  fake.bucket.objects.delete(ledgerKey(ONE));
  expect(await rowsOf(fake)).toMatchObject([{ files: 1, problems: ['ledger page lost'] }]);
});

test('a manifest that is damaged within is shown by show, and one that is lost by list, too', async () => {
  const fake = new OperatorFake();
  fake.point(fake.release(ONE, 'live'));
  fake.bucket.objects.set(manifestKey(ONE), `{${' '.repeat(5_000)}`);
  const { text } = await fake.run({ command: 'show', id: ONE });
  expect(text).toMatch(/^Problems +manifest damaged \(not JSON/m);
  fake.bucket.objects.delete(manifestKey(ONE));
  expect(await rowsOf(fake)).toMatchObject([{ problems: ['manifest lost'] }]);
});

test('a part of an id means the release that is kept, not the retired one of the same commit', async () => {
  const fake = new OperatorFake();
  fake.end(fake.release(TWO, 'live', 'replaced'));
  fake.point(fake.release(THREE, 'live'));
  enlarge(fake, THREE);
  fake.bucket.calls.length = 0;
  const { json } = await fake.run({ command: 'show', id: '2222222' });
  expect(json).toMatchObject({ id: THREE });
  // Once by show itself: its size alone says that it is a manifest.
  expect(fake.bucket.calls.filter((call) => call.endsWith(manifestKey(THREE)))).toHaveLength(1);
});
