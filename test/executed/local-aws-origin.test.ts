import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LocalS3, type LocalS3Options } from '../../local/aws/s3.ts';
import { settingsOf } from '../../local/aws/s3-properties.ts';
import { ACCOUNT, clientOptions, scratch, started } from '../support/local-aws.ts';

const DISTRIBUTION = `arn:aws:cloudfront::${ACCOUNT}:distribution/E1`;
const DOMAIN = 'content.s3.eu-west-1.amazonaws.com';
const ARNS = ['arn:aws:s3:::content', 'arn:aws:s3:::content/*'];
const DAY = 24 * 60 * 60 * 1000;

/** As CDK writes it for a bucket with `enforceSSL` behind origin access control. */
const TLS_ONLY = {
  Action: 's3:*',
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  Effect: 'Deny',
  Principal: { AWS: '*' },
  Resource: ARNS,
};
const READ = {
  Action: 's3:GetObject',
  Condition: { StringEquals: { 'AWS:SourceArn': DISTRIBUTION } },
  Effect: 'Allow',
  Principal: { Service: 'cloudfront.amazonaws.com' },
  Resource: 'arn:aws:s3:::content/*',
};
const READ_AND_LIST = { ...READ, Action: ['s3:GetObject', 's3:ListBucket'], Resource: ARNS };
const document = (...Statement: object[]) => ({ Statement, Version: '2012-10-17' });

async function anOrigin(statements: object[], options: Partial<LocalS3Options> = {}) {
  const s3 = new LocalS3({
    stateDir: await scratch(),
    region: 'eu-west-1',
    buckets: [{ name: 'content', logicalId: 'Content', properties: {} }],
    policies: [{ bucket: 'content', policyDocument: document(...statements) }],
    ...options,
  });
  const client = new S3Client(clientOptions(await started(s3)));
  onTestFinished(() => client.destroy());
  const put = (Key: string, Body = 'x', more: object = {}) =>
    client.send(new PutObjectCommand({ Bucket: 'content', Key, Body, ...more }));
  const read = (path: string, headers = {}, method: 'GET' | 'HEAD' = 'GET', arn = DISTRIBUTION) =>
    s3.originReader(arn).read(DOMAIN, method, path, headers);
  return { s3, client, put, read };
}

describe('what a distribution reads', () => {
  test('is the object with its headers, whatever its key', async () => {
    const { put, read } = await anOrigin([TLS_ONLY, READ_AND_LIST]);
    await put('releases/1/grüße & mehr.html', 'page', {
      ContentType: 'text/html; charset=utf-8',
      CacheControl: 'public, max-age=31536000, immutable',
    });
    const path = '/releases/1/gr%C3%BC%C3%9Fe%20&%20mehr.html';
    const answer = await read(path);
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'public, max-age=31536000, immutable',
        'content-length': '4',
        etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
        'last-modified': expect.stringMatching(/ GMT$/),
      },
    });
    expect(answer.body.toString()).toBe('page');

    const head = await read(path, {}, 'HEAD');
    expect(head).toEqual({ ...answer, body: Buffer.alloc(0) });
    const part = await read(path, { range: 'bytes=1-2' });
    expect([part.status, part.headers['content-range'], part.body.toString()]).toEqual([
      206,
      'bytes 1-2/4',
      'ag',
    ]);
    const same = await read(path, { 'if-none-match': answer.headers.etag });
    expect([same.status, same.body.length, same.headers['cache-control']]).toEqual([
      304,
      0,
      'public, max-age=31536000, immutable',
    ]);
    const since = { 'if-modified-since': answer.headers['last-modified'] };
    expect((await read(path, since)).status).toBe(304);
    expect((await read(path, { range: 'bytes=9-' })).status).toBe(416);
  });

  test('is named with a space where the address has a plus, as S3 reads it', async () => {
    const { put, read } = await anOrigin([READ_AND_LIST]);
    await put('a b', 'space');
    await put('a+b', 'plus');
    expect((await read('/a+b')).body.toString()).toBe('space');
    expect((await read('/a%2Bb')).body.toString()).toBe('plus');
  });

  test('is a 404 for a missing object where it may list, and a 403 where it may not', async () => {
    const listing = await anOrigin([TLS_ONLY, READ_AND_LIST]);
    const missing = await listing.read('/none');
    expect(missing.status).toBe(404);
    expect(missing.headers['content-type']).toBe('application/xml');
    expect(missing.body.toString()).toContain('<Code>NoSuchKey</Code>');
    expect((await listing.read('/none', {}, 'HEAD')).body).toHaveLength(0);

    const reading = await anOrigin([TLS_ONLY, READ]);
    const hidden = await reading.read('/none');
    expect(hidden.status).toBe(403);
    expect(hidden.body.toString()).toContain('<Code>AccessDenied</Code>');
  });

  test('is the listing of the bucket at its root, where it may list', async () => {
    const listing = await anOrigin([READ_AND_LIST]);
    await listing.put('secret.txt');
    const root = await listing.read('/');
    expect([root.status, root.body.toString().includes('<Key>secret.txt</Key>')]).toEqual([
      200,
      true,
    ]);
    const reading = await anOrigin([READ]);
    expect((await reading.read('/')).status).toBe(403);
  });

  test.each([
    ['no policy at all', { policies: [] }, DISTRIBUTION],
    ['another distribution', {}, DISTRIBUTION.replace('E1', 'E2')],
  ])('is nothing: %s', async (_, options, arn) => {
    const { put, read } = await anOrigin([TLS_ONLY, READ_AND_LIST], options);
    await put('page');
    expect((await read('/page', {}, 'GET', arn)).status).toBe(403);
    expect((await read('/', {}, 'GET', arn)).status).toBe(403);
  });

  test('is nothing that the policy denies, even where it allows it', async () => {
    const deny = { ...READ, Effect: 'Deny', Resource: 'arn:aws:s3:::content/private/*' };
    const { put, read } = await anOrigin([READ_AND_LIST, deny]);
    await put('private/a');
    await put('public/a');
    expect((await read('/private/a')).status).toBe(403);
    expect((await read('/public/a')).status).toBe(200);
  });

  test('cannot come from a host that is none of the buckets', async () => {
    const { s3 } = await anOrigin([READ]);
    await expect(
      s3.originReader(DISTRIBUTION).read('elsewhere.example.com', 'GET', '/', {}),
    ).rejects.toThrow(`origin elsewhere.example.com: the local S3 knows ${DOMAIN}`);
  });

  test('is a 400 for an address that cannot be decoded', async () => {
    const { read } = await anOrigin([READ_AND_LIST]);
    const answer = await read('/%E0%A4%A');
    expect([answer.status, answer.body.toString().includes('InvalidURI')]).toEqual([400, true]);
  });
});

describe('a bucket policy', () => {
  test('denies a signed caller what its own policy allows, and allows what it does not', async () => {
    const { put, client } = await anOrigin(
      [
        { ...TLS_ONLY, Condition: undefined, Action: 's3:PutObject', Resource: `${ARNS[0]}/no/*` },
        { Effect: 'Allow', Principal: { AWS: 'a test' }, Action: 's3:Put*', Resource: ARNS },
      ].map((statement) => JSON.parse(JSON.stringify(statement))),
      { allow: () => false },
    );
    await put('yes/page');
    await expect(put('no/page')).rejects.toMatchObject({ name: 'AccessDenied' });
    const { ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    await expect(
      client.send(new ListObjectsV2Command({ Bucket: 'content' })),
    ).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test('of a bucket that is not in the template, or a second one, is an error', async () => {
    const policy = { logicalId: 'Policy', policyDocument: document(READ) };
    await expect(anOrigin([], { policies: [{ ...policy, bucket: 'nobody' }] })).rejects.toThrow(
      "Policy (AWS::S3::BucketPolicy): PolicyDocument: nobody is not one of the template's buckets",
    );
    const twice = { ...policy, bucket: 'content' };
    await expect(anOrigin([], { policies: [twice, twice] })).rejects.toThrow(
      'Policy (AWS::S3::BucketPolicy): PolicyDocument: content has a policy already',
    );
  });
});

describe('a bucket’s properties', () => {
  const PRIVATE = {
    BlockPublicAcls: true,
    BlockPublicPolicy: true,
    IgnorePublicAcls: true,
    RestrictPublicBuckets: true,
  };
  const encryption = (SSEAlgorithm: string) => ({
    ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm } }],
  });

  test('that this stack uses are honoured, and no other is even read', () => {
    const read = new Set<string>();
    const properties = new Proxy(
      {
        BucketEncryption: encryption('AES256'),
        PublicAccessBlockConfiguration: PRIVATE,
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        LifecycleConfiguration: {
          Rules: [
            { Id: 'job-claims', Prefix: '_site/jobs/', ExpirationInDays: 1, Status: 'Enabled' },
            { ExpirationInDays: 30, Status: 'Disabled' },
            { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' },
          ],
        },
        Tags: [],
      },
      {
        get: (target, name, receiver) => {
          read.add(String(name));
          return Reflect.get(target, name, receiver);
        },
      },
    );
    expect(settingsOf('Content', properties)).toEqual({
      expirations: [{ prefix: '_site/jobs/', days: 1 }],
      versioned: false,
      noncurrentDays: undefined,
      events: false,
    });
    expect([...read].sort()).toEqual([
      'BucketEncryption',
      'LifecycleConfiguration',
      'NotificationConfiguration',
      'OwnershipControls',
      'PublicAccessBlockConfiguration',
      'VersioningConfiguration',
    ]);
  });

  test('that it cannot honour are all named at once', () => {
    const properties = {
      BucketEncryption: encryption('aws:kms'),
      PublicAccessBlockConfiguration: { ...PRIVATE, RestrictPublicBuckets: false },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'ObjectWriter' }] },
      VersioningConfiguration: { Status: 'Enabled' },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: 1 } },
      LifecycleConfiguration: {
        Rules: [
          { Status: 'Enabled', Transitions: [] },
          { Status: 'On', ExpirationInDays: 0 },
          {
            Status: 'Enabled',
            Prefix: 'a/',
            NoncurrentVersionExpiration: { NoncurrentDays: 0 },
          },
        ],
      },
    };
    expect(() => settingsOf('Content', properties)).toThrow(
      new Error(
        [
          'BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm: got "aws:kms"; the local S3 knows "AES256"',
          'PublicAccessBlockConfiguration.RestrictPublicBuckets: got false; the local S3 knows private buckets only: use true',
          'OwnershipControls.Rules[0].ObjectOwnership: got "ObjectWriter"; the local S3 knows "BucketOwnerEnforced": no object has an access control list',
          'NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled: got 1; the local S3 knows true and false',
          'LifecycleConfiguration.Rules[0]: has no ExpirationInDays; the local S3 knows ExpirationInDays, NoncurrentVersionExpiration and AbortIncompleteMultipartUpload',
          'LifecycleConfiguration.Rules[1].Status: got "On"; the local S3 knows "Enabled" and "Disabled"',
          'LifecycleConfiguration.Rules[1].ExpirationInDays: got 0; use a whole number of at least 1',
          'LifecycleConfiguration.Rules[1].ExpirationInDays: got 0; the local S3 knows no delete markers, which this makes in a versioned bucket',
          'LifecycleConfiguration.Rules[2].NoncurrentVersionExpiration.NoncurrentDays: got 0; use a whole number of at least 1',
          'LifecycleConfiguration.Rules[2].Prefix: got "a/"; the local S3 knows rules for old versions of all objects',
        ]
          .map((problem) => `Content (AWS::S3::Bucket): ${problem}`)
          .join('\n'),
      ),
    );
  });

  const expiring = [
    {
      name: 'content',
      logicalId: 'Content',
      properties: {
        LifecycleConfiguration: {
          Rules: [{ Prefix: '_site/jobs/', ExpirationInDays: 1, Status: 'Enabled' }],
        },
      },
    },
  ];

  test('let objects under a prefix expire at the midnight after their days, and no others', async () => {
    const created = Date.UTC(2026, 10, 23, 6, 15);
    const { s3, put, read } = await anOrigin([READ_AND_LIST], {
      now: () => created,
      buckets: expiring,
    });
    await put('_site/jobs/1');
    await put('_site/404.html');
    const midnight = Date.UTC(2026, 10, 25);
    s3.expire(midnight - 1);
    expect((await read('/_site/jobs/1')).status).toBe(200);
    s3.expire(midnight);
    expect((await read('/_site/jobs/1')).status).toBe(404);
    s3.expire(created + 1000 * DAY);
    expect((await read('/_site/404.html')).status).toBe(200);
  });

  test('count at the next start for what expired in between', async () => {
    const stateDir = await scratch();
    const first = await anOrigin([], { stateDir, buckets: expiring });
    await first.put('_site/jobs/1');
    await first.put('_site/404.html');
    await first.s3.close();
    const later = { stateDir, buckets: expiring, now: () => Date.now() + 3 * DAY };
    const { read } = await anOrigin([READ_AND_LIST], later);
    expect((await read('/_site/jobs/1')).status).toBe(404);
    expect((await read('/_site/404.html')).status).toBe(200);
  });
});
