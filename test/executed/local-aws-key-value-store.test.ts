import '@aws-sdk/signature-v4a';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CloudFrontKeyValueStoreClient,
  DeleteKeyCommand,
  DescribeKeyValueStoreCommand,
  GetKeyCommand,
  ListKeysCommand,
  PutKeyCommand,
  UpdateKeysCommand,
  type UpdateKeysCommandInput,
} from '@aws-sdk/client-cloudfront-keyvaluestore';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  LocalKeyValueStore,
  type LocalKeyValueStoreOptions,
} from '../../local/aws/key-value-store.ts';
import type { Call } from '../../local/aws/service.ts';
import {
  ACCOUNT,
  clientOptions,
  KEYS,
  loopbackAgent,
  raw,
  scratch,
  signedAs,
  started,
} from '../support/local-aws.ts';

const KvsARN = `arn:aws:cloudfront::${ACCOUNT}:key-value-store/8c4f9a3e-0000-4000-8000-000000000001`;

function aStore(stateDir: string, options: Partial<LocalKeyValueStoreOptions> = {}) {
  const stores = [{ logicalId: 'Releases', arn: KvsARN, properties: { Name: 'releases' } }];
  return new LocalKeyValueStore({ stateDir, stores, ...options });
}

/** The SDK asks for `123456789012.localhost`, which the agent resolves as most resolvers do. */
function aClient(endpoint: string, credentials = KEYS): CloudFrontKeyValueStoreClient {
  const client = new CloudFrontKeyValueStoreClient({
    ...clientOptions(endpoint, credentials),
    requestHandler: { httpAgent: loopbackAgent() },
  });
  onTestFinished(() => client.destroy());
  return client;
}

async function aService(options: Partial<LocalKeyValueStoreOptions> = {}) {
  const stateDir = await scratch();
  const store = aStore(stateDir, options);
  const endpoint = await started(store);
  const client = aClient(endpoint);
  return { store, stateDir, endpoint, client };
}

const etagOf = async (client: CloudFrontKeyValueStoreClient): Promise<string> =>
  (await client.send(new DescribeKeyValueStoreCommand({ KvsARN }))).ETag ?? '';

const update = async (
  client: CloudFrontKeyValueStoreClient,
  change: Partial<UpdateKeysCommandInput>,
) => client.send(new UpdateKeysCommand({ KvsARN, IfMatch: await etagOf(client), ...change }));

const get = async (client: CloudFrontKeyValueStoreClient, Key: string) =>
  (await client.send(new GetKeyCommand({ KvsARN, Key }))).Value;

describe('the store', () => {
  test('keeps what is put, under any key, and counts it', async () => {
    const { client, endpoint } = await aService();
    expect(endpoint).toMatch(/^http:\/\/localhost:\d+$/);
    const keys = ['live', 'a/b', 'with space', 'grüße', '100%', '__proto__', 'toString', 'q?x=1#y'];
    let bytes = 0;
    for (const Key of keys) {
      const IfMatch = await etagOf(client);
      const Value = `value of ${Key}`;
      bytes += Buffer.byteLength(Key) + Buffer.byteLength(Value);
      const put = await client.send(new PutKeyCommand({ KvsARN, Key, Value, IfMatch }));
      expect(put.TotalSizeInBytes).toBe(bytes);
      expect(put.ETag).not.toBe(IfMatch);
      expect(put.ETag).toBe(await etagOf(client));
    }
    for (const Key of keys) {
      expect(await client.send(new GetKeyCommand({ KvsARN, Key }))).toMatchObject({
        Key,
        Value: `value of ${Key}`,
        ItemCount: keys.length,
        TotalSizeInBytes: bytes,
      });
    }
    expect(await client.send(new DescribeKeyValueStoreCommand({ KvsARN }))).toMatchObject({
      KvsARN,
      Status: 'READY',
      ItemCount: keys.length,
      Created: expect.any(Date),
      LastModified: expect.any(Date),
    });
    const IfMatch = await etagOf(client);
    await client.send(new DeleteKeyCommand({ KvsARN, Key: 'a/b', IfMatch }));
    await expect(get(client, 'a/b')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('moves all keys of an update at once, or none', async () => {
    const { client } = await aService();
    await update(client, { Puts: [{ Key: 'live', Value: '1' }] });
    const Puts = [
      { Key: 'live', Value: '2' },
      { Key: 'previous', Value: '1' },
    ];
    await expect(update(client, { Puts, Deletes: [{ Key: 'never was' }] })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    expect(await get(client, 'live')).toBe('1');
    await update(client, { Puts });
    expect([await get(client, 'live'), await get(client, 'previous')]).toEqual(['2', '1']);
    await update(client, { Deletes: [{ Key: 'live' }, { Key: 'previous' }] });
    const { ItemCount } = await client.send(new DescribeKeyValueStoreCommand({ KvsARN }));
    expect(ItemCount).toBe(0);
  });

  test('refuses a writer that has not seen the latest write, to whatever key', async () => {
    const { client } = await aService();
    const stale = await etagOf(client);
    await update(client, { Puts: [{ Key: 'other', Value: 'x' }] });
    await expect(
      update(client, { Puts: [{ Key: 'live', Value: '1' }], IfMatch: stale }),
    ).rejects.toMatchObject({
      name: 'ConflictException',
      $metadata: { httpStatusCode: 409 },
    });
    await expect(get(client, 'live')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('loses no update of writers that compete and try again', async () => {
    const { client } = await aService();
    await update(client, { Puts: [{ Key: 'count', Value: '0' }] });
    let conflicts = 0;
    const increment = async (): Promise<void> => {
      const IfMatch = await etagOf(client);
      const Value = String(Number(await get(client, 'count')) + 1);
      try {
        await update(client, { Puts: [{ Key: 'count', Value }], IfMatch });
      } catch (error) {
        expect((error as Error).name).toBe('ConflictException');
        conflicts++;
        await increment();
      }
    };
    await Promise.all(Array.from({ length: 10 }, increment));
    expect(await get(client, 'count')).toBe('10');
    expect(conflicts).toBeGreaterThan(0);
  });

  test('lists its keys in pages', async () => {
    const { client } = await aService();
    const keys = Array.from({ length: 25 }, (_, index) => `key-${String(index).padStart(2, '0')}`);
    await update(client, { Puts: keys.map((Key) => ({ Key, Value: Key.toUpperCase() })) });
    const first = await client.send(new ListKeysCommand({ KvsARN }));
    expect(first.Items).toHaveLength(10);
    const second = await client.send(
      new ListKeysCommand({ KvsARN, MaxResults: 50, NextToken: first.NextToken }),
    );
    expect(second.NextToken).toBeUndefined();
    const items = [...(first.Items ?? []), ...(second.Items ?? [])];
    expect(items).toEqual(keys.map((Key) => ({ Key, Value: Key.toUpperCase() })));
    await expect(
      client.send(new ListKeysCommand({ KvsARN, MaxResults: 51 })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
  });

  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));
  test.each([
    ['a key of 512 bytes', { Puts: [{ Key: 'ü'.repeat(256), Value: 'v' }] }, undefined],
    [
      'a key of more',
      { Puts: [{ Key: `${'ü'.repeat(256)}k`, Value: 'v' }] },
      'ValidationException',
    ],
    ['an empty key', { Puts: [{ Key: '', Value: 'v' }] }, 'ValidationException'],
    ['a value of 1 KB', { Puts: [{ Key: 'k', Value: 'ü'.repeat(512) }] }, undefined],
    [
      'a value of more',
      { Puts: [{ Key: 'k', Value: `${'ü'.repeat(512)}v` }] },
      'ValidationException',
    ],
    ['50 keys', { Puts: many(50) }, undefined],
    ['51 keys', { Puts: many(51) }, 'ValidationException'],
    ['nothing', { Puts: [], Deletes: [] }, 'ValidationException'],
    ['a key twice', { Puts: [...many(1), ...many(1)] }, 'ValidationException'],
    ['a key both ways', { Puts: many(1), Deletes: [{ Key: 'k0' }] }, 'ValidationException'],
  ])('holds the limits of AWS: %s', async (_, change, name) => {
    const { client } = await aService();
    if (name === undefined) await update(client, change);
    else await expect(update(client, change)).rejects.toMatchObject({ name });
  });

  test('holds no more than 5 MB', async () => {
    const { client, store, stateDir } = await aService();
    await store.close();
    const [file] = await readdir(stateDir);
    const items = Object.fromEntries(
      Array.from({ length: 5114 }, (_, index) => [
        String(index).padStart(5, '0'),
        'v'.repeat(1020),
      ]),
    );
    const state = { arn: KvsARN, etag: 'KV0', created: 0, modified: 0, items };
    await writeFile(join(stateDir, file ?? ''), JSON.stringify(state));
    const full = aClient(await started(aStore(stateDir)));
    await update(full, { Puts: [{ Key: 'one', Value: 'v'.repeat(1000) }] });
    await expect(
      update(full, { Puts: [{ Key: 'two', Value: 'v'.repeat(1000) }] }),
    ).rejects.toMatchObject({ name: 'ServiceQuotaExceededException' });
    void client;
  });

  test('goes on where the last run ended', async () => {
    const { client, store, stateDir } = await aService();
    await update(client, { Puts: [{ Key: 'live', Value: '{"id":"r"}' }] });
    const etag = await etagOf(client);
    await store.close();
    const again = aClient(await started(aStore(stateDir)));
    expect(await get(again, 'live')).toBe('{"id":"r"}');
    expect(await etagOf(again)).toBe(etag);
  });

  test('that somebody damaged is an error that says what to do', async () => {
    const { store, stateDir } = await aService();
    await store.close();
    const [file = ''] = await readdir(stateDir);
    await writeFile(join(stateDir, file), '{"arn":');
    expect(() => aStore(stateDir)).toThrow(
      `${join(stateDir, file)}: damaged; delete it, and what it kept, to start afresh`,
    );
  });
});

describe('an edge', () => {
  test('sees a write after the delay, all keys of one update together', async () => {
    let now = 0;
    const { client, store } = await aService({ now: () => now });
    const near = store.reader(KvsARN);
    const far = store.reader(KvsARN, { delay: 5000 });
    await update(client, {
      Puts: [
        { Key: 'live', Value: '1' },
        { Key: 'previous', Value: '0' },
      ],
    });
    const seen = async (reader = far) => [await reader.get('live'), await reader.get('previous')];
    expect(await seen(near)).toEqual(['1', '0']);
    expect(await seen()).toEqual([undefined, undefined]);
    now = 4999;
    expect(await seen()).toEqual([undefined, undefined]);
    now = 5000;
    expect(await seen()).toEqual(['1', '0']);
    await update(client, { Deletes: [{ Key: 'live' }] });
    expect(await seen()).toEqual(['1', '0']);
    now = 10_000;
    expect(await seen()).toEqual([undefined, '0']);
  });

  test('that looks seldom sees the latest of several writes', async () => {
    const { client, store } = await aService();
    const reader = store.reader(KvsARN);
    for (const Value of ['1', '2', '3']) await update(client, { Puts: [{ Key: 'live', Value }] });
    expect(await reader.get('live')).toBe('3');
  });

  test('never goes back to an older state, however the delays fall', async () => {
    let now = 0;
    const delays = [9000, 1000];
    const { client, store } = await aService({ now: () => now });
    const reader = store.reader(KvsARN, { delay: () => delays.shift() ?? 0 });
    await update(client, { Puts: [{ Key: 'live', Value: 'first' }] });
    await update(client, { Puts: [{ Key: 'live', Value: 'second' }] });
    now = 1000;
    expect(await reader.get('live')).toBe('second');
    now = 9000;
    expect(await reader.get('live')).toBe('second');
  });

  test('has no value for what every object has', async () => {
    const { store } = await aService();
    expect(await store.reader(KvsARN).get('toString')).toBeUndefined();
  });

  test('reads only stores of the template', async () => {
    const { store } = await aService();
    expect(() => store.reader('arn:other')).toThrow(
      `key-value store arn:other: the local run knows ${KvsARN}`,
    );
  });
});

describe('what is refused', () => {
  test('a store to import, named with its resource', async () => {
    const directory = await scratch();
    const properties = { Name: 'n', ImportSource: { SourceType: 'S3' } };
    expect(() =>
      aStore(directory, { stores: [{ logicalId: 'Seeded', arn: KvsARN, properties }] }),
    ).toThrow(
      'Seeded (AWS::CloudFront::KeyValueStore): ImportSource: got {"SourceType":"S3"}; the local key-value store starts empty: leave it out',
    );
  });

  test('a store that the template does not have', async () => {
    const { client } = await aService();
    await expect(
      client.send(new DescribeKeyValueStoreCommand({ KvsARN: KvsARN.replace(/1$/, '2') })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('unsigned requests, unknown keys, and callers whose policy says no', async () => {
    const calls: Call[] = [];
    const { endpoint, client } = await aService({
      onCall: (call) => calls.push(call),
      allow: ({ action }) => action !== 'cloudfront-keyvaluestore:UpdateKeys',
    });
    const path = `${endpoint}/key-value-stores/${encodeURIComponent(KvsARN)}`;
    expect(await raw(path)).toMatchObject({
      status: 403,
      headers: { 'x-amzn-errortype': 'MissingAuthenticationTokenException' },
    });
    await expect(
      etagOf(aClient(endpoint, { ...KEYS, accessKeyId: 'AKIDX' })),
    ).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
    await expect(update(client, { Puts: [{ Key: 'k', Value: 'v' }] })).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    expect(calls).toEqual([
      {
        principal: 'a test',
        action: 'cloudfront-keyvaluestore:DescribeKeyValueStore',
        resource: KvsARN,
      },
      { principal: 'a test', action: 'cloudfront-keyvaluestore:UpdateKeys', resource: KvsARN },
    ]);
  });

  test.each([
    ['PATCH', '', 'CloudFront KeyValueStore PATCH'],
    ['GET', '/values', 'CloudFront KeyValueStore GET'],
    [
      'GET',
      '/keys/live?consistent=true',
      'CloudFront KeyValueStore GetKey: query parameter consistent',
    ],
  ])('what is not known here: %s %s', async (method, rest, what) => {
    const unknown: string[] = [];
    const { endpoint } = await aService({ onUnknown: (message) => unknown.push(message) });
    const path = `/key-value-stores/${encodeURIComponent(KvsARN)}${rest}`;
    const answer = await raw(`${endpoint}${path}`, { method, headers: signedAs() });
    expect(answer.status).toBe(400);
    expect(unknown).toEqual([expect.stringContaining(what)]);
  });

  test('a write without If-Match or without JSON', async () => {
    const { endpoint, client } = await aService();
    const path = `${endpoint}/key-value-stores/${encodeURIComponent(KvsARN)}/keys`;
    const body = JSON.stringify({ Puts: [{ Key: 'k', Value: 'v' }] });
    const send = (headers: Record<string, string>, text: string) =>
      raw(path, { method: 'POST', headers: { ...signedAs(), ...headers }, body: text });
    expect((await send({}, body)).body).toContain('If-Match is required');
    const etag = await etagOf(client);
    expect((await send({ 'if-match': etag }, 'nonsense')).body).toContain('not a JSON object');
    expect((await send({ 'if-match': etag }, '{"Puts":{}}')).body).toContain('Puts must be a list');
    expect((await send({ 'if-match': etag }, body)).status).toBe(200);
  });
});
