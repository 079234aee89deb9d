import { Duration, Stack } from 'aws-cdk-lib';
import { Function as EdgeFunction } from 'aws-cdk-lib/aws-cloudfront';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { EventBus as EventBusTarget } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Hosting } from '../hosting/hosting.ts';
import type { Invalidate } from '../release/invalidate.ts';
import type { Promote } from '../release/promote.ts';
import type { Prune } from '../release/prune.ts';
import type { SiteFunction } from '../release/site-function.ts';
import type { Upload } from '../release/upload.ts';
import { inUsEast1 } from '../us-east-1.ts';
import type { Notifications } from './notifications.ts';
import type { Pipeline } from './pipeline.ts';

export interface AlarmsProps {
  readonly hosting: Hosting;
  readonly pipeline: Pipeline;
  readonly functions: {
    readonly upload: Upload;
    readonly promote: Promote;
    readonly invalidate: Invalidate;
    readonly prune: Prune;
  };
  readonly notifications: Notifications;
}

/** What one alarm watches. */
interface Watch {
  /** Below the stack's name, it names the alarm. */
  readonly name: string;
  /** For whoever gets the mail: what it means, and what to do. */
  readonly description: string;
  readonly metric: IMetric;
  /** The alarm goes off above it. */
  readonly above: number;
  /** So many of the last periods. @default 1 of 1 */
  readonly of?: { readonly periods: number; readonly alarming: number };
}

const PERIOD = Duration.minutes(5);

/** CloudWatch watches the site and its functions. Which alarm has which threshold, and why, is said at each. */
export class Alarms extends Construct {
  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const { hosting, pipeline, functions, notifications } = props;
    const { stackName } = Stack.of(this);
    const there = inUsEast1(this);
    // Where the stack is in us-east-1 itself, all is in it.
    const edgeScope = there === Stack.of(this) ? this : new Construct(there, 'EdgeAlarms');

    const edge = [
      fiveHundreds(hosting),
      ...edgeFunctions(hosting).map((one, index) => edgeFunctionErrors(one, index)),
    ];
    const regional = [
      pipelineFailed(pipeline),
      pruneRefused(functions.prune.function),
      ...(['upload', 'promote', 'invalidate'] as const).map((name) =>
        jobErrors(name, functions[name].job),
      ),
    ];
    for (const watch of edge) createAlarm(edgeScope, stackName, watch);
    for (const watch of regional) createAlarm(this, stackName, watch);

    // Of a pipeline that failed its own event tells with the reason: no second mail.
    const told = regional.filter(({ name }) => name !== PIPELINE_FAILED);
    const pattern = (arns: readonly string[]) => ({
      source: ['aws.cloudwatch'],
      detailType: ['CloudWatch Alarm State Change'],
      resources: [...arns],
      detail: { state: { value: ['ALARM'] } },
    });
    const arnsOf = (watches: readonly Watch[], stack: Stack) =>
      watches.map(({ name }) => alarmArn(this, stack.region, `${stackName}-${name}`));
    const edgeArns = arnsOf(edge, there);
    notifications.tellOf(
      'AlarmEvents',
      'Tells of alarms',
      pattern([...edgeArns, ...arnsOf(told, Stack.of(this))]),
    );
    if (edgeScope !== this) {
      new Rule(edgeScope, 'Forward', {
        description: `Brings the alarms here to where ${stackName} is`,
        eventPattern: pattern(edgeArns),
        // CDK makes the role, which may put events on this one bus.
        targets: [new EventBusTarget(EventBus.fromEventBusArn(edgeScope, 'Bus', busArn(this)))],
      });
    }

    this.watchNotify(stackName, notifications);
  }

  /** Not even a defect of what tells of alarms goes unsaid: this one publishes by itself. */
  private watchNotify(stackName: string, { topic, function: notify }: Notifications): void {
    const watch: Watch = {
      name: 'notify-errors',
      description:
        'A notification was not sent: the function that sends them failed. Look at the pipeline, and at the log of the function Notify. docs/runbook.md',
      metric: errorsOf(notify),
      // One message that was lost is one too many, and nobody else would tell.
      above: 0,
    };
    createAlarm(this, stackName, watch).addAlarmAction(new SnsAction(topic));
    // Nothing for a topic that exists: its owner's policy decides.
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          ArnEquals: {
            'aws:SourceArn': alarmArn(this, Stack.of(this).region, `${stackName}-${watch.name}`),
          },
        },
      }),
    );
  }
}

/**
 * The share of answers that are errors of the server, over 1 % in three of five periods of five minutes.
 *
 * A single page from S3 fails once in thousands of requests and a retry gets it; 1 % for 15 minutes is what visitors
 * notice. A site of few visitors would reach 1 % with one failed request: periods of up to 100 requests do not count.
 */
function fiveHundreds({ delivery }: Hosting): Watch {
  const metric = (metricName: string, statistic: string) =>
    new Metric({
      namespace: 'AWS/CloudFront',
      metricName,
      statistic,
      period: PERIOD,
      dimensionsMap: { DistributionId: delivery.distribution.distributionId, Region: 'Global' },
    });
  return {
    name: '5xx',
    description:
      'More than 1 % of the answers are errors of the server, for at least 15 minutes. Look whether it began with a release, and go back: npm run releases -- rollback. docs/runbook.md',
    metric: new MathExpression({
      expression: 'IF(requests > 100, rate, 0)',
      usingMetrics: {
        requests: metric('Requests', 'Sum'),
        rate: metric('5xxErrorRate', 'Average'),
      },
      period: PERIOD,
      label: 'Share of 5xx in %',
    }),
    above: 1,
    of: { periods: 5, alarming: 3 },
  };
}

/**
 * Any error of a function at the edge in each of three periods of five minutes in a row.
 *
 * Where it fails, a visitor gets a 503, and it never throws by itself; a store that CloudFront cannot read for a moment
 * is over before the third period.
 */
const edgeFunctionErrors = (edgeFunction: EdgeFunction, index: number): Watch => ({
  name: index === 0 ? 'edge-errors' : `edge-errors-${index + 1}`,
  description: `The function at the edge (${edgeFunction.node.id}) has failed for 15 minutes: where it fails, visitors get an error. Look at its metrics in the console of CloudFront. docs/runbook.md`,
  metric: new MathExpression({
    // A function that threw, one whose answer CloudFront did not take, and one that took too long too often.
    expression: 'FILL(execution, 0) + FILL(validation, 0) + FILL(throttles, 0)',
    usingMetrics: {
      execution: edgeMetric(edgeFunction, 'FunctionExecutionErrors'),
      validation: edgeMetric(edgeFunction, 'FunctionValidationErrors'),
      throttles: edgeMetric(edgeFunction, 'FunctionThrottles'),
    },
    period: PERIOD,
    label: 'Failures of the function',
  }),
  above: 0,
  of: { periods: 3, alarming: 3 },
});

const edgeMetric = ({ functionName }: EdgeFunction, metricName: string) =>
  new Metric({
    namespace: 'AWS/CloudFront',
    metricName,
    statistic: 'Sum',
    period: PERIOD,
    dimensionsMap: { FunctionName: functionName, Region: 'Global' },
  });

const edgeFunctions = (hosting: Hosting): EdgeFunction[] =>
  hosting.node.findAll().filter((one) => one instanceof EdgeFunction);

const PIPELINE_FAILED = 'pipeline-failed';

/** Each failed execution: none is expected. For those who watch alarms; the mail comes from the execution's own event. */
const pipelineFailed = ({ pipeline }: Pipeline): Watch => ({
  name: PIPELINE_FAILED,
  description: 'A release failed in the pipeline, and its event has been told. docs/runbook.md',
  metric: new Metric({
    namespace: 'AWS/CodePipeline',
    metricName: 'FailedPipelineExecutions',
    statistic: 'Sum',
    period: PERIOD,
    dimensionsMap: { PipelineName: pipeline.pipelineName },
  }),
  above: 0,
});

/** Each refusal: it runs once a day, and where it finds anything odd it deletes nothing and fails. */
const pruneRefused = (prune: SiteFunction): Watch => ({
  name: 'prune-refused',
  description:
    'The daily clean-up found something odd, deleted nothing and failed. Visitors notice nothing; the reason is in its log, and npm run releases -- prune --dry-run says it again. docs/runbook.md',
  metric: errorsOf(prune),
  above: 0,
});

/** Each error: a job reports what goes wrong and never throws, so one is a defect, a timeout or lost memory. */
const jobErrors = (name: string, job: SiteFunction): Watch => ({
  name: `${name}-errors`,
  description: `The function ${name} of the pipeline crashed or ran out of time, and its action may hang for 20 minutes. Its log has the reason; then retry the stage. docs/runbook.md`,
  metric: errorsOf(job),
  above: 0,
});

const errorsOf = ({ function: of }: SiteFunction): Metric =>
  of.metricErrors({ statistic: 'Sum', period: PERIOD });

function createAlarm(scope: Construct, stackName: string, watch: Watch): Alarm {
  const { name, description, metric, above, of = { periods: 1, alarming: 1 } } = watch;
  return new Alarm(scope, pascal(name), {
    // The rule that tells of it knows it by its name, from another stack and Region.
    alarmName: `${stackName}-${name}`,
    alarmDescription: description,
    metric,
    threshold: above,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: of.periods,
    datapointsToAlarm: of.alarming,
    // Nobody visits, nothing is published: no reason for an alarm.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}

const pascal = (name: string): string =>
  name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/^5/, 'Five');

function alarmArn(scope: Construct, region: string, name: string): string {
  const { partition, account } = Stack.of(scope);
  return `arn:${partition}:cloudwatch:${region}:${account}:alarm:${name}`;
}

function busArn(scope: Construct): string {
  const { partition, region, account } = Stack.of(scope);
  return `arn:${partition}:events:${region}:${account}:event-bus/default`;
}
