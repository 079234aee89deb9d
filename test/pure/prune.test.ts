import { describe, expect, test } from 'vitest';
import { DEAD_AFTER_MS } from '../../lambda/prune/look.ts';
import { type Candidate, reasonsToKeep } from '../../lambda/prune/retention.ts';
import { SWEEP_LEASE_MS } from '../../lambda/prune/sweep.ts';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { DEADLINE_MS } from '../../lambda/upload/upload.ts';
import { anAwsError } from '../support/job.ts';
import { pointerTo } from '../support/pointer-store.ts';
import { idOf, NOW, PruneFake } from '../support/prune.ts';

const OLD = idOf(50, 'old');
const OLDER = idOf(60, 'older');
const BEFORE = idOf(2, 'before');
const LIVE = idOf(1, 'live');

/** Live, the one before it, and two that the retention does not keep. */
function aSite(): PruneFake {
  const site = new PruneFake();
  for (const id of [OLDER, OLD, BEFORE]) site.release(id);
  site.release(LIVE, { states: ['uploaded', 'live'] });
  site.point(LIVE, BEFORE);
  return site;
}

const ended = (state: string) => ({
  state,
  at: '2026-11-23T12:00:00.000Z',
  by: 'the daily clean-up',
});

test('what the retention does not keep is ended first, then its files are deleted', async () => {
  const site = aSite();
  site.beforeRemove = () => {
    expect(site.record(OLD).end).toEqual(ended('retired'));
    expect(site.ledger.states(OLD)).toEqual(['uploaded', 'live', 'replaced', 'retired']);
    // A write to the store, so that no promotion that has seen it before still goes through.
    expect(JSON.parse(site.pointer.contents().pruned as string)).toEqual({
      at: '2026-11-23T12:00:00.000Z',
      by: 'the daily clean-up',
    });
  };
  expect(await site.run()).toEqual({
    kept: [
      { id: LIVE, reasons: ['live', 'newest'] },
      { id: BEFORE, reasons: ['previous'] },
    ],
    retired: [OLDER, OLD],
    abandoned: [],
    files: 4,
    poolFiles: 0,
    bytes: 40,
    complete: true,
    notes: [],
  });
  expect(site.left()).toEqual([BEFORE, LIVE]);
  // The record stays for ever: nobody takes it for one that never was.
  expect(site.record(OLDER).end).toEqual(ended('retired'));
});

test('where there is nothing to delete nothing is written', async () => {
  const site = aSite();
  await site.run();
  const writes = [site.pointer.writes, site.records.writes, site.ledger.writes, site.sweeps.writes];
  const report = await site.run();
  expect(report).toMatchObject({ retired: [], files: 0, complete: true });
  expect([
    site.pointer.writes,
    site.records.writes,
    site.ledger.writes,
    site.sweeps.writes,
  ]).toEqual(writes);
});

describe('a release is kept', () => {
  const AGED: Candidate = { id: idOf(40), rank: 50, isBase: false, pinned: false };
  const pointers = { live: LIVE, previous: BEFORE };
  const reasons = (over: Partial<Candidate>, days = 30) =>
    reasonsToKeep({ ...AGED, ...over }, pointers, { newest: 10, days }, NOW);

  test.each<[string, Partial<Candidate>, readonly string[]]>([
    ['while it is live', { id: LIVE }, ['live', 'young']],
    ['while it is the one before', { id: BEFORE }, ['previous', 'young']],
    ['if it is newer than the live one', { id: idOf(0.5) }, ['newer', 'young']],
    ['if it is as new as the live one', { id: idOf(1, 'x') }, ['newer', 'young']],
    ['if it is one of the newest', { rank: 9 }, ['newest']],
    ['if it is young', { id: idOf(29.9) }, ['young']],
    ['if nobody knows its age', { id: '20260924T126000Z-r' }, ['newer', 'young']],
    ['if another that is kept is based on it', { isBase: true }, ['base']],
    ['if somebody has pinned it', { pinned: true }, ['pinned']],
    ['if nobody knows whether somebody has pinned it', { pinned: undefined }, ['unknown']],
  ])('%s', (_, over, expected) => {
    expect(reasons(over)).toEqual(expected);
  });

  test('and otherwise not', () => {
    expect(reasons({})).toEqual([]);
    expect(reasons({ rank: 10 })).toEqual([]);
    expect(reasons({ id: idOf(30) })).toEqual([]);
  });

  test('together with the release that it is based on, and what that one is based on is not needed', async () => {
    const site = aSite();
    site.release(idOf(55, 'base'), { base: OLDER });
    site.release(BEFORE, { base: idOf(55, 'base') });
    const { kept, retired } = await site.run();
    expect(kept.map(({ reasons: [reason] }) => reason)).toEqual([
      'live',
      'previous',
      'base',
      'base',
    ]);
    expect(retired).toEqual([OLD]);
  });

  test('with every file that it consists of, whichever release has brought it', async () => {
    const site = aSite();
    site.release(LIVE, {
      own: ['index.html'],
      shares: [`releases/${OLD}/about/index.html`],
      states: ['uploaded', 'live'],
    });
    expect(await site.run()).toMatchObject({ retired: [OLDER, OLD], files: 3 });
    expect([...site.objects.keys()]).toContain(`releases/${OLD}/about/index.html`);
    // And later, when nobody needs that file any more, it goes as well.
    site.release(LIVE, { states: ['uploaded', 'live'] });
    expect(await site.run()).toMatchObject({ retired: [], files: 1 });
    expect(site.left()).toEqual([BEFORE, LIVE]);
  });

  test('because it is pinned, at any age', async () => {
    const site = aSite();
    site.release(OLDER, { pinned: true });
    const { kept, retired } = await site.run();
    expect(kept.at(-1)).toEqual({ id: OLDER, reasons: ['pinned'] });
    expect(retired).toEqual([OLD]);
    expect(site.left()).toContain(OLDER);
  });

  test.each(['lost', 'damaged'])(
    'if its page in the ledger is %s, and somebody is told',
    async (how) => {
      const site = aSite();
      if (how === 'lost') site.ledger.pages.delete(OLD);
      else site.ledger.put(OLD, '{');
      const { kept, retired, notes } = await site.run();
      expect(kept.at(-1)).toEqual({ id: OLD, reasons: ['unknown'] });
      expect(retired).toEqual([OLDER]);
      expect(notes).toEqual([
        `Release ${OLD} stays, because its page in the ledger is missing or damaged and may have said that it is pinned. "npm run releases -- unpin ${OLD}" writes it anew.`,
      ]);
    },
  );

  test('if somebody pins it at the last moment', async () => {
    const site = aSite();
    let once = true;
    site.ledger.beforeWrite = (id) => {
      if (id !== OLDER || !once) return;
      once = false;
      site.release(OLDER, { pinned: true });
    };
    const { kept, retired } = await site.run();
    expect(kept.at(-1)).toEqual({ id: OLDER, reasons: ['pinned'] });
    expect(retired).toEqual([OLD]);
    expect(site.record(OLDER).end).toBeUndefined();
    expect(site.left()).toContain(OLDER);
  });
});

describe('it deletes nothing, and says why,', () => {
  const live = `Visitors get release ${LIVE}.`;
  const unknown = 'Open /.well-known/release on the site to see what visitors get.';
  const none = 'Visitors get no release.';
  const refused = (why: string) => `The clean-up stopped and deletes nothing: ${why}`;
  const end = (state: string) =>
    JSON.stringify({ version: 2, id: LIVE, end: { ...ended(state), by: 'ann' } });

  test.each<[string, (site: PruneFake) => void, string]>([
    [
      'if the store cannot be read',
      (site) => {
        site.pointer.get = () => Promise.reject(anAwsError('AccessDeniedException', 403, 'No'));
      },
      `the key-value store cannot be read (AccessDeniedException (403): No). ${unknown}`,
    ],
    [
      'if no release is live',
      (site) => site.pointer.write({ live: undefined }),
      `the key-value store has no "live", so nobody knows which release is needed. Publish one first. ${none}`,
    ],
    [
      'if the pointer is damaged',
      (site) => site.pointer.write({ live: '{}' }),
      `"live" in the key-value store is no pointer to a release. Publish or promote one. ${none}`,
    ],
    [
      'if the live release has no manifest',
      (site) => site.records.pages.delete(LIVE),
      `release ${LIVE} is live, but it has no manifest. ${live}`,
    ],
    [
      'if the manifest of the live release is damaged',
      (site) => site.records.put(LIVE, '{"version":2}'),
      `the manifest of ${LIVE}: id: Invalid key: Expected "id" but received undefined; nobody knows which files release ${LIVE} (live, newest) consists of. ${live}`,
    ],
    [
      'if the manifest of another that is kept is damaged',
      (site) => site.records.put(BEFORE, '{"version":2}'),
      `the manifest of ${BEFORE}: id: Invalid key: Expected "id" but received undefined; nobody knows which files release ${BEFORE} (previous) consists of. ${live}`,
    ],
    [
      'if the record of a release is lost, whatever keeps it',
      (site) => {
        site.release(OLDER, { pinned: true });
        site.records.pages.delete(OLDER);
      },
      `release ${OLDER} has a page in the ledger, but no record: nobody knows which files it consists of. If nobody needs it, delete _site/ledger/${OLDER}.json too. ${live}`,
    ],
    [
      'if the records of many are lost, all of which it names or counts',
      (site) => {
        for (let days = 71; days < 82; days += 1)
          site.records.pages.delete(site.release(idOf(days), { own: [] }));
        site.records.pages.delete(LIVE);
      },
      `11 releases have a page in the ledger, but no record (${Array.from({ length: 10 }, (_, turn) => idOf(81 - turn)).join(', ')}, 1 more): nobody knows which files they consist of. Of those that nobody needs, delete _site/ledger/ID.json too. ${live}`,
    ],
    [
      'if the release before the live one has no record',
      (site) => {
        site.records.pages.delete(BEFORE);
        site.ledger.pages.delete(BEFORE);
      },
      `release ${BEFORE} is the one before the live one, but it has no manifest. Publish or promote another release. ${live}`,
    ],
    [
      'if the pointer to the release before is damaged',
      (site) => site.pointer.write({ previous: '{}' }),
      `"previous" in the key-value store is no pointer to a release. The next release that goes live puts that right. ${live}`,
    ],
    [
      'if the live release was retired',
      (site) => site.records.put(LIVE, end('retired')),
      `release ${LIVE} is live, but was retired at 2026-11-23T12:00:00.000Z by ann. Publish or promote another release. ${live}`,
    ],
    [
      'if the ledger says that the live release is not live',
      (site) => site.release(LIVE, { states: ['uploaded', 'live', 'failed'] }),
      `release ${LIVE} is live, but the ledger says that it was failed at 2026-11-23T06:02:00.000Z by e. "npm run releases -- promote ${LIVE}" puts the ledger right if the pointer is. ${live}`,
    ],
    [
      'if the ledger says that the live release was retired, as a clean-up leaves it that was cut off in the moment in which it went live',
      (site) => site.release(LIVE, { states: ['uploaded', 'live', 'retired'] }),
      `release ${LIVE} is live, but the ledger says that it was retired at 2026-11-23T06:02:00.000Z by e. "npm run releases -- promote ${LIVE}" puts the ledger right if the pointer is. ${live}`,
    ],
    [
      'if the ledger says that another release is live since',
      (site) => site.release(BEFORE, { states: ['uploaded', 'replaced', 'live'] }),
      `release ${LIVE} is live, but the ledger says that ${BEFORE} is, since 2026-11-23T06:02:00.000Z, by e. "npm run releases -- promote ${LIVE}" puts the ledger right if the pointer is. ${live}`,
    ],
  ])('%s', async (_, damage, why) => {
    const site = aSite();
    const before = [...site.objects.keys()];
    damage(site);
    const writes = site.records.writes + site.ledger.writes;
    await expect(site.run()).rejects.toMatchObject({
      name: 'PruneRefused',
      message: refused(why),
    });
    expect([...site.objects.keys()]).toEqual(before);
    expect(site.removals).toEqual([]);
    expect(site.records.writes + site.ledger.writes).toBe(writes);
    expect(site.pointer.writes).toBe(0);
  });

  test('if a release cannot be read, which S3 may have a moment of', async () => {
    const site = aSite();
    site.records.beforeRead = (id) => {
      if (id === OLD) throw anAwsError('InternalError', 500);
    };
    await expect(site.run()).rejects.toThrow('InternalError says AWS');
    expect(site.removals).toEqual([]);
    expect(site.records.writes).toBe(4);
  });

  test('but a promotion takes a moment until the ledger says so too: that is waited for', async () => {
    const site = aSite();
    site.release(BEFORE, { states: ['uploaded', 'replaced', 'live'] });
    const { sleep } = site.clock;
    site.clock.sleep = async (...args) => {
      site.release(BEFORE);
      return sleep(...args);
    };
    expect(await site.run()).toMatchObject({ retired: [OLDER, OLD] });
  });

  test('and the wait for the ledger begins anew with each promotion', async () => {
    const site = aSite();
    const [promoted, noted] = [{ states: ['uploaded', 'replaced', 'live'] as const }, {}];
    // Odd for 20 seconds, then an upload of 20, then odd for 20 again.
    const looks = [promoted, promoted, noted, noted, promoted, promoted, noted];
    const upload = { version: 2, id: idOf(0), upload: { job: 'j', at: 'x' } };
    const { sleep } = site.clock;
    const show = () => {
      const turn = site.clock.slept.length;
      site.release(BEFORE, looks[turn]);
      if (turn === 2) site.records.put(idOf(0), JSON.stringify(upload));
      if (turn === 4) site.records.pages.delete(idOf(0));
    };
    show();
    site.clock.sleep = async (...args) => {
      await sleep(...args);
      show();
    };
    expect(await site.run()).toMatchObject({ retired: [OLDER, OLD] });
    expect(site.clock.slept).toHaveLength(6);
  });

  test.each(['there', 'lost', 'damaged'])(
    'and a damaged manifest of a release that nothing keeps is no reason: it goes, its page in the ledger being %s',
    async (page) => {
      const site = aSite();
      site.records.put(OLD, '{');
      if (page === 'lost') site.ledger.pages.delete(OLD);
      if (page === 'damaged') site.ledger.put(OLD, '{');
      expect(await site.run()).toMatchObject({ retired: [OLDER, OLD], files: 4 });
    },
  );
});

describe('beside promotions', () => {
  test('what goes live meanwhile keeps its files', async () => {
    const site = aSite();
    const late = idOf(-0.001, 'late');
    site.beforeRemove = () => {
      if (site.record(late) !== null) return;
      // Begun after the clean-up had looked: it builds on what it found live, and was live in no time.
      site.release(late, {
        own: ['index.html'],
        shares: [`releases/${OLD}/index.html`],
        states: ['uploaded', 'live'],
      });
      site.point(late, LIVE);
    };
    await site.run();
    expect([...site.objects.keys()]).toContain(`releases/${OLD}/index.html`);
  });

  test.each<[string, (site: PruneFake) => void, string]>([
    [
      'goes live in the very moment in which it is ended',
      (site) => site.point(OLDER, LIVE),
      `release ${OLDER} went live while it was being retired. All its files are there. Publish or promote another release. Visitors get release ${OLDER}.`,
    ],
    [
      'goes live without a manifest',
      (site) => site.point(idOf(0, 'x'), LIVE),
      `release ${idOf(0, 'x')} went live meanwhile and has no manifest. Visitors get release ${idOf(0, 'x')}.`,
    ],
    [
      'goes and leaves no pointer',
      (site) => site.pointer.write({ live: undefined }),
      'the pointer to the live release went missing or was damaged. Visitors get no release.',
    ],
  ])('a release that %s stops it before anything is deleted', async (_, happen, why) => {
    const site = aSite();
    site.beforeList = (prefix) => {
      if (prefix === `releases/${OLDER}/`) happen(site);
    };
    await expect(site.run()).rejects.toMatchObject({
      message: `The clean-up stopped and deletes nothing: ${why}`,
    });
    expect(site.removals).toEqual([]);
  });

  const stopped = (files: number) => ({
    level: 'warn',
    message: 'stopped in the middle',
    files,
    poolFiles: 0,
    bytes: files * 10,
    retired: `${OLDER} ${OLD}`,
    abandoned: '',
  });

  test('what stops it in the middle is told with what it had deleted by then', async () => {
    const site = aSite();
    site.pageSize = 1;
    site.beforeRemove = () => {
      if (site.removals.length === 1) site.point(idOf(0, 'x'), LIVE);
    };
    await expect(site.run()).rejects.toMatchObject({
      name: 'PruneRefused',
      message: `The clean-up stopped and deletes nothing more: release ${idOf(0, 'x')} went live meanwhile and has no manifest. Visitors get release ${idOf(0, 'x')}. Before that it deleted 2 files of releases and 0 files of the pool, 20 B, which nobody needs.`,
    });
    expect(site.removals).toHaveLength(2);
    expect(site.invocations.at(-1)?.lines.at(-1)).toEqual(stopped(2));
  });

  test.each([0, 1])(
    'and so is an error after %i requests that delete, which stays what it is',
    async (requests) => {
      const site = aSite();
      site.beforeRemove = () => {
        if (site.removals.length === requests) throw anAwsError('AccessDenied', 403, 'No');
      };
      await expect(site.run()).rejects.toThrow(/^No$/);
      expect(site.invocations.at(-1)?.lines.at(-1)).toEqual(stopped(2 * requests));
    },
  );

  test('one that is ended in the moment in which it is retired here is looked at again', async () => {
    const site = aSite();
    let once = true;
    site.records.beforeWrite = (id) => {
      if (id !== OLD || !once) return;
      once = false;
      site.records.put(OLD, JSON.stringify({ version: 2, id: OLD, end: ended('retired') }));
    };
    expect(await site.run()).toMatchObject({ retired: [OLDER], files: 4, complete: true });
  });
});

describe('beside uploads', () => {
  const begun = idOf(0.01, 'begun');
  const claim = JSON.stringify({
    version: 2,
    id: begun,
    upload: { job: 'j-1', at: '2026-11-23T11:45:36.000Z' },
  });

  test('it waits for one that is under way', async () => {
    const site = aSite();
    site.records.put(begun, claim);
    const { sleep } = site.clock;
    site.clock.sleep = async (...args) => {
      if (site.clock.slept.length === 3) {
        site.release(begun, { shares: [`releases/${OLD}/index.html`], states: ['uploaded'] });
      }
      return sleep(...args);
    };
    expect(await site.run()).toMatchObject({ retired: [OLDER, OLD], files: 3 });
    expect([...site.objects.keys()]).toContain(`releases/${OLD}/index.html`);
  });

  test('and puts off what it would do if that takes long', async () => {
    const site = aSite();
    site.records.put(begun, claim);
    expect(await site.run()).toEqual({
      kept: [],
      retired: [],
      abandoned: [],
      files: 0,
      poolFiles: 0,
      bytes: 0,
      complete: false,
      postponed: `Release ${begun} is being uploaded since 2026-11-23T11:45:36.000Z (job j-1), and nobody knows yet which files it will need.`,
      notes: [],
    });
    expect(site.removals).toEqual([]);
    expect(site.clock.time - NOW).toBeGreaterThanOrEqual(120_000);
  });

  test('one that began before the releases were ended may build on them: nothing is deleted this time', async () => {
    const site = aSite();
    // Live for a moment, so that an upload planned on it; another one is live again before the clean-up goes on.
    site.records.beforeWrite = (id) => {
      if (id === OLDER) site.records.pages.set(begun, { text: claim, version: '"0"' });
    };
    expect(await site.run()).toMatchObject({
      retired: [OLDER, OLD],
      files: 0,
      complete: false,
      postponed: `Release ${begun} was begun meanwhile, and may be made of what would be deleted.`,
    });
    site.records.beforeWrite = () => {};
    site.release(begun, { shares: [`releases/${OLD}/index.html`], states: ['uploaded'] });
    expect(await site.run()).toMatchObject({ retired: [], files: 3, complete: true });
    expect([...site.objects.keys()]).toContain(`releases/${OLD}/index.html`);
  });

  test('one that died hours ago is given up, and its files go', async () => {
    const site = aSite();
    const dead = idOf(0.5, 'dead');
    site.records.put(dead, JSON.stringify({ version: 2, id: dead, upload: { job: 'j', at: 'x' } }));
    site.file(`releases/${dead}/index.html`);
    expect(await site.run()).toMatchObject({ abandoned: [dead], files: 5 });
    expect(site.record(dead).end).toEqual(ended('abandoned'));
    expect(site.left()).toEqual([BEFORE, LIVE]);
  });

  test('one that completes in the moment in which it is given up stays', async () => {
    const site = aSite();
    const slow = idOf(0.5, 'slow');
    site.records.put(slow, JSON.stringify({ version: 2, id: slow, upload: { job: 'j', at: 'x' } }));
    let once = true;
    site.records.beforeWrite = (id) => {
      if (id === slow && once) {
        once = false;
        site.release(slow, { states: ['uploaded'] });
      }
    };
    const { kept, abandoned } = await site.run();
    expect(abandoned).toEqual([]);
    expect(kept[0]).toEqual({ id: slow, reasons: ['newer', 'newest'] });
  });

  test('files of a release without a record are deleted once nobody can be writing them any more', async () => {
    const site = aSite();
    const lost = idOf(0.5, 'lost');
    const young = idOf(0.1, 'young');
    site.file(`releases/${lost}/index.html`);
    site.file(`releases/${young}/index.html`);
    site.file('releases/notes/a.txt');
    const { notes, abandoned } = await site.run();
    expect(abandoned).toEqual([lost]);
    expect(notes).toEqual(['releases/notes/ is no release of this project and was left alone.']);
    expect(site.left().sort()).toEqual([BEFORE, LIVE, young, 'notes'].sort());
  });

  test('nobody is taken for dead who may still be at work: an hour, and a last invocation of a quarter', () => {
    expect(DEAD_AFTER_MS).toBeGreaterThan(DEADLINE_MS + 20 * 60_000);
  });
});

describe('the pool', () => {
  const KEPT = 'assets/kept.js';
  const GONE = 'assets/gone.js';
  function aPool(): PruneFake {
    const site = aSite();
    site.retention = { newest: 1, days: 30 };
    site.release(LIVE, { shares: [KEPT], states: ['uploaded', 'live'] });
    for (const key of [KEPT, GONE]) site.file(key, 31);
    site.file('assets/young.js', 29);
    site.file('other/old.txt', 99);
    return site;
  }
  const pool = (site: PruneFake) => [...site.objects.keys()].filter((key) => !/^rel/.test(key));
  const sweep = (site: PruneFake) => JSON.parse(site.sweeps.pages.get('')?.text ?? 'null');
  const announced = (keys: readonly string[], minutes: number) =>
    JSON.stringify({
      version: 1,
      keys,
      by: 'ann',
      at: new Date(NOW - minutes * 60_000).toISOString(),
    });

  test('loses what no kept release has and is old enough, announced before', async () => {
    const site = aPool();
    site.beforeRemove = (keys) => {
      if (keys.includes(GONE)) expect(sweep(site).keys).toEqual([GONE]);
    };
    expect(await site.run()).toMatchObject({ poolFiles: 1, complete: true });
    expect(pool(site)).toEqual([KEPT, 'assets/young.js', 'other/old.txt']);
    expect(sweep(site)).toEqual({
      version: 1,
      keys: [],
      by: 'the daily clean-up',
      at: '2026-11-23T12:00:00.000Z',
    });
  });

  test('stays while an upload has begun meanwhile, which may need any of it', async () => {
    const site = aPool();
    const begun = idOf(0, 'begun');
    site.sweeps.afterWrite = () => site.records.put(begun, '{}');
    expect(await site.run()).toMatchObject({
      poolFiles: 0,
      complete: false,
      postponed: `Release ${begun} was begun meanwhile, and may need files of the pool.`,
    });
    expect(pool(site)).toContain(GONE);
    // The announcement is over: the upload waits for nobody.
    expect(sweep(site).keys).toEqual([]);
  });

  test('stays if the clean-up is held up after it has announced what it deletes: others may not wait any more', async () => {
    const site = aPool();
    site.sweeps.afterWrite = () => {
      site.clock.time += 2 * 60_000;
    };
    expect(await site.run()).toMatchObject({
      poolFiles: 0,
      complete: false,
      postponed:
        'It was held up for two minutes after it had announced which files of the pool it would delete.',
    });
    expect(pool(site)).toContain(GONE);
    expect(sweep(site).keys).toEqual([]);
  });

  test('stays while another clean-up deletes from it', async () => {
    const site = aPool();
    site.sweeps.put('', announced(['assets/other.js'], 19));
    expect(await site.run()).toMatchObject({
      retired: [OLDER, OLD],
      poolFiles: 0,
      complete: false,
      postponed:
        'Another clean-up is sweeping the pool, or one broke off less than 20 minutes ago.',
    });
    expect(pool(site)).toContain(GONE);
  });

  test.each([
    ['broke off long enough ago', announced(['assets/other.js'], 20)],
    ['is over', announced([], 0)],
    ['was damaged by hand', '{'],
  ])('is swept although an announcement is there, if it %s', async (_, text) => {
    const site = aPool();
    site.sweeps.put('', text);
    expect(await site.run()).toMatchObject({ poolFiles: 1, complete: true });
  });

  test('stays announced if the request that deletes fails: it may still be carried out', async () => {
    const site = aPool();
    site.beforeRemove = (keys) => {
      if (keys.includes(GONE)) throw anAwsError('InternalError', 500);
    };
    await expect(site.run()).rejects.toThrow('InternalError says AWS');
    expect(sweep(site).keys).toEqual([GONE]);
  });

  test('an announcement outlasts the longest time that a request may be on its way', () => {
    // S3 refuses one that was signed more than 15 minutes ago: RequestTimeTooSkewed.
    // Two minutes until it is sent, one until it is given up.
    expect(SWEEP_LEASE_MS).toBeGreaterThan((2 + 1 + 15) * 60_000);
  });

  test('is deleted from in requests of at most 1,000 files, files under two patterns once', async () => {
    const site = aPool();
    site.pageSize = 1_000;
    site.immutable = ['assets/*', 'assets/x/*'];
    for (let number = 0; number < 2_500; number += 1) site.file(`assets/x/${number}.js`, 40);
    expect(await site.run()).toMatchObject({ poolFiles: 2_501 });
    const sizes = site.removals.map((keys) => keys.filter((key) => /^assets/.test(key)).length);
    expect(sizes.filter((size) => size > 0)).toEqual([1_000, 1_000, 501]);
  });

  test('loses copies of any folder, without a look at all files of the releases', async () => {
    const site = aPool();
    site.immutable = ['assets/*', '*.pinned-*'];
    const kept = 'css/site.pinned-000000000001.css';
    site.release(LIVE, { shares: [KEPT, kept], states: ['uploaded', 'live'] });
    site.file(kept, 99);
    const copies = ['-', 'A', '_a', '_sitf/a', 'css/site', 'r', 'releaset/a', 'z/é'].map(
      (name) => `${name}.pinned-000000000002.css`,
    );
    for (const copy of copies) site.file(copy, 40);
    const many = Array.from({ length: 30 }, (_, number) => `${number}.html`);
    site.release(idOf(1), { own: many, states: ['uploaded'] });
    const listed: string[] = [];
    const { list } = site.ports();
    site.ports = () => ({
      ...PruneFake.prototype.ports.call(site),
      async *list(...asked) {
        for await (const page of list(...asked)) {
          if (asked[0] === '') listed.push(...page.map(({ key }) => key));
          yield page;
        }
      },
    });
    expect(await site.run()).toMatchObject({ poolFiles: copies.length + 1, complete: true });
    expect(pool(site)).toEqual([KEPT, 'assets/young.js', 'other/old.txt', kept]);
    expect(listed.filter((key) => /^(?:releases|_site)\//.test(key)).length).toBeLessThanOrEqual(
      2 * site.pageSize,
    );
  });
});

describe('a clean-up that does not get through', () => {
  test('ends in order when its time is over, and the next one goes on', async () => {
    const site = aSite();
    site.file('assets/a.js', 1);
    site.beforeRemove = () => {
      site.clock.time += 10 * 60_000;
    };
    expect(await site.run()).toMatchObject({ retired: [OLDER, OLD], files: 4, complete: false });
    site.beforeRemove = () => {};
    expect(await site.run()).toMatchObject({ retired: [], poolFiles: 1, complete: true });
  });

  test.each([1, 2, 3, 4])(
    'and was cut off at write number %i: the next one ends it',
    async (cut) => {
      const site = aSite();
      let writes = 0;
      const count = () => {
        writes += 1;
        if (writes === cut) throw new Error('cut off');
      };
      site.ledger.afterWrite = count;
      site.records.afterWrite = count;
      await expect(site.run()).rejects.toThrow('cut off');
      site.ledger.afterWrite = () => {};
      site.records.afterWrite = () => {};
      await site.run();
      expect(site.left()).toEqual([BEFORE, LIVE]);
      expect(site.ledger.states(OLD)).toEqual(['uploaded', 'live', 'replaced', 'retired']);
      expect(site.record(OLD).end).toEqual(ended('retired'));
    },
  );

  test('and was cut off between a page in the ledger and the record: the release can go live, stays, and is retired anew', async () => {
    const site = aSite();
    site.ledger.afterWrite = () => {
      throw new Error('cut off');
    };
    await expect(site.run()).rejects.toThrow('cut off');
    site.ledger.afterWrite = () => {};
    expect(site.ledger.states(OLDER).at(-1)).toBe('retired');
    expect(site.record(OLDER).files).toHaveLength(2);

    site.point(OLDER, LIVE);
    const { kept, retired } = await site.run();
    expect(retired).toEqual([]);
    expect(kept.at(-1)).toEqual({ id: OLDER, reasons: ['live'] });

    site.release(LIVE);
    site.point(LIVE, BEFORE);
    expect((await site.run()).retired).toEqual([OLDER, OLD]);
    expect(site.ledger.states(OLDER).slice(-3)).toEqual(['retired', 'live', 'retired']);
    expect(site.record(OLDER).end).toEqual(ended('retired'));
  });

  test('and lost the answer of a request that deletes: the next one finds nothing left', async () => {
    const site = aSite();
    const { remove, ...ports } = site.ports();
    site.ports = () => ({
      ...ports,
      remove: async (keys, signal) => {
        await remove(keys, signal);
        throw anAwsError('TimeoutError');
      },
    });
    await expect(site.run()).rejects.toThrow('TimeoutError says AWS');
    const { ports: own } = Object.getPrototypeOf(site);
    site.ports = own.bind(site);
    expect(await site.run()).toMatchObject({ complete: true });
    expect(site.left()).toEqual([BEFORE, LIVE]);
  });
});

test('a dry run says what would be deleted, and writes nothing', async () => {
  const site = aSite();
  site.file('assets/a.js', 1);
  site.release(LIVE, { shares: [`releases/${OLD}/index.html`], states: ['uploaded', 'live'] });
  const before = [...site.objects.keys()];
  const writes = () => [site.records.writes, site.ledger.writes, site.sweeps.writes];
  const written = writes();
  const foreseen = await site.run({ dryRun: true });
  expect([...site.objects.keys()]).toEqual(before);
  expect(writes()).toEqual(written);
  expect(site.pointer.writes).toBe(0);
  expect(foreseen).toMatchObject({ files: 3, poolFiles: 1, bytes: 40 });
  expect(await site.run()).toEqual(foreseen);
});

describe('values of redirect rules', () => {
  const key = (name: string) => `rules/${name.repeat(16)}/x0`;
  const rulesOf = (name: string) => `${name.repeat(16)} 1 0 0`;
  const value = '0 /a /b 301!';

  /** Each of the releases has rules of its own; `1`, `2`, `3`, `4` from the oldest to the live one. */
  function aRuledSite(): PruneFake {
    const site = aSite();
    site.redirects = true;
    for (const [id, name] of [
      [OLDER, '1'],
      [OLD, '2'],
      [BEFORE, '3'],
      [LIVE, '4'],
    ] as const) {
      site.pointer.write({ [key(name)]: value });
      const record = site.record(id);
      const rules = rulesOf(name);
      site.records.put(
        id,
        JSON.stringify({ ...record, pointer: { ...record.pointer, rules }, rules: { x0: value } }),
      );
    }
    const pointer = (id: string, name: string) =>
      pointerText({ ...pointerTo(id), rules: rulesOf(name) });
    site.pointer.write({ live: pointer(LIVE, '4'), previous: pointer(BEFORE, '3') });
    return site;
  }
  const left = (site: PruneFake) =>
    Object.keys(site.pointer.contents())
      .filter((one) => one.startsWith('rules/'))
      .sort();

  test('go with the releases that had them, and stay for what is kept', async () => {
    const site = aRuledSite();
    expect(await site.run()).toMatchObject({ complete: true });
    expect(left(site)).toEqual([key('3'), key('4')]);
  });

  test('stay as long as a kept release has them', async () => {
    const site = aRuledSite();
    site.retention = { newest: 3, days: 0 };
    await site.run();
    expect(left(site)).toEqual([key('2'), key('3'), key('4')]);
  });

  test('stay where a site has none turned on: it may not even list them', async () => {
    const site = aRuledSite();
    site.redirects = false;
    await site.run();
    expect(left(site)).toHaveLength(4);
  });

  test('of a release that goes live in that moment stay', async () => {
    const site = aRuledSite();
    const put = site.pointer.put.bind(site.pointer);
    site.pointer.put = async (values, version) => {
      // A rollback to a release whose values the clean-up has just found to be nobody's.
      if (values.has(key('1')) && left(site).length === 4) {
        site.pointer.write({ live: pointerText({ ...pointerTo(LIVE), rules: rulesOf('1') }) });
      }
      return put(values, version);
    };
    await site.run();
    expect(left(site)).toEqual([key('1'), key('3'), key('4')]);
  });

  test('stay while a pointer cannot be read', async () => {
    const site = aRuledSite();
    site.beforeRemove = () => site.pointer.write({ previous: 'damaged' });
    await site.run();
    expect(left(site)).toHaveLength(4);
  });

  test('are removed fifty at a time', async () => {
    const site = aRuledSite();
    site.pointer.write(
      Object.fromEntries(
        Array.from({ length: 120 }, (_, index) => [`rules/${'a'.repeat(16)}/x${index}`, value]),
      ),
    );
    const sizes: number[] = [];
    const put = site.pointer.put.bind(site.pointer);
    site.pointer.put = (values, version) => {
      sizes.push(values.size);
      return put(values, version);
    };
    await site.run();
    expect(left(site)).toEqual([key('3'), key('4')]);
    expect(sizes).toEqual([1, 50, 50, 22]);
  });
});

test('one that somebody outruns again and again is put off when its time is over, and says so', async () => {
  const site = aSite();
  let turns = 0;
  // As if somebody else had just written it, each time.
  site.records.beforeWrite = (id) => {
    turns += 1;
    site.records.put(id, site.records.pages.get(id)?.text ?? '');
  };
  const report = await site.run({ remainingMs: 60_000 });
  expect(report).toMatchObject({
    complete: false,
    postponed: expect.stringMatching(/somebody else/),
  });
  expect(turns).toBeGreaterThan(2);
  expect(site.removals).toEqual([]);
});
