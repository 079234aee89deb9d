import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { Continued, Job, Succeeded } from '../../lambda/shared/job.ts';
import { isManifest, readRecord } from '../../lambda/shared/manifest.ts';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { placesOf, setOf } from '../../lambda/upload/layers.ts';
import { roomFor } from '../../lambda/upload/plan.ts';
import { type UploadPorts, upload } from '../../lambda/upload/upload.ts';
import { resolveConfig } from '../../lib/config.ts';
import type { UrlRules } from '../../lib/release/addresses.ts';
import {
  COPIES_PATTERN,
  type FingerprintSettings,
  type GateLimits,
  type Pointer,
  RELEASE_ID,
} from '../../lib/release/contract.ts';
import {
  aClock,
  aJob,
  anAwsError,
  anInvocation,
  JOB_ID,
  type LoggedLine,
  OTHER_JOB_ID,
} from '../support/job.ts';
import { LedgerFake } from '../support/ledger-store.ts';
import { textOf } from '../support/pointer-store.ts';
import { zipOf } from '../support/zip.ts';

const ID = '20261123T061500Z-abcdef0';
const BEFORE = 'Visitors still get the release that was live before.';

const SITE = {
  'index.html': '<p>one</p>',
  'about/index.html': '<p>about</p>',
  'assets/app-1.js': 'app',
  'big.bin': Buffer.alloc(1024 ** 2 + 1, 'b'),
};

interface StoredObject {
  readonly sha256: string;
  readonly bytes: Buffer;
  readonly type?: string;
  readonly headers?: string;
}

/** An account with a content bucket, a pointer and one artifact; `before` runs before every call and may throw. */
async function anAccount(site: Record<string, string | Buffer> = SITE) {
  const objects = new Map<string, StoredObject>();
  const pointers = new Map<string, string>();
  const calls: string[] = [];
  const account = {
    objects,
    pointers,
    calls,
    artifact: await zipOf(site),
    ledger: new LedgerFake(),
    before: async (_call: string): Promise<void> => {},
    clock: aClock(),
    rebaseShare: 1,
    urls: { style: 'any', fallback: 'none' } as UrlRules,
    gates: resolveConfig({ name: 'site' }).gates as GateLimits,
    rulesFiles: { redirects: false, headers: false },
    fingerprint: undefined as FingerprintSettings | undefined,
    put: (key: string, content: string, type?: string) => {
      const bytes = Buffer.from(content);
      objects.set(key, { sha256: sha256(bytes), bytes, ...(type && { type }) });
    },
    /** What the last run logged. */
    lines: [] as readonly LoggedLine[],
    run: (changes: Partial<Job> = {}, options: Parameters<typeof anInvocation>[1] = {}) => {
      const invocation = anInvocation(account.clock, options);
      account.lines = invocation.lines;
      return upload(
        aJob({
          userParameters: '{"revision":"abcdef0123456789"}',
          inputArtifacts: [{ name: 'Site', bucket: 'artifacts', key: 'site.zip' }],
          artifactCredentials: { accessKeyId: 'a', secretAccessKey: 's', sessionToken: 't' },
          ...changes,
        }),
        ports,
        account.clock,
        invocation,
      );
    },
    /** What the release's manifest says, if it exists. */
    manifest: (id = ID) => {
      const object = objects.get(`_site/releases/${id}.json`);
      const record = object && readRecord(object.bytes.toString(), id);
      return record && isManifest(record) ? record : undefined;
    },
    /** What visitors would get from the bucket: the SHA-256 of every path. */
    read: (id = ID) =>
      Object.fromEntries(
        account.manifest(id)?.files.map(({ path, key }) => [path, objects.get(key)?.sha256]) ?? [],
      ),
  };
  const call = async (name: string) => {
    calls.push(name);
    await account.before(name);
  };
  const ports: UploadPorts = {
    immutable: ['assets/*', COPIES_PATTERN],
    get urls() {
      return account.urls;
    },
    get rulesFiles() {
      return account.rulesFiles;
    },
    get fingerprint() {
      return account.fingerprint;
    },
    get rebaseShare() {
      return account.rebaseShare;
    },
    get gates() {
      return account.gates;
    },
    permits: {
      async isGiven(key) {
        await call(`permit ${key}`);
        return objects.has(key);
      },
      command: (key) => `allow ${key}`,
    },
    async download({ bucket, key }, _credentials, toFile) {
      await call(`download ${bucket}/${key}`);
      await writeFile(toFile, account.artifact);
    },
    async pointer(key) {
      await call(`pointer ${key}`);
      return pointers.get(key);
    },
    ledger: account.ledger,
    records: {
      async read(id) {
        const key = `_site/releases/${id}.json`;
        await call(`get ${key}`);
        const object = objects.get(key);
        return object && { text: object.bytes.toString(), version: object.sha256 };
      },
      async write(id, text, version) {
        const key = `_site/releases/${id}.json`;
        const what = text.includes('"end":') ? 'end' : 'put';
        await call(`${version === undefined ? 'claim' : what} ${key}`);
        if (objects.get(key)?.sha256 !== version) return undefined;
        account.put(key, text);
        return objects.get(key)?.sha256;
      },
    },
    async poolSweep() {
      await call('get _site/pool-sweep.json');
      const text = objects.get('_site/pool-sweep.json')?.bytes.toString();
      return text === undefined ? undefined : JSON.parse(text);
    },
    async claim(key, text) {
      await call(`claim ${key}`);
      if (!objects.has(key)) account.put(key, text);
      return (objects.get(key) as StoredObject).bytes.toString();
    },
    async list(prefix) {
      await call(`list ${prefix}`);
      const found = [...objects].filter(([key]) => key.startsWith(prefix));
      return new Map(found.map(([key, { bytes }]) => [key, bytes.length]));
    },
    async copyNew({ key, sha256: hash }, from) {
      await call(`copy ${from} ${key}`);
      const there = objects.get(key);
      if (there) return there.sha256 === hash ? 'same' : 'other';
      const original = objects.get(from);
      if (!original) return 'missing';
      objects.set(key, original);
      return 'written';
    },
    async putNew({ key, size, sha256: hash, type, headers }, body) {
      await call(`put ${key}`);
      const bytes = body instanceof Readable ? await buffer(body) : Buffer.from(body);
      if (bytes.length !== size || sha256(bytes) !== hash) throw anAwsError('BadDigest', 400);
      const there = objects.get(key);
      if (there && there.sha256 !== hash) return 'other';
      if (there) return there.headers === headers ? 'same' : 'headers';
      objects.set(key, { sha256: hash, bytes, type, ...(headers !== undefined && { headers }) });
      return 'written';
    },
  };
  return account;
}

const puts = (calls: readonly string[]) => calls.filter((call) => call.startsWith('put '));
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('base64');
const hashesOf = (site: Record<string, string | Buffer>) =>
  Object.fromEntries(Object.entries(site).map(([path, content]) => [path, sha256(content)]));

test('a release is all files of the artifact, byte for byte, and its manifest last', async () => {
  const account = await anAccount();
  expect(await account.run()).toEqual({
    kind: 'succeeded',
    summary: `Release ${ID} is uploaded: 4 files, 1.0 MB, of which 1 file new in the pool and 0 there already. There is no live release yet: visitors see the waiting page.`,
    externalExecutionId: ID,
    outputVariables: {
      releaseId: ID,
      files: '4',
      bytes: String(1024 ** 2 + 1 + 10 + 12 + 3),
      releaseFiles: '3',
      copiedFiles: '0',
      keptFiles: '0',
      newPoolFiles: '1',
      keptPoolFiles: '0',
    },
  });
  expect(account.read()).toEqual(hashesOf(SITE));
  expect(account.manifest()).toMatchObject({
    revision: 'abcdef0123456789',
    createdAt: '2026-11-23T06:15:00.000Z',
  });
  expect(account.calls.at(-1)).toBe(`put _site/releases/${ID}.json`);
  expect(account.objects.get('assets/app-1.js')?.type).toBe('text/javascript; charset=utf-8');
});

/** The same job a minute later, with what was uploaded before live. */
async function afterwards(
  account: Awaited<ReturnType<typeof anAccount>>,
  site: Record<string, string | Buffer>,
) {
  account.pointers.set('live', JSON.stringify(account.manifest()?.pointer));
  account.artifact = await zipOf(site);
  account.calls.length = 0;
  account.clock.time += 60_000;
  return { outcome: await account.run({ id: OTHER_JOB_ID }), id: '20261123T061600Z-abcdef0' };
}

test('a second release brings only what changed, and says what it left alone', async () => {
  const account = await anAccount();
  await account.run();
  const site = { ...SITE, 'about/index.html': '<p>new</p>' };
  const { outcome, id } = await afterwards(account, site);
  expect(outcome).toMatchObject({
    summary: `Release ${id} is uploaded: 4 files, 1.0 MB, of which 0 files new in the pool and 1 there already. 2 files outside the pool had not changed and stayed where they were; 0 were copied. Visitors still get release ${ID}.`,
    outputVariables: {
      releaseId: id,
      releaseFiles: '1',
      copiedFiles: '0',
      keptFiles: '2',
      newPoolFiles: '0',
      keptPoolFiles: '1',
    },
  });
  expect(puts(account.calls)).toEqual([
    `put releases/${id}/about/index.html`,
    `put _site/releases/${id}.json`,
  ]);
  expect(account.calls.filter((call) => /^(copy|list) /.test(call))).toEqual([]);
  expect(account.read(id)).toEqual(hashesOf(site));
});

test('the rules for addresses stand in the manifest, with each page where they lead', async () => {
  const account = await anAccount();
  account.urls = { style: 'file', fallback: 'single-page' };
  account.artifact = await zipOf({ 'index.html': '<a href="/team">', 'team.html': '<p>team</p>' });
  await account.run();
  const manifest = account.manifest();
  expect(manifest?.files.map(({ path, key }) => [path, key])).toEqual([
    ['index.html', `releases/${ID}/index.html`],
    ['team/index.html', `releases/${ID}/team/index.html`],
  ]);
  expect(manifest?.pointer).toEqual({
    id: ID,
    base: ID,
    delta: '',
    style: 'file',
    pages: setOf([placesOf('team/index.html')], 6),
  });
  expect(account.objects.get(`releases/${ID}/team/index.html`)?.bytes.toString()).toBe(
    '<p>team</p>',
  );
});

describe('where a release becomes its own base', () => {
  test('what has not changed is copied within the bucket', async () => {
    const account = await anAccount();
    account.rebaseShare = 0;
    await account.run();
    const site = { ...SITE, 'about/index.html': '<p>new</p>' };
    const { id } = await afterwards(account, site);
    expect(account.calls.filter((call) => call.startsWith('copy ')).sort()).toEqual([
      `copy releases/${ID}/big.bin releases/${id}/big.bin`,
      `copy releases/${ID}/index.html releases/${id}/index.html`,
    ]);
    expect(account.manifest(id)?.pointer).toEqual({ id, base: id, delta: '' });
    expect(account.read(id)).toEqual(hashesOf(site));
  });

  test('a file that is missing from the bucket comes from the artifact', async () => {
    const account = await anAccount();
    account.rebaseShare = 0;
    await account.run();
    account.objects.delete(`releases/${ID}/index.html`);
    const site = { ...SITE, 'about/index.html': '<p>new</p>' };
    const { id } = await afterwards(account, site);
    expect(puts(account.calls)).toContain(`put releases/${id}/index.html`);
    expect(account.read(id)).toEqual(hashesOf(site));
  });
});

describe('the ledger', () => {
  test('gets a page for the release: what it is, who made it, and what the upload did', async () => {
    const account = await anAccount();
    await account.run({ userParameters: '{"revision":"abcdef0123456789","execution":"e-1"}' });
    expect(account.ledger.entry(ID)).toEqual({
      version: 1,
      id: ID,
      revision: 'abcdef0123456789',
      files: 4,
      bytes: 1024 ** 2 + 1 + 10 + 12 + 3,
      pages: 2,
      execution: 'e-1',
      plan: { put: 3, copy: 0, keep: 0, pool: 1 },
      findings: [],
      states: [{ state: 'uploaded', at: expect.any(String), by: 'pipeline execution e-1' }],
    });
  });

  test('that cannot be written is told: the release is there all the same', async () => {
    const account = await anAccount();
    account.ledger.beforeWrite = () => {
      throw anAwsError('AccessDenied', 403, 'No');
    };
    expect(await account.run()).toMatchObject({
      kind: 'succeeded',
      summary: expect.stringContaining(
        'The ledger was not written (AccessDenied (403): No), which no visitor notices.',
      ),
    });
    expect(account.manifest()).toBeDefined();
  });

  test('gets no page for what is no release', async () => {
    const account = await anAccount({ 'about.html': '' });
    await expect(account.run()).rejects.toThrow('index.html');
    expect(account.ledger.writes).toBe(0);
  });
});

test('a job that is delivered twice is one release, whichever delivery comes first', async () => {
  const account = await anAccount();
  const outcomes = await Promise.all([account.run(), account.run()]);
  expect(outcomes[0]).toEqual(outcomes[1]);
  expect([...account.objects.keys()].filter((key) => key.endsWith('.json'))).toEqual([
    `_site/releases/${ID}.json`,
  ]);
  account.clock.time += 3_600_000;
  expect(await account.run()).toMatchObject({ outputVariables: { releaseId: ID } });
});

test('two releases of one revision in the same second do not meet', async () => {
  const account = await anAccount();
  const outcomes = await Promise.all([account.run(), account.run({ id: OTHER_JOB_ID })]);
  const ids = outcomes.map((outcome) => (outcome as Succeeded).outputVariables?.releaseId);
  expect(ids.sort()).toEqual([ID, '20261123T061501Z-abcdef0']);
  expect(ids.every((id) => RELEASE_ID.test(id as string))).toBe(true);
});

test('a bucket that says of every id that it is taken is not asked for ever, and the job says so', async () => {
  const account = await anAccount();
  account.before = async (call) => {
    const key = /^claim (_site\/releases\/.+)/.exec(call)?.[1];
    if (key)
      account.put(key, JSON.stringify({ version: 2, id: 'x', upload: { job: 'x', at: '' } }));
  };
  await expect(account.run()).rejects.toMatchObject({
    type: 'SystemUnavailable',
    message: expect.stringMatching(
      /^The upload did not begin: UnexpectedAnswer: 6 ids in a row are taken, says S3, the last of them \S+\. Visitors still get the release that was live before\.$/,
    ),
  });
});

describe('the same name with other bytes', () => {
  test('as in the live release: nothing is written', async () => {
    const account = await anAccount();
    await account.run();
    account.pointers.set('live', textOf(ID));
    account.artifact = await zipOf({ ...SITE, 'assets/app-1.js': 'changed' });
    account.calls.length = 0;
    account.clock.time += 60_000;
    await expect(account.run({ id: OTHER_JOB_ID })).rejects.toMatchObject({
      type: 'JobFailed',
      message: `The site cannot be published as a release:\n- assets/app-1.js: is in the pool with other bytes; give it a name that changes with its content, or take it out of the immutable patterns\nVisitors still get release ${ID}.`,
    });
    expect(puts(account.calls)).toEqual([]);
  });

  test('as in an older release: all such files are named, and there is no release', async () => {
    const account = await anAccount({
      'index.html': 'x',
      'assets/b.js': 'new',
      'assets/a.js': 'new',
      'assets/c.js': 'same',
    });
    for (const name of ['a', 'b']) account.put(`assets/${name}.js`, 'old');
    account.put('assets/c.js', 'same');
    await expect(account.run()).rejects.toMatchObject({
      type: 'JobFailed',
      message: expect.stringMatching(
        /^The site cannot be published as a release:\n- assets\/a\.js: is in the pool with other bytes.*\n- assets\/b\.js: is in the pool with other bytes.*\nThere is no live release yet/,
      ),
    });
    expect(account.manifest()).toBeUndefined();
  });
});

describe('a site that is not fit to be a release', () => {
  const large = () =>
    Object.fromEntries([
      ['index.html', '<a href="/x">'],
      ...Array.from({ length: 40 }, (_, index) => [`${index}.html`, 'page']),
    ]);

  test('is refused for everything that is wrong with it, and nothing is written', async () => {
    const account = await anAccount(large());
    await account.run();
    account.pointers.set('live', textOf(ID));
    account.artifact = await zipOf({ 'index.html': '', '0.html': '<a href="/y">' });
    account.gates = { ...account.gates, links: 'strict' };
    account.calls.length = 0;
    account.clock.time += 60_000;
    const refused = account.run({ id: OTHER_JOB_ID });
    const key = `_site/jobs/allow-loss-${ID}-`;
    await expect(refused).rejects.toMatchObject({
      type: 'JobFailed',
      message: expect.stringMatching(
        new RegExp(
          `^The site cannot be published as a release:\n- 39 of the 41 pages of release ${ID}, .* with \`allow ${key}[0-9a-f]{12}\` and retry the stage\\. Gone: .*\n- index\\.html: has no byte; .*\n- 1 link target leads nowhere, .*\n- 0\\.html refers to /y, .*\nVisitors still get release ${ID}\\.$`,
        ),
      ),
    });
    expect(puts(account.calls)).toEqual([]);

    // Exactly this loss, by exactly what the message says; the other faults have to be mended.
    const permit = account.calls.find((call) => call.startsWith('permit '))?.slice(7) as string;
    account.put(permit, '');
    account.artifact = await zipOf({ 'index.html': 'x', '0.html': 'y' });
    // The retry of a stage is another job.
    const id = OTHER_JOB_ID.replace('9', '8');
    expect(await account.run({ id })).toMatchObject({
      kind: 'succeeded',
      summary: expect.stringMatching(
        new RegExp(
          `Visitors still get release ${ID}\\. Found without stopping it: 39 of the 41 pages .* are gone, as somebody allowed with ${permit}\\.$`,
        ),
      ),
    });
  });

  test('what stops nothing is in the summary as far as it is readable, and all of it in the log', async () => {
    const links = ['/a', '/b', '/c', '/d'].map((address) => `<a href="${address}">`).join('');
    const account = await anAccount({ 'index.html': links });
    const told = (address: string) =>
      `index.html refers to ${address}, which is not in the release`;
    expect((await account.run()) as Succeeded).toMatchObject({
      kind: 'succeeded',
      summary: expect.stringMatching(
        new RegExp(
          `waiting page\\. Found without stopping it: ${told('/a')}; ${told('/b')}; ${told('/c')}; and 1 more in the log\\.$`,
        ),
      ),
    });
    expect(account.lines).toContainEqual({
      level: 'warn',
      message: 'findings',
      findings: ['/a', '/b', '/c', '/d'].map(told).join('\n'),
    });
  });

  test('long names leave room for what visitors see', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `assets/${index}${'x'.repeat(900)}`);
    const account = await anAccount({
      'index.html': 'x',
      ...Object.fromEntries(names.map((name) => [name, 'new'])),
    });
    for (const name of names) account.put(name, 'old');
    const error = await account.run().catch((reason: Error) => reason);
    const { message } = error as Error;
    expect(message.length).toBeLessThan(5_000);
    expect(message).toMatch(
      /\n- and 2\d more\nThere is no live release yet: visitors see the waiting page\.$/,
    );
  });
});

describe('when its time runs out', () => {
  /** Aborts as soon as that many files are written. */
  async function stoppedAfter(files: number) {
    const site = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`${index}.html`, `page ${index}`]),
    );
    const account = await anAccount({ 'index.html': 'x', ...site });
    const abort = new AbortController();
    let written = 0;
    account.before = async (call) => {
      if (!call.startsWith('put ')) return;
      written += 1;
      if (written > files) {
        abort.abort();
        throw new Error('aborted');
      }
    };
    const outcome = (await account.run({}, { signal: abort.signal })) as Continued;
    account.before = async () => {};
    return { account, outcome };
  }

  test('the next invocation goes on with the same release and writes only what is missing', async () => {
    const { account, outcome } = await stoppedAfter(40);
    expect(outcome).toMatchObject({
      kind: 'continued',
      summary: expect.stringMatching(
        new RegExp(
          `^Release ${ID} is being uploaded: \\d+ B of 691 B\\. There is no live release yet`,
        ),
      ),
      percentComplete: expect.any(Number),
      externalExecutionId: ID,
    });
    expect(outcome.percentComplete).toBeGreaterThan(20);
    expect(outcome.percentComplete).toBeLessThan(60);
    expect(account.manifest()).toBeUndefined();

    account.calls.length = 0;
    account.clock.time += 30_000;
    const { token: continuationToken } = outcome;
    const next = await account.run({ id: OTHER_JOB_ID, continuationToken });
    expect(next).toMatchObject({ kind: 'succeeded', outputVariables: { releaseId: ID } });
    expect(puts(account.calls).length).toBe(101 - 40 + 1);
    expect(Object.keys(account.read())).toHaveLength(101);
    expect(account.calls.filter((call) => call.startsWith('claim'))).toEqual([]);
  });

  test('while the artifact is still being read, it begins again with the same release', async () => {
    const account = await anAccount();
    const abort = new AbortController();
    account.before = async (call) => {
      if (call.startsWith('download')) {
        abort.abort();
        throw new Error('aborted');
      }
    };
    expect(await account.run({}, { signal: abort.signal })).toEqual({
      kind: 'continued',
      token: JSON.stringify({ v: 1, releaseId: ID, deadline: account.clock.time + 3_600_000 }),
      summary: `Release ${ID} is being uploaded: 0 B of it. There is no live release yet: visitors see the waiting page.`,
      percentComplete: 0,
      externalExecutionId: ID,
    });
  });

  test('for an hour: the job fails and says so', async () => {
    const { account, outcome } = await stoppedAfter(40);
    account.clock.time += 3_600_000;
    const { token: continuationToken } = outcome;
    await expect(account.run({ id: OTHER_JOB_ID, continuationToken })).rejects.toMatchObject({
      type: 'JobFailed',
      message: `Release ${ID} was not complete 60 minutes after its upload began. ${BEFORE} Retry the stage, which begins a new release; if that takes as long, give the function more memory.`,
    });
  });

  test('before it has a release, it fails rather than begin for ever', async () => {
    const account = await anAccount();
    const abort = new AbortController();
    account.before = async () => {
      abort.abort();
      throw new Error('aborted');
    };
    await expect(account.run({}, { signal: abort.signal })).rejects.toMatchObject({
      message: `The upload did not begin: Error: aborted. ${BEFORE}`,
    });
  });
});

describe('S3 being busy', () => {
  test.each([
    ['SlowDown', 503],
    ['ConditionalRequestConflict', 409],
    ['TimeoutError', undefined],
  ])(
    '%s is waited out, and a large file is read again from its beginning',
    async (name, status) => {
      const account = await anAccount();
      const failed = new Set<string>();
      account.before = async (call) => {
        if (failed.has(call)) return;
        failed.add(call);
        throw anAwsError(name, status);
      };
      expect(await account.run()).toMatchObject({ kind: 'succeeded' });
      expect(account.read()).toEqual(hashesOf(SITE));
    },
  );

  test('for too long fails the job, and nothing goes on behind its back', async () => {
    const account = await anAccount({
      'index.html': 'x',
      ...Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`${index}.html`, 'x'])),
    });
    account.before = async (call) => {
      if (call.startsWith('put ')) throw anAwsError('SlowDown', 503, 'Reduce your rate');
    };
    await expect(account.run()).rejects.toMatchObject({
      type: 'SystemUnavailable',
      message: `Release ${ID} was not uploaded: SlowDown (503): Reduce your rate. There is no live release yet: visitors see the waiting page.`,
    });
    const calls = account.calls.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(account.calls.length).toBe(calls);
    // Those under way at the time, not one after the other all 201.
    expect(new Set(puts(account.calls)).size).toBeLessThan(60);
  });
});

describe('what is odd about the live release does not stop the next one', () => {
  test.each([
    [
      'its manifest is missing',
      (account: Awaited<ReturnType<typeof anAccount>>) => account.pointers.set('live', textOf(ID)),
      `The manifest of release ${ID} is missing, so every file was uploaded. Visitors still get release ${ID}.`,
    ],
    [
      'its manifest is damaged',
      (account: Awaited<ReturnType<typeof anAccount>>) => {
        account.pointers.set('live', textOf(ID));
        account.put(`_site/releases/${ID}.json`, 'damaged');
      },
      `The manifest of release ${ID} is damaged, so every file was uploaded. Visitors still get release ${ID}.`,
    ],
    [
      'the pointer is damaged',
      (account: Awaited<ReturnType<typeof anAccount>>) => account.pointers.set('live', '{}'),
      'The pointer to the live release is unreadable, so every file was uploaded. Visitors get no release: the pointer to the live one is unreadable.',
    ],
  ])('%s', async (_name, arrange, note) => {
    const account = await anAccount();
    arrange(account);
    account.clock.time += 60_000;
    const outcome = (await account.run()) as Succeeded;
    expect(outcome.summary.endsWith(`0 there already. ${note}`)).toBe(true);
  });
});

test('an artifact that cannot be read says which, and what visitors see', async () => {
  const account = await anAccount();
  account.pointers.set('live', textOf(ID));
  account.before = async (call) => {
    if (call.startsWith('download')) throw anAwsError('AccessDenied', 403, 'No');
  };
  await expect(account.run()).rejects.toMatchObject({
    type: 'PermissionError',
    message: `The artifact s3://artifacts/site.zip cannot be read: AccessDenied (403): No. Visitors still get release ${ID}.`,
  });
});

test('an artifact larger than the disk says so', async () => {
  const account = await anAccount();
  account.before = async (call) => {
    if (call.startsWith('download')) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  };
  await expect(account.run()).rejects.toMatchObject({
    type: 'JobFailed',
    message: expect.stringContaining("larger than the function's temporary disk"),
  });
});

test.each([
  [
    { inputArtifacts: [] },
    'The action has 0 input artifacts; give it exactly one, the built site.',
  ],
  [
    {
      inputArtifacts: [
        { name: 'A', bucket: 'b', key: 'k' },
        { name: 'B', bucket: 'b', key: 'k' },
      ],
    },
    'The action has 2 input artifacts; give it exactly one, the built site.',
  ],
  [
    { artifactCredentials: undefined },
    'The action has 1 input artifacts and no credentials to read them; give it exactly one, the built site.',
  ],
  [
    { userParameters: '{"revision":""}' },
    'The action\'s user parameters are not usable:\n- revision: got ""; write the commit id of the source\nWrite {"revision": "#{Source.CommitId}"}.',
  ],
  [
    { userParameters: '{"revision":"#{Source.CommitId}"}' },
    'The action\'s user parameters are not usable:\n- revision: got "#{Source.CommitId}"; #{Source.CommitId} was not resolved: give the action that sets it that namespace, and run it in an earlier stage or run order\nWrite {"revision": "#{Source.CommitId}"}.',
  ],
] as [Partial<Job>, string][])(
  'an action that is set up wrongly reaches nothing: %o',
  async (changes, message) => {
    const account = await anAccount();
    await expect(account.run(changes)).rejects.toMatchObject({
      type: 'ConfigurationError',
      message: `${message} ${BEFORE}`,
    });
    expect(account.calls).toEqual([]);
  },
);

test('a token that is not ours is refused', async () => {
  const account = await anAccount();
  const continuationToken = '{"v":1,"releaseId":"../../x","deadline":9999999999999}';
  await expect(account.run({ continuationToken })).rejects.toMatchObject({ type: 'JobFailed' });
  expect(account.calls).toEqual([]);
});

test('nothing stays on the disk, and what a killed process left there is removed', async () => {
  const ours = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith(`artifact-${process.pid}-`));
  const leftover = `${tmpdir()}/artifact-${process.pid}-abc123`;
  await writeFile(leftover, 'left');
  const account = await anAccount();
  account.before = async (call) => {
    if (!call.startsWith('put ')) return;
    expect(await ours()).toHaveLength(1);
    expect(await ours()).not.toContain(`artifact-${process.pid}-abc123`);
    throw new Error('fails');
  };
  await expect(account.run({ id: JOB_ID })).rejects.toThrow();
  expect(await ours()).toEqual([]);
});

describe('_redirects', () => {
  const WITH = { ...SITE, _redirects: '/old /about\n/* /index.html 200\n' };

  test('are not published as a file: the manifest holds what the release goes live with', async () => {
    const account = await anAccount(WITH);
    account.rulesFiles = { redirects: true, headers: false };
    await account.run();
    const manifest = account.manifest();
    expect(manifest?.pointer.rules).toMatch(/^[0-9a-f]{16} 1 1 1$/);
    expect(manifest?.rules).toMatchObject({ x0: '0 /old /about 301!', p0: '1 /* /index.html 200' });
    expect(manifest?.files.map(({ path }) => path)).toEqual(Object.keys(SITE).sort());
    expect([...account.objects.keys()].filter((key) => key.includes('_redirects'))).toEqual([]);
  });

  test('stop a release while they are turned off, because nobody would follow them', async () => {
    const account = await anAccount(WITH);
    await expect(account.run()).rejects.toThrow(
      `The site cannot be published as a release:\n- _redirects: would do nothing, because redirectsFile is off; set redirectsFile: true in site.config.ts and deploy, or leave the file out of the site\n`,
    );
    expect(account.manifest()).toBeUndefined();
  });

  test('are told with everything else that is wrong', async () => {
    const account = await anAccount({ ...SITE, 'index.html': '', _redirects: '/a /b 410\n/b\n' });
    account.rulesFiles = { redirects: true, headers: false };
    const told = await account.run().catch((error: Error) => error.message.split('\n'));
    expect(told).toEqual([
      'The site cannot be published as a release:',
      '- _redirects, line 1: got "/a /b 410"; use one of the status codes 301, 302, 303, 307, 308, 200, 404',
      '- _redirects, line 2: got "/b"; missing destination path/URL',
      '- index.html: has no byte; visitors would see a blank start page',
      'There is no live release yet: visitors see the waiting page.',
    ]);
  });

  test('lead links somewhere, so that these are not broken', async () => {
    const page = '<a href="/old">moved</a><a href="/none">gone</a>';
    const account = await anAccount({ ...SITE, 'index.html': page, _redirects: '/old /about\n' });
    account.rulesFiles = { redirects: true, headers: false };
    const { summary } = (await account.run()) as Succeeded;
    expect(summary).toContain('refers to /none');
    expect(summary).not.toContain('/old');
  });

  test('that do nothing are told in the summary', async () => {
    const account = await anAccount({ ...SITE, _redirects: '/about /old\n' });
    account.rulesFiles = { redirects: true, headers: false };
    const { summary } = (await account.run()) as Succeeded;
    expect(summary).toContain(
      '_redirects, line 1: /about is a file of the release, which goes before the rule',
    );
    expect(account.manifest()?.pointer).not.toHaveProperty('rules');
  });

  test('of a later release may be gone again', async () => {
    const account = await anAccount(WITH);
    account.rulesFiles = { redirects: true, headers: false };
    await account.run();
    account.pointers.set('live', pointerText(account.manifest()?.pointer as Pointer));
    account.artifact = await zipOf(SITE);
    account.clock.time += 60_000;
    const { outputVariables } = (await account.run({ id: OTHER_JOB_ID })) as Succeeded;
    const later = account.manifest(outputVariables?.releaseId);
    expect(later?.pointer).not.toHaveProperty('rules');
    expect(later).not.toHaveProperty('rules');
    expect(outputVariables).toMatchObject({ releaseFiles: '0', keptFiles: '3' });
  });

  test('take their room from the layers of the pointer, which still fits', () => {
    const rules = '0123456789abcdef 20 8 12';
    const pointer = { id: ID, base: ID, delta: '' };
    const bytes = (one: Pointer) => Buffer.byteLength(pointerText(one));
    const room = roomFor({ rules, values: {} });
    expect(bytes({ ...pointer, rules, before: ID })).toBe(bytes(pointer) + room);
    expect(roomFor(undefined)).toBe(0);
  });
});

describe('_headers', () => {
  const withHeaders = (headers: string) => ({ ...SITE, _headers: headers });
  const ON = { redirects: false, headers: true };

  test('are stored with each file that gets some, and not published as a file', async () => {
    const account = await anAccount(withHeaders('/*\n  X-A: 1\n/about\n  X-B: 2\n'));
    account.rulesFiles = ON;
    await account.run();
    expect(account.objects.get(`releases/${ID}/index.html`)?.headers).toBe('{"x-a":"1"}');
    expect(account.objects.get(`releases/${ID}/about/index.html`)?.headers).toBe(
      '{"x-a":"1","x-b":"2"}',
    );
    expect(account.objects.get('assets/app-1.js')?.headers).toBe('{"x-a":"1"}');
    expect(account.manifest()?.files.map(({ path }) => path)).toEqual(Object.keys(SITE).sort());
    expect([...account.objects.keys()].filter((key) => key.includes('_headers'))).toEqual([]);
  });

  test('stop a release while they are turned off', async () => {
    const account = await anAccount(withHeaders('/*\n  X-A: 1\n'));
    await expect(account.run()).rejects.toThrow(
      '- _headers: would do nothing, because headersFile is off; set headersFile: true in site.config.ts and deploy, or leave the file out of the site',
    );
  });

  test('that take too long to hold against every file are refused while there is time to say so', async () => {
    const account = await anAccount(withHeaders('/*\n  X-A: 1\n'));
    account.rulesFiles = ON;
    account.clock.now = () => (account.clock.time += 40_000);
    await expect(account.run({}, { remainingMs: 900_000 })).rejects.toThrow(
      '_redirects, _headers: a quarter of an invocation was over before all lines had been read and held against every file. Use fewer lines, with fewer * in them. There is no live release yet: visitors see the waiting page.',
    );
    expect(puts(account.calls)).toEqual([]);
  });

  test('that changed bring the file anew; a pool file keeps its own, which is told', async () => {
    const account = await anAccount(withHeaders('/*\n  X-A: 1\n'));
    account.rulesFiles = ON;
    await account.run();
    account.pointers.set('live', textOf(ID));
    account.artifact = await zipOf(
      withHeaders('/*\n  X-A: 1\n/about\n  X-A: 2\n/assets/*\n  X-A: 2\n'),
    );
    account.clock.time += 60_000;
    const { summary, outputVariables } = (await account.run({ id: OTHER_JOB_ID })) as Succeeded;
    expect(outputVariables).toMatchObject({
      releaseFiles: '1',
      keptFiles: '2',
      keptPoolFiles: '1',
    });
    const key = `releases/${outputVariables?.releaseId}/about/index.html`;
    expect(account.objects.get(key)?.headers).toBe('{"x-a":"2"}');
    expect(account.objects.get('assets/app-1.js')?.headers).toBe('{"x-a":"1"}');
    expect(summary).toContain(
      '_headers: 1 file under the immutable patterns (assets/app-1.js) keeps the headers of the first upload; under a new name they get the new ones',
    );
  });

  test('of a pool file that an older release has put there are told as well', async () => {
    const account = await anAccount(withHeaders('/assets/*\n  X-A: 1\n'));
    account.rulesFiles = ON;
    account.put('assets/app-1.js', 'app');
    const { summary } = (await account.run()) as Succeeded;
    expect(summary).toContain('(assets/app-1.js) keeps the headers of the first upload');
  });
});

describe('copies under fingerprinted names', () => {
  const FIXED = {
    'index.html': '<link rel="stylesheet" href="site.css">',
    'site.css': 'a{background:url(a.png)}',
    'a.png': 'image',
    'more.txt': 'more',
  };

  async function aFixedSite(site: Record<string, string | Buffer> = FIXED) {
    const account = await anAccount(site);
    account.fingerprint = { policyHashes: false, hosts: [] };
    return account;
  }

  const copiesOf = (account: Awaited<ReturnType<typeof anAccount>>) =>
    account.manifest()?.files.filter(({ original }) => original !== undefined) ?? [];

  test('are pool files, which the manifest tells from what the build made', async () => {
    const account = await aFixedSite();
    const { summary, outputVariables } = (await account.run()) as Succeeded;
    expect(outputVariables).toMatchObject({ files: '6', newPoolFiles: '2', releaseFiles: '4' });
    expect(summary).toContain('2 files new in the pool and 0 there already, 2 of them copies');
    const copies = copiesOf(account);
    expect(copies.map(({ original }) => original)).toEqual(['a.png', 'site.css']);
    for (const { path, key, sha256: told } of copies) {
      expect(key).toBe(path);
      expect(account.objects.get(key)?.sha256).toBe(told);
    }
    const page = account.objects.get(`releases/${ID}/index.html`)?.bytes.toString();
    expect(page).toBe(`<link rel="stylesheet" href="${copies[1]?.path}">`);
  });

  test('are the same in a later invocation, and when the job is delivered again', async () => {
    const undisturbed = await aFixedSite();
    await undisturbed.run();
    const account = await aFixedSite();
    const abort = new AbortController();
    account.before = async (call) => {
      if (call.startsWith('put site.pinned')) {
        abort.abort();
        throw new Error('aborted');
      }
    };
    const { token: continuationToken } = (await account.run(
      {},
      { signal: abort.signal },
    )) as Continued;
    account.before = async () => {};
    await account.run({ id: OTHER_JOB_ID, continuationToken });
    expect(account.manifest()).toEqual(undisturbed.manifest());
    account.calls.length = 0;
    await account.run();
    expect(account.manifest()).toEqual(undisturbed.manifest());
  });

  test('that stand in the bucket with other bytes stop the release, and are not overwritten', async () => {
    const first = await aFixedSite();
    await first.run();
    const [image] = copiesOf(first);
    const account = await aFixedSite();
    account.put(image?.path as string, 'other');
    await expect(account.run()).rejects.toThrow(
      `${image?.path}: is in the pool with other bytes; give it a name that changes with its content`,
    );
    expect(account.objects.get(image?.path as string)?.bytes.toString()).toBe('other');
  });

  test('of a hashed site are none: it is published as without the option', async () => {
    const site = { ...SITE, 'index.html': '<script type="module" src="assets/app-1.js"></script>' };
    const [off, on] = [await anAccount(site), await aFixedSite(site)];
    await off.run();
    await on.run();
    const stored = ({ objects }: typeof on) =>
      [...objects].filter(([key]) => !key.startsWith('_site/ledger/'));
    expect(stored(on)).toEqual(stored(off));
  });
});
