import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectAclCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pagesIn } from '../../lambda/shared/content-bucket.ts';
import { LocalS3, type LocalS3Options } from '../../local/aws/s3.ts';
import { byUtf8, list } from '../../local/aws/s3-listing.ts';
import { BucketStore } from '../../local/aws/s3-store.ts';
import type { Call } from '../../local/aws/service.ts';
import type { BusEvent } from '../../local/event-rules.ts';
import { bounded, runs } from '../support/fuzz.ts';
import { clientOptions, KEYS, raw, scratch, signedAs, started } from '../support/local-aws.ts';

const Bucket = 'content';
const bucket = (properties: unknown = {}, name = Bucket) => ({
  name,
  logicalId: `Logical${name}`,
  properties,
});

function aStore(stateDir: string, options: Partial<LocalS3Options> = {}): LocalS3 {
  return new LocalS3({
    stateDir,
    region: 'eu-west-1',
    buckets: [bucket(), bucket({}, 'artifacts')],
    policies: [],
    ...options,
  });
}

function aClient(endpoint: string, credentials = KEYS): S3Client {
  const client = new S3Client(clientOptions(endpoint, credentials));
  onTestFinished(() => client.destroy());
  return client;
}

async function aService(options: Partial<LocalS3Options> = {}) {
  const stateDir = await scratch();
  const s3 = aStore(stateDir, options);
  const endpoint = await started(s3);
  return { s3, stateDir, endpoint, client: aClient(endpoint) };
}

const put = (client: S3Client, Key: string, input: Partial<PutObjectCommandInput> = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...input }));

async function text(client: S3Client, Key: string, more: object = {}): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return (await Body?.transformToString()) ?? '';
}

const keysOf = async (client: S3Client, input: Partial<ListObjectsV2CommandInput> = {}) =>
  (await client.send(new ListObjectsV2Command({ Bucket, ...input }))).Contents?.map(
    ({ Key }) => Key,
  );

async function bodyFiles(stateDir: string): Promise<number> {
  const files = await readdir(join(stateDir, Bucket), { recursive: true, withFileTypes: true });
  return files.filter((file) => file.isFile() && file.name !== 'index.jsonl').length;
}

/** Every character that some layer between here and the disk treats specially. */
const ODD_KEYS = [
  'a',
  'a/b',
  'A',
  'a//b',
  '/leading',
  'trailing/',
  'dots/../up',
  './here',
  'with space',
  ' edges ',
  'plus+plus',
  'per%20cent%',
  'a&b<c>"d"\'e',
  'semi;colon,comma=equals?question#hash',
  'grüße/日本語/😀',
  '\uFFFD after surrogates',
  'line\nfeed',
  'carriage\rreturn',
  'bell\x07',
  'back\\slash',
  `long/${'n'.repeat(1019)}`,
];

describe('what is put comes back', () => {
  test('byte for byte, with its headers and metadata', async () => {
    const { client } = await aService();
    const bytes = randomBytes(70_000);
    const { ETag, ChecksumCRC32, ServerSideEncryption } = await put(client, 'a/page.html', {
      Body: bytes,
      ContentType: 'text/html; charset=utf-8',
      CacheControl: 'public, max-age=31536000, immutable',
      ContentDisposition: 'inline',
      ContentEncoding: 'gzip',
      ContentLanguage: 'de',
      Metadata: { release: 'r-1' },
    });
    expect(ETag).toBe(`"${createHash('md5').update(bytes).digest('hex')}"`);
    expect(ChecksumCRC32).toMatch(/^[A-Za-z0-9+/]{6}==$/);
    expect(ServerSideEncryption).toBe('AES256');

    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a/page.html' }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(bytes);
    const described = {
      ContentType: 'text/html; charset=utf-8',
      CacheControl: 'public, max-age=31536000, immutable',
      ContentDisposition: 'inline',
      ContentEncoding: 'gzip',
      ContentLanguage: 'de',
      ContentLength: 70_000,
      Metadata: { release: 'r-1' },
      ETag,
      ServerSideEncryption: 'AES256',
    };
    expect(got).toMatchObject(described);
    expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'a/page.html' }))).toMatchObject(
      described,
    );
  });

  test('when it is sent as a stream, whose aws-chunked framing never reaches the object', async () => {
    const { client } = await aService();
    const bytes = randomBytes(300_001);
    const cuts = [0, 1, 3, 65_539, 165_539, bytes.length];
    const body = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
    await put(client, 'stream', {
      Body: Readable.from(body, { objectMode: false }),
      ContentLength: bytes.length,
      ContentEncoding: 'br',
    });
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'stream' }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(bytes);
    expect(got.ContentEncoding).toBe('br');
    expect(got.ChecksumCRC32).toBeDefined();
  });

  test('64 MB of it, up and down, without ever being in memory', async () => {
    const { client } = await aService();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const chunk = randomBytes(1024 ** 2);
    let peak = 0;
    const sample = () => {
      collect();
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
    };
    sample();
    const before = peak;
    const sent = createHash('sha256');
    async function* source() {
      for (let index = 0; index < 64; index++) {
        chunk.writeUInt32BE(index);
        sent.update(chunk);
        if (index % 8 === 7) sample();
        yield Buffer.from(chunk);
      }
    }
    await put(client, 'large', { Body: Readable.from(source()), ContentLength: 64 * 1024 ** 2 });

    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'large' }));
    const received = createHash('sha256');
    let pieces = 0;
    for await (const piece of Body as Readable) {
      received.update(piece);
      if (pieces++ % 100 === 0) sample();
    }
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    expect(peak - before).toBeLessThan(24 * 1024 ** 2);
  });

  test('under any key, and no key hides another', async () => {
    const { client } = await aService();
    for (const key of ODD_KEYS) await put(client, key, { Body: `body of ${key}` });
    for (const key of ODD_KEYS) expect(await text(client, key)).toBe(`body of ${key}`);
  });

  test('a page of the functions, which is compressed when it is large', async () => {
    const { client } = await aService();
    const { signal } = new AbortController();
    const pages = pagesIn(client, Bucket, (id) => `_site/releases/${id}.json`);
    const large = JSON.stringify(Array.from({ length: 9_000 }, (_, index) => `page é ${index}`));
    const version = await pages.write('a', large, undefined, signal);
    expect(await pages.read('a', signal)).toEqual({ text: large, version });
    const second = await pages.write('a', `${large}\n`, version, signal);
    expect(await pages.read('a', signal)).toEqual({ text: `${large}\n`, version: second });
    // Written before pages were compressed.
    await put(client, '_site/releases/b.json', { Body: large });
    expect((await pages.read('b', signal))?.text).toBe(large);
  });

  test('an empty object too', async () => {
    const { client } = await aService();
    await put(client, 'empty', { Body: '' });
    expect(await text(client, 'empty')).toBe('');
  });

  test('until it is replaced or deleted, and then its bytes leave the disk', async () => {
    const { client, stateDir } = await aService();
    await put(client, 'page', { Body: 'one' });
    await put(client, 'page', { Body: 'two' });
    expect(await text(client, 'page')).toBe('two');
    expect(await bodyFiles(stateDir)).toBe(1);
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'page' }));
    await expect(text(client, 'page')).rejects.toMatchObject({ name: 'NoSuchKey' });
    expect(await bodyFiles(stateDir)).toBe(0);
  });

  test('files put in process are objects like any other', async () => {
    const { s3, client } = await aService();
    const directory = await scratch();
    await writeFile(join(directory, 'in'), 'artifact');
    await s3.putFile(Bucket, 'run/artifact.zip', join(directory, 'in'));
    expect(await text(client, 'run/artifact.zip')).toBe('artifact');
    await s3.getFile(Bucket, 'run/artifact.zip', join(directory, 'out'));
    expect(await readFile(join(directory, 'out'), 'utf8')).toBe('artifact');
    await expect(s3.getFile(Bucket, 'none', join(directory, 'none'))).rejects.toThrow(
      's3://content/none: there is no such object',
    );
  });
});

describe('a damaged upload is refused and leaves nothing', () => {
  const sha256 = createHash('sha256').update('x').digest('base64');
  const other = createHash('sha256').update('y').digest('base64');

  test.each([
    { ChecksumSHA256: sha256 },
    { ChecksumAlgorithm: 'CRC32' as const },
    { ChecksumAlgorithm: 'CRC32C' as const },
    { ChecksumAlgorithm: 'CRC64NVME' as const },
    { ChecksumAlgorithm: 'SHA1' as const },
    { ChecksumAlgorithm: 'SHA256' as const },
    { ContentMD5: createHash('md5').update('x').digest('base64') },
  ])('with %o it is checked, kept and sent back', async (input) => {
    const { client } = await aService();
    const answer = await put(client, 'page', input);
    const sums = Object.entries(answer).filter(([name]) => /^Checksum[A-Z0-9]+$/.test(name));
    expect(sums).toHaveLength(1);
    const head = await client.send(
      new HeadObjectCommand({ Bucket, Key: 'page', ChecksumMode: 'ENABLED' }),
    );
    expect(head).toMatchObject({ ...Object.fromEntries(sums), ChecksumType: 'FULL_OBJECT' });
    // The SDK verifies what it reads against the stored checksum.
    expect(await text(client, 'page')).toBe('x');
  });

  test.each([
    ['SHA-256 of other bytes', { ChecksumSHA256: other }, 'BadDigest'],
    ['CRC32 of other bytes', { ChecksumCRC32: 'AAAAAA==' }, 'BadDigest'],
    ['CRC64NVME of other bytes', { ChecksumCRC64NVME: 'AAAAAAAAAAA=' }, 'BadDigest'],
    ['MD5 of other bytes', { ContentMD5: createHash('md5').digest('base64') }, 'BadDigest'],
    ['a SHA-256 too short', { ChecksumSHA256: 'AAAA' }, 'InvalidRequest'],
    ['no MD5 at all', { ContentMD5: 'nonsense' }, 'InvalidDigest'],
    ['two checksums', { ChecksumSHA256: sha256, ChecksumCRC32: 'AAAAAA==' }, 'InvalidRequest'],
  ])('%s', async (_, input, name) => {
    const { client, stateDir } = await aService();
    await expect(put(client, 'page', input)).rejects.toMatchObject({ name });
    expect(await keysOf(client)).toBeUndefined();
    expect(await bodyFiles(stateDir)).toBe(0);
  });

  const streamed = (body: string, headers: Record<string, string> = {}) => ({
    method: 'PUT',
    headers: {
      ...signedAs(),
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '5',
      'x-amz-trailer': 'x-amz-checksum-crc32',
      ...headers,
    },
    body,
  });

  test.each([
    ['well-formed', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', 200, ''],
    ['two chunks', '2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', 200, ''],
    [
      'another checksum',
      '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
      400,
      'BadDigest',
    ],
    ['no trailer', '5\r\nhello\r\n0\r\n\r\n', 400, 'MalformedTrailerError'],
    [
      'a trailer without a colon',
      '5\r\nhello\r\n0\r\nnonsense\r\n\r\n',
      400,
      'MalformedTrailerError',
    ],
    [
      'fewer bytes than promised',
      '4\r\nhell\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
      400,
      'IncompleteBody',
    ],
    [
      'more bytes than promised',
      '6\r\nhello!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
      400,
      'IncompleteBody',
    ],
    ['cut short', '5\r\nhel', 400, 'IncompleteBody'],
    ['no framing', 'hello', 400, 'IncompleteBody'],
    [
      'more bytes than the chunk says',
      '5\r\nhello!\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n',
      400,
      'InvalidRequest',
    ],
    ['a size that is none', 'five\r\nhello\r\n0\r\n\r\n', 400, 'InvalidRequest'],
    [
      'bytes behind the end',
      '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\nmore',
      400,
      'InvalidRequest',
    ],
  ])('aws-chunked: %s', async (_, body, status, code) => {
    const { endpoint, client, stateDir } = await aService();
    const answer = await raw(`${endpoint}/content/page`, streamed(body));
    expect([answer.status, /<Code>(.*)<\/Code>/.exec(answer.body)?.[1] ?? '']).toEqual([
      status,
      code,
    ]);
    if (status === 200) expect(await text(client, 'page')).toBe('hello');
    else expect(await bodyFiles(stateDir)).toBe(0);
  });

  test('a payload hash that is not the body’s', async () => {
    const { endpoint } = await aService();
    const answer = await raw(`${endpoint}/content/page`, {
      method: 'PUT',
      headers: { ...signedAs(), 'x-amz-content-sha256': '0'.repeat(64), 'content-length': '1' },
      body: 'x',
    });
    expect(answer).toMatchObject({
      status: 400,
      body: expect.stringContaining('<Code>XAmzContentSHA256Mismatch</Code>'),
    });
  });

  test('an upload that breaks off', async () => {
    const { endpoint, client, stateDir } = await aService();
    const sent = request(`${endpoint}/content/page`, {
      method: 'PUT',
      headers: {
        ...signedAs(),
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
        'content-length': 200_000,
      },
    }).on('error', () => {});
    sent.write(randomBytes(100_000));
    await expect.poll(() => bodyFiles(stateDir)).toBe(1);
    sent.destroy();
    await expect.poll(() => bodyFiles(stateDir)).toBe(0);
    expect(await keysOf(client)).toBeUndefined();
  });
});

describe('conditional writes', () => {
  test('what exists is never overwritten under If-None-Match: *', async () => {
    const { client } = await aService();
    await put(client, 'page', { Body: 'first', IfNoneMatch: '*' });
    await expect(put(client, 'page', { Body: 'second', IfNoneMatch: '*' })).rejects.toMatchObject({
      name: 'PreconditionFailed',
      $metadata: { httpStatusCode: 412 },
    });
    expect(await text(client, 'page')).toBe('first');
  });

  test('of many writers at once exactly one wins, and its bytes are the object', async () => {
    const { client, stateDir } = await aService();
    const bodies = Array.from({ length: 20 }, (_, index) => String(index).repeat(50_000));
    const results = await Promise.allSettled(
      bodies.map((Body) => put(client, 'page', { Body, IfNoneMatch: '*' })),
    );
    const winners = bodies.filter((_, index) => results[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(await text(client, 'page')).toBe(winners[0]);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason.name).toBe('PreconditionFailed');
    }
    expect(await bodyFiles(stateDir)).toBe(1);
  });

  test('If-Match writes over the version it names and over no other', async () => {
    const { client } = await aService();
    await expect(put(client, 'page', { IfMatch: '"0"' })).rejects.toMatchObject({
      name: 'NoSuchKey',
    });
    const { ETag } = await put(client, 'page', { Body: 'one' });
    await put(client, 'page', { Body: 'two', IfMatch: ETag });
    await expect(put(client, 'page', { Body: 'three', IfMatch: ETag })).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    expect(await text(client, 'page')).toBe('two');
  });

  test('a copy keeps to If-None-Match as well', async () => {
    const { client } = await aService();
    await put(client, 'from');
    await put(client, 'to', { Body: 'old' });
    const copy = new CopyObjectCommand({
      Bucket,
      Key: 'to',
      CopySource: 'content/from',
      IfNoneMatch: '*',
    });
    await expect(client.send(copy)).rejects.toMatchObject({ name: 'PreconditionFailed' });
    expect(await text(client, 'to')).toBe('old');
  });
});

describe('reads', () => {
  test.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-500', 206, '56789', 'bytes 5-9/10'],
    ['lines=1-2', 200, '0123456789', undefined],
  ])('range %s', async (Range, status, expected, ContentRange) => {
    const { client } = await aService();
    await put(client, 'digits', { Body: '0123456789' });
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'digits', Range }));
    expect(await got.Body?.transformToString()).toBe(expected);
    expect(got.$metadata.httpStatusCode).toBe(status);
    expect(got.ContentRange).toBe(ContentRange);
  });

  test('a range behind the end is a 416 that tells the size', async () => {
    const { endpoint, client } = await aService();
    await put(client, 'digits', { Body: '0123456789' });
    const answer = await raw(`${endpoint}/content/digits`, {
      headers: { ...signedAs(), range: 'bytes=10-' },
    });
    expect(answer).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */10' },
      body: expect.stringContaining('<Code>InvalidRange</Code>'),
    });
  });

  test('304 for the ETag that is current, and for no change since', async () => {
    const { client } = await aService();
    const { ETag } = await put(client, 'page');
    const { LastModified } = await client.send(new HeadObjectCommand({ Bucket, Key: 'page' }));
    const read = (input: object) =>
      client.send(new GetObjectCommand({ Bucket, Key: 'page', ...input })).then(
        ({ $metadata }) => $metadata.httpStatusCode,
        ({ $metadata }) => $metadata.httpStatusCode,
      );
    expect(await read({ IfNoneMatch: ETag })).toBe(304);
    expect(await read({ IfNoneMatch: '"other"' })).toBe(200);
    expect(await read({ IfModifiedSince: LastModified })).toBe(304);
    expect(await read({ IfModifiedSince: new Date(0) })).toBe(200);
    expect(await read({ IfNoneMatch: '"other"', IfModifiedSince: LastModified })).toBe(200);
    expect(await read({ IfMatch: '"other"' })).toBe(412);
  });

  test('HeadObject of a missing object is NotFound, HeadBucket tells which buckets are there', async () => {
    const { client } = await aService();
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'none' }))).rejects.toMatchObject(
      { name: 'NotFound' },
    );
    await client.send(new HeadBucketCommand({ Bucket }));
    await expect(client.send(new HeadBucketCommand({ Bucket: 'nobody' }))).rejects.toMatchObject({
      name: 'NotFound',
    });
  });
});

describe('copies', () => {
  test('carry everything along, from another bucket and an odd key too', async () => {
    const { client } = await aService();
    const Key = 'grüße & más/100%+.html';
    await client.send(
      new PutObjectCommand({
        Bucket: 'artifacts',
        Key,
        Body: 'page',
        ContentType: 'text/html',
        Metadata: { a: 'b' },
        ChecksumAlgorithm: 'SHA256',
      }),
    );
    const { CopyObjectResult } = await client.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'copy',
        CopySource: `artifacts/${encodeURIComponent(Key)}`,
      }),
    );
    const sum = createHash('sha256').update('page').digest('base64');
    expect(CopyObjectResult).toMatchObject({ ChecksumSHA256: sum, ETag: expect.any(String) });
    await client.send(new DeleteObjectCommand({ Bucket: 'artifacts', Key }));
    expect(await text(client, 'copy')).toBe('page');
    expect(
      await client.send(new HeadObjectCommand({ Bucket, Key: 'copy', ChecksumMode: 'ENABLED' })),
    ).toMatchObject({ ContentType: 'text/html', Metadata: { a: 'b' }, ChecksumSHA256: sum });
  });

  test('take new headers instead when asked to', async () => {
    const { client } = await aService();
    await put(client, 'from', { ContentType: 'text/html', Metadata: { a: 'b' } });
    await client.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'to',
        CopySource: '/content/from',
        MetadataDirective: 'REPLACE',
        CacheControl: 'public, max-age=60',
      }),
    );
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'to' }));
    expect(head).toMatchObject({
      ContentType: 'binary/octet-stream',
      CacheControl: 'public, max-age=60',
      Metadata: {},
    });
  });

  test('of nothing, or of an object onto itself, are refused', async () => {
    const { client } = await aService();
    const copy = (Key: string, CopySource: string) =>
      client.send(new CopyObjectCommand({ Bucket, Key, CopySource }));
    await expect(copy('to', 'content/none')).rejects.toMatchObject({ name: 'NoSuchKey' });
    await put(client, 'page');
    await expect(copy('page', 'content/page')).rejects.toMatchObject({ name: 'InvalidRequest' });
  });
});

describe('listings', () => {
  test('hold every key, whatever is in it, in the order of its UTF-8 bytes', async () => {
    const { client } = await aService();
    for (const key of ODD_KEYS) await put(client, key);
    const expected = [...ODD_KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await keysOf(client)).toEqual(expected);

    const encoded = await keysOf(client, { EncodingType: 'url' });
    expect(encoded?.map((key) => decodeURIComponent((key ?? '').replaceAll('+', ' ')))).toEqual(
      expected,
    );
  });

  test('come in pages that miss nothing and repeat nothing', async () => {
    const { client } = await aService();
    for (const key of ODD_KEYS) await put(client, key);
    const seen: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket, MaxKeys: 3, ContinuationToken }),
      );
      expect(page.KeyCount).toBe(page.Contents?.length);
      expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
      seen.push(...(page.Contents ?? []).map(({ Key }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(seen).toEqual(await keysOf(client));
  });

  test('fold what is below a delimiter and describe the rest', async () => {
    const { client } = await aService();
    for (const key of ['index.html', 'releases/1/a', 'releases/1/b', 'releases/2/a', 'z']) {
      await put(client, key);
    }
    const root = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }));
    expect(root.CommonPrefixes).toEqual([{ Prefix: 'releases/' }]);
    expect(root.Contents?.map(({ Key }) => Key)).toEqual(['index.html', 'z']);
    expect(root.Contents?.[0]).toMatchObject({
      Size: 1,
      ETag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      LastModified: expect.any(Date),
    });
    const below = { Prefix: 'releases/', Delimiter: '/', MaxKeys: 1 };
    const first = await client.send(new ListObjectsV2Command({ Bucket, ...below }));
    expect(first.CommonPrefixes).toEqual([{ Prefix: 'releases/1/' }]);
    const second = await client.send(
      new ListObjectsV2Command({
        Bucket,
        ...below,
        ContinuationToken: first.NextContinuationToken,
      }),
    );
    expect(second.CommonPrefixes).toEqual([{ Prefix: 'releases/2/' }]);
    expect(second.IsTruncated).toBe(false);
    expect(await keysOf(client, { StartAfter: 'releases/1/b' })).toEqual(['releases/2/a', 'z']);
    expect(await keysOf(client, { Prefix: 'none' })).toBeUndefined();
  });

  test('give at most a thousand keys, and none when asked for none', () => {
    const keys = Array.from({ length: 5 }, (_, index) => `k${index}`);
    const request = { prefix: '', delimiter: '', after: '' };
    expect(list(keys, { ...request, limit: 0 })).toEqual({ keys: [], prefixes: [] });
    expect(list(keys, { ...request, limit: 5 }).next).toBeUndefined();
    expect(list(keys, { ...request, limit: 4 }).next).toEqual({
      after: 'k3',
      afterIsPrefix: false,
    });
  });

  test('order any two keys as their bytes are ordered', () => {
    const key = fc.string({ unit: 'grapheme', maxLength: 6 });
    fc.assert(
      fc.property(
        key,
        key,
        bounded((a, b) => {
          expect(Math.sign(byUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        }),
      ),
      {
        ...runs(800),
        examples: [
          ['\uFFFD', '😀'],
          ['😀', '\uE000'],
          ['a', 'ab'],
        ],
      },
    );
  });

  test('paged in any way give the same as in one piece', () => {
    const keys = fc.uniqueArray(fc.stringMatching(/^[ab/]{1,6}$/), { maxLength: 30 });
    fc.assert(
      fc.property(
        keys,
        fc.constantFrom('', 'a', 'a/'),
        fc.integer({ min: 1, max: 4 }),
        bounded((all, prefix, limit) => {
          const sorted = [...all].sort(byUtf8);
          const request = { prefix, delimiter: '/', after: '' };
          const whole = list(sorted, { ...request, limit: 1000 });
          const pages = { keys: [] as string[], prefixes: [] as string[] };
          let from: { after: string; afterIsPrefix?: boolean } | undefined = { after: '' };
          while (from !== undefined) {
            const page: ReturnType<typeof list> = list(sorted, { ...request, limit, ...from });
            pages.keys.push(...page.keys);
            pages.prefixes.push(...page.prefixes);
            from = page.next;
          }
          expect(pages).toEqual({ keys: whole.keys, prefixes: whole.prefixes });
        }),
      ),
    );
  });
});

describe('deletes', () => {
  test('many at once, the missing ones counting as deleted', async () => {
    const { client } = await aService();
    const odd = ODD_KEYS.filter((key) => key !== 'a');
    for (const key of ODD_KEYS) await put(client, key);
    const answer = await client.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [...odd, 'never was'].map((Key) => ({ Key })) },
      }),
    );
    expect(answer.Deleted?.map(({ Key }) => Key)).toEqual([...odd, 'never was']);
    expect(await keysOf(client)).toEqual(['a']);
    const quiet = await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'a' }], Quiet: true } }),
    );
    expect(quiet.Deleted).toBeUndefined();
    expect(await keysOf(client)).toBeUndefined();
  });

  test.each([0, 1001])('%i keys are not a batch', async (count) => {
    const { client } = await aService();
    const Objects = Array.from({ length: count }, (_, index) => ({ Key: `k${index}` }));
    await expect(
      client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } })),
    ).rejects.toMatchObject({ name: 'MalformedXML' });
  });

  test('a thousand keys of the greatest length are a batch', async () => {
    const { client } = await aService();
    const Objects = Array.from({ length: 1000 }, (_, index) => ({
      Key: `${index}`.padEnd(1024, '&'),
    }));
    const answer = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(answer.Deleted).toHaveLength(1000);
  });
});

describe('the state', () => {
  test('goes on where the last run ended', async () => {
    const { s3, stateDir, client } = await aService();
    for (const key of ODD_KEYS) await put(client, key, { Body: key, Metadata: { kept: 'yes' } });
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    await s3.close();

    const again = aClient(await started(aStore(stateDir)));
    const left = ODD_KEYS.filter((key) => key !== 'a');
    expect(await keysOf(again)).toEqual(
      left.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    expect(await text(again, 'a/b')).toBe('a/b');
    expect(
      await again.send(new HeadObjectCommand({ Bucket, Key: 'a//b', ChecksumMode: 'ENABLED' })),
    ).toMatchObject({ Metadata: { kept: 'yes' }, ChecksumCRC32: expect.any(String) });
  });

  test('survives a crash in the middle of a write', async () => {
    const { s3, stateDir, client } = await aService();
    await put(client, 'kept', { Body: 'kept' });
    await s3.close();
    // What a kill leaves: half a line, a body that no line names, an upload that never ended.
    await appendFile(join(stateDir, Bucket, 'index.jsonl'), '{"put":{"key":"half');
    await writeFile(join(stateDir, Bucket, 'uploads', 'part'), 'partial');
    const [folder] = await readdir(join(stateDir, Bucket, 'blobs'));
    await writeFile(join(stateDir, Bucket, 'blobs', folder ?? '', 'orphan'), 'orphan');

    const second = aStore(stateDir);
    const again = aClient(await started(second));
    expect(await keysOf(again)).toEqual(['kept']);
    expect(await bodyFiles(stateDir)).toBe(1);
    await put(again, 'new');
    await second.close();
    expect(await keysOf(aClient(await started(aStore(stateDir))))).toEqual(['kept', 'new']);
  });

  test('that somebody damaged is an error that says what to do', async () => {
    const { s3, stateDir, client } = await aService();
    await put(client, 'page');
    await s3.close();
    const index = join(stateDir, Bucket, 'index.jsonl');
    await writeFile(index, `nonsense\n${await readFile(index, 'utf8')}`);
    expect(() => aStore(stateDir)).toThrow(
      `${join(stateDir, Bucket)}: damaged; delete it, and the objects in it, to start afresh`,
    );
  });

  test('of 50,000 objects opens, and forgets what was replaced', async () => {
    const directory = join(await scratch(), 'bucket');
    const folders = Array.from({ length: 50 }, (_, index) => String(index).padStart(2, '0'));
    const lines: object[] = [];
    for (const folder of folders) {
      await mkdir(join(directory, 'blobs', folder), { recursive: true });
      for (let index = 0; index < 1000; index++) {
        const blob = `${folder}${index}`;
        const key = `releases/1/${blob}`;
        writeFileSync(join(directory, 'blobs', folder, blob), '');
        const object = { key, blob, size: 0, etag: '""', lastModified: 0, headers: {} };
        const put = { ...object, checksum: { algorithm: 'crc32', value: 'AAAAAA==' } };
        lines.push({ put: { ...put, blob: 'old' } }, { delete: key }, { put });
      }
    }
    const index = join(directory, 'index.jsonl');
    await writeFile(index, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const store = new BucketStore(directory);
    store.close();
    expect(store.keys).toHaveLength(50_000);
    expect((await readFile(index, 'utf8')).split('\n')).toHaveLength(50_001);
  });
});

describe('who may call', () => {
  test('an unsigned request is refused whatever it asks for', async () => {
    const { endpoint, client } = await aService();
    await put(client, 'page');
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'POST']) {
      for (const path of ['/content/page', '/content?list-type=2', '/content/none', '/nobody/x']) {
        const answer = await raw(`${endpoint}${path}`, { method });
        expect(answer.status).toBe(403);
        if (method !== 'HEAD') expect(answer.body).toContain('<Code>AccessDenied</Code>');
      }
    }
    expect(await text(client, 'page')).toBe('x');
  });

  test('an access key that was never registered is unknown', async () => {
    const { endpoint } = await aService();
    const stranger = aClient(endpoint, { ...KEYS, accessKeyId: 'AKIDSTRANGER' });
    await expect(put(stranger, 'page')).rejects.toMatchObject({
      name: 'InvalidAccessKeyId',
      $metadata: { httpStatusCode: 403 },
    });
  });

  test('every call is told with its caller, action and resource', async () => {
    const calls: Call[] = [];
    const { client } = await aService({ onCall: (call) => calls.push(call) });
    await put(client, 'a b');
    await text(client, 'a b');
    await client.send(new HeadObjectCommand({ Bucket, Key: 'a b' }));
    await client.send(
      new CopyObjectCommand({ Bucket: 'artifacts', Key: 'c', CopySource: 'content/a%20b' }),
    );
    await keysOf(client);
    await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'a b' }, { Key: 'd' }] } }),
    );
    expect(
      calls.map(({ principal, action, resource }) => `${principal} ${action} ${resource}`),
    ).toEqual([
      'a test s3:PutObject arn:aws:s3:::content/a b',
      'a test s3:GetObject arn:aws:s3:::content/a b',
      'a test s3:GetObject arn:aws:s3:::content/a b',
      'a test s3:GetObject arn:aws:s3:::content/a b',
      'a test s3:PutObject arn:aws:s3:::artifacts/c',
      'a test s3:ListBucket arn:aws:s3:::content',
      'a test s3:DeleteObject arn:aws:s3:::content/a b',
      'a test s3:DeleteObject arn:aws:s3:::content/d',
    ]);
  });

  test('a caller without ListBucket cannot tell a missing object from a forbidden one', async () => {
    const { client } = await aService({ allow: ({ action }) => action !== 's3:ListBucket' });
    await put(client, 'page');
    expect(await text(client, 'page')).toBe('x');
    await expect(text(client, 'none')).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(keysOf(client)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test('a batch delete tells for each key whether it was allowed', async () => {
    const { client } = await aService({
      allow: ({ action, resource }) => action !== 's3:DeleteObject' || !resource.endsWith('kept'),
    });
    await put(client, 'kept');
    await put(client, 'gone');
    const answer = await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'kept' }, { Key: 'gone' }] } }),
    );
    expect(answer.Deleted?.map(({ Key }) => Key)).toEqual(['gone']);
    expect(answer.Errors).toMatchObject([{ Key: 'kept', Code: 'AccessDenied' }]);
    expect(await keysOf(client)).toEqual(['kept']);
  });
});

describe('what is not known here is refused and reported, never ignored', () => {
  test.each([
    [
      'another operation',
      (client: S3Client) =>
        client.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL: 'private' })),
      'S3 PutObject: query parameter acl',
    ],
    [
      'a storage class',
      (client: S3Client) => put(client, 'k', { StorageClass: 'GLACIER' }),
      'S3 PutObject: x-amz-storage-class GLACIER',
    ],
    [
      'a KMS key',
      (client: S3Client) => put(client, 'k', { ServerSideEncryption: 'aws:kms' }),
      'S3 PutObject: x-amz-server-side-encryption aws:kms',
    ],
    [
      'tags',
      (client: S3Client) => put(client, 'k', { Tagging: 'a=b' }),
      'S3 PutObject: header x-amz-tagging',
    ],
    [
      'an ACL',
      (client: S3Client) => put(client, 'k', { ACL: 'private' }),
      'S3 PutObject: header x-amz-acl',
    ],
    [
      'a bucket owner',
      (client: S3Client) => text(client, 'k', { ExpectedBucketOwner: '123456789012' }),
      'S3 GetObject: header x-amz-expected-bucket-owner',
    ],
    [
      'a version',
      (client: S3Client) => text(client, 'k', { VersionId: 'v' }),
      'S3 GetObject: query parameter versionId',
    ],
    [
      'other response headers',
      (client: S3Client) => text(client, 'k', { ResponseContentType: 'a/b' }),
      'S3 GetObject: query parameter response-content-type',
    ],
    [
      'several ranges',
      (client: S3Client) => text(client, 'k', { Range: 'bytes=0-0,0-0' }),
      'S3 GetObject: more than one range',
    ],
    [
      'a source version',
      (client: S3Client) =>
        client.send(
          new CopyObjectCommand({ Bucket, Key: 'c', CopySource: 'content/k?versionId=v' }),
        ),
      'S3 CopyObject: x-amz-copy-source ?versionId=v',
    ],
    [
      'a source condition',
      (client: S3Client) =>
        client.send(
          new CopyObjectCommand({
            Bucket,
            Key: 'c',
            CopySource: 'content/k',
            CopySourceIfMatch: '"e"',
          }),
        ),
      'S3 CopyObject: header x-amz-copy-source-if-match',
    ],
    [
      'a conditional delete',
      (client: S3Client) =>
        client.send(new DeleteObjectCommand({ Bucket, Key: 'k', IfMatch: '"e"' })),
      'S3 DeleteObject: header if-match',
    ],
    [
      'deleting a version',
      (client: S3Client) =>
        client.send(
          new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'k', VersionId: 'v' }] } }),
        ),
      'S3 DeleteObjects: VersionId of an object',
    ],
    [
      'owners in a listing',
      (client: S3Client) => keysOf(client, { FetchOwner: true }),
      'S3 ListObjectsV2: query parameter fetch-owner',
    ],
  ])('%s', async (_, send, what) => {
    const unknown: string[] = [];
    const { client } = await aService({ onUnknown: (message) => unknown.push(message) });
    await put(client, 'k');
    await expect(send(client)).rejects.toMatchObject({
      name: 'NotImplemented',
      message: `${what}: the local run does not know this.`,
    });
    expect(unknown).toEqual([what]);
    expect(await keysOf(client)).toEqual(['k']);
  });

  test('a key of more than 1,024 bytes is too long', async () => {
    const { client } = await aService();
    await expect(put(client, 'ü'.repeat(513))).rejects.toMatchObject({ name: 'KeyTooLongError' });
  });

  test('a bucket that the template does not have is no bucket', async () => {
    const { client } = await aService();
    await expect(
      client.send(new GetObjectCommand({ Bucket: 'nobody', Key: 'k' })),
    ).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });
});

describe('a versioned bucket', () => {
  const VERSIONED = bucket({
    VersioningConfiguration: { Status: 'Enabled' },
    NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    LifecycleConfiguration: {
      Rules: [{ Status: 'Enabled', NoncurrentVersionExpiration: { NoncurrentDays: 30 } }],
    },
  });
  const buckets = [VERSIONED, bucket({}, 'artifacts')];

  test('keeps what is overwritten, under the version that its upload was given', async () => {
    const { client } = await aService({ buckets });
    const first = await put(client, 'site.zip', { Body: 'first' });
    const second = await put(client, 'site.zip', { Body: 'second' });
    for (const { VersionId } of [first, second]) expect(VersionId).toMatch(/^[\w.]{32}$/);
    expect(second.VersionId).not.toBe(first.VersionId);

    const newest = await client.send(new GetObjectCommand({ Bucket, Key: 'site.zip' }));
    expect(newest.VersionId).toBe(second.VersionId);
    expect(await newest.Body?.transformToString()).toBe('second');
    expect(await text(client, 'site.zip', { VersionId: first.VersionId })).toBe('first');
    expect(await text(client, 'site.zip', { VersionId: second.VersionId })).toBe('second');
    const head = { Bucket, Key: 'site.zip', VersionId: first.VersionId };
    expect((await client.send(new HeadObjectCommand(head))).ContentLength).toBe(5);
    expect(await keysOf(client)).toEqual(['site.zip']);
  });

  test('does not give out the version of another key, and says so', async () => {
    const { client } = await aService({ buckets });
    const { VersionId } = await put(client, 'a.zip');
    await put(client, 'b.zip');
    await expect(text(client, 'b.zip', { VersionId })).rejects.toMatchObject({
      name: 'NoSuchVersion',
      $metadata: { httpStatusCode: 404 },
    });
  });

  test('has its versions after a restart, and loses them a month after they were overwritten', async () => {
    const stateDir = await scratch();
    const day = 24 * 60 * 60 * 1000;
    let now = Date.UTC(2026, 0, 1, 12);
    const s3 = aStore(stateDir, { buckets, now: () => now });
    const client = aClient(await started(s3));
    const first = await put(client, 'site.zip', { Body: 'first' });
    now += 100 * day;
    await put(client, 'site.zip', { Body: 'second' });
    await s3.close();

    const again = aStore(stateDir, { buckets, now: () => now });
    const reader = aClient(await started(again));
    expect(await text(reader, 'site.zip', { VersionId: first.VersionId })).toBe('first');
    again.expire(now + 30 * day);
    expect(again.versions(Bucket, 'site.zip')).toHaveLength(2);
    again.expire(now + 31 * day);
    expect(again.versions(Bucket, 'site.zip')).toHaveLength(1);
    expect(await text(reader, 'site.zip')).toBe('second');
    expect(await bodyFiles(stateDir)).toBe(1);
    await again.close();

    const later = aStore(stateDir, { buckets, now: () => now });
    await started(later);
    expect(later.versions(Bucket, 'site.zip')).toHaveLength(1);
  });

  test('tells EventBridge of every new object, and only of those in a bucket that is to', async () => {
    const events: BusEvent[] = [];
    const { client } = await aService({ buckets, onEvent: (event) => events.push(event) });
    const { VersionId, ETag = '' } = await put(client, 'site.zip', { Body: 'abc' });
    await put(client, 'site.zip', { Bucket: 'artifacts' });
    await client.send(
      new CopyObjectCommand({ Bucket, Key: 'copy.zip', CopySource: `${Bucket}/site.zip` }),
    );
    const refused = put(client, 'site.zip', { IfNoneMatch: '*' });
    await expect(refused).rejects.toMatchObject({ name: 'PreconditionFailed' });
    expect(events).toHaveLength(2);
    expect(events[0]).toEqual({
      source: 'aws.s3',
      'detail-type': 'Object Created',
      resources: [`arn:aws:s3:::${Bucket}`],
      detail: {
        version: '0',
        bucket: { name: Bucket },
        object: {
          key: 'site.zip',
          size: 3,
          etag: ETag.replaceAll('"', ''),
          'version-id': VersionId,
        },
        reason: 'PutObject',
      },
    });
    expect(events[1]?.detail).toMatchObject({ object: { key: 'copy.zip' }, reason: 'CopyObject' });
  });

  test('is told to delete in vain: markers are not known here', async () => {
    const unknown: string[] = [];
    const { client } = await aService({ buckets, onUnknown: (what) => unknown.push(what) });
    await put(client, 'site.zip');
    const one = client.send(new DeleteObjectCommand({ Bucket, Key: 'site.zip' }));
    await expect(one).rejects.toMatchObject({ name: 'NotImplemented' });
    const Delete = { Objects: [{ Key: 'site.zip' }] };
    const many = client.send(new DeleteObjectsCommand({ Bucket, Delete }));
    await expect(many).rejects.toMatchObject({ name: 'NotImplemented' });
    expect(unknown).toEqual([
      'S3 DeleteObject: in the versioned bucket content',
      'S3 DeleteObjects: in the versioned bucket content',
    ]);
    expect(await text(client, 'site.zip')).toBe('x');
  });
});
