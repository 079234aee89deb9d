import { readdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../bin/releases/main.ts';
import type { SiteConfig } from '../../lib/config.ts';
import type { Call } from '../../local/aws/service.ts';
import type { PipelineEvent } from '../../local/pipeline/events.ts';
import type { LocalStack } from '../../local/stack.ts';
import { aClock } from '../support/clock.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';
import { CHECKOUT } from '../support/releases.ts';

const CONFIG: SiteConfig = {
  name: 'a-site',
  build: { kind: 'folder', directory: 'public' },
  approval: { message: 'Look at the prices.' },
  deploymentWindow: { cron: '* * 9-16 ? * MON-THU', timeZone: 'Europe/Berlin' },
  notifications: { email: ['jo@example.com'] },
  environments: {
    staging: { source: { branch: 'develop' }, approval: false, deploymentWindow: undefined },
  },
};

let assembly: string;
beforeAll(async () => {
  assembly = await anAssembly(CONFIG);
});
afterAll(removeDirectories);

/** The operator's command; a person answers its question with yes. */
async function releases(state: string, stack: string, ...words: string[]) {
  let [out, err, asked] = ['', '', ''];
  const status = await main([...words, '--local', '--state', state, '--stack', stack], {
    here: CHECKOUT,
    region: undefined,
    env: {},
    signal: new AbortController().signal,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ask: async (question) => {
      asked += question;
      return true;
    },
    elapsed: () => 0,
  });
  return { status, out, err, asked };
}

async function edited(stack: LocalStack, text: string): Promise<Clone> {
  const clone = await Clone.of(stack);
  await clone.write('public/index.html', text);
  await clone.commit(text);
  return clone;
}

const home = async (stack: LocalStack) => (await fetch(stack.siteUrl)).text();

describe('staging, beside production in one config', () => {
  let stack: LocalStack;
  let state: string;
  beforeAll(async () => {
    state = await aDirectory('state');
    ({ stack } = await aLocalStack(assembly, { environment: 'staging', state }));
  });
  afterAll(() => stack.stop());

  test('publishes what is pushed to its own branch, and that only', async () => {
    expect(stack.branch).toBe('develop');
    const clone = await edited(stack, 'from develop');
    expect(await clone.push('main')).toContain('main: only pushes to develop publish');
    expect(await stack.liveRelease()).toBeUndefined();
    expect(await clone.push('develop')).toMatch(/^published /m);
    expect(await home(stack)).toBe('from develop');
  });

  test('has no approval, and says so to whoever wants to approve', async () => {
    const { status, err } = await releases(state, 'a-site-staging', 'approve', '--yes');
    expect([status, err]).toEqual([
      1,
      'This stack was deployed without an approval: write approval: true in site.config.ts and deploy it.\n',
    ]);
  });
});

describe('production, which needs an approval and a time', () => {
  const calls: Call[] = [];
  const denied = new Set<string>();
  // A Friday.
  const clock = aClock('2026-11-27T10:00:00Z');
  let stack: LocalStack;
  let state: string;
  let clone: Clone;
  const command = (...words: string[]) => releases(state, 'a-site', ...words);
  const uploaded = () =>
    stack
      .executions()
      .at(-1)
      ?.stages.flatMap(({ actions }) => actions)
      .find(({ name }) => name === 'Upload')?.variables.releaseId;
  const nextEvent = (type: PipelineEvent['type']) =>
    new Promise<PipelineEvent>((resolve) => {
      const end = stack.events.listen((event) => {
        if (event.type !== type) return;
        end();
        resolve(event);
      });
    });

  beforeAll(async () => {
    state = await aDirectory('state');
    const allow = (call: Call) => {
      if (call.principal === userInfo().username) calls.push(call);
      return !denied.has(call.action);
    };
    ({ stack } = await aLocalStack(assembly, { state, clock, allow }));
    clone = await edited(stack, 'one');
  });
  afterAll(() => stack.stop());

  test('nothing waits before the first push', async () => {
    const { status, err } = await command('approve');
    expect([status, err]).toEqual([1, 'No release waits for an approval.\n']);
  });

  test('a push waits for an approval, then for the window, and then goes live', async () => {
    const needed = nextEvent('approval-needed');
    const pushed = clone.push();
    await needed;
    const id = uploaded();
    expect(await stack.liveRelease()).toBeUndefined();
    await stack.delivered();
    const [message = ''] = await readdir(join(state, 'messages'));
    expect(await readFile(join(state, 'messages', message), 'utf8')).toContain(String(id));

    const outside = nextEvent('execution-outside-window');
    const approved = await command('approve', 'prices', 'are', 'right');
    expect(approved.err).toBe('');
    expect(approved.asked).toContain(`Approve release ${id}, which goes live then (uploaded `);
    expect(approved.out).toContain(`Approved: the pipeline makes release ${id} live now, or when`);
    expect(await outside).toMatchObject({
      stage: 'Promote',
      opensAt: Date.parse('2026-11-30T08:00:00Z'),
    });
    expect(await stack.liveRelease()).toBeUndefined();

    clock.set('2026-11-30T08:00:00Z');
    const said = await pushed;
    expect(said).toContain(
      `    Release ${id} is uploaded and waits to go live. Look at the prices.\n`,
    );
    expect(said).toContain('    To approve: npm run releases -- approve --local\n');
    expect(said).toMatch(/^ {4}Approved by \S+: prices are right$/m);
    expect(said).toContain(
      'Promote waits for its deployment window, which opens 2026-11-30 09:00 Europe/Berlin\n',
    );
    expect(said).toMatch(new RegExp(`^published ${id} in `, 'm'));
    expect(await home(stack)).toBe('one');
  });

  test('what is rejected does not go live, and can be promoted by hand, at any time', async () => {
    // In the evening.
    clock.set('2026-11-30T20:00:00Z');
    await clone.write('public/index.html', 'two');
    await clone.commit('two');
    const needed = nextEvent('approval-needed');
    const pushed = clone.push();
    await needed;
    const id = uploaded();
    const rejected = await command('reject', 'the', 'logo', 'is', 'missing', '--json');
    expect(rejected.asked).toBe('');
    expect(JSON.parse(rejected.out)).toEqual({
      id,
      execution: stack.executions().at(-1)?.id,
      status: 'Rejected',
    });
    expect(await pushed).toMatch(
      /^FAILED in Deploy · Approve: Rejected by \S+: the logo is missing$/m,
    );
    expect(await home(stack)).toBe('one');

    expect((await command('promote', String(id))).err).toBe('');
    expect(await home(stack)).toBe('two');
  });

  test('whoever may not approve is told what they lack, and nothing goes on', async () => {
    await clone.write('public/index.html', 'three');
    await clone.commit('three');
    const needed = nextEvent('approval-needed');
    const pushed = clone.push();
    await needed;
    denied.add('codepipeline:PutApprovalResult');
    const { status, err } = await command('approve');
    denied.clear();
    expect(status).toBe(1);
    expect(err).toContain('they lack codepipeline:PutApprovalResult');
    expect(stack.approvals.pending()).toHaveLength(1);
    await command('reject', 'enough');
    await pushed;
  });

  test("the page's policy for those who approve is all that the command has called, and no more", async () => {
    const page = await readFile(`${CHECKOUT}/docs/approvals.md`, 'utf8');
    const policy = JSON.parse(/```json\n([^`]*)```/.exec(page)?.[1] ?? '{}');
    const allowed = policy.Statement.flatMap(
      ({ Action, Resource }: { Action: string; Resource: string }) =>
        `${Action} ${Resource.replace('REGION', 'us-east-1')
          .replace('ACCOUNT', '123456789012')
          .replace('PIPELINE_NAME', String(stack.assembly.outputs.PipelineName))}`,
    );
    const called = calls
      .filter(({ action }) => action.startsWith('codepipeline:'))
      .map(({ action, resource }) => `${action} ${resource}`);
    expect(allowed.sort()).toEqual([...new Set(called)].sort());
  });
});
