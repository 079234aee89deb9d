import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CloudFormationClient,
  DescribeStacksCommand,
  ListStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { expect, onTestFinished, test } from 'vitest';
import { LocalQueryApi } from '../../local/aws/query-api.ts';
import type { Call } from '../../local/aws/service.ts';
import { Topics } from '../../local/aws/topics.ts';
import { ACCOUNT, clientOptions, KEYS, raw, scratch, started } from '../support/local-aws.ts';

async function aService(allow?: (call: Call) => boolean) {
  const unknown: string[] = [];
  const calls: Call[] = [];
  const endpoint = await started(
    new LocalQueryApi({
      accountId: ACCOUNT,
      region: 'eu-west-1',
      stack: { name: 'shop', outputs: { SiteUrl: 'https://d1.cloudfront.net', Odd: 'a < b & c' } },
      onUnknown: (what) => unknown.push(what),
      onCall: (call) => calls.push(call),
      ...(allow && { allow }),
    }),
  );
  const client = <C extends { destroy(): void }>(made: C): C => {
    onTestFinished(() => made.destroy());
    return made;
  };
  return {
    endpoint,
    unknown,
    calls,
    cloudFormation: client(new CloudFormationClient(clientOptions(endpoint))),
    sts: client(new STSClient(clientOptions(endpoint))),
  };
}

test('the SDK learns from it what a stack puts out', async () => {
  const { cloudFormation, calls } = await aService();
  for (const StackName of ['shop', undefined]) {
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    expect(Stacks).toMatchObject([
      {
        StackName: 'shop',
        StackStatus: 'CREATE_COMPLETE',
        Outputs: [
          { OutputKey: 'SiteUrl', OutputValue: 'https://d1.cloudfront.net' },
          { OutputKey: 'Odd', OutputValue: 'a < b & c' },
        ],
      },
    ]);
  }
  expect(calls[0]).toEqual({
    principal: 'a test',
    action: 'cloudformation:DescribeStacks',
    resource: `arn:aws:cloudformation:eu-west-1:${ACCOUNT}:stack/shop/local`,
  });
});

test('another stack does not exist, in the words of CloudFormation', async () => {
  const { cloudFormation } = await aService();
  await expect(
    cloudFormation.send(new DescribeStacksCommand({ StackName: 'other' })),
  ).rejects.toMatchObject({
    name: 'ValidationError',
    message: 'Stack with id other does not exist',
    $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/./) },
  });
});

test('the SDK learns from it who is calling', async () => {
  const { sts } = await aService();
  expect(await sts.send(new GetCallerIdentityCommand({}))).toMatchObject({
    Arn: `arn:aws:iam::${ACCOUNT}:user/a test`,
    Account: ACCOUNT,
  });
});

test('a stranger, nobody, and somebody without the permission are refused', async () => {
  const { endpoint, cloudFormation } = await aService(() => false);
  const stranger = new STSClient(clientOptions(endpoint, { ...KEYS, accessKeyId: 'STRANGER' }));
  onTestFinished(() => stranger.destroy());
  await expect(stranger.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'InvalidClientTokenId',
  });
  expect(await raw(`${endpoint}/`, { method: 'POST' })).toMatchObject({
    status: 403,
    body: expect.stringContaining('<Code>MissingAuthenticationToken</Code>'),
  });
  await expect(
    cloudFormation.send(new DescribeStacksCommand({ StackName: 'shop' })),
  ).rejects.toMatchObject({
    name: 'AccessDenied',
    message: `User: a test is not authorized to perform: cloudformation:DescribeStacks on resource: arn:aws:cloudformation:eu-west-1:${ACCOUNT}:stack/shop/local because no identity-based policy allows the cloudformation:DescribeStacks action`,
  });
});

test('what it does not know is an error for the caller and a line for the terminal', async () => {
  const { cloudFormation, sts, unknown } = await aService();
  await expect(cloudFormation.send(new ListStacksCommand({}))).rejects.toMatchObject({
    name: 'InvalidAction',
  });
  await expect(
    sts.send(
      new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${ACCOUNT}:role/x`, RoleSessionName: 'xx' }),
    ),
  ).rejects.toMatchObject({ name: 'InvalidAction' });
  await expect(
    cloudFormation.send(new DescribeStacksCommand({ StackName: 'shop', NextToken: 'x' })),
  ).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  expect(unknown).toEqual([
    'ListStacks of version 2010-05-15',
    'AssumeRole of version 2011-06-15',
    'DescribeStacks: NextToken',
  ]);
});

test('a message is kept and shown, and what SNS does not take is refused in its words', async () => {
  const folder = await scratch();
  const shown: string[] = [];
  const topic = `arn:aws:sns:eu-west-1:${ACCOUNT}:web`;
  const calls: Call[] = [];
  const endpoint = await started(
    new LocalQueryApi({
      ...{ accountId: ACCOUNT, region: 'eu-west-1', stack: { name: 'shop', outputs: {} } },
      onCall: (call) => calls.push(call),
      topics: new Topics({
        topics: new Map([[topic, ['jo@example.com']]]),
        folder,
        log: (line) => shown.push(line),
      }),
    }),
  );
  const sns = new SNSClient(clientOptions(endpoint));
  onTestFinished(() => sns.destroy());
  const publish = (over: { TopicArn?: string; Subject?: string; Message?: string }) =>
    sns.send(
      new PublishCommand({
        TopicArn: topic,
        Subject: 'Hello',
        Message: 'One.\n\nTwo é\n',
        ...over,
      }),
    );

  const { MessageId } = await publish({});
  const files = readdirSync(folder);
  expect(files).toEqual([expect.stringContaining(String(MessageId))]);
  expect(readFileSync(join(folder, String(files[0])), 'utf8')).toMatch(
    /^To: jo@example.com\nDate: .*Z\nSubject: Hello\n\nOne.\n\nTwo é\n$/,
  );
  expect(shown).toEqual(['Message to jo@example.com: Hello', '  One.', '', '  Two é']);
  expect(calls).toEqual([{ principal: 'a test', action: 'sns:Publish', resource: topic }]);

  await expect(publish({ TopicArn: `${topic}2` })).rejects.toMatchObject({
    name: 'NotFoundException',
  });
  for (const Subject of ['x'.repeat(100), 'a\nb', 'é']) {
    await expect(publish({ Subject })).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: 'Invalid parameter: Subject',
    });
  }
  expect(readdirSync(folder)).toEqual(files);
});
