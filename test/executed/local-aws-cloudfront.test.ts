import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
  ListInvalidationsCommand,
  waitUntilInvalidationCompleted,
} from '@aws-sdk/client-cloudfront';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  LocalCloudFrontApi,
  type LocalCloudFrontApiOptions,
} from '../../local/aws/cloudfront-api.ts';
import type { Call } from '../../local/aws/service.ts';
import {
  ACCOUNT,
  clientOptions,
  KEYS,
  raw,
  scratch,
  signedAs,
  started,
} from '../support/local-aws.ts';

const DistributionId = 'E1EXAMPLE';
const ARN = `arn:aws:cloudfront::${ACCOUNT}:distribution/${DistributionId}`;
/** Longer than any test: what is created stays in progress. */
const NEVER = 60 * 60 * 1000;

async function aService(options: Partial<LocalCloudFrontApiOptions> = {}) {
  const purged: string[] = [];
  const settings: LocalCloudFrontApiOptions = {
    stateDir: await scratch(),
    distributions: [
      { id: DistributionId, arn: ARN },
      { id: 'E2', arn: ARN.replace(DistributionId, 'E2') },
    ],
    onInvalidate: (id, paths) => purged.push(`${id} ${paths.join(' ')}`),
    completionDelayMs: 5,
    ...options,
  };
  const api = new LocalCloudFrontApi(settings);
  const endpoint = await started(api);
  return { api, settings, purged, endpoint, client: aClient(endpoint) };
}

function aClient(endpoint: string, credentials = KEYS): CloudFrontClient {
  const client = new CloudFrontClient(clientOptions(endpoint, credentials));
  onTestFinished(() => client.destroy());
  return client;
}

const create = (
  client: CloudFrontClient,
  paths: string[],
  CallerReference = 'job-1',
  id = DistributionId,
) =>
  client.send(
    new CreateInvalidationCommand({
      DistributionId: id,
      InvalidationBatch: { CallerReference, Paths: { Quantity: paths.length, Items: paths } },
    }),
  );

const status = async (client: CloudFrontClient, Id = '') =>
  (await client.send(new GetInvalidationCommand({ DistributionId, Id }))).Invalidation?.Status;

describe('an invalidation', () => {
  test('is in progress, then purges its paths, then is completed', async () => {
    const { client, purged } = await aService({ completionDelayMs: 50 });
    const created = await create(client, ['/_site/*', '/a b'.replace(' ', '%20'), '/x&y']);
    expect(created.$metadata.httpStatusCode).toBe(201);
    expect(created.Location).toContain(`/2020-05-31/distribution/${DistributionId}/invalidation/`);
    expect(created.Invalidation).toMatchObject({
      Id: expect.stringMatching(/^I[A-Z0-9]{13}$/),
      Status: 'InProgress',
      CreateTime: expect.any(Date),
      InvalidationBatch: {
        CallerReference: 'job-1',
        Paths: { Quantity: 3, Items: ['/_site/*', '/a%20b', '/x&y'] },
      },
    });
    const Id = created.Invalidation?.Id ?? '';
    const { state } = await waitUntilInvalidationCompleted(
      { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
      { DistributionId, Id },
    );
    expect(state).toBe('SUCCESS');
    expect(purged).toEqual([`${DistributionId} /_site/* /a%20b /x&y`]);
  });

  test('is purged before anybody, after a crash too, takes it for completed', async () => {
    const stateDir = await scratch();
    const kept: boolean[] = [];
    const { client } = await aService({
      stateDir,
      onInvalidate: () => {
        const state = readFileSync(join(stateDir, 'invalidations.json'), 'utf8');
        kept.push(JSON.parse(state)[0].completed);
      },
    });
    const { Invalidation } = await create(client, ['/*']);
    await expect.poll(() => status(client, Invalidation?.Id)).toBe('Completed');
    expect(kept).toEqual([false]);
  });

  test('that is in progress when the service is closed purges nothing any more', async () => {
    const { api, client, purged } = await aService({ completionDelayMs: 20 });
    await create(client, ['/*']);
    await api.close();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(purged).toEqual([]);
  });

  test('is the same one for the same reference and paths, in any order', async () => {
    const { client } = await aService({ completionDelayMs: NEVER });
    const first = await create(client, ['/a', '/b']);
    const again = await create(client, ['/b', '/a']);
    expect(again.Invalidation?.Id).toBe(first.Invalidation?.Id);
    const other = await create(client, ['/a', '/b'], 'job-2');
    expect(other.Invalidation?.Id).not.toBe(first.Invalidation?.Id);
    const elsewhere = await create(client, ['/c'], 'job-1', 'E2');
    expect(elsewhere.Invalidation?.Id).not.toBe(first.Invalidation?.Id);
  });

  test('cannot take the reference of one with other paths', async () => {
    const { client } = await aService();
    await create(client, ['/a']);
    await expect(create(client, ['/b'])).rejects.toMatchObject({
      name: 'InvalidationBatchAlreadyExists',
    });
  });

  test('goes on after a restart and keeps its reference', async () => {
    const { api, settings, client, purged } = await aService({ completionDelayMs: NEVER });
    const { Invalidation } = await create(client, ['/*']);
    await api.close();
    expect(purged).toEqual([]);
    const second = new LocalCloudFrontApi({ ...settings, completionDelayMs: 5 });
    const again = aClient(await started(second));
    expect((await create(again, ['/*'])).Invalidation?.Id).toBe(Invalidation?.Id);
    await expect.poll(() => status(again, Invalidation?.Id)).toBe('Completed');
    expect(purged).toEqual([`${DistributionId} /*`]);
    await second.close();

    const third = aClient(await started(new LocalCloudFrontApi({ ...settings })));
    expect(await status(third, Invalidation?.Id)).toBe('Completed');
  });

  test('is one too many when the limits of what is in progress are reached', async () => {
    const limits = { paths: 2, wildcards: 1 };
    const { client } = await aService({ completionDelayMs: NEVER, limits });
    await create(client, ['/a', '/b'], 'job-1');
    await expect(create(client, ['/c'], 'job-2')).rejects.toMatchObject({
      name: 'TooManyInvalidationsInProgress',
    });
    await create(client, ['/*'], 'job-3');
    await expect(create(client, ['/d*'], 'job-4')).rejects.toMatchObject({
      name: 'TooManyInvalidationsInProgress',
    });
    // The same work again is no further work.
    await create(client, ['/*'], 'job-3');
    await create(client, ['/*'], 'job-5', 'E2');
  });

  test('makes room when it is completed', async () => {
    const { client } = await aService({ limits: { paths: 0, wildcards: 1 } });
    const { Invalidation } = await create(client, ['/*'], 'job-1');
    await expect.poll(() => status(client, Invalidation?.Id)).toBe('Completed');
    await create(client, ['/*'], 'job-2');
  });
});

describe('what is refused', () => {
  test.each([
    ['no leading slash', ['index.html'], 'InvalidArgument'],
    ['a tilde', ['/~me'], 'InvalidArgument'],
    ['characters that are not encoded', ['/grüße'], 'InvalidArgument'],
    ['a space', ['/a b'], 'InvalidArgument'],
    ['a path of more than 4,000 characters', [`/${'a'.repeat(4000)}`], 'InvalidArgument'],
    ['no path', [], 'InvalidArgument'],
    ['too many paths', Array.from({ length: 3001 }, (_, index) => `/${index}`), 'BatchTooLarge'],
    ['a cache tag', ['#release'], 'NotImplemented'],
  ])('%s', async (_, paths, name) => {
    const { client, purged } = await aService();
    await expect(create(client, paths)).rejects.toMatchObject({ name });
    expect(purged).toEqual([]);
  });

  test('a batch whose quantity is not that of its paths, and one without a reference', async () => {
    const { client } = await aService();
    const batch = { CallerReference: 'job-1', Paths: { Quantity: 2, Items: ['/a'] } };
    const send = (InvalidationBatch: typeof batch) =>
      client.send(new CreateInvalidationCommand({ DistributionId, InvalidationBatch }));
    await expect(send(batch)).rejects.toMatchObject({ name: 'InconsistentQuantities' });
    await expect(
      send({ CallerReference: '', Paths: { Quantity: 1, Items: ['/a'] } }),
    ).rejects.toMatchObject({ name: 'InvalidArgument' });
  });

  test('distributions and invalidations that are not there', async () => {
    const { client } = await aService();
    await expect(create(client, ['/*'], 'job-1', 'ENONE')).rejects.toMatchObject({
      name: 'NoSuchDistribution',
      $metadata: { httpStatusCode: 404 },
    });
    const { Invalidation } = await create(client, ['/*'], 'job-1', 'E2');
    for (const Id of ['INONE', Invalidation?.Id]) {
      await expect(status(client, Id)).rejects.toMatchObject({ name: 'NoSuchInvalidation' });
    }
  });

  test('bodies that are missing or no XML', async () => {
    const { endpoint } = await aService();
    const path = `${endpoint}/2020-05-31/distribution/${DistributionId}/invalidation`;
    const send = async (body: string) =>
      /<Code>(.*)<\/Code>/.exec(
        (await raw(path, { method: 'POST', headers: signedAs(), body })).body,
      )?.[1];
    expect(await send('')).toBe('MissingBody');
    expect(await send('<InvalidationBatch>')).toBe('MalformedXML');
    expect(await send('<Other/>')).toBe('MalformedXML');
  });

  test('unsigned requests, unknown keys, and callers whose policy says no', async () => {
    const calls: Call[] = [];
    const { endpoint, client } = await aService({
      onCall: (call) => calls.push(call),
      allow: ({ action }) => action !== 'cloudfront:GetInvalidation',
    });
    const path = `/2020-05-31/distribution/${DistributionId}/invalidation`;
    expect(await raw(`${endpoint}${path}`, { method: 'POST' })).toMatchObject({
      status: 403,
      body: expect.stringContaining('<Code>MissingAuthenticationToken</Code>'),
    });
    await expect(
      create(aClient(endpoint, { ...KEYS, accessKeyId: 'AKIDX' }), ['/*']),
    ).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
    const { Invalidation } = await create(client, ['/*']);
    await expect(status(client, Invalidation?.Id)).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(calls).toEqual([
      { principal: 'a test', action: 'cloudfront:CreateInvalidation', resource: ARN },
      { principal: 'a test', action: 'cloudfront:GetInvalidation', resource: ARN },
    ]);
  });

  test('what is not known here, and it is reported', async () => {
    const unknown: string[] = [];
    const { client } = await aService({ onUnknown: (message) => unknown.push(message) });
    await expect(
      client.send(new ListInvalidationsCommand({ DistributionId })),
    ).rejects.toMatchObject({ name: 'NotImplemented' });
    await expect(create(client, ['#tag'])).rejects.toMatchObject({ name: 'NotImplemented' });
    expect(unknown).toEqual([
      `CloudFront GET /2020-05-31/distribution/${DistributionId}/invalidation`,
      'CloudFront CreateInvalidation: cache tag #tag',
    ]);
  });
});
