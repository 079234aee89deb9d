import { describe, expect, test } from 'vitest';
import { readEvent } from '../../lambda/notify/events.ts';
import { byHand, type Message } from '../../lambda/notify/messages.ts';
import { type ActionFacts, type ExecutionFacts, notify } from '../../lambda/notify/notify.ts';

const ABOUT = { name: 'a-site', siteUrl: 'https://www.example.com' };
const ID = '20261123T071922Z-0123456';
const EXECUTION = '11111111-2222-3333-4444-555555555555';
const AT = `https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/a-pipeline`;
const TIMELINE = `${AT}/executions/${EXECUTION}/timeline?region=eu-west-1`;

const executionEvent = (state: string) => ({
  source: 'aws.codepipeline',
  'detail-type': 'CodePipeline Pipeline Execution State Change',
  region: 'eu-west-1',
  detail: { pipeline: 'a-pipeline', 'execution-id': EXECUTION, state, version: 1 },
});
const APPROVAL = {
  ...executionEvent('STARTED'),
  'detail-type': 'CodePipeline Action Execution State Change',
  detail: {
    ...executionEvent('STARTED').detail,
    action: 'Approve',
    type: { owner: 'AWS', provider: 'Manual', category: 'Approval', version: '1' },
  },
};
const ALARM = {
  source: 'aws.cloudwatch',
  'detail-type': 'CloudWatch Alarm State Change',
  region: 'us-east-1',
  detail: {
    alarmName: 'a-site-5xx',
    state: { value: 'ALARM', reason: 'Threshold Crossed: 3 datapoints were greater than 1.' },
    configuration: { description: 'Visitors get errors.' },
  },
};

const action = (
  place: string,
  variables: Record<string, string> = {},
  over: Partial<ActionFacts> = {},
): ActionFacts => {
  const [stage = '', name = stage] = place.split('/');
  return {
    stage,
    name,
    status: 'Succeeded',
    variables,
    summary: undefined,
    error: undefined,
    ...over,
  };
};
const UPLOADED = action('Deploy/Upload', { releaseId: ID });
const PROMOTED = action(
  'Deploy/Promote',
  { releaseId: ID, promoted: 'yes' },
  {
    summary: `Release ${ID} is live: the site answers with it.`,
  },
);
const facts = (actions: ActionFacts[], over: Partial<ExecutionFacts> = {}): ExecutionFacts => ({
  type: 'STANDARD',
  trigger: { type: 'CloudWatchEvent', detail: 'arn:aws:events:eu-west-1:1:rule/push' },
  revision: {
    id: '0123456789abcdef',
    summary: 'Say "hello"\n\nAnd more.',
    url: undefined,
  },
  actions,
  ...over,
});

/** As a person reads it: the subject, and the text below it. */
const read = ({ subject, text }: Message): string => `${subject}\n\n${text}`;

async function mail(event: object, known?: ExecutionFacts): Promise<string> {
  const mails: Message[] = [];
  const asked: string[] = [];
  await notify(readEvent(event), ABOUT, {
    execution: async (pipeline, executionId) => {
      asked.push(`${pipeline} ${executionId}`);
      if (known === undefined) throw new Error('nobody knows');
      return known;
    },
    publish: async (message) => {
      mails.push(message);
    },
  });
  expect(asked).toEqual(known ? [`a-pipeline ${EXECUTION}`] : []);
  expect(mails).toHaveLength(1);
  return read(mails[0] as Message);
}

describe('what the pipeline did is told in sentences', () => {
  test('a release that is published', async () => {
    expect(await mail(executionEvent('SUCCEEDED'), facts([PROMOTED, UPLOADED]))).toBe(
      `a-site: release ${ID} is published

Release ${ID} is published. It is live at https://www.example.com.

It was made from revision 0123456789abcdef: "Say \\"hello\\"".

Release ${ID} is live: the site answers with it.

To go back to the release before it: npm run releases -- rollback

The pipeline at work: ${TIMELINE}
`,
    );
  });

  test('a release that was started by hand, of a source with addresses', async () => {
    const known = facts([PROMOTED, UPLOADED], {
      trigger: { type: 'StartPipelineExecution', detail: 'arn:aws:iam::1:user/jo' },
      revision: { id: 'v1', summary: ' ', url: 'https://git.example.com/v1' },
    });
    expect(await mail(executionEvent('SUCCEEDED'), known)).toContain(
      `\nIt was made from revision v1. https://git.example.com/v1\n\nIt was started by arn:aws:iam::1:user/jo.\n`,
    );
  });

  test('a release that is kept, because publishing is frozen, is not called published', async () => {
    const kept = action(
      'Deploy/Promote',
      { releaseId: ID, promoted: 'no' },
      {
        summary: 'Publishing is frozen since 2026 by jo: "sale".',
      },
    );
    expect(await mail(executionEvent('SUCCEEDED'), facts([kept, UPLOADED]))).toBe(
      `a-site: release ${ID} is kept, publishing is frozen

Release ${ID} is uploaded and kept. It is not live: publishing is frozen, and visitors of https://www.example.com get what they got before.

It was made from revision 0123456789abcdef: "Say \\"hello\\"".

Publishing is frozen since 2026 by jo: "sale".

To let releases go live again: npm run releases -- unfreeze. To make this one live then: npm run releases -- promote ${ID}

The pipeline at work: ${TIMELINE}
`,
    );
  });

  test('a stage that was rolled back', async () => {
    const known = facts([PROMOTED, UPLOADED], {
      type: 'ROLLBACK',
      trigger: { type: 'ManualRollback', detail: 'arn:aws:iam::1:user/jo' },
      revision: undefined,
    });
    expect(await mail(executionEvent('SUCCEEDED'), known)).toBe(
      `a-site: rolled back, release ${ID} is live

A stage of the pipeline was rolled back: release ${ID} holds what an earlier execution published, and is live at https://www.example.com.

It was started by arn:aws:iam::1:user/jo.

Release ${ID} is live: the site answers with it.

The pipeline at work: ${TIMELINE}
`,
    );
  });

  test('a build that failed', async () => {
    const build = action('Build', {}, { status: 'Failed', error: 'npm run build: exit status 1' });
    expect(await mail(executionEvent('FAILED'), facts([build, action('Source')]))).toBe(
      `a-site: publishing failed in Build

Publishing failed in Build.

npm run build: exit status 1

Visitors of https://www.example.com get what they got before: nothing of it went live.

It was made from revision 0123456789abcdef: "Say \\"hello\\"".

The pipeline at work: ${TIMELINE}
`,
    );
  });

  test('a promotion that failed tells itself what visitors get', async () => {
    const error = `Release ${ID} was taken back; visitors get release B again.`;
    const failed = action('Deploy/Promote', {}, { status: 'Failed', error });
    const text = await mail(executionEvent('FAILED'), facts([failed, UPLOADED]));
    expect(text).toContain(
      `a-site: publishing failed in Deploy - Promote\n\nPublishing failed in Deploy - Promote.\n\n${error}\n\nThe site: https://www.example.com\n\nWhat was uploaded is release ${ID}.\n`,
    );
    expect(text).not.toContain('nothing of it went live');
  });

  test('of an action that was retried, the last attempt counts', async () => {
    const failed = action('Deploy/Promote', {}, { status: 'Failed', error: 'once' });
    const text = await mail(executionEvent('SUCCEEDED'), facts([PROMOTED, failed, UPLOADED]));
    expect(text).toContain(String(PROMOTED.summary));
  });

  test('a failure of which nothing is known', async () => {
    expect(await mail(executionEvent('FAILED'), facts([], { revision: undefined }))).toBe(
      `a-site: publishing failed

Publishing failed.

CodePipeline gives no reason; the log of the action has it.

Visitors of https://www.example.com get what they got before: nothing of it went live.

The pipeline at work: ${TIMELINE}
`,
    );
  });

  test('a release that waits for an approval, with the place where the button is', async () => {
    expect(await mail(APPROVAL, facts([UPLOADED]))).toBe(
      `a-site: release ${ID} waits for an approval

Release ${ID} is uploaded and waits for somebody to approve it. Until then visitors of https://www.example.com get what they got before.

It was made from revision 0123456789abcdef: "Say \\"hello\\"".

Approve or reject it in the pipeline: ${AT}/view?region=eu-west-1
`,
    );
  });

  test('an alarm, without asking the pipeline', async () => {
    expect(await mail(ALARM)).toBe(
      `a-site: alarm a-site-5xx

The alarm a-site-5xx of https://www.example.com went off.

Visitors get errors.

CloudWatch says: Threshold Crossed: 3 datapoints were greater than 1.

The alarm: https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/a-site-5xx
`,
    );
  });
});

describe('what a person did past the pipeline is told too', () => {
  const by = 'arn:aws:iam::1:user/jo';

  test.each([
    [
      'a rollback',
      { kind: 'rolled back', releaseId: ID, previousId: 'B' } as const,
      `a-site: rolled back to release ${ID}\n\n${by} went back to release ${ID}. It is live at https://www.example.com.\n\nBefore it, release B was live.\n`,
    ],
    [
      'a rollback that froze',
      { kind: 'rolled back', releaseId: ID, freeze: 'broken "menu"' } as const,
      `a-site: rolled back to release ${ID}\n\n${by} went back to release ${ID}. It is live at https://www.example.com.\n\nPublishing was frozen with it: "broken \\"menu\\"". No push goes live until "npm run releases -- unfreeze".\n`,
    ],
    [
      'a promotion',
      { kind: 'promoted', releaseId: ID } as const,
      `a-site: release ${ID} was made live by hand\n\n${by} made release ${ID} live at https://www.example.com, without the pipeline.\n`,
    ],
    [
      'a freeze',
      { kind: 'frozen', reason: 'sale' } as const,
      `a-site: publishing is frozen\n\n${by} froze publishing: "sale".\n\nPushes are built and kept, and none goes live at https://www.example.com, until "npm run releases -- unfreeze".\n`,
    ],
    [
      'its end',
      { kind: 'unfrozen' } as const,
      `a-site: publishing is no longer frozen\n\n${by} ended the freeze of publishing. The next push goes live at https://www.example.com.\n`,
    ],
  ])('%s', (_, done, text) => {
    expect(read(byHand(done, by, ABOUT))).toBe(text);
  });
});

describe('a message keeps to what SNS takes', () => {
  test('a subject of less than 100 characters of ASCII on one line', async () => {
    const name = `é\n${'x'.repeat(200)}`;
    const failed = action(`Build/${name}`, {}, { status: 'Failed' });
    const [subject] = (await mail(executionEvent('FAILED'), facts([failed]))).split('\n\n');
    expect(subject).toBe(`a-site: publishing failed in Build - ??${'x'.repeat(60)}`);
    expect(subject).toHaveLength(99);
  });

  test('and of what others wrote no more than 2,000 characters', async () => {
    const failed = action('Build', {}, { status: 'Failed', error: 'x'.repeat(300_000) });
    const text = await mail(executionEvent('FAILED'), facts([failed]));
    expect(text).toContain(`\n${'x'.repeat(2_000)} …\n`);
  });
});

test.each([
  [null, 'event: Invalid type'],
  [executionEvent('STARTED'), 'detail.state: Invalid type'],
  [
    { ...ALARM, detail: { ...ALARM.detail, state: { value: 'OK' } } },
    'detail.state.value: Invalid',
  ],
  [{ ...APPROVAL, region: undefined }, 'region: Invalid type'],
])('an event that no rule sends is refused: %j', (event, problem) => {
  expect(() => readEvent(event)).toThrow(
    `This is no event that the stack's rules send: ${problem}`,
  );
});
