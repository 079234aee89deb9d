import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { EVERY_FLIP, EVERY_RELEASE } from '../../bench/uploaders.ts';
import { resolveConfig } from '../../lib/config.ts';
import type { LedgerEntry, Manifest, ReleaseRecord } from '../../lib/release/contract.ts';
import {
  type Bundle,
  bundle,
  CodePipelineFake,
  type Endpoint,
  KeyValueStoreFake,
  NODES,
  runHandler,
  S3Fake,
  SiteFake,
  serve,
} from '../support/handlers.ts';
import { aJobEvent, JOB_ID, OTHER_JOB_ID, SECRET } from '../support/job.ts';
import { textOf } from '../support/pointer-store.ts';
import { zipOf } from '../support/zip.ts';

type Site = Readonly<Record<string, string | Buffer>>;

const SITE: Site = {
  'index.html': '<p>one</p>',
  '404.html': '<p>not here</p>',
  'a b/é+%.html': '<p>odd</p>',
  'assets/app-1.js': 'app',
  // Large enough to be streamed.
  'assets/big-1.bin': Buffer.alloc(3 * 1024 ** 2, 'big'),
};

const bundles: Record<string, Bundle> = {};
const endpoints: Endpoint[] = [];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handlers-release-'));
  for (const name of ['upload', 'promote']) bundles[name] = await bundle(name);
});
afterAll(async () => {
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  await Promise.all(Object.values(bundles).map((one) => one.remove()));
  await rm(folder, { recursive: true });
});

type Options = Partial<Parameters<typeof runHandler>[2]>;

/** The services that both functions talk to, with an artifact in the bucket of the pipeline. */
async function anAccount(files: Site = SITE) {
  const codePipeline = new CodePipelineFake();
  const s3 = new S3Fake();
  const store = new KeyValueStoreFake();
  const site = new SiteFake(store);
  const [pipelineApi, s3Api, storeApi, edge] = await Promise.all(
    [codePipeline.answer, s3.answer, store.answer, site.answer].map(serve),
  );
  endpoints.push(...([pipelineApi, s3Api, storeApi, edge] as Endpoint[]));
  const env = {
    AWS_ENDPOINT_URL_CODEPIPELINE: pipelineApi?.url as string,
    AWS_ENDPOINT_URL_S3: s3Api?.url as string,
    AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE: `http://localhost:${storeApi?.port}`,
    CONTENT_BUCKET: 'content',
    KEY_VALUE_STORE_ARN: 'arn:aws:cloudfront::123456789012:key-value-store/1-2-3',
    IMMUTABLE_PATTERNS: '["assets/*"]',
    REBASE_SHARE: '1',
    SITE_URL: edge?.url as string,
    HEALTH_PATH: '/about/',
    HEALTH_DEADLINE_SECONDS: '30',
    GATES: JSON.stringify(resolveConfig({ name: 'site' }).gates),
  };
  const publish = async (files: Site) => {
    const file = join(await mkdtemp(join(folder, 'artifact-')), 'site.zip');
    await writeFile(file, await zipOf(files));
    s3.files.set('artifacts/site/x.zip', file);
  };
  await publish(files);

  const invoke = async (
    handler: string,
    event: ReturnType<typeof aJobEvent>,
    options?: Options,
  ) => {
    const handled = await runHandler(bundles[handler]?.file as string, event, { env, ...options });
    expect(handled.output).not.toContain(SECRET);
    return { ...handled, report: codePipeline.reports.at(-1) };
  };
  const upload = (event: Parameters<typeof aJobEvent>[0] = {}, options?: Options) =>
    invoke(
      'upload',
      aJobEvent({
        userParameters: '{"revision":"abcdef0123456789","execution":"e-1"}',
        artifact: { bucket: 'artifacts', key: 'site/x.zip' },
        ...event,
      }),
      options,
    );
  const promote = (releaseId: string, options?: Options, continuationToken?: string) => {
    const userParameters = JSON.stringify({ releaseId, execution: 'e-1' });
    const token = continuationToken !== undefined && { continuationToken };
    return invoke('promote', aJobEvent({ userParameters, ...token }), options);
  };
  const ledger = (id: string) =>
    (s3.json(`content/_site/ledger/${id}.json`) as LedgerEntry).states.map(
      ({ state, by }) => `${state} ${by}`,
    );
  const manifest = (id: string) => s3.json(`content/_site/releases/${id}.json`) as Manifest;
  /** How far every release came whose id was ever taken. */
  const records = () =>
    [...s3.objects.keys()]
      .filter((key) => key.startsWith('content/_site/releases/'))
      .map((key) => {
        const record = s3.json(key) as ReleaseRecord;
        if ('files' in record) return 'complete';
        return 'end' in record ? record.end.state : 'under way';
      })
      .sort();
  return {
    codePipeline,
    s3,
    store,
    site,
    env,
    publish,
    upload,
    promote,
    manifest,
    records,
    ledger,
  };
}

const idIn = (report: unknown): string =>
  (report as { outputVariables: { releaseId: string } }).outputVariables.releaseId;

const failed = (type: string, message: RegExp) => ({
  operation: 'PutJobFailureResult',
  jobId: JOB_ID,
  failureDetails: { type, message: expect.stringMatching(message) },
});

test.concurrent.each(NODES)('an artifact becomes a release and goes live (%s)', async (node) => {
  const { s3, store, site, upload, promote, manifest, ledger } = await anAccount();
  const { code, report } = await upload({}, { node });
  expect(code).toBe(0);
  const id = idIn(report);
  expect(report).toMatchObject({
    operation: 'PutJobSuccessResult',
    jobId: JOB_ID,
    executionDetails: { externalExecutionId: id, percentComplete: 100 },
    outputVariables: { files: '5', newPoolFiles: '2', keptPoolFiles: '0' },
  });
  expect(manifest(id).files.map(({ path, key }) => [path, key])).toEqual([
    ['404.html', `releases/${id}/404.html`],
    ['a b/é+%.html', `releases/${id}/a b/é+%.html`],
    ['assets/app-1.js', 'assets/app-1.js'],
    ['assets/big-1.bin', 'assets/big-1.bin'],
    ['index.html', `releases/${id}/index.html`],
  ]);
  for (const { key, sha256, size, type } of manifest(id).files) {
    expect(s3.objects.get(`content/${key}`)).toMatchObject({
      size,
      sha256,
      headers: {
        'content-type': type,
        'cache-control': 'public, max-age=31536000, immutable',
        'x-amz-checksum-sha256': sha256,
      },
    });
  }
  expect(s3.objects.get(`content/releases/${id}/index.html`)?.headers['content-type']).toBe(
    'text/html; charset=utf-8',
  );
  // Visitors see nothing of it yet.
  expect(store.values.size).toBe(0);

  const promoted = await promote(id, { node });
  expect(promoted.report).toMatchObject({
    operation: 'PutJobSuccessResult',
    outputVariables: { releaseId: id, previousReleaseId: 'none', promoted: 'yes' },
  });
  expect(site.calls).toEqual(['GET /.well-known/release', 'GET /about/']);
  expect(ledger(id)).toEqual(['uploaded pipeline execution e-1', 'live pipeline execution e-1']);
  expect(Object.fromEntries(store.values)).toEqual({ live: textOf(id) });
  expect([...store.signatures]).toEqual(['AWS4-ECDSA-P256-SHA256']);
  const errorPage = s3.objects.get('content/_site/404.html');
  expect(errorPage?.bytes?.toString()).toBe('<p>not here</p>');
  expect(errorPage?.headers).toEqual({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'public, max-age=60',
  });
});

test.concurrent('the credentials of the pipeline read the artifact and do nothing else', async () => {
  const { s3, upload } = await anAccount();
  await upload();
  const byArtifact = s3.calls.filter(({ accessKeyId }) => accessKeyId?.includes(SECRET));
  expect(byArtifact.map(({ call }) => call)).toEqual(['GET artifacts/site/x.zip']);
  expect(s3.calls.filter(({ call }) => call.includes('artifacts/'))).toHaveLength(1);
});

test.concurrent('the manifest is written last but for the ledger, and nothing is deleted or overwritten', async () => {
  const { s3, upload } = await anAccount();
  const { report } = await upload();
  const calls = s3.calls.map(({ call }) => call);
  expect(calls.slice(-2)).toEqual([
    `PUT content/_site/releases/${idIn(report)}.json`,
    `PUT content/_site/ledger/${idIn(report)}.json`,
  ]);
  expect(calls.filter((call) => call.startsWith('DELETE'))).toEqual([]);
});

test.concurrent('the second release of a site brings only what changed in the pool', async () => {
  const { s3, store, publish, upload, promote, manifest } = await anAccount();
  const first = idIn((await upload()).report);
  await promote(first);
  await publish({ ...SITE, 'assets/app-2.js': 'app 2' });
  s3.calls.length = 0;
  const { report } = await upload({ id: OTHER_JOB_ID });
  const second = idIn(report);
  expect(report).toMatchObject({ outputVariables: { newPoolFiles: '1', keptPoolFiles: '2' } });
  const pool = s3.calls.filter(({ call }) => call.includes('content/assets/'));
  expect(pool.map(({ call }) => call)).toEqual(['PUT content/assets/app-2.js']);
  expect(manifest(second).files).toHaveLength(6);

  const promoted = await promote(second);
  expect(promoted.report).toMatchObject({
    outputVariables: { releaseId: second, previousReleaseId: first },
  });
  expect(Object.fromEntries(store.values)).toEqual({
    live: JSON.stringify({ id: second, base: first, delta: '' }),
    previous: textOf(first),
  });
});

test.concurrent('the manifest of a large site is stored compressed, and the next release goes on from it', async () => {
  const site = Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`page-${index}/index.html`, `page ${index}`]),
  );
  const { s3, publish, upload, promote, manifest } = await anAccount({
    'index.html': 'x',
    ...site,
  });
  const first = idIn((await upload()).report);
  const stored = s3.objects.get(`content/_site/releases/${first}.json`);
  expect(stored?.headers['content-encoding']).toBe('gzip');
  expect(stored?.size).toBeLessThan(JSON.stringify(manifest(first)).length / 2);
  await promote(first);

  await publish({ 'index.html': 'y', ...site });
  s3.calls.length = 0;
  const second = idIn((await upload({ id: OTHER_JOB_ID })).report);
  const written = s3.calls.filter(({ call }) => call.includes(`content/releases/${second}/`));
  expect(written.map(({ call }) => call)).toEqual([`PUT content/releases/${second}/index.html`]);
});

test.concurrent('a release with a base of its own copies what has not changed, whatever its name', async () => {
  const { s3, env, publish, upload, promote, manifest } = await anAccount();
  const first = idIn((await upload()).report);
  await promote(first);
  await publish({ ...SITE, 'index.html': '<p>two</p>' });
  s3.calls.length = 0;
  const { report } = await upload({ id: OTHER_JOB_ID }, { env: { ...env, REBASE_SHARE: '0' } });
  const second = idIn(report);
  expect(report).toMatchObject({ outputVariables: { releaseFiles: '1', copiedFiles: '2' } });
  const odd = s3.objects.get(`content/releases/${first}/a b/é+%.html`);
  expect(s3.objects.get(`content/releases/${second}/a b/é+%.html`)).toEqual(odd);
  const copies = s3.calls.map(({ call }) => call).filter((call) => call.startsWith('COPY'));
  expect(copies.sort()).toEqual([
    `COPY content/releases/${second}/404.html content/releases/${first}/404.html`,
    `COPY content/releases/${second}/a b/é+%.html content/releases/${first}/a%20b/%C3%A9%2B%25.html`,
  ]);
  expect(manifest(second).pointer).toEqual({ id: second, base: second, delta: '' });
});

test.concurrent('the benchmark counts the requests that every release sends', async () => {
  const { s3, store, upload, promote } = await anAccount();
  await promote(idIn((await upload()).report));
  s3.calls.length = 0;
  store.calls.length = 0;
  await promote(idIn((await upload({ id: OTHER_JOB_ID })).report));
  const counted: Record<string, number> = { PUT: 0, COPY: 0, GET: 0, LIST: 0, HEAD: 0 };
  for (const { call } of s3.calls) {
    // The artifact is no file of the site, and whatever publishes has to get it.
    if (call.includes('artifacts/')) continue;
    const kind = call.split(' ')[0] as string;
    counted[kind] = (counted[kind] ?? 0) + 1;
  }
  expect(counted).toEqual(EVERY_RELEASE);
  expect(store.calls.filter((method) => method === 'GET')).toHaveLength(EVERY_FLIP['store read']);
  expect(store.calls.filter((method) => method === 'POST')).toHaveLength(EVERY_FLIP['store write']);
});

test.concurrent('a job that is delivered again is the same release', async () => {
  const { s3, upload, records } = await anAccount();
  const first = await upload();
  const ofReleases = () => [...s3.objects.keys()].filter((key) => !key.includes('/_site/'));
  const objects = ofReleases();
  const again = await upload();
  expect(idIn(again.report)).toBe(idIn(first.report));
  expect(ofReleases()).toEqual(objects);
  // The id that the second delivery took before it knew keeps no clean-up waiting.
  expect(records()).toEqual(['abandoned', 'complete']);
});

test.concurrent('two deliveries at the same time are one release', async () => {
  const { codePipeline, upload, records } = await anAccount();
  await Promise.all([upload(), upload()]);
  const ids = codePipeline.reports.map(idIn);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
  expect(records().filter((state) => state !== 'abandoned')).toEqual(['complete']);
});

test.concurrent('a pool file of an older release with the same bytes is left alone, with others it fails', async () => {
  const { s3, upload } = await anAccount();
  s3.put('content/assets/app-1.js', 'app');
  expect((await upload()).report).toMatchObject({ operation: 'PutJobSuccessResult' });
  s3.put('content/assets/app-1.js', 'other');
  s3.put('content/assets/big-1.bin', 'other');
  const { report } = await upload({ id: OTHER_JOB_ID });
  expect(report).toMatchObject({
    operation: 'PutJobFailureResult',
    failureDetails: {
      type: 'JobFailed',
      message: expect.stringMatching(
        /\n- assets\/app-1\.js: is in the pool with other bytes.+\n- assets\/big-1\.bin: is in the pool/,
      ),
    },
  });
});

test.concurrent('a release that needs several invocations goes on where it stopped', async () => {
  const site = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`${index}.html`, `page ${index}`]),
  );
  const { s3, upload, manifest, codePipeline } = await anAccount({ 'index.html': 'x', ...site });
  let answered = 0;
  // The rest never answers: the invocation has to end all the same.
  s3.fault = (call) => {
    if (!/^PUT content\/releases\//.test(call)) return undefined;
    answered += 1;
    return answered > 30 ? 'hang' : undefined;
  };
  const { report } = await upload({}, { remainingMs: 6_000 });
  expect(report).toMatchObject({
    continuationToken: expect.any(String),
    executionDetails: { percentComplete: expect.any(Number) },
  });
  const stored = [...s3.objects.keys()].filter((key) => key.startsWith('content/releases/')).length;
  expect(stored).toBeGreaterThan(0);
  s3.fault = () => undefined;
  s3.calls.length = 0;
  const continuationToken = report?.continuationToken as string;
  const next = await upload({ id: OTHER_JOB_ID, continuationToken });
  const id = idIn(next.report);
  expect(continuationToken).toContain(id);
  expect(manifest(id).files).toHaveLength(61);
  const sent = s3.calls.filter(({ call }) => call.startsWith('PUT content/releases/'));
  expect(sent).toHaveLength(61 - stored);
  expect(codePipeline.reports).toHaveLength(2);
});

describe('the gates', () => {
  const pages = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`${index}.html`, '<a href="/">home</a>']),
    );

  test.concurrent('a release that loses most pages is stopped, until somebody allows just that', async () => {
    const { s3, store, publish, upload } = await anAccount({ ...SITE, ...pages(30) });
    const first = idIn((await upload()).report);
    store.values.set('live', textOf(first));
    await publish(SITE);
    s3.calls.length = 0;
    const { report } = await upload({ id: OTHER_JOB_ID });
    const { message } = (report as unknown as ReturnType<typeof failed>).failureDetails;
    const command =
      /^The site cannot be published as a release:\n- 30 of the 33 pages of release .+ with `aws s3api put-object --bucket content --key (_site\/jobs\/allow-loss-.+)` and retry the stage\. Gone: 0\.html, .+, 10 more\nVisitors still get release .+\.$/;
    expect(message).toMatch(command);
    const key = command.exec(message)?.[1] as string;
    expect(s3.calls.map(({ call }) => call)).toContain(`GET content/${key}`);
    expect(s3.calls.filter(({ call }) => /^PUT content\/(releases|assets)/.test(call))).toEqual([]);

    s3.put(`content/${key}`, '');
    expect((await upload({ id: JOB_ID.replace('1', '2') })).report).toMatchObject({
      operation: 'PutJobSuccessResult',
      executionDetails: { summary: expect.stringContaining(`allowed with ${key}`) },
    });
  });

  const linking = { 'index.html': '<img src="img/gone.png"><a href="/about">', 'about.html': '' };
  const told = [
    'index.html refers to /about, which is not in the release; did you mean /about.html?',
    'index.html refers to /img/gone.png, which is not in the release',
  ];

  test.concurrent('links that lead nowhere are in the summary and in the log', async () => {
    const { upload } = await anAccount(linking);
    const { report, lines } = await upload();
    expect(report).toMatchObject({
      operation: 'PutJobSuccessResult',
      executionDetails: {
        summary: expect.stringContaining(
          ` Found without stopping it: 1 page without a byte: about.html; ${told.join('; ')}.`,
        ),
      },
    });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', findings: expect.stringContaining(told[1] ?? '') }),
    );
  });

  test.concurrent('strict, they stop the release', async () => {
    const { env, s3, upload, records } = await anAccount(linking);
    const strict = { ...JSON.parse(env.GATES), links: 'strict' };
    const { report } = await upload({}, { env: { ...env, GATES: JSON.stringify(strict) } });
    expect(report).toEqual(failed('JobFailed', /\n- 2 link targets lead nowhere, /));
    expect([...s3.objects.keys()].filter((key) => !key.includes('/_site/'))).toEqual([]);
    expect(records()).toEqual(['abandoned']);
  });
});

describe('S3 is busy', () => {
  test.concurrent.each([
    ['503 SlowDown', S3Fake.error(503, 'SlowDown')],
    ['409 ConditionalRequestConflict', S3Fake.error(409, 'ConditionalRequestConflict')],
  ])(
    '%s: every file is sent again, the streamed ones from their beginning',
    async (_name, fault) => {
      const { s3, upload, manifest } = await anAccount();
      const times = new Map<string, number>();
      s3.fault = (call) => {
        const time = (times.get(call) ?? 0) + 1;
        times.set(call, time);
        return call.startsWith('PUT content/') && time <= 2 ? fault : undefined;
      };
      const { report } = await upload();
      const files = manifest(idIn(report)).files;
      expect(files).toHaveLength(5);
      for (const { key, sha256 } of files) {
        expect(s3.objects.get(`content/${key}`)?.sha256).toBe(sha256);
      }
    },
  );
});

describe('what cannot be published says why, and leaves no release', () => {
  test.concurrent.each([
    [
      'an artifact that may not be read',
      async ({ s3 }: Awaited<ReturnType<typeof anAccount>>) => {
        // Some servers quote the request that they refuse.
        s3.fault = (call) =>
          call.startsWith('GET artifacts/')
            ? S3Fake.error(403, 'AccessDenied', `session-${SECRET} is not allowed`)
            : undefined;
      },
      failed(
        'PermissionError',
        /^The artifact s3:\/\/artifacts\/site\/x\.zip cannot be read: AccessDenied \(403\): \*\*\* is not allowed\. There is no live release yet/,
      ),
    ],
    [
      'an artifact that is no zip',
      async ({ s3 }: Awaited<ReturnType<typeof anAccount>>) => {
        s3.files.set('artifacts/site/x.zip', process.execPath.replace(/.*/, import.meta.filename));
      },
      failed('JobFailed', /^The artifact is no zip, or is damaged \(.+\); nothing was written\./),
    ],
    [
      'an artifact without a start page',
      async ({ publish }: Awaited<ReturnType<typeof anAccount>>) => publish({ 'a.html': 'x' }),
      failed(
        'JobFailed',
        /^The artifact cannot be published; nothing was written:\n- index\.html: /,
      ),
    ],
    [
      'a bucket that may not be written',
      async ({ s3 }: Awaited<ReturnType<typeof anAccount>>) => {
        s3.fault = (call) =>
          call.startsWith('PUT content/releases') ? S3Fake.error(403, 'AccessDenied') : undefined;
      },
      failed('PermissionError', /^Release .+ was not uploaded: AccessDenied \(403\)/),
    ],
    [
      'a pointer that may not be read',
      async ({ store }: Awaited<ReturnType<typeof anAccount>>) => {
        store.faults = Array(9).fill(KeyValueStoreFake.error(403, 'AccessDeniedException'));
      },
      failed('PermissionError', /^Release .+ was not uploaded: AccessDeniedException \(403\)/),
    ],
  ])('%s', async (_name, arrange, report) => {
    const account = await anAccount();
    await arrange(account);
    expect((await account.upload()).report).toEqual(report);
    expect(account.records()).toEqual(['abandoned']);
  });

  test.concurrent('a function without its environment', async () => {
    const { env, upload } = await anAccount();
    const { report } = await upload({}, { env: { ...env, CONTENT_BUCKET: '' } });
    expect(report).toEqual(
      failed('ConfigurationError', /^The function's environment lacks CONTENT_BUCKET: deploy/),
    );
  });
});

describe('a promotion', () => {
  async function uploaded(site: Site) {
    const { s3, upload } = await anAccount(site);
    return { id: idIn((await upload()).report), objects: [...s3.objects] };
  }
  const uploads = new Map<Site, ReturnType<typeof uploaded>>();

  /** An account of its own with a release that was uploaded once for all promotions of that site. */
  async function aReleaseOf(site: Site = SITE) {
    const upload = uploads.get(site) ?? uploaded(site);
    uploads.set(site, upload);
    const [{ id, objects }, account] = await Promise.all([upload, anAccount(site)]);
    for (const [name, object] of objects) account.s3.objects.set(name, object);
    account.store.values.set('live', textOf('20260101T000000Z-0000000'));
    return { ...account, id };
  }

  test.concurrent('that meets another writer starts again from what that one wrote', async () => {
    const { store, id, promote } = await aReleaseOf();
    const rival = textOf('20260202T000000Z-0000000');
    let rivals = 3;
    store.beforeUpdate = () => {
      if (rivals-- <= 0) return;
      store.version += 1;
      store.values.set('live', rival);
    };
    expect((await promote(id)).report).toMatchObject({
      operation: 'PutJobSuccessResult',
      outputVariables: { previousReleaseId: '20260202T000000Z-0000000' },
    });
    expect(Object.fromEntries(store.values)).toEqual({ live: textOf(id), previous: rival });
  });

  test.concurrent('that is made twice ends in the same state with one write', async () => {
    const { store, id, promote } = await aReleaseOf();
    const first = await promote(id);
    const second = await promote(id);
    expect(second.report?.outputVariables).toEqual(first.report?.outputVariables);
    expect(store.updates).toBe(1);
  });

  test.concurrent('of a release without a page for missing addresses brings the built-in one', async () => {
    const { s3, id, promote } = await aReleaseOf({ 'index.html': 'x' });
    await promote(id);
    const page = s3.objects.get('content/_site/404.html');
    expect(page?.bytes?.toString()).toContain('<h1>Page not found</h1>');
    expect(page?.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'public, max-age=60',
    });
  });

  test.concurrent('that does not come up is taken back, by continuation', async () => {
    const { store, site, s3, id, promote, ledger } = await aReleaseOf();
    const before = Object.fromEntries(store.values);
    site.status = 404;
    const { report } = await promote(id, { remainingMs: 6_000 });
    // What it left is enough to go on with.
    expect(report).toMatchObject({
      executionDetails: {
        summary: `Release ${id} is live; waiting for the site to answer with it: /about/ answered 404.`,
      },
      continuationToken: expect.any(String),
    });
    const token = { ...JSON.parse(report?.continuationToken as string), deadline: Date.now() };
    const last = await promote(id, {}, JSON.stringify(token));
    expect(last.report).toMatchObject({
      operation: 'PutJobFailureResult',
      failureDetails: {
        type: 'JobFailed',
        message: expect.stringMatching(
          /^30 seconds after release .+ went live the site does not answer as it should: \/about\/ answered 404\. It was taken back: visitors get release 20260101T000000Z-0000000 again, within seconds\./,
        ),
      },
    });
    expect(Object.fromEntries(store.values)).toEqual(before);
    expect(s3.objects.has('content/_site/404.html')).toBe(false);
    expect(ledger(id).map((entry) => entry.split(' ')[0])).toEqual(['uploaded', 'live', 'failed']);
  });

  test.concurrent('waits for an edge that knows of it later, and for one that does not answer', async () => {
    const { site, id, promote } = await aReleaseOf();
    const stale = { status: 200, body: '20260101T000000Z-0000000' };
    site.faults = [stale, { status: 503, body: '' }, 'hang', 'drip'];
    expect((await promote(id)).report).toMatchObject({ outputVariables: { promoted: 'yes' } });
    expect(site.calls).toEqual([...Array(5).fill('GET /.well-known/release'), 'GET /about/']);
  });

  test.concurrent('of a site with its own name asks the distribution for that name, which DNS need not know yet', async () => {
    const { site, id, env, promote } = await aReleaseOf();
    const { port } = new URL(env.SITE_URL);
    // By RFC 6761 no DNS ever knows it.
    const own = { SITE_URL: `http://www.example.invalid:${port}`, SITE_SERVER: 'localhost' };
    expect((await promote(id, { env: { ...env, ...own } })).report).toMatchObject({
      outputVariables: { promoted: 'yes' },
    });
    expect([...site.hosts]).toEqual([`www.example.invalid:${port}`]);
  });

  test.concurrent('while publishing is frozen keeps the release and says why', async () => {
    const { store, site, id, promote } = await aReleaseOf();
    const freeze = { by: 'ann', reason: 'an incident', at: '2026-11-23T06:00:00.000Z' };
    store.values.set('frozen', JSON.stringify(freeze));
    expect((await promote(id)).report).toMatchObject({
      operation: 'PutJobSuccessResult',
      executionDetails: {
        summary: `Publishing is frozen since ${freeze.at} by ann: "an incident". Release ${id} is kept and not live. Visitors still get release 20260101T000000Z-0000000.`,
      },
      outputVariables: { promoted: 'no' },
    });
    expect([store.updates, site.calls]).toEqual([0, []]);
  });

  test.concurrent('whose page in the ledger meets another writer loses nothing of it', async () => {
    const { s3, id, promote, ledger } = await aReleaseOf();
    const key = `content/_site/ledger/${id}.json`;
    let rivals = 2;
    s3.fault = (call) => {
      if (call !== `PUT ${key}` || rivals-- <= 0) return undefined;
      const entry = s3.json(key) as LedgerEntry;
      const state = { state: 'failed', at: `${rivals}`, by: 'a rival' } as const;
      s3.put(key, JSON.stringify({ ...entry, states: [...entry.states, state] }));
      return undefined;
    };
    await promote(id);
    expect(ledger(id)).toEqual([
      'uploaded pipeline execution e-1',
      'failed a rival',
      'failed a rival',
      'live pipeline execution e-1',
    ]);
  });

  test.concurrent('of a release that does not exist moves nothing', async () => {
    const { store, promote } = await aReleaseOf();
    const { report } = await promote('20990101T000000Z-abcdef0');
    expect(report).toEqual(
      failed('ConfigurationError', /^Release 20990101T000000Z-abcdef0 does not exist: /),
    );
    expect(store.updates).toBe(0);
  });

  test.concurrent('whose error page fails says that the release is live', async () => {
    const { s3, store, id, promote } = await aReleaseOf();
    s3.fault = (call) => (call.startsWith('COPY') ? S3Fake.error(403, 'AccessDenied') : undefined);
    expect((await promote(id)).report).toMatchObject({
      operation: 'PutJobFailureResult',
      failureDetails: {
        type: 'PermissionError',
        message: expect.stringContaining(
          `Release ${id} is live and visitors get it; only the page`,
        ),
        externalExecutionId: id,
      },
    });
    expect(store.values.get('live')).toBe(textOf(id));
  });
});

/** The zip goes to disk as it is made: 300 MB in a few large and many small files. */
async function aLargeArtifact(file: string): Promise<{ files: number; bytes: number }> {
  const zip = new ZipFile();
  const [large, small] = [Buffer.alloc(1024 ** 2, 'large'), 2_000];
  for (let index = 0; index < 3; index += 1) {
    const chunks = Readable.from(Array(100).fill(large), { objectMode: false });
    zip.addReadStream(chunks, `large-${index}.bin`, { compress: false });
  }
  for (let index = 0; index < small; index += 1) {
    zip.addBuffer(Buffer.from(`<p>page ${index}</p>`), `pages/${index}/index.html`);
  }
  zip.addBuffer(Buffer.from('x'), 'index.html');
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
  return { files: small + 4, bytes: 300 * large.length };
}

test('an artifact of 300 MB and 2,000 files needs neither its size in memory nor its place on the disk for long', async () => {
  const { s3, env, upload, manifest } = await anAccount();
  const file = join(folder, 'large.zip');
  const { files, bytes } = await aLargeArtifact(file);
  s3.files.set('artifacts/site/x.zip', file);
  const disk = await mkdtemp(join(folder, 'disk-'));
  const { report, maxRss } = await upload(
    {},
    { nodeOptions: ['--max-old-space-size=64'], env: { ...env, TMPDIR: disk } },
  );
  expect(report).toMatchObject({ outputVariables: { files: String(files) } });
  expect(manifest(idIn(report)).files).toHaveLength(files);
  // Half of it is Node itself.
  expect(maxRss).toBeLessThan(bytes * 0.75);
  expect(await readdir(disk)).toEqual([]);
}, 120_000);
