import { expect, test } from 'vitest';
import type { Request } from '../../bin/releases/arguments.ts';
import type { Message } from '../../lambda/notify/messages.ts';
import { OperatorFake } from '../support/operator.ts';

const [ONE, TWO] = ['20261121T000000Z-aaaaaaa', '20261122T000000Z-bbbbbbb'];

/** Two releases, the second of them live, and what others are told. */
function aSite() {
  const site = new OperatorFake();
  site.release(ONE, 'live');
  site.release(TWO, 'live');
  site.point(TWO, ONE);
  const told: string[] = [];
  site.publish = async ({ subject }: Message) => {
    told.push(subject);
  };
  return { site, told };
}

test.each<[Request, string[]]>([
  [
    { command: 'promote', id: ONE, evenFrozen: false },
    [`a-site: release ${ONE} was made live by hand`],
  ],
  // Live already: nothing has changed for anybody.
  [{ command: 'promote', id: TWO, evenFrozen: false }, []],
  [
    { command: 'rollback', id: undefined, freeze: undefined },
    [`a-site: rolled back to release ${ONE}`],
  ],
  [{ command: 'rollback', id: TWO, freeze: 'sale' }, ['a-site: publishing is frozen']],
  [{ command: 'freeze', reason: 'sale' }, ['a-site: publishing is frozen']],
  // It was not.
  [{ command: 'unfreeze', promote: false }, []],
  [{ command: 'list', all: false }, []],
])('others are told of what somebody did, and of nothing else: %j', async (request, subjects) => {
  const { site, told } = aSite();
  await site.run(request);
  expect(told).toEqual(subjects);
});

test('the end of a freeze, and the release that it lets go live, are told one after the other', async () => {
  const { site, told } = aSite();
  const kept = site.release('20261123T000000Z-ccccccc');
  await site.run({ command: 'freeze', reason: 'sale' });
  await site.run({ command: 'unfreeze', promote: true });
  expect(told.slice(1)).toEqual([
    'a-site: publishing is no longer frozen',
    `a-site: release ${kept} was made live by hand`,
  ]);
});

test('that nobody could be told is said, and what was done is done', async () => {
  const { site } = aSite();
  site.publish = async () => {
    throw Object.assign(new Error('not authorized'), { name: 'AuthorizationErrorException' });
  };
  await site.run({ command: 'rollback', id: undefined, freeze: undefined });
  expect(site.live()).toBe(ONE);
  expect(site.said.at(-1)).toBe(
    'Others were not notified of it: AuthorizationErrorException: not authorized.',
  );
});
