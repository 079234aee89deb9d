import type { CodePipelineClient } from '@aws-sdk/client-codepipeline';
import type { SNSClient } from '@aws-sdk/client-sns';
import { expect, test } from 'vitest';
import { notify } from '../../lambda/notify/notify.ts';
import { notifyPorts } from '../../lambda/notify/ports.ts';

const FAILED = {
  kind: 'failed',
  pipeline: 'a-pipeline',
  executionId: '11111111-2222-3333-4444-555555555555',
  region: 'eu-west-1',
} as const;

const ANSWERS: Readonly<Record<string, object>> = {
  GetPipelineExecutionCommand: { pipelineExecution: { status: 'Failed' } },
  ListActionExecutionsCommand: { actionExecutionDetails: [] },
  PublishCommand: { MessageId: 'm-1' },
};

/** @returns the mails that were handed to SNS. */
async function told(answers: Readonly<Record<string, object>>) {
  const mails: string[] = [];
  const client = {
    async send({
      constructor: { name },
      input,
    }: {
      constructor: { name: string };
      input: { Message?: string };
    }) {
      if (name === 'PublishCommand') mails.push(String(input.Message));
      return { ...ANSWERS, ...answers }[name];
    },
  };
  const ports = notifyPorts(
    client as unknown as CodePipelineClient,
    client as unknown as SNSClient,
    'arn:aws:sns:eu-west-1:123456789012:releases',
    new AbortController().signal,
  );
  const about = { name: 'a-site', siteUrl: 'https://www.example.com' };
  const thrown = await notify(FAILED, about, ports).then(
    () => undefined,
    (error: Error) => `${error.name}: ${error.message}`,
  );
  return { mails, thrown };
}

test('what CodePipeline and SNS answer is told', async () => {
  const { mails, thrown } = await told({});
  expect(thrown).toBeUndefined();
  expect(mails).toHaveLength(1);
});

test.each([
  ['GetPipelineExecutionCommand', 'GetPipelineExecution answered without an execution'],
  ['ListActionExecutionsCommand', 'ListActionExecutions answered without actions'],
])(
  'no mail says that nothing went live because %s was answered with nothing',
  async (name, said) => {
    expect(await told({ [name]: {} })).toEqual({
      mails: [],
      thrown: `UnexpectedAnswer: ${said}`,
    });
  },
);

test('a message that SNS gives no id counts as not sent, so that the alarm goes off', async () => {
  const { thrown } = await told({ PublishCommand: {} });
  expect(thrown).toBe('UnexpectedAnswer: Publish answered without an id');
});
