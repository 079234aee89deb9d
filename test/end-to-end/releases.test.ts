import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Request } from '../../bin/releases/arguments.ts';
import { main } from '../../bin/releases/main.ts';
import {
  type LedgerEntry,
  ledgerKey,
  type Manifest,
  manifestKey,
  matchesPattern,
} from '../../lib/release/contract.ts';
import { LocalQueryApi } from '../../local/aws/query-api.ts';
import type { Call } from '../../local/aws/service.ts';
import type { LocalStack } from '../../local/stack.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  contentOf,
  removeDirectories,
} from '../support/local-stack.ts';
import { CHECKOUT, COMMAND, type Ran, run } from '../support/releases.ts';

/** What nobody may call any more. */
const denied = new Set<string>();
/** Every call that was made: `s3:PutObject arn:…`. */
const calls: string[] = [];
/** The commands that were carried out here. */
const succeeded = new Set<string>();
/** Those that the command has made, of all tests. */
const ofTheCommand: Call[] = [];
/** Presses Ctrl-C when that is called. */
let stopAt: string | undefined;
let stop = new AbortController();
const allow = (call: Call) => {
  const { principal, action, resource } = call;
  calls.push(`${action} ${resource}`);
  if (principal === userInfo().username) ofTheCommand.push(call);
  if (action === stopAt) stop.abort();
  return !denied.has(action);
};

let stack: LocalStack;
let state: string;
let clone: Clone;
let s3: S3Client;
let Bucket: string;

const local = () => ['--local', '--state', state, '--stack', 'a-site'];
const started = (...words: string[]) => run([...words, ...local()]);

/** The same without a process of its own, which costs seconds; nobody is there to be asked. */
async function releases(...words: string[]): Promise<Ran> {
  let [out, err] = ['', ''];
  const began = performance.now();
  const status = await main([...words, ...local()], {
    here: CHECKOUT,
    region: undefined,
    env: {},
    signal: stop.signal,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ask: undefined,
    elapsed: () => performance.now() - began,
  });
  if (status === 0) succeeded.add(words[0] ?? '');
  return { status, out, err };
}

/** The document that a command writes; it has to succeed. */
async function json(...words: string[]) {
  const { status, out, err } = await releases(...words, '--json');
  if (status !== 0) throw new Error(err);
  return JSON.parse(out);
}

/** The same in a terminal, whose person answers the question. */
async function inTerminal(words: readonly string[], answer: string): Promise<Omit<Ran, 'err'>> {
  const command = [process.execPath, ...COMMAND, ...words, ...local()];
  const child = spawn('script', ['-qefc', command.join(' '), '/dev/null'], { cwd: CHECKOUT });
  let out = '';
  let answered = false;
  child.stdout.on('data', (text: Buffer) => {
    out += text;
    if (answered || !out.includes('(y/N)')) return;
    answered = true;
    child.stdin.write(answer);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, out: stripVTControlCharacters(out) }));
  });
}

const get = async (path: string) => (await fetch(`${stack.siteUrl}${path}`)).text();
const home = () => get('/');
/** Another address each time: an edge keeps what it answered for a missing one for ten seconds. */
const missing = () => get(`/no/such/${randomUUID()}.html`);

/** The id of the release that a push made, live or not. */
async function publish(text: string): Promise<string> {
  await clone.write('pages/index.html', `<h1>${text}</h1>`);
  await clone.write('pages/404.html', `<h1>no ${text}</h1>`);
  await clone.write(`pages/${text}.html`, `<h1>only in ${text}</h1>`);
  await clone.commit(text);
  const said = await clone.push();
  const actions =
    stack
      .executions()
      .at(-1)
      ?.stages.flatMap((stage) => stage.actions) ?? [];
  const id = actions.find(({ name }) => name === 'Upload')?.variables.releaseId;
  if (id === undefined) throw new Error(said);
  return id;
}

const entryOf = async (id: string): Promise<LedgerEntry> => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: ledgerKey(id) }));
  return JSON.parse((await Body?.transformToString()) as string);
};
const put = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body }));

let one: string;
let two: string;
let three: string;

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'pages' },
    immutable: ['assets/*'],
  });
  state = await aDirectory('state');
  ({ stack } = await aLocalStack(assembly, { allow, state }));
  ({ s3, Bucket } = contentOf(stack));
  clone = await Clone.of(stack);
  one = await publish('one');
  two = await publish('two');
  three = await publish('three');
});

afterAll(async () => {
  s3?.destroy();
  await stack?.stop();
  await removeDirectories();
});

const live = () => stack.liveRelease();

describe('looking', () => {
  test('list shows every release, newest first, and which one visitors get', async () => {
    const { status, out, err } = await started('list');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const rows = out.split('\n').filter((line) => /^\d{8}T/.test(line));
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
      [three, 'live'],
      [two, 'previous'],
      [one, 'replaced'],
    ]);
    expect(out).toContain(`${stack.assembly.outputs.SiteUrl} shows ${three}`);
    expect(await json('list')).toMatchObject({
      live: three,
      previous: two,
      frozen: null,
      releases: [
        { id: three, state: 'live', files: 5, pages: 5, pinned: false, problems: [] },
        { id: two, state: 'previous', files: 4 },
        { id: one, state: 'replaced', files: 3 },
      ],
    });
  });

  test('show finds a release by a part of its id, and tells what became of it', async () => {
    const { status, out } = await releases('show', one.slice(-7));
    expect(status).toBe(0);
    expect(out).toMatch(new RegExp(`^Release +${one}$`, 'm'));
    expect(out).toContain(`By release ${two}.`);
    expect(await json('show', one)).toMatchObject({
      id: one,
      state: 'replaced',
      states: [{ state: 'uploaded' }, { state: 'live' }, { state: 'replaced' }],
      pointer: { id: one, base: one },
    });
  });

  test('diff names the files that differ', async () => {
    expect(await json('diff', 'previous', 'live')).toEqual({
      from: two,
      to: three,
      added: [{ path: 'three.html', size: expect.any(Number) }],
      removed: [],
      changed: [
        { path: '404.html', fromSize: expect.any(Number), toSize: expect.any(Number) },
        { path: 'index.html', fromSize: expect.any(Number), toSize: expect.any(Number) },
      ],
      same: 2,
      copies: { added: 0, removed: 0, same: 0 },
    });
  });

  test('an id that is none is told with the nearest, before anything is changed', async () => {
    const typo = `${one.slice(0, -1)}-`;
    const { status, out, err } = await started('promote', typo, '--yes');
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(
      new RegExp(`^ID: got "${typo}"; there is no such release; the nearest: ${one}, `),
    );
    expect(await live()).toBe(three);
  });
});

describe('agreeing', () => {
  test.each<[string, string[], typeof releases]>([
    ['promote', ['previous'], releases],
    ['rollback', [], started],
    ['unfreeze', ['--promote'], releases],
    ['prune', [], releases],
  ])('without a terminal and without --yes, %s does nothing', async (command, words, how) => {
    expect(await how(command, ...words)).toEqual({
      status: 2,
      out: '',
      err: `${command}: there is no terminal to ask whether to go on; add --yes to say so, behind the -- of npm run releases --. Nothing was changed.\n`,
    });
    expect(await live()).toBe(three);
  });

  const terminal = spawnSync('script', ['--version'], { encoding: 'utf8' });
  const hasScript = terminal.stdout?.includes('util-linux');

  test.runIf(hasScript).each([
    ['only Enter', '\r'],
    ['Ctrl-C', '\x03'],
  ])('a person who answers %s has changed nothing', async (_, answer) => {
    const { status, out } = await inTerminal(['rollback'], answer);
    expect(out).toContain(`Go back to release ${two} (uploaded `);
    expect(out).toContain('Nothing was changed.');
    expect(status).toBe(1);
    expect(await live()).toBe(three);
  });

  test.runIf(hasScript)('a person who answers yes has done it', async () => {
    const { status, out } = await inTerminal(['rollback'], 'y\r');
    expect(out).toContain(`first page of release ${two}`);
    expect(status).toBe(0);
    expect(await live()).toBe(two);
    await releases('promote', three, '--yes');
  });
});

describe('going back', () => {
  test('is one write to the store and no build; the old pages are there, then the old error page', async () => {
    await releases('promote', three, '--yes');
    expect([await home(), await missing()]).toEqual(['<h1>three</h1>', '<h1>no three</h1>']);
    const executions = stack.executions().length;
    calls.length = 0;
    const { status, out, err } = await started('rollback', one, '--yes');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(calls.filter((call) => /UpdateKeys/.test(call))).toHaveLength(1);
    expect(calls.filter((call) => /s3:Put.*\/releases\/.*\.html/.test(call))).toEqual([]);
    expect(calls.filter((call) => /s3:Delete/.test(call))).toEqual([]);
    expect(stack.executions()).toHaveLength(executions);
    expect([await home(), await missing()]).toEqual(['<h1>one</h1>', '<h1>no one</h1>']);
    expect(await get('/three.html')).toBe('<h1>no one</h1>');

    const [moved, page] = out.split('\n');
    expect(moved).toMatch(
      new RegExp(`^\\S+Z {2}the pointer names release ${one}, [\\d,]+ ms after the command began$`),
    );
    expect(page).toMatch(
      new RegExp(
        `^\\S+Z {2}first page of release ${one}, [\\d,]+ ms after the command began, [\\d,]+ ms after the pointer was moved$`,
      ),
    );
    expect(out).toContain(
      `Release ${one} is live: the site answers with it. Before it was ${three}.`,
    );
    expect(out).toMatch(/^Invalidation \S+ of \/_site\/\* is completed: /m);
    expect(out).toContain('Publishing is not frozen: the next push goes live.');
    expect((await entryOf(three)).states.at(-1)).toMatchObject({
      state: 'replaced',
      by: expect.stringMatching(/^arn:aws:iam::123456789012:user\//),
    });
  });

  test('without an id never leads forward, to the release that was just left', async () => {
    const { status, out, err } = await releases('rollback', '--yes');
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toContain(`To go forward again: npm run releases -- promote ${three}\n`);
    expect(await live()).toBe(one);
  });

  test('answers a script with one document, which has the measure', async () => {
    const { status, out, err } = await started('rollback', three, '--yes', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual({
      id: three,
      changed: true,
      previous: one,
      movedAt: expect.stringMatching(/Z$/),
      firstPage: { sinceStartMs: expect.any(Number), sincePointerMs: expect.any(Number) },
      frozen: null,
    });
    expect(err).toContain(`first page of release ${three}`);
    expect(await home()).toBe('<h1>three</h1>');
  });

  test('to what is live already says so and moves no pointer', async () => {
    calls.length = 0;
    const { status, out } = await releases('promote', 'live', '--yes');
    expect(status).toBe(0);
    expect(out).toContain(`Release ${three} is live already`);
    expect(calls.filter((call) => /UpdateKeys/.test(call))).toEqual([]);
    expect(await live()).toBe(three);
  });
});

test('Ctrl-C between the pointer and the first page says where it stands, and promoting again ends it', async () => {
  const stop = new AbortController();
  let err = '';
  const status = await main(['rollback', one, '--yes', ...local()], {
    here: CHECKOUT,
    region: undefined,
    env: {},
    signal: stop.signal,
    out: (text) => {
      if (text.includes('the pointer names')) stop.abort();
    },
    err: (text) => {
      err += text;
    },
    ask: undefined,
    elapsed: () => 0,
  });
  expect({ status, err }).toEqual({
    status: 1,
    err: `Interrupted. Release ${one} is live, and nobody watches any more whether the site answers with it. Run "npm run releases -- promote ${one}" to watch it and to bring its error page.\n`,
  });
  expect([await live(), await missing()]).toEqual([one, '<h1>no three</h1>']);
  expect((await releases('promote', one, '--yes')).status).toBe(0);
  expect(await missing()).toBe('<h1>no one</h1>');
  expect((await entryOf(one)).states.at(-1)).toMatchObject({ state: 'live' });
  await releases('promote', three, '--yes');
});

test.each([
  ['s3:ListBucket', ['list'], 'Interrupted; nothing was changed.\n'],
  [
    'cloudfront-keyvaluestore:UpdateKeys',
    ['freeze', 'why'],
    'Interrupted. Whether freeze was carried out, "npm run releases -- list" shows.\n',
  ],
])('Ctrl-C at %s in %j says what is sure', async (action, words, err) => {
  stop = new AbortController();
  stopAt = action;
  const ran = await releases(...words).finally(() => {
    stopAt = undefined;
    stop = new AbortController();
  });
  expect(ran).toEqual({ status: 1, out: '', err });
  await releases('unfreeze');
});

describe('freezing', () => {
  let kept: string;

  test('a rollback can freeze in the same write; a push is kept then', async () => {
    calls.length = 0;
    const { status, out } = await releases('rollback', two, '--freeze', 'three is broken', '--yes');
    expect(status).toBe(0);
    expect(calls.filter((call) => /UpdateKeys/.test(call))).toHaveLength(1);
    expect(out).toMatch(/Publishing is frozen since .*: "three is broken"\. /);
    kept = await publish('four');
    expect(await live()).toBe(two);
    expect((await releases('list')).out).toMatch(
      /^Publishing is frozen since .*"three is broken"\.$/m,
    );
  });

  test('a promotion is refused meanwhile, with who, why and what to do, unless somebody insists', async () => {
    const { status, out, err } = await releases('promote', kept, '--yes');
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toMatch(
      new RegExp(
        `^Publishing is frozen since .* by \\S+: "three is broken"\\. Release ${kept} was not made live: visitors get release ${two}\\.\nAsk that person\\. "npm run releases -- unfreeze" ends it; --even-frozen makes `,
      ),
    );
    expect(await live()).toBe(two);
    const insisted = await releases('promote', one, '--even-frozen', '--yes');
    expect(insisted.status).toBe(0);
    expect(insisted.out).toMatch(/Publishing is frozen since /);
    expect(await live()).toBe(one);
  });

  test('rolling back works all the same, and leaves it frozen', async () => {
    const { status, out } = await releases('rollback', two, '--yes');
    expect(status).toBe(0);
    expect(out).toMatch(/Publishing is frozen since /);
    expect(await live()).toBe(two);
  });

  test('the end of it can make the newest kept release live, never one that somebody went back from', async () => {
    expect(await json('unfreeze', '--promote', '--yes')).toMatchObject({
      ended: { reason: 'three is broken' },
      promoted: { id: kept, previous: two, frozen: null },
    });
    expect(await home()).toBe('<h1>four</h1>');

    await releases('rollback', two, '--freeze', 'again', '--yes');
    const { status, out } = await releases('unfreeze', '--promote', '--yes');
    expect(status).toBe(0);
    expect(out).toContain(`No release was kept that is newer than the live one, ${two}.`);
    expect(out).toContain(`Release ${kept} is newer, and is left alone: it was live before.`);
    expect(await live()).toBe(two);
  });

  test('alone it changes nothing that visitors get, and the newest reason counts', async () => {
    await releases('freeze', 'the', 'first', 'reason');
    expect(await json('freeze', 'the second')).toMatchObject({
      frozen: { reason: 'the second' },
      before: { reason: 'the first reason' },
    });
    expect(await json('unfreeze')).toMatchObject({
      ended: { reason: 'the second' },
      promoted: null,
    });
    const { status, out } = await releases('unfreeze');
    expect({ status, first: out.split('\n')[0] }).toEqual({
      status: 0,
      first: 'Publishing was not frozen.',
    });
    expect(await live()).toBe(two);
  });

  test('a reason that the store has no room for is refused', async () => {
    const { status, err } = await releases('freeze', 'x'.repeat(1_100));
    expect(status).toBe(1);
    expect(err).toMatch(
      /^freeze: got \d+ bytes; the key-value store takes 1024 for a value, so write a shorter reason\n$/,
    );
  });
});

/** Releases of long ago, as a run of the pipeline left them then. */
async function olden(howMany: number): Promise<string[]> {
  const ids = Array.from(
    { length: howMany },
    (_, index) => `20200101T0000${String(index).padStart(2, '0')}Z-olden${index % 10}`,
  );
  for (const id of ids) {
    const key = `releases/${id}/index.html`;
    const at = '2020-01-01T00:00:00.000Z';
    const file = { path: 'index.html', key, size: 5, sha256: 'x', type: 'text/html' };
    const manifest: Manifest = {
      version: 2,
      id,
      revision: 'olden',
      createdAt: at,
      pointer: { id, base: id, delta: '' },
      files: [file],
      gone: [],
    };
    const entry: LedgerEntry = {
      ...{ version: 1, id, revision: 'olden', files: 1, bytes: 5, pages: 1, findings: [] },
      states: [{ state: 'uploaded', at, by: 'a test' }],
    };
    await put(key, 'olden');
    await put(manifestKey(id), JSON.stringify(manifest));
    await put(ledgerKey(id), JSON.stringify(entry));
  }
  return ids;
}

describe('cleaning up', () => {
  let old: string[];
  /** What visitors get meanwhile. */
  let shown: string;
  const states = async () => {
    const document = await json('list', '--all');
    return new Map<string, string>(
      document.releases.map(({ id, state: now }: { id: string; state: string }) => [id, now]),
    );
  };

  test('a pinned release stays, and a dry run says what goes and changes nothing', async () => {
    old = await olden(14);
    shown = (await live()) as string;
    const [oldest = ''] = old;
    expect(await json('pin', oldest)).toMatchObject({ id: oldest, changed: true });
    expect((await json('pin', oldest)).changed).toBe(false);
    calls.length = 0;
    const foreseen = await json('prune', '--dry-run');
    expect(foreseen).toMatchObject({ dryRun: true, complete: true, postponed: null });
    expect(foreseen.retired).toEqual(old.slice(1, 1 + foreseen.retired.length));
    expect(foreseen.retired.length).toBeGreaterThan(3);
    expect(foreseen.files).toBe(foreseen.retired.length);
    expect(calls.filter((call) => /Put|Delete|Update/.test(call))).toEqual([]);
    const text = (await releases('prune', '--dry-run')).out;
    expect(text).toMatch(new RegExp(`^kept +${oldest} +pinned$`, 'm'));
    expect(text).toMatch(/^Nothing was changed\.$/m);
  });

  test('does that then, once; what is live and what is pinned is left', async () => {
    const before = [await home(), await missing()];
    const foreseen = await json('prune', '--dry-run');
    const { status, out } = await releases('prune', '--yes');
    expect(status).toBe(0);
    expect(out).toContain(
      `Deleted ${foreseen.files} files of releases and 0 files of the pool, ${foreseen.bytes} B; retired ${foreseen.retired.length} releases.`,
    );
    const after = await states();
    for (const id of foreseen.retired) expect(after.get(id), id).toBe('retired');
    expect(after.get(old[0] as string)).toBe('uploaded');
    expect(after.get(shown)).toBe('live');
    expect((await releases('list')).out).toContain(
      `${foreseen.retired.length} retired or abandoned: --all`,
    );
    expect((await releases('prune', '--yes')).out).toContain('There is nothing to delete.');
    expect([await home(), await missing()]).toEqual(before);
  });

  test('what has ended cannot be pinned, compared or made live any more', async () => {
    const gone = old[1] as string;
    const pinned = await releases('pin', gone);
    expect(pinned.status).toBe(1);
    expect(pinned.err).toMatch(
      new RegExp(
        `^Release ${gone} was retired at .*: its files are being deleted, and pinning it would keep nothing\\.\n$`,
      ),
    );
    const promoted = await releases('promote', gone, '--yes');
    expect(promoted.status).toBe(1);
    expect(promoted.err).toMatch(
      new RegExp(`^Release ${gone} was retired at .* cannot go live again`),
    );
    const compared = await releases('diff', gone, 'live');
    expect(compared).toMatchObject({
      status: 1,
      err: `Nobody knows which files release ${gone} has: it is retired.\n`,
    });
    expect(await live()).toBe(shown);
  });

  test('what is no longer pinned goes with the next one', async () => {
    const oldest = old[0] as string;
    expect(await json('unpin', oldest)).toMatchObject({ changed: true });
    expect((await json('unpin', oldest)).changed).toBe(false);
    expect((await json('prune', '--yes')).retired).toEqual([oldest]);
  });
});

describe('what is lost or damaged', () => {
  afterEach(async () => {
    await json('unpin', one);
  });

  test('is shown as such, and a page of the ledger is written anew by unpin', async () => {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: ledgerKey(one) }));
    await put(ledgerKey(three), '{');
    const listed = (await releases('list')).out;
    expect(listed).toMatch(new RegExp(`^${one} .* ledger page lost$`, 'm'));
    expect(listed).toMatch(new RegExp(`^${three} .* ledger page damaged$`, 'm'));
    const { status, out } = await releases('unpin', three);
    expect({ status, out }).toEqual({
      status: 0,
      out: `Release ${three} was not pinned: clean-ups keep it as long as any other. Its page in the ledger was written anew.\n`,
    });
    expect((await entryOf(three)).states[0]).toMatchObject({ state: 'uploaded' });
  });

  test('a manifest, too, and neither list nor show stumbles over it', async () => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: manifestKey(three) }));
    const manifest = (await Body?.transformToString()) as string;
    await put(manifestKey(three), 'not JSON');
    expect((await releases('list')).out).toMatch(
      new RegExp(`^${three} .* manifest damaged \\(not JSON `, 'm'),
    );
    expect((await releases('show', three)).out).toMatch(/^Problems +manifest damaged/m);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: manifestKey(three) }));
    expect((await releases('list')).out).toMatch(new RegExp(`^${three} .* manifest lost$`, 'm'));
    const promoted = await releases('promote', three, '--yes');
    expect(promoted).toMatchObject({
      status: 1,
      err: expect.stringMatching(
        new RegExp(`^Release ${three} does not exist: it has no manifest`),
      ),
    });
    await put(manifestKey(three), manifest);
    expect(await live()).toBe(two);
  });
});

describe('where the stack is', () => {
  test('without npm start there is one line that says to start it', async () => {
    const nowhere = await aDirectory('nowhere');
    expect(await run(['list', '--local', '--state', nowhere])).toEqual({
      status: 1,
      out: '',
      err: `--local: nothing runs on ${nowhere}; start it with npm start, or name another folder with --state\n`,
    });
  });

  test('a stack of another name is told from the one that runs', async () => {
    const { status, err } = await run(['list', '--local', '--state', state, '--stack', 'other']);
    expect({ status, err }).toEqual({
      status: 1,
      err: '--stack: got "other"; what npm start runs has another name: that of "name" in site.config.ts when it was started\n',
    });
  });

  test('a missing permission is named, and what visitors get', async () => {
    denied.add('cloudfront-keyvaluestore:UpdateKeys');
    const { status, out, err } = await releases('rollback', one, '--yes').finally(() =>
      denied.clear(),
    );
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toMatch(
      new RegExp(
        `^Release ${one} was not made live: AccessDenied\\w* .* Open /\\.well-known/release`,
      ),
    );
    expect(err).toContain('docs/runbook.md has the policy that an operator needs.');
    expect(await live()).toBe(two);
  });

  /** What AWS would be asked, answered here. */
  const onAws = (changes: Record<string, string> = {}): Record<string, string> => {
    const { LOCAL_ADDRESSES: _, ...environment } = stack.environmentFor('jo');
    return { ...environment, ...changes };
  };

  test('on AWS a stack that is not there is told with its Region and account', async () => {
    const other = await run(['list', '--stack', 'other', '--region', 'eu-west-3'], onAws());
    expect(other).toEqual({
      status: 1,
      out: '',
      err: 'There is no stack "other" in Region eu-west-3 of account 123456789012. Name another with --stack or --region, another account with --profile, or deploy it: npx cdk deploy other\n',
    });
  });

  test('a stack that an older version deployed has to be deployed again', async () => {
    const api = new LocalQueryApi({
      accountId: '123456789012',
      region: 'us-east-1',
      stack: { name: 'a-site', outputs: { SiteUrl: 'x', ContentBucket: 'x', DistributionId: 'x' } },
    });
    api.registerCredentials(String(onAws().AWS_ACCESS_KEY_ID), 'jo');
    const endpoint = await api.listen();
    const ran = await run(
      ['list', '--stack', 'a-site'],
      onAws({ AWS_ENDPOINT_URL_STS: endpoint, AWS_ENDPOINT_URL_CLOUDFORMATION: endpoint }),
    ).finally(() => api.close());
    expect(ran).toEqual({
      status: 1,
      out: '',
      err: 'Stack a-site (CREATE_COMPLETE) has no output KeyValueStore: it was not deployed to its end, or by an older version of this project. Deploy it again: npx cdk deploy a-site\n',
    });
  });

  test('credentials that AWS does not know, and none, are told apart', async () => {
    const unknown = await run(['list'], onAws({ AWS_ACCESS_KEY_ID: 'STRANGER' }));
    expect(unknown.status).toBe(1);
    expect(unknown.err).toMatch(
      /^AWS does not know these credentials: .*\nSTS GetCallerIdentity: InvalidClientTokenId \(403\)/,
    );
    const HOME = await aDirectory('home');
    const none = { HOME, AWS_EC2_METADATA_DISABLED: 'true' };
    const missingKeys = await run(['list', '--region', 'eu-west-1'], none);
    expect(missingKeys.status).toBe(1);
    expect(missingKeys.err).toMatch(/^There are no AWS credentials\. /);
    const noProfile = await run(['list', '--region', 'eu-west-1', '--profile', 'shop'], none);
    expect(noProfile.status).toBe(1);
    expect(noProfile.err).toMatch(
      /^There are no AWS credentials in profile "shop", if there is one\. /,
    );
    const { AWS_REGION: _, ...nowhere } = onAws({ HOME });
    const noRegion = await run(['list'], nowhere);
    expect(noRegion.status).toBe(1);
    expect(noRegion.err).toMatch(/^No Region is set: /);
  });
});

/** The statements of the policy in the runbook, with the names of this stack. */
async function statements(): Promise<{ actions: string[]; resources: string[] }[]> {
  const runbook = await readFile(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
  const policy = /```json\n(\{\n {2}"Version": "2012-10-17"[^`]*)```/.exec(runbook)?.[1] ?? '';
  const { ContentBucket, KeyValueStore, DistributionId } = stack.assembly.outputs;
  const names: Record<string, string> = {
    CONTENT_BUCKET: Bucket,
    KEY_VALUE_STORE: String(KeyValueStore),
    DISTRIBUTION_ID: String(DistributionId),
    REGION: 'us-east-1',
    ACCOUNT: '123456789012',
    'stack/NAME': 'stack/a-site',
  };
  expect(Bucket).toBe(ContentBucket);
  const filled = Object.entries(names).reduce(
    (text, [from, to]) => text.replaceAll(from, to),
    policy,
  );
  const list = (one: string | string[]) => (Array.isArray(one) ? one : [one]);
  return JSON.parse(filled).Statement.map(
    ({ Action, Resource }: { Action: string | string[]; Resource: string | string[] }) => ({
      actions: list(Action),
      resources: list(Resource),
    }),
  );
}

test("the runbook's policy for operators allows all that the command has called here, and nothing it never calls", async () => {
  const policy = await statements();
  const covers = ({ actions, resources }: (typeof policy)[number], { action, resource }: Call) =>
    actions.includes(action) && resources.some((pattern) => matchesPattern(pattern, resource));
  // Each of them, or what the policy allows for nothing would be looked for in too few calls.
  // Those who approve have a policy of their own: docs/approvals.md.
  const every: Record<Exclude<Request['command'], 'approve' | 'reject'>, true> = {
    ...{ list: true, show: true, diff: true, promote: true, rollback: true },
    ...{ freeze: true, unfreeze: true, pin: true, unpin: true, prune: true },
  };
  expect([...succeeded].sort()).toEqual(Object.keys(every).sort());
  const beyond = ofTheCommand
    .filter(({ action }) => action !== 'sts:GetCallerIdentity')
    .filter((call) => !policy.some((statement) => covers(statement, call)))
    .map(({ action, resource }) => `${action} ${resource}`);
  expect([...new Set(beyond)]).toEqual([]);
  const called = new Set(ofTheCommand.map(({ action }) => action));
  expect(policy.flatMap(({ actions }) => actions).filter((action) => !called.has(action))).toEqual(
    [],
  );
});

test("the runbook's policy for operators brings nothing new into a release or the pool, and starts nothing", async () => {
  const policy = await statements();
  const may = (action: string, resource: string) =>
    policy.some(
      ({ actions, resources }) =>
        actions.some((pattern) => matchesPattern(pattern, action)) &&
        resources.some((pattern) => matchesPattern(pattern, resource)),
    );
  const content = `arn:aws:s3:::${Bucket}`;
  for (const key of ['releases/20261123T061500Z-1a2b3c4/index.html', 'assets/app-1.js', 'x']) {
    expect([key, may('s3:PutObject', `${content}/${key}`)]).toEqual([key, false]);
  }
  // The error page is put back with its release, so it is theirs to write.
  expect(may('s3:PutObject', `${content}/_site/404.html`)).toBe(true);
  for (const action of ['lambda:InvokeFunction', 'codepipeline:StartPipelineExecution']) {
    expect([action, may(action, 'arn:aws:x')]).toEqual([action, false]);
  }
  const known = /^(s3|cloudformation|cloudfront|cloudfront-keyvaluestore):/;
  expect(policy.flatMap(({ actions }) => actions).filter((one) => !known.test(one))).toEqual([]);
});
