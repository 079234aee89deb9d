import { describe, expect, test } from 'vitest';
import { BUILT_IN_ERROR_PAGE } from '../../lambda/promote/error-page.ts';
import { goLive, Journal, type PromotePorts, promote } from '../../lambda/promote/promote.ts';
import { tokenText } from '../../lambda/promote/token.ts';
import { freezeText } from '../../lambda/shared/freeze.ts';
import type { Continued } from '../../lambda/shared/job.ts';
import { DamagedManifest, readRecord } from '../../lambda/shared/manifest.ts';
import type { PageStore } from '../../lambda/shared/page-store.ts';
import { type Manifest, PREVIOUS_KEY } from '../../lib/release/contract.ts';
import { aClock, aJob, anAwsError, anInvocation } from '../support/job.ts';
import { LedgerFake } from '../support/ledger-store.ts';
import { A, B, C, PointerStoreFake, pointerTo, textOf } from '../support/pointer-store.ts';

const UNCHANGED = 'Visitors still get the release that was live before.';

function aManifest(id: string, ...paths: string[]): Manifest {
  const file = (path: string) => ({
    path,
    key: `releases/${id}/${path}`,
    size: 1,
    sha256: 'x',
    type: 'text/html; charset=utf-8',
  });
  return {
    version: 2,
    id,
    revision: 'r',
    createdAt: '2026',
    pointer: pointerTo(id),
    files: paths.map(file),
    gone: [],
  };
}

/** Every release has this record; its version never changes. */
const recordsWith = (textFor: (id: string) => string | undefined): PageStore => ({
  async read(id) {
    const text = textFor(id);
    return text === undefined ? undefined : { text, version: '"1"' };
  },
  write: () => Promise.reject(new Error('a promotion writes no record')),
});

const recordsOf = (...paths: string[]) =>
  recordsWith((id) => JSON.stringify(aManifest(id, ...paths)));

const ended = (state: string) =>
  recordsWith((id) =>
    JSON.stringify({ version: 2, id, end: { state, at: '2026-11-23T07:00:00.000Z', by: 'prune' } }),
  );

function aSite(changes: Partial<PromotePorts> = {}) {
  const pointer = new PointerStoreFake({ live: textOf(A) });
  const ledger = new LedgerFake();
  const errorPages: (string | undefined)[] = [];
  const asked: string[] = [];
  const clock = aClock();
  const site = {
    /** How much later than the write the edge knows of a new pointer. */
    delayMs: 0,
    health: 200,
    since: 0,
    seen: A,
  };
  pointer.afterPut = () => {
    site.since = clock.time;
  };
  const ports: PromotePorts = {
    pointer,
    ledger,
    healthPath: '/health',
    deadlineMs: 120_000,
    site: {
      get: async (path) => {
        asked.push(path);
        const { live } = ports.pointer instanceof PointerStoreFake ? ports.pointer.contents() : {};
        const id = live && JSON.parse(live).id;
        if (clock.time - site.since >= site.delayMs) site.seen = id;
        if (path === '/.well-known/release') return { status: 200, text: `${site.seen}\n` };
        return { status: id === B ? site.health : 200, text: '' };
      },
    },
    records: recordsOf('404.html', 'index.html'),
    putErrorPage: async (file) => {
      errorPages.push(file?.key);
    },
    ...changes,
  };
  const run = (
    userParameters = `{"releaseId":"${B}","execution":"e-1"}`,
    continuationToken?: string,
    invocation = anInvocation(clock),
  ) => promote(aJob({ userParameters, continuationToken }), ports, clock, invocation);
  /** All invocations of a job, half a minute apart. */
  const runToTheEnd = async (userParameters?: string) => {
    let outcome = await run(userParameters);
    const summaries: string[] = [];
    while (outcome.kind === 'continued') {
      summaries.push(outcome.summary);
      clock.time += 30_000;
      outcome = await run(userParameters, outcome.token);
    }
    return { outcome, summaries };
  };
  return { run, runToTheEnd, pointer, ledger, errorPages, asked, clock, site, ports };
}

test('a release goes live, is seen at the site, and then brings its error page', async () => {
  const { run, pointer, ledger, errorPages, asked } = aSite();
  expect(await run()).toEqual({
    kind: 'succeeded',
    summary: `Release ${B} is live: the site answers with it. Before it was ${A}.`,
    externalExecutionId: B,
    outputVariables: { releaseId: B, previousReleaseId: A, promoted: 'yes' },
  });
  expect(pointer.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
  expect(asked).toEqual(['/.well-known/release', '/health']);
  expect(errorPages).toEqual([`releases/${B}/404.html`]);
  expect(ledger.states(B).at(-1)).toBe('live');
  expect(ledger.states(A).at(-1)).toBe(`replaced: By release ${B}.`);
  expect(ledger.entry(B).states.at(-1)?.by).toBe('pipeline execution e-1');
});

test('doing it twice ends in the same state, with the same variables', async () => {
  const { run, pointer, ledger } = aSite();
  const first = await run();
  const state = [pointer.contents(), ledger.states(A), ledger.states(B)];
  const second = await run();
  expect(second).toMatchObject({
    kind: 'succeeded',
    summary: `Release ${B} was live already: the site answers with it. Before it was ${A}.`,
  });
  expect((second as { outputVariables: unknown }).outputVariables).toEqual(
    (first as { outputVariables: unknown }).outputVariables,
  );
  expect([pointer.contents(), ledger.states(A), ledger.states(B)]).toEqual(state);
});

describe('a release that was uploaded later is live', () => {
  const uploadedBy = (execution: string | undefined, ledger: LedgerFake) =>
    ledger.put(B, JSON.stringify({ ...ledger.entry(B), ...(execution && { execution }) }));
  const published = async (execution?: string) => {
    const made = aSite();
    await made.run();
    uploadedBy(execution, made.ledger);
    await made.run(`{"releaseId":"${C}","execution":"e-2"}`);
    return made;
  };

  test.each([
    ['of the execution that uploaded the release', 'e-1', 'e-1'],
    ['that says nothing of its execution', undefined, 'e-1'],
    ['of a release that knows no execution', 'e-1', undefined],
  ])('an event %s comes too late and changes nothing', async (_, asking, uploaded) => {
    const { run, pointer, errorPages } = await published(uploaded);
    await expect(run(JSON.stringify({ releaseId: B, execution: asking }))).rejects.toMatchObject({
      type: 'JobFailed',
      message: `Release ${B} was not made live: visitors get release ${C}, which is newer. To go back: npm run releases -- rollback ${B}`,
    });
    expect(pointer.contents()).toMatchObject({ live: textOf(C), previous: textOf(B) });
    expect(errorPages.at(-1)).toBe(`releases/${C}/404.html`);
  });

  test('a rollback of the stage, which is an execution of its own, goes back', async () => {
    const { run, pointer } = await published('e-1');
    expect(await run(`{"releaseId":"${B}","execution":"e-3"}`)).toMatchObject({
      outputVariables: { releaseId: B, previousReleaseId: C },
    });
    expect(pointer.contents()).toMatchObject({ live: textOf(B), previous: textOf(C) });
  });

  test('but not by an event that comes again after the release that followed', async () => {
    const { run, pointer } = await published('e-1');
    const back = `{"releaseId":"${B}","execution":"e-3"}`;
    await run(back);
    await run(`{"releaseId":"${C}","execution":"e-4"}`);
    await expect(run(back)).rejects.toThrow(`visitors get release ${C}, which is newer`);
    expect(pointer.contents()).toMatchObject({ live: textOf(C), previous: textOf(B) });
  });

  test('and again by a retry of the stage, where it was taken back', async () => {
    const { run, runToTheEnd, site, pointer, ledger } = await published('e-1');
    site.health = 503;
    const back = `{"releaseId":"${B}","execution":"e-3"}`;
    await expect(runToTheEnd(back)).rejects.toThrow('It was taken back');
    expect(ledger.states(B).at(-1)).toMatch(/^failed/);
    site.health = 200;
    expect(await run(back)).toMatchObject({ outputVariables: { promoted: 'yes' } });
    expect(pointer.contents()).toMatchObject({ live: textOf(B) });
  });
});

test('the first release has none before it, and says so in a variable that is always set', async () => {
  const { run } = aSite({ pointer: new PointerStoreFake() });
  expect(await run()).toMatchObject({
    summary: `Release ${B} is live: the site answers with it. It is the first release.`,
    outputVariables: { releaseId: B, previousReleaseId: 'none', promoted: 'yes' },
  });
});

test('a release without a page for missing addresses gets the built-in one', async () => {
  const { run, errorPages } = aSite({ records: recordsOf('index.html') });
  await run();
  expect(errorPages).toEqual([undefined]);
  // The site's content security policy may refuse anything inline.
  expect(BUILT_IN_ERROR_PAGE).not.toMatch(/<style|<script|style=|\son\w+=/);
});

describe('the site is watched until it answers with the release', () => {
  test('within one invocation if an edge takes seconds to know of it', async () => {
    const { run, site, clock } = aSite();
    site.delayMs = 6_000;
    expect(await run()).toMatchObject({ kind: 'succeeded' });
    expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(12_000);
  });

  test('by continuation if it takes longer, and the error page waits for it', async () => {
    const { run, site, clock, pointer, errorPages } = aSite();
    site.delayMs = 60_000;
    const first = (await run()) as Continued;
    expect(first).toMatchObject({
      kind: 'continued',
      summary: `Release ${B} is live; waiting for the site to answer with it: /.well-known/release answered "${A}".`,
      externalExecutionId: B,
    });
    expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(45_000);
    expect(errorPages).toEqual([]);
    expect(JSON.parse(first.token)).toEqual({
      v: 1,
      releaseId: B,
      changed: true,
      previousId: A,
      errorPage: { key: `releases/${B}/404.html`, type: 'text/html; charset=utf-8' },
      deadline: expect.any(Number),
    });
    clock.time += 30_000;
    expect(await run(undefined, first.token)).toMatchObject({
      kind: 'succeeded',
      summary: `Release ${B} is live: the site answers with it. Before it was ${A}.`,
      outputVariables: { releaseId: B, previousReleaseId: A, promoted: 'yes' },
    });
    expect(errorPages).toEqual([`releases/${B}/404.html`]);
    expect(pointer.writes).toBe(1);
  });

  test('and no longer than leaves the invocation time for taking it back', async () => {
    const { run, site, clock } = aSite();
    site.delayMs = 60_000;
    const began = clock.time;
    const invocation = anInvocation(clock, { remainingMs: 20_000 });
    expect(await run(undefined, undefined, invocation)).toMatchObject({ kind: 'continued' });
    expect(clock.time - began).toBe(5_000);
  });

  test('trouble of the store while it waits is not held against the release', async () => {
    const { run, pointer, site } = aSite();
    site.delayMs = 3_000;
    const get = pointer.get.bind(pointer);
    pointer.get = async (key) => {
      if (pointer.writes > 0) throw anAwsError('AccessDeniedException', 403);
      return get(key);
    };
    expect(await run()).toMatchObject({ kind: 'succeeded' });
  });
});

describe('a release that does not come up is taken back', () => {
  test('when its health path does not answer 200 in time: visitors get the one before', async () => {
    const { runToTheEnd, pointer, ledger, site, errorPages, clock } = aSite();
    pointer.write({ [PREVIOUS_KEY]: textOf(C) });
    site.health = 404;
    const began = clock.time;
    await expect(runToTheEnd()).rejects.toMatchObject({
      type: 'JobFailed',
      message: `120 seconds after release ${B} went live the site does not answer as it should: /health answered 404. It was taken back: visitors get release ${A} again, within seconds.`,
      externalExecutionId: B,
    });
    expect(clock.time - began).toBeGreaterThanOrEqual(120_000);
    expect(clock.time - began).toBeLessThan(160_000);
    expect(pointer.contents()).toEqual({ live: textOf(A), previous: textOf(C) });
    expect(ledger.states(B).slice(1)).toEqual([
      'live',
      'failed: Taken back: /health answered 404.',
    ]);
    expect(ledger.states(A).slice(1)).toEqual([
      `replaced: By release ${B}.`,
      `live: Again, in place of release ${B}.`,
    ]);
    // What it would have brought is not there: nothing but the pointer had to go back.
    expect(errorPages).toEqual([]);
  });

  test.each<[string, PromotePorts['site']['get'], string]>([
    [
      'nothing answers',
      () => Promise.reject(Object.assign(new Error('fetch failed'), { code: 'ENOTFOUND' })),
      '/.well-known/release did not answer (ENOTFOUND: fetch failed).',
    ],
    [
      'the router fails',
      async () => ({ status: 503, text: '' }),
      '/.well-known/release answered 503.',
    ],
    [
      'something else stands before the site',
      async () => ({ status: 200, text: `<!doctype html>${'x'.repeat(200)}` }),
      `/.well-known/release answered "<!doctype html>${'x'.repeat(45)}".`,
    ],
    [
      'the health path leads elsewhere',
      async (path) => ({ status: path === '/health' ? 301 : 200, text: B }),
      '/health answered 301.',
    ],
  ])('when %s', async (_, get, problem) => {
    const { runToTheEnd, pointer } = aSite({ site: { get } });
    await expect(runToTheEnd()).rejects.toMatchObject({
      message: expect.stringContaining(
        `does not answer as it should: ${problem} It was taken back`,
      ),
    });
    expect(pointer.contents()).toEqual({ live: textOf(A) });
  });

  test('and a retry of the stage makes it live again', async () => {
    const { run, runToTheEnd, pointer, ledger, site } = aSite();
    site.health = 500;
    await expect(runToTheEnd()).rejects.toThrow('It was taken back');
    site.health = 200;
    expect(await run()).toMatchObject({ kind: 'succeeded' });
    expect(pointer.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
    expect(ledger.states(B).at(-1)).toBe('live');
  });

  test('but the first one stays: there is nothing to go back to', async () => {
    const pointer = new PointerStoreFake();
    const { runToTheEnd, site } = aSite({ pointer });
    site.health = 404;
    await expect(runToTheEnd()).rejects.toMatchObject({
      message: `120 seconds after release ${B} went live the site does not answer as it should: /health answered 404. There is no release before it to go back to: visitors get release ${B}.`,
    });
    expect(pointer.contents()).toEqual({ live: textOf(B) });
  });

  test('but not if it was live before the job: the job may undo only what it did', async () => {
    const pointer = new PointerStoreFake({ live: textOf(B), previous: textOf(A) });
    const { runToTheEnd, site } = aSite({ pointer });
    site.health = 404;
    await expect(runToTheEnd()).rejects.toMatchObject({
      message: `120 seconds after release ${B} went live the site does not answer as it should: /health answered 404. It was live before this job began, so the pointer was left alone: visitors get release ${B}.`,
    });
    expect(pointer.writes).toBe(0);
  });

  test('but not if somebody went elsewhere meanwhile: that is left alone, and said at once', async () => {
    const { run, pointer, site, clock } = aSite();
    site.health = 404;
    const { sleep } = clock;
    clock.sleep = async (...args) => {
      pointer.write({ live: textOf(C), previous: textOf(B) });
      return sleep(...args);
    };
    await expect(run()).rejects.toMatchObject({
      type: 'JobFailed',
      message: `Release ${B} was made live, but somebody moved the pointer before the site answered with it, and that was left alone. Visitors get release ${C}.`,
    });
    expect(pointer.contents()).toEqual({ live: textOf(C), previous: textOf(B) });
    expect(clock.slept).toHaveLength(1);
  });

  test('but not to a release that a clean-up has ended since: its files are being deleted', async () => {
    const end = { state: 'retired', at: '2026-11-23T07:00:00.000Z', by: 'the daily clean-up' };
    const { runToTheEnd, pointer, site } = aSite({
      records: recordsWith((id) =>
        JSON.stringify(id === A ? { version: 2, id, end } : aManifest(id, 'index.html')),
      ),
    });
    site.health = 404;
    await expect(runToTheEnd()).rejects.toMatchObject({
      type: 'JobFailed',
      message: `120 seconds after release ${B} went live the site does not answer as it should: /health answered 404. Release ${A}, which was live before it, was deleted meanwhile: visitors get release ${B}.`,
    });
    expect(pointer.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
  });

  test.each<[string, (id: string) => string | undefined]>([
    ['lost', () => undefined],
    ['damaged', () => '{'],
  ])(
    'and to one whose record is %s all the same: its files may well be there',
    async (_, record) => {
      const { runToTheEnd, pointer, site } = aSite({
        records: recordsWith((id) =>
          id === A ? record(id) : JSON.stringify(aManifest(id, 'index.html')),
        ),
      });
      site.health = 404;
      await expect(runToTheEnd()).rejects.toMatchObject({ message: /visitors get release/i });
      expect(pointer.contents()).toEqual({ live: textOf(A) });
    },
  );

  test('and if that does not succeed either, the message says both', async () => {
    const { runToTheEnd, pointer, site } = aSite();
    site.health = 404;
    pointer.beforePut = () => {
      if (pointer.writes > 0) throw anAwsError('AccessDeniedException', 403, 'No');
    };
    await expect(runToTheEnd()).rejects.toMatchObject({
      type: 'PermissionError',
      message: `120 seconds after release ${B} went live the site does not answer as it should: /health answered 404. It could not be taken back: AccessDeniedException (403): No. Open /.well-known/release on the site to see which release visitors get now.`,
    });
  });
});

describe('while publishing is frozen', () => {
  const frozen = freezeText({ by: 'ann', reason: 'an "incident"', at: '2026-11-23T06:00:00.000Z' });

  test('a release is kept and not live, and the summary says by whom and why', async () => {
    const pointer = new PointerStoreFake({ live: textOf(A), frozen });
    const { run, errorPages, asked, ledger } = aSite({ pointer });
    expect(await run()).toEqual({
      kind: 'succeeded',
      summary: `Publishing is frozen since 2026-11-23T06:00:00.000Z by ann: "an \\"incident\\"". Release ${B} is kept and not live. Visitors still get release ${A}.`,
      externalExecutionId: B,
      outputVariables: { releaseId: B, previousReleaseId: A, promoted: 'no' },
    });
    expect(pointer.contents()).toEqual({ live: textOf(A), frozen });
    expect([errorPages, asked, ledger.writes]).toEqual([[], [], 0]);
  });

  test('before the first release, visitors get none', async () => {
    const { run } = aSite({ pointer: new PointerStoreFake({ frozen: 'by hand' }) });
    expect(await run()).toMatchObject({
      summary: `Publishing is frozen since an unknown time by somebody: "by hand". Release ${B} is kept and not live. Visitors get no release.`,
      outputVariables: { previousReleaseId: 'none', promoted: 'no' },
    });
  });
});

describe('the ledger', () => {
  test.each([
    ['missing', undefined],
    ['damaged', '{'],
  ])('a page that is %s keeps no release from going live', async (_, text) => {
    const { run, ledger } = aSite();
    if (text !== undefined) ledger.put(B, text);
    expect(await run()).toMatchObject({ kind: 'succeeded' });
    expect(ledger.states(B)).toHaveLength(2);
  });

  test('a ledger that cannot be read is told, and stops nothing', async () => {
    const { run, ledger } = aSite();
    ledger.beforeRead = () => {
      throw anAwsError('AccessDenied', 403, 'No');
    };
    expect(await run()).toMatchObject({
      kind: 'succeeded',
      summary: `Release ${B} is live: the site answers with it. Before it was ${A}. The ledger was not written (AccessDenied (403): No), which no visitor notices.`,
    });
  });

  test('a ledger that cannot be written after it is told, and stops nothing', async () => {
    const { run, ledger, errorPages } = aSite();
    ledger.beforeWrite = () => {
      throw anAwsError('AccessDenied', 403, 'No');
    };
    expect(await run()).toMatchObject({
      kind: 'succeeded',
      summary: `Release ${B} is live: the site answers with it. Before it was ${A}. The ledger was not written (AccessDenied (403): No), which no visitor notices.`,
    });
    expect(errorPages).toHaveLength(1);
  });
});

test.each([
  [false, ['live']],
  [true, ['live', 'live']],
])('that a release is live is noted again if a person says so: %s', async (again, states) => {
  const { ports, ledger, clock } = aSite();
  const invocation = anInvocation(clock);
  for (const _ of ['once', 'again']) {
    const journal = new Journal('ann', ports, clock, invocation, { again });
    expect(await goLive(B, ports, journal, clock, invocation)).toMatchObject({ kind: 'live' });
  }
  // After what was written in between, by a promotion that was slow with its line, the page has the last word.
  expect(ledger.states(B).slice(1)).toEqual(states);
});

test.each([A, B])(
  'a release goes live although the ledger says that it was retired, which its record does not: %s is live',
  async (live) => {
    const { run, ledger, pointer } = aSite();
    await run();
    const page = ledger.entry(B);
    const retired = { state: 'retired', at: '2026-11-23T07:00:00.000Z', by: 'prune' };
    ledger.put(B, JSON.stringify({ ...page, states: [...page.states, retired] }));
    pointer.write({ live: textOf(live) });
    expect(await run()).toMatchObject({ kind: 'succeeded' });
    expect(pointer.contents().live).toBe(textOf(B));
    // So that the next clean-up finds the two of one mind.
    expect(ledger.states(B).slice(-2)).toEqual(['retired', 'live']);
  },
);

describe('what an invocation leaves for the next', () => {
  const token = {
    v: 1 as const,
    releaseId: B,
    changed: true,
    previousId: A,
    older: textOf(C),
    deadline: 1_800_000_000_000,
  };

  test('fits into a continuation token, whatever the store held', () => {
    const long = tokenText({ ...token, older: '"'.repeat(1_024) });
    expect(JSON.parse(long)).toEqual({ ...token, older: undefined });
    const delta = 'x'.repeat(1_024 - textOf(C).length);
    const older = JSON.stringify({ id: C, base: C, delta });
    expect(JSON.parse(tokenText({ ...token, older }))).toEqual({ ...token, older });
    expect(tokenText({ ...token, older }).length).toBeLessThanOrEqual(2_048);
  });

  test.each([
    ['no JSON', '{'],
    ['another version', JSON.stringify({ ...token, v: 2 })],
    ['no release', JSON.stringify({ ...token, releaseId: '../x' })],
    ['no deadline', JSON.stringify({ ...token, deadline: 'soon' })],
  ])('is checked like any other input: %s', async (_, text) => {
    const { run, pointer } = aSite();
    await expect(run(undefined, text)).rejects.toMatchObject({
      type: 'JobFailed',
      message:
        'The continuation token is not one that this version of the function wrote. Open /.well-known/release on the site to see which release visitors get now. Retry the stage.',
    });
    expect(pointer.writes).toBe(0);
  });
});

describe('what is not a finished release never goes live', () => {
  test.each<[string, Partial<PromotePorts>, string, string]>([
    [
      'no manifest',
      { records: recordsWith(() => undefined) },
      'ConfigurationError',
      `Release ${B} does not exist: it has no manifest, so its upload did not finish. ${UNCHANGED}`,
    ],
    [
      'an upload that is under way',
      {
        records: recordsWith((id) =>
          JSON.stringify({ version: 2, id, upload: { job: 'j', at: '2026' } }),
        ),
      },
      'ConfigurationError',
      `Release ${B} does not exist: it has no manifest, so its upload did not finish. ${UNCHANGED}`,
    ],
    [
      'an upload that was given up',
      { records: ended('abandoned') },
      'JobFailed',
      `Release ${B} was given up at 2026-11-23T07:00:00.000Z by prune: its upload did not finish. ${UNCHANGED}`,
    ],
    [
      'a release that a clean-up is deleting',
      { records: ended('retired') },
      'JobFailed',
      `Release ${B} was retired at 2026-11-23T07:00:00.000Z by prune, and its files are being deleted: it cannot go live again. ${UNCHANGED} Push its commit again to make a new release of it.`,
    ],
    [
      'no start page',
      { records: recordsOf('a/index.html') },
      'JobFailed',
      `Release ${B} has no index.html, so visitors would find no start page. ${UNCHANGED}`,
    ],
    [
      'a damaged manifest',
      { records: recordsWith(() => '{}') },
      'JobFailed',
      `The manifest of release ${B} cannot be read: DamagedManifest: manifest of ${B}: version: Invalid key: Expected "version" but received undefined. ${UNCHANGED}`,
    ],
    [
      'no permission to read it',
      {
        records: {
          ...recordsOf(),
          read: () => Promise.reject(anAwsError('AccessDenied', 403, 'No')),
        },
      },
      'PermissionError',
      `The manifest of release ${B} cannot be read: AccessDenied (403): No. ${UNCHANGED}`,
    ],
  ])('%s', async (_name, changes, type, message) => {
    const { run, pointer, errorPages } = aSite(changes);
    await expect(run()).rejects.toMatchObject({ type, message });
    expect(pointer.contents()).toEqual({ live: textOf(A) });
    expect(errorPages).toEqual([]);
  });
});

test('an error page that fails after the flip says that the release is live', async () => {
  const { run, pointer } = aSite({
    putErrorPage: () => Promise.reject(anAwsError('AccessDenied', 403, 'No')),
  });
  await expect(run()).rejects.toMatchObject({
    type: 'PermissionError',
    message: `Release ${B} is live and visitors get it; only the page for missing addresses is still the one from before: AccessDenied (403): No. Retry the stage to bring it up to date.`,
    externalExecutionId: B,
  });
  expect(pointer.contents().live).toBe(textOf(B));
});

test('a pointer that cannot be moved says where to look', async () => {
  const { run, pointer, errorPages } = aSite();
  pointer.beforePut = () => {
    throw anAwsError('AccessDeniedException', 403, 'No');
  };
  await expect(run()).rejects.toMatchObject({
    type: 'PermissionError',
    message: `Release ${B} was not made live: AccessDeniedException (403): No. Open /.well-known/release on the site to see which release visitors get now.`,
  });
  expect(errorPages).toEqual([]);
});

test.each([
  ['{}', 'releaseId: got nothing; write the id of a release, such as "20261123T061500Z-1a2b3c4"'],
  [
    '{"releaseId":"../x"}',
    'releaseId: got "../x"; write the id of a release, such as "20261123T061500Z-1a2b3c4"',
  ],
  [
    `{"releaseId":"${B}","execution":"a b"}`,
    'execution: got "a b"; write "#{codepipeline.PipelineExecutionId}", or leave it out',
  ],
  [
    '{"releaseId":"#{Upload.releaseId}"}',
    'releaseId: got "#{Upload.releaseId}"; #{Upload.releaseId} was not resolved: give the action that sets it that namespace, and run it in an earlier stage or run order',
  ],
])('parameters that name no release are told: %s', async (userParameters, problem) => {
  const { run, pointer } = aSite();
  await expect(run(userParameters)).rejects.toMatchObject({
    type: 'ConfigurationError',
    message: `The action's user parameters are not usable:\n- ${problem}\nWrite {"releaseId": "#{Upload.releaseId}"}. ${UNCHANGED}`,
  });
  expect(pointer.reads).toBe(0);
});

describe('a manifest is read with care', () => {
  test.each([
    ['{', /^manifest of .+: not JSON \(.+\)$/],
    ['[]', /: version: /],
    [
      JSON.stringify({ ...aManifest(A, 'index.html') }),
      /: id: got ".+"; it belongs to another release$/,
    ],
    [JSON.stringify({ ...aManifest(B), files: [{ path: 'a' }] }), /: files\.0\.key: /],
  ])('%s', (text, message) => {
    expect(() => readRecord(text, B)).toThrow(DamagedManifest);
    expect(() => readRecord(text, B)).toThrow(message);
  });

  test('what was written is read back', () => {
    const manifest = aManifest(B, 'index.html');
    expect(readRecord(JSON.stringify(manifest), B)).toEqual(manifest);
  });
});
