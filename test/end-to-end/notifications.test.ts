import { readdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../bin/releases/main.ts';
import type { LocalStack } from '../../local/stack.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';
import { CHECKOUT } from '../support/releases.ts';

let stack: LocalStack;
let logged: string[];
let state: string;
let clone: Clone;
let siteUrl: string;

beforeAll(async () => {
  const assembly = await anAssembly({
    name: 'a-site',
    build: {
      kind: 'commands',
      directory: '.',
      commands: ['test ! -e broken', 'mkdir -p dist', 'cp index.html dist'],
    },
    notifications: { email: ['jo@example.com'] },
  });
  state = await aDirectory('state');
  ({ stack, logged } = await aLocalStack(assembly, { state }));
  siteUrl = String(stack.assembly.outputs.SiteUrl);
  clone = await Clone.of(stack);
});

afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

const seen = new Set<string>();

/** The messages since the last look, as a person reads them, without their dates. */
async function messages(): Promise<string[]> {
  await stack.delivered();
  const folder = join(state, 'messages');
  const files = (await readdir(folder)).sort().filter((file) => !seen.has(file));
  for (const file of files) seen.add(file);
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return texts.map((text) => text.replace(/^Date: .*\n/m, ''));
}

const executionUrl = (): string => {
  const { id, pipeline } = stack.executions().at(-1) as { id: string; pipeline: string };
  return `https://us-east-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/${pipeline}/executions/${id}/timeline?region=us-east-1`;
};

async function releases(...words: string[]): Promise<string> {
  let said = '';
  const write = (text: string) => {
    said += text;
  };
  const status = await main([...words, '--local', '--state', state, '--stack', 'a-site'], {
    ...{ here: CHECKOUT, region: undefined, env: {}, signal: new AbortController().signal },
    ...{ out: write, err: write, ask: undefined, elapsed: () => performance.now() },
  });
  expect(status, said).toBe(0);
  return said;
}

let first: string;
let second: string;

test('a push is told when it is published, with release, revision and place', async () => {
  await clone.write('index.html', 'one');
  const commit = await clone.commit('The first page');
  expect(await clone.push()).toMatch(/^published /m);
  first = String(await stack.liveRelease());
  const [message = '', ...others] = await messages();
  expect(others).toEqual([]);
  expect(message).toBe(`To: jo@example.com
Subject: a-site: release ${first} is published

Release ${first} is published. It is live at ${siteUrl}.

It was made from revision ${commit}: "The first page".

Release ${first} is live: the site answers with it. It is the first release.

To go back to the release before it: npm run releases -- rollback

The pipeline at work: ${executionUrl()}
`);
  expect(logged).toContain(`Message to jo@example.com: a-site: release ${first} is published`);
});

test('a build that fails is told with its reason, and that visitors keep what they had', async () => {
  await clone.write('broken', '');
  const commit = await clone.commit('Break it');
  expect(await clone.push()).toMatch(/^FAILED in Build/m);
  const [message = '', ...others] = await messages();
  expect(others).toEqual([]);
  expect(
    message.replace(/(Publishing failed in Build.\n\n)[^\n]*test ! -e broken[^\n]*/, '$1…'),
  ).toBe(
    `To: jo@example.com
Subject: a-site: publishing failed in Build

Publishing failed in Build.

…

Visitors of ${siteUrl} get what they got before: nothing of it went live.

It was made from revision ${commit}: "Break it".

The pipeline at work: ${executionUrl()}
`,
  );
});

test('a rollback by the command is told with who did it', async () => {
  await clone.shell('git rm -q broken');
  await clone.write('index.html', 'two');
  await clone.commit('The second page');
  expect(await clone.push()).toMatch(/^published /m);
  second = String(await stack.liveRelease());
  await messages();
  await releases('rollback', '--yes', '--freeze', 'wrong prices');
  const by = `arn:aws:iam::123456789012:user/${userInfo().username}`;
  expect(await messages()).toEqual([
    `To: jo@example.com
Subject: a-site: rolled back to release ${first}

${by} went back to release ${first}. It is live at ${siteUrl}.

Before it, release ${second} was live.

Publishing was frozen with it: "wrong prices". No push goes live until "npm run releases -- unfreeze".
`,
  ]);
});

test('a push while publishing is frozen is told as kept, not as published', async () => {
  await clone.write('index.html', 'three');
  await clone.commit('The third page');
  expect(await clone.push()).toMatch(/^KEPT /m);
  const [message = ''] = await messages();
  expect(message).toMatch(/^Subject: a-site: release \S+ is kept, publishing is frozen$/m);
  expect(message).toContain(
    `It is not live: publishing is frozen, and visitors of ${siteUrl} get what they got before.`,
  );
});

test('a stage that is rolled back is told as that', async () => {
  await releases('unfreeze');
  await messages();
  const [execution] = stack.executions();
  await stack.rollbackStage('Deploy', execution?.id ?? '').result;
  const live = await stack.liveRelease();
  const [message = ''] = await messages();
  expect(message).toContain(`Subject: a-site: rolled back, release ${live} is live\n`);
  expect(message).toContain(': "The first page".\n');
});

test('an alarm that went off is told, of this stack only', async () => {
  const alarm = (name: string) => ({
    source: 'aws.cloudwatch',
    'detail-type': 'CloudWatch Alarm State Change',
    resources: [`arn:aws:cloudwatch:us-east-1:123456789012:alarm:${name}`],
    detail: {
      alarmName: name,
      state: { value: 'ALARM', reason: 'Threshold Crossed: 3 datapoints were greater than 1.' },
      configuration: { description: 'Visitors get errors.' },
    },
  });
  await messages();
  stack.tell(alarm('somebody-elses'));
  // Its own event tells of it, with the reason.
  stack.tell(alarm('a-site-pipeline-failed'));
  expect(await messages()).toEqual([]);
  stack.tell(alarm('a-site-5xx'));
  const [message = '', ...others] = await messages();
  expect(others).toEqual([]);
  expect(message).toContain('Subject: a-site: alarm a-site-5xx\n');
  expect(message).toContain('CloudWatch says: Threshold Crossed: 3 datapoints');
});
