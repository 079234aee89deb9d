import { CloudFrontKeyValueStoreClient } from '@aws-sdk/client-cloudfront-keyvaluestore';
import { PutObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyValueStore } from '../../lambda/shared/key-value-store.ts';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { type Manifest, manifestKey, releaseId } from '../../lib/release/contract.ts';
import { LocalKeyValueStore } from '../../local/aws/key-value-store.ts';
import { LocalS3 } from '../../local/aws/s3.ts';
import type { Call } from '../../local/aws/service.ts';
import { type Bundle, bundle, NODES, runHandler } from '../support/handlers.ts';
import { clientOptions, loopbackAgent, scratch, started } from '../support/local-aws.ts';

const STORE =
  'arn:aws:cloudfront::123456789012:key-value-store/0f1e2d3c-0000-4000-8000-000000000000';
const DAY_MS = 24 * 60 * 60_000;
const ago = (days: number) => new Date(Date.now() - days * DAY_MS);

let prune: Bundle;
beforeAll(async () => {
  prune = await bundle('prune');
});
afterAll(() => prune.remove());

/** The services that the function talks to, and what it asked of them. */
async function anAccount(allow: (call: Call) => boolean = () => true) {
  const calls: Call[] = [];
  /** Of what is written, in days. */
  let age = 0;
  const service = {
    allow: (call: Call) => {
      if (call.principal === 'the clean-up') calls.push(call);
      return call.principal !== 'the clean-up' || allow(call);
    },
    now: () => Date.now() - age * DAY_MS,
  };
  const s3 = new LocalS3({
    ...service,
    stateDir: await scratch(),
    region: 'eu-west-1',
    buckets: [{ name: 'content', logicalId: 'Content', properties: {} }],
    policies: [],
  });
  const stores = new LocalKeyValueStore({
    ...service,
    stateDir: await scratch(),
    stores: [{ logicalId: 'Store', arn: STORE, properties: {} }],
  });
  const [s3Url, storeUrl] = [await started(s3), await started(stores)];
  for (const one of [s3, stores]) one.registerCredentials('AKIAFUNCTION', 'the clean-up');
  const client = new S3Client({ ...clientOptions(s3Url), forcePathStyle: true });

  const put = async (key: string, body: string, days = 0) => {
    age = days;
    await client.send(new PutObjectCommand({ Bucket: 'content', Key: key, Body: body }));
  };
  const keys = async (prefix = '') => {
    const found: string[] = [];
    const pages = paginateListObjectsV2({ client }, { Bucket: 'content', Prefix: prefix });
    for await (const { Contents = [] } of pages)
      found.push(...Contents.map(({ Key }) => String(Key)));
    return found;
  };
  const store = keyValueStore(
    STORE,
    new CloudFrontKeyValueStoreClient({
      ...clientOptions(storeUrl),
      requestHandler: { httpAgent: loopbackAgent() },
    }),
  );
  const { signal } = new AbortController();
  const point = async (values: Record<string, string>) => {
    const texts = Object.entries(values).map(
      ([key, id]) => [key, pointerText({ id, base: id, delta: '' })] as const,
    );
    await store.put(new Map(texts), await store.version(signal), signal);
  };

  /** A release so many days old, its files and its page in the ledger. */
  const release = async (
    days: number,
    paths: readonly string[],
    shares: readonly string[] = [],
  ) => {
    const id = releaseId(ago(days), 'abcdef0');
    const file = (key: string) => ({
      path: key.replace(/^releases\/[^/]+\//, ''),
      key,
      size: 1,
      sha256: 'x',
      type: 'text/html',
    });
    const own = paths.map((path) => `releases/${id}/${path}`);
    await pMap(own, (key) => put(key, 'x', days), { concurrency: 16 });
    const manifest: Manifest = {
      version: 2,
      id,
      revision: 'abcdef0',
      createdAt: ago(days).toISOString(),
      pointer: { id, base: id, delta: '' },
      files: [...own, ...shares].map(file),
      gone: [],
    };
    await put(manifestKey(id), JSON.stringify(manifest), days);
    const state = { state: 'uploaded', at: ago(days).toISOString(), by: 'pipeline execution e-1' };
    const facts = { files: own.length, bytes: own.length, pages: own.length, findings: [] };
    const entry = { version: 1, id, revision: 'abcdef0', ...facts, states: [state] };
    await put(`_site/ledger/${id}.json`, JSON.stringify(entry), days);
    return id;
  };
  const run = (remainingMs = 900_000, node = NODES[0] as string) =>
    runHandler(
      prune.file,
      { source: 'aws.events', 'detail-type': 'Scheduled Event' },
      {
        env: {
          AWS_REGION: 'eu-west-1',
          AWS_ENDPOINT_URL_S3: s3Url,
          AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE: storeUrl,
          CONTENT_BUCKET: 'content',
          KEY_VALUE_STORE_ARN: STORE,
          IMMUTABLE_PATTERNS: '["assets/*"]',
          RETENTION: '{"newest":1,"days":30}',
        },
        node,
        remainingMs,
      },
    );
  return { calls, put, keys, point, pruned: () => store.get('pruned', signal), release, run };
}

const last = (lines: readonly Record<string, unknown>[]) => lines.at(-1);

describe.each(NODES.slice(0, 1))('on %s', (node) => {
  test('old releases and old pool files go, whatever their number, and the log says so', async () => {
    const { put, keys, point, pruned, release, run, calls } = await anAccount();
    const many = Array.from({ length: 1_040 }, (_, index) => `pages/${index}.html`);
    const older = await release(60, ['index.html', ...many]);
    const old = await release(50, ['index.html', 'a/index.html']);
    await put('assets/old.js', 'x', 40);
    await put('assets/used.js', 'x', 40);
    await put('assets/young.js', 'x', 20);
    const live = await release(
      1,
      ['index.html'],
      [`releases/${old}/a/index.html`, 'assets/used.js'],
    );
    await point({ live });

    const { code, lines } = await run(undefined, node);
    expect(last(lines)).toEqual({
      level: 'info',
      message: 'cleaned up',
      requestId: 'lambda-request-1',
      complete: true,
      files: 1_042,
      poolFiles: 1,
      bytes: 1_043,
      kept: 1,
      retired: `${older} ${old}`,
      abandoned: '',
    });
    expect(code).toBe(0);
    expect(await keys('releases/')).toEqual(
      [`releases/${live}/index.html`, `releases/${old}/a/index.html`].sort(),
    );
    expect(await keys('assets/')).toEqual(['assets/used.js', 'assets/young.js']);
    expect(JSON.parse((await pruned()) as string)).toMatchObject({ by: 'the daily clean-up' });

    const deleted = calls.filter(({ action }) => /Delete/.test(action));
    expect(deleted).toHaveLength(1_043);
    for (const { resource } of deleted) {
      expect(resource).toMatch(/^arn:aws:s3:::content\/(releases|assets)\//);
    }
  });
});

test('what is odd is told, counted as an error, and nothing is deleted', async () => {
  const { keys, point, release, run } = await anAccount();
  await release(60, ['index.html']);
  await point({ live: '20261123T061500Z-abcdef0' });
  const before = await keys();
  const { code, lines } = await run();
  expect(last(lines)).toMatchObject({
    level: 'error',
    message:
      'PruneRefused: The clean-up stopped and deletes nothing: release 20261123T061500Z-abcdef0 is live, but it has no manifest. Visitors get release 20261123T061500Z-abcdef0.',
  });
  // Lambda counts what throws.
  expect(code).toBe(1);
  expect(await keys()).toEqual(before);
});

test('what is odd in the middle is told with what was deleted by then', async () => {
  let deleted = 0;
  const { point, release, run } = await anAccount(({ action }) => {
    if (action === 's3:DeleteObject') deleted += 1;
    return !(deleted > 0 && /GetKey$/.test(action));
  });
  const [older, old] = [await release(60, ['index.html']), await release(50, ['index.html'])];
  await point({ live: await release(1, ['index.html']) });
  const { code, lines } = await run();
  expect(code).toBe(1);
  expect(lines).toContainEqual({
    level: 'warn',
    message: 'stopped in the middle',
    requestId: 'lambda-request-1',
    files: 1,
    poolFiles: 0,
    bytes: 1,
    retired: `${older} ${old}`,
    abandoned: '',
  });
});

test('a store that does not answer with a value stops it too', async () => {
  const { keys, release, run } = await anAccount(({ action }) => !/GetKey$/.test(action));
  await release(60, ['index.html']);
  const before = await keys();
  const { code, lines } = await run();
  expect(last(lines)).toMatchObject({
    level: 'error',
    message: expect.stringMatching(
      /^PruneRefused: The clean-up stopped and deletes nothing: the key-value store cannot be read \(AccessDeniedException \(403\): .+\)\. Open/,
    ),
  });
  expect(code).toBe(1);
  expect(await keys()).toEqual(before);
});

test('a right that is missing is named, and with it the next run does the rest', async () => {
  let mayDelete = false;
  const { keys, point, release, run } = await anAccount(
    ({ action }) => mayDelete || action !== 's3:DeleteObject',
  );
  const old = await release(60, ['index.html']);
  const live = await release(1, ['index.html']);
  await point({ live });
  const refused = await run();
  expect(last(refused.lines)).toMatchObject({
    level: 'error',
    message: expect.stringMatching(
      new RegExp(
        `^AccessDenied: 1 of 1 objects were not deleted, the first of them releases/${old}/index.html: `,
      ),
    ),
  });
  expect(refused.code).toBe(1);
  mayDelete = true;
  const { code } = await run();
  expect(code).toBe(0);
  expect(await keys('releases/')).toEqual([`releases/${live}/index.html`]);
});

test('one whose time is over stops in order, says so, and is no error: the next day goes on', async () => {
  const { keys, point, release, run } = await anAccount();
  await release(60, ['index.html']);
  const live = await release(1, ['index.html']);
  await point({ live });
  const before = await keys('releases/');
  const { code, lines } = await run(14_900);
  expect(lines.map(({ message }) => message)).toContain(
    'Out of time: the next clean-up goes on from here.',
  );
  expect(last(lines)).toMatchObject({ complete: false, files: 0 });
  expect(code).toBe(0);
  expect(await keys('releases/')).toEqual(before);
  expect((await run()).code).toBe(0);
  expect(await keys('releases/')).toEqual([`releases/${live}/index.html`]);
});
