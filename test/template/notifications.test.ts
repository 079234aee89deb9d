import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import type { SiteConfig } from '../../lib/config.ts';
import type { NotificationsConfig } from '../../lib/options/notifications.ts';
import { grantsOf } from '../support/grants.ts';
import { aStack, aTemplate, text, withoutHash } from '../support/synth.ts';

const EMAIL: NotificationsConfig = {
  email: ['jo@example.com', 'al@example.com'],
  alarms: false,
};
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:web';

/** The resources that a config adds to the default stack, by type. */
function added(notifications: NotificationsConfig): Record<string, number> {
  const count = (resources: Record<string, { Type: string }>) => {
    const counts: Record<string, number> = {};
    for (const { Type } of Object.values(resources)) counts[Type] = (counts[Type] ?? 0) + 1;
    return counts;
  };
  const before = count(aTemplate().toJSON().Resources);
  const after = count(aTemplate({ notifications }).toJSON().Resources);
  return Object.fromEntries(
    Object.entries(after).flatMap(([type, number]) => {
      const more = number - (before[type] ?? 0);
      return more === 0 ? [] : [[type, more]];
    }),
  );
}

const MACHINERY = {
  'AWS::Events::Rule': 1,
  'AWS::IAM::Policy': 1,
  'AWS::IAM::Role': 1,
  'AWS::Lambda::EventInvokeConfig': 1,
  'AWS::Lambda::Function': 1,
  'AWS::Lambda::Permission': 1,
  'AWS::Logs::LogGroup': 1,
};

describe('who is told', () => {
  test('addresses get mails from a topic of the stack, which takes messages over TLS only', () => {
    expect(added(EMAIL)).toEqual({
      ...MACHINERY,
      'AWS::SNS::Subscription': 2,
      'AWS::SNS::Topic': 1,
      'AWS::SNS::TopicPolicy': 1,
    });
    const template = aTemplate({ notifications: EMAIL });
    for (const Endpoint of EMAIL.email ?? []) {
      template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint });
    }
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Action: 'sns:Publish',
            Principal: '*',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ]),
      },
    });
  });

  test('a topic that exists is used as it is, and addresses subscribe to it', () => {
    expect(added({ topicArn: TOPIC, alarms: false })).toEqual(MACHINERY);
    expect(added({ ...EMAIL, topicArn: TOPIC })).toEqual({
      ...MACHINERY,
      'AWS::SNS::Subscription': 2,
    });
    const template = aTemplate({ notifications: { topicArn: TOPIC, alarms: false } });
    expect(template.toJSON().Outputs.NotificationsTopic.Value).toBe(TOPIC);
  });

  test('a topic of another Region is warned of', () => {
    const warnings = (region: string) =>
      Annotations.fromStack(
        aStack({ notifications: { topicArn: TOPIC, alarms: false } }, region),
      ).findWarning('*', Match.stringLikeRegexp('notifications'));
    expect(warnings('eu-west-1')).toEqual([]);
    expect(warnings('us-east-1').map(({ entry }) => entry.data)).toEqual([
      'notifications.topicArn: got a topic in eu-west-1, and the stack is in us-east-1; use a topic of that Region [ack: atomic-site:notifications.topicArn]',
    ]);
  });
});

test('the function asks about this pipeline and publishes to this topic, and may do nothing else', () => {
  const grants = (notifications: NotificationsConfig) =>
    grantsOf(aTemplate({ notifications })).get('NotificationsNotifyRole');
  const pipeline = 'arn:aws:codepipeline:eu-west-1:{AWS::AccountId}:{Pipeline}';
  const common = [
    `codepipeline:GetPipelineExecution on ${pipeline}`,
    `codepipeline:ListActionExecutions on ${pipeline}`,
    'logs:CreateLogStream on {NotificationsNotifyLogs.Arn}',
    'logs:PutLogEvents on {NotificationsNotifyLogs.Arn}',
  ];
  expect(grants(EMAIL)).toEqual([...common, 'sns:Publish on {NotificationsTopic}']);
  expect(grants({ topicArn: TOPIC, alarms: false })).toEqual([
    ...common,
    `sns:Publish on ${TOPIC}`,
  ]);
});

/** The patterns of the events that the function is told of. */
const toldOf = (over: Partial<SiteConfig>) =>
  Object.values(aTemplate({ notifications: EMAIL, ...over }).findResources('AWS::Events::Rule'))
    .filter(({ Properties }) => withoutHash(text(Properties.Targets[0].Arn)).includes('Notify'))
    .map(({ Properties: { EventPattern } }) => ({
      ...EventPattern,
      resources: EventPattern.resources.map((arn: unknown) => withoutHash(`${text(arn)} `).trim()),
    }));

test('it is told of this pipeline: what succeeded, what failed, what waits for an approval', () => {
  const executions = {
    source: ['aws.codepipeline'],
    'detail-type': ['CodePipeline Pipeline Execution State Change'],
    resources: ['arn:aws:codepipeline:eu-west-1:{AWS::AccountId}:{Pipeline}'],
    detail: { state: ['SUCCEEDED', 'FAILED'] },
  };
  expect(toldOf({})).toEqual([executions]);
  expect(toldOf({ approval: true })).toEqual([
    executions,
    {
      ...executions,
      'detail-type': ['CodePipeline Action Execution State Change'],
      detail: { state: ['STARTED'], type: { category: ['Approval'] } },
    },
  ]);
});
