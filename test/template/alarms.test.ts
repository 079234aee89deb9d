import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { aStack, list, type Statement, text, withoutHash } from '../support/synth.ts';

const notifications = { email: ['jo@example.com'] };

/** The templates of a site with alarms, by the name of their stack. */
function templates(region: string): Map<string, Template> {
  const stack = aStack({ notifications }, region);
  const stacks = stack.node.root.node.children as Stack[];
  return new Map(stacks.map((one) => [one.stackName, Template.fromStack(one)]));
}

const alarmsIn = (template: Template | undefined) =>
  Object.values(template?.findResources('AWS::CloudWatch::Alarm') ?? {}).map(
    ({ Properties }) => Properties,
  );
const HERE = templates('us-east-1').get('a-site');
const ALARMS = alarmsIn(HERE);

test('every alarm has its threshold, and none goes off where nothing is measured', () => {
  expect(
    ALARMS.map((alarm) => {
      const { AlarmName, Namespace, MetricName, Statistic, Period, Threshold } = alarm;
      const { DatapointsToAlarm, EvaluationPeriods } = alarm;
      const [expression] = (alarm.Metrics ?? []) as { Expression: string; Period: number }[];
      const what =
        expression?.Expression ?? `${Namespace} ${MetricName} ${Statistic} of ${Period} s`;
      return `${AlarmName}: ${what} > ${Threshold}, ${DatapointsToAlarm} of ${EvaluationPeriods}`;
    }).sort(),
  ).toEqual([
    'a-site-5xx: IF(requests > 100, rate, 0) > 1, 3 of 5',
    'a-site-edge-errors: FILL(execution, 0) + FILL(validation, 0) + FILL(throttles, 0) > 0, 3 of 3',
    'a-site-invalidate-errors: AWS/Lambda Errors Sum of 300 s > 0, 1 of 1',
    'a-site-notify-errors: AWS/Lambda Errors Sum of 300 s > 0, 1 of 1',
    'a-site-pipeline-failed: AWS/CodePipeline FailedPipelineExecutions Sum of 300 s > 0, 1 of 1',
    'a-site-promote-errors: AWS/Lambda Errors Sum of 300 s > 0, 1 of 1',
    'a-site-prune-refused: AWS/Lambda Errors Sum of 300 s > 0, 1 of 1',
    'a-site-upload-errors: AWS/Lambda Errors Sum of 300 s > 0, 1 of 1',
  ]);
  for (const { TreatMissingData, ComparisonOperator, AlarmDescription } of ALARMS) {
    expect([TreatMissingData, ComparisonOperator]).toEqual([
      'notBreaching',
      'GreaterThanThreshold',
    ]);
    expect(AlarmDescription).toMatch(/ docs\/runbook\.md$/);
  }
});

test('the share of errors is that of the distribution, in five minutes', () => {
  const metrics = ALARMS.find(({ AlarmName }) => AlarmName === 'a-site-5xx')?.Metrics;
  const measured = metrics
    .slice(1)
    .map(({ Id, MetricStat: { Metric, Period, Stat } }: any) => [
      ...[Id, Metric.MetricName, Stat, Period],
      Object.fromEntries(
        Metric.Dimensions.map(({ Name, Value }: any) => [
          Name,
          withoutHash(`${text(Value)} `).trim(),
        ]),
      ),
    ]);
  const dimensions = { DistributionId: '{HostingDeliveryDistribution}', Region: 'Global' };
  expect(measured).toEqual([
    ['requests', 'Requests', 'Sum', 300, dimensions],
    ['rate', '5xxErrorRate', 'Average', 300, dimensions],
  ]);
});

/** The names of the alarms that a rule is told of. */
const toldOf = (template: Template | undefined, region: string): string[] =>
  Object.values(template?.findResources('AWS::Events::Rule') ?? {})
    .filter(({ Properties: { EventPattern } }) => EventPattern?.source[0] === 'aws.cloudwatch')
    .flatMap(({ Properties: { EventPattern } }) => {
      expect(EventPattern['detail-type']).toEqual(['CloudWatch Alarm State Change']);
      expect(EventPattern.detail).toEqual({ state: { value: ['ALARM'] } });
      return EventPattern.resources.map(text) as string[];
    })
    .filter((arn) => arn.includes(`:cloudwatch:${region}:{AWS::AccountId}:alarm:`))
    .map((arn) => arn.replace(/.*:/, ''))
    .sort();

test('all are told in one place, but the failed pipeline, which tells of itself, and the teller', () => {
  const names = ALARMS.map(({ AlarmName }) => AlarmName).sort();
  const others = ['a-site-notify-errors', 'a-site-pipeline-failed'];
  expect(toldOf(HERE, 'us-east-1')).toEqual(names.filter((name) => !others.includes(name)));
  const publishing = ALARMS.filter(({ AlarmActions }) => AlarmActions);
  expect(publishing.map(({ AlarmName }) => AlarmName)).toEqual(['a-site-notify-errors']);
  const [policy] = Object.values(HERE?.findResources('AWS::SNS::TopicPolicy') ?? {});
  const [allowed, ...more] = (
    (policy as any).Properties.PolicyDocument.Statement as Statement[]
  ).filter(({ Effect }) => Effect === 'Allow');
  expect(more).toEqual([]);
  expect(allowed).toMatchObject({
    Action: 'sns:Publish',
    Principal: { Service: 'cloudwatch.amazonaws.com' },
  });
  expect(text((allowed as any).Condition.ArnEquals['aws:SourceArn'])).toBe(
    'arn:aws:cloudwatch:us-east-1:{AWS::AccountId}:alarm:a-site-notify-errors',
  );
});

test('elsewhere those of CloudFront are in us-east-1, and come to the same place', () => {
  const stacks = templates('eu-west-1');
  expect([...stacks.keys()]).toEqual(['a-site', 'a-site-us-east-1']);
  const [site, edge] = [stacks.get('a-site'), stacks.get('a-site-us-east-1')];
  const ofTheEdge = ['a-site-5xx', 'a-site-edge-errors'];
  expect(
    alarmsIn(edge)
      .map(({ AlarmName }) => AlarmName)
      .sort(),
  ).toEqual(ofTheEdge);
  expect(alarmsIn(site)).toHaveLength(ALARMS.length - ofTheEdge.length);
  expect(toldOf(edge, 'us-east-1')).toEqual(ofTheEdge);
  expect(toldOf(site, 'us-east-1')).toEqual(ofTheEdge);
  expect(toldOf(site, 'eu-west-1')).toHaveLength(4);

  const bus =
    /^arn:(\{AWS::Partition\}|aws):events:eu-west-1:\{AWS::AccountId\}:event-bus\/default$/;
  const [rule] = Object.values(edge?.findResources('AWS::Events::Rule') ?? {});
  expect(rule?.Properties.Targets.map(({ Arn }: any) => text(Arn))).toEqual([
    expect.stringMatching(bus),
  ]);
  const policies = Object.values(edge?.findResources('AWS::IAM::Policy') ?? {});
  expect(
    policies.flatMap(({ Properties }) =>
      (Properties.PolicyDocument.Statement as Statement[]).map(({ Action, Resource }) => [
        Action,
        ...list(Resource).map(text),
      ]),
    ),
  ).toEqual([['events:PutEvents', expect.stringMatching(bus)]]);
});
