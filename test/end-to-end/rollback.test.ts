import { randomUUID } from 'node:crypto';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LedgerEntry, ledgerKey } from '../../lib/release/contract.ts';
import type { Call } from '../../local/aws/service.ts';
import type { ExecutionRecord } from '../../local/pipeline/records.ts';
import type { LocalStack } from '../../local/stack.ts';
import {
  aLocalStack,
  anAssembly,
  Clone,
  contentOf,
  removeDirectories,
} from '../support/local-stack.ts';

/** Actions that a role has lost, and how often each may still be called. */
const denied = new Map<string, number>();
const allow = ({ action }: Call) => {
  const left = denied.get(action);
  if (left === undefined) return true;
  denied.set(action, left - 1);
  return left > 0;
};

let stack: LocalStack;
let clone: Clone;

const get = async (path: string) => (await fetch(`${stack.siteUrl}${path}`)).text();
const home = () => get('/');
/** Another address each time: an edge keeps what it answered for a missing one for ten seconds. */
const missing = () => get(`/no/such/${randomUUID()}.html`);

/** The execution of the last push. */
const newest = (): ExecutionRecord => stack.executions().at(-1) as ExecutionRecord;

const actionOf = (record: ExecutionRecord, name: string) =>
  record.stages.flatMap(({ actions }) => actions).find((action) => action.name === name);
const summaryOf = (record: ExecutionRecord, name: string) => actionOf(record, name)?.summary;
const releaseOf = (record: ExecutionRecord) => actionOf(record, 'Upload')?.variables.releaseId;

async function publish(text: string): Promise<{ said: string; record: ExecutionRecord }> {
  await clone.write('pages/index.html', `<h1>${text}</h1>`);
  await clone.write('pages/404.html', `<h1>no ${text}</h1>`);
  await clone.commit(text);
  return { said: await clone.push(), record: newest() };
}

/** What the ledger says became of a release. */
async function statesOf(id: string | undefined): Promise<string[]> {
  const { s3, Bucket } = contentOf(stack);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: ledgerKey(id as string) }));
  const entry: LedgerEntry = JSON.parse((await Body?.transformToString()) as string);
  return entry.states.map(({ state }) => state);
}

let one: ExecutionRecord;
let two: ExecutionRecord;

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'folder', directory: 'pages' },
    health: { path: '/health.html', deadlineSeconds: 30 },
  });
  ({ stack } = await aLocalStack(assembly, { allow }));
  clone = await Clone.of(stack);
  await clone.write('pages/health.html', 'well');
  ({ record: one } = await publish('one'));
  ({ record: two } = await publish('two'));
  expect([one.status, two.status]).toEqual(['Succeeded', 'Succeeded']);
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

test('the promotion watches the site through its public address, and the ledger tells what became of each release', async () => {
  expect(summaryOf(two, 'Promote')).toBe(
    `Release ${releaseOf(two)} is live: the site answers with it. Before it was ${releaseOf(one)}.`,
  );
  expect(await statesOf(releaseOf(one))).toEqual(['uploaded', 'live', 'replaced']);
  expect(await statesOf(releaseOf(two))).toEqual(['uploaded', 'live']);
});

describe('a stage that is rolled back says what went live', () => {
  test('Deploy: the old site is live again, as a release of its own', async () => {
    const record = await stack.rollbackStage('Deploy', one.id).result;
    expect(record.status).toBe('Succeeded');
    const release = releaseOf(record);
    expect(release).not.toBe(releaseOf(one));
    expect(release?.slice(-7)).toBe(one.commit.slice(0, 7));
    expect(await stack.liveRelease()).toBe(release);
    expect(summaryOf(record, 'Promote')).toBe(
      `Release ${release} is live: the site answers with it. Before it was ${releaseOf(two)}.`,
    );
    expect([await home(), await missing()]).toEqual(['<h1>one</h1>', '<h1>no one</h1>']);
    expect((await statesOf(release)).at(-1)).toBe('live');
    expect((await statesOf(releaseOf(two))).at(-1)).toBe('replaced');
  });

  test('Build: the old commit is built again and goes live', async () => {
    const record = await stack.rollbackStage('Build', two.id).result;
    expect(record.status).toBe('Succeeded');
    expect(await stack.liveRelease()).toBe(releaseOf(record));
    expect(summaryOf(record, 'Promote')).toContain(`Release ${releaseOf(record)} is live`);
    expect([await home(), await missing()]).toEqual(['<h1>two</h1>', '<h1>no two</h1>']);
  });

  test('Invalidate: the same invalidation once more, and the live release stays', async () => {
    const live = await stack.liveRelease();
    const record = await stack.rollbackStage('Invalidate', one.id).result;
    expect(record.status).toBe('Succeeded');
    expect(record.stages.map(({ name }) => name)).toEqual(['Invalidate']);
    expect(summaryOf(record, 'Invalidate')).toMatch(
      /^Invalidation \S+ of \/_site\/\* is completed: visitors get the current files\.$/,
    );
    expect(await stack.liveRelease()).toBe(live);
  });

  test('Source: is refused, as in CodePipeline', () => {
    expect(() => stack.rollbackStage('Source', one.id)).toThrow(
      'a source stage cannot be rolled back',
    );
  });

  test('the next push publishes as ever', async () => {
    const { said } = await publish('three');
    expect(said).toMatch(/^published /m);
    expect(await home()).toBe('<h1>three</h1>');
  });
});

describe('a failed stage that is retried ends as if nothing had failed', () => {
  test('Deploy, when the upload failed: a release of its own', async () => {
    denied.set('s3:PutObject', 3);
    const { said, record } = await publish('four').finally(() => denied.clear());
    expect(said).toMatch(/^FAILED in Deploy · Upload: /m);
    expect(await home()).toBe('<h1>three</h1>');
    const retried = await stack.retryStage(record.id, 'Deploy').result;
    expect(retried.status).toBe('Succeeded');
    expect(summaryOf(retried, 'Promote')).toContain(`Release ${releaseOf(retried)} is live`);
    expect([await home(), await missing()]).toEqual(['<h1>four</h1>', '<h1>no four</h1>']);
  });

  test('Deploy, when the promotion failed: the release that was uploaded', async () => {
    denied.set('cloudfront-keyvaluestore:UpdateKeys', 0);
    const { said, record } = await publish('five').finally(() => denied.clear());
    expect(said).toMatch(/^FAILED in Deploy · Promote: /m);
    const uploaded = releaseOf(record);
    expect(await home()).toBe('<h1>four</h1>');
    const retried = await stack.retryStage(record.id, 'Deploy').result;
    expect(retried.status).toBe('Succeeded');
    expect(await stack.liveRelease()).toBe(uploaded);
    expect(await home()).toBe('<h1>five</h1>');
  });

  test('Invalidate: the error page is new', async () => {
    await missing();
    denied.set('cloudfront:CreateInvalidation', 0);
    const { said, record } = await publish('six').finally(() => denied.clear());
    expect(said).toMatch(/^FAILED in Invalidate: /m);
    expect(await missing()).toBe('<h1>no five</h1>');
    const retried = await stack.retryStage(record.id, 'Invalidate').result;
    expect(retried.status).toBe('Succeeded');
    expect([await home(), await missing()]).toEqual(['<h1>six</h1>', '<h1>no six</h1>']);
  });

  test('a rollback, too', async () => {
    denied.set('cloudfront-keyvaluestore:UpdateKeys', 0);
    const failed = await stack.rollbackStage('Deploy', two.id).result.finally(() => denied.clear());
    expect(failed.status).toBe('Failed');
    expect(await home()).toBe('<h1>six</h1>');
    const retried = await stack.retryStage(failed.id, 'Deploy').result;
    expect(retried.status).toBe('Succeeded');
    expect(await home()).toBe('<h1>two</h1>');
  });
});

describe('a release that does not come up', () => {
  test('is taken back through the pointer alone: pages and error page are the ones before', async () => {
    const live = await stack.liveRelease();
    await clone.shell('git rm --quiet pages/health.html');
    const { said, record } = await publish('seven');
    expect(said).toMatch(
      new RegExp(
        `30 seconds after release ${releaseOf(record)} went live .* /health\\.html answered 404\\. It was taken back: visitors get release ${live} again`,
      ),
    );
    expect(record.stages.at(-1)?.name).toBe('Deploy');
    expect(await stack.liveRelease()).toBe(live);
    expect([await home(), await missing()]).toEqual(['<h1>two</h1>', '<h1>no two</h1>']);
    expect(await statesOf(releaseOf(record))).toEqual(['uploaded', 'live', 'failed']);
    expect((await statesOf(live)).slice(-2)).toEqual(['replaced', 'live']);
  }, 120_000);
});
