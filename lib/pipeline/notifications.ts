import { Annotations, CfnOutput, Duration, Stack, Token } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';
import type { Hosting } from '../hosting/hosting.ts';
import { SiteFunction } from '../release/site-function.ts';
import { Alarms, type AlarmsProps } from './alarms.ts';
import type { Pipeline } from './pipeline.ts';

export interface NotificationsProps {
  readonly notifications: NonNullable<ResolvedConfig['notifications']>;
  readonly config: ResolvedConfig;
  readonly hosting: Hosting;
  readonly pipeline: Pipeline;
  /** What the alarms watch. */
  readonly functions: AlarmsProps['functions'];
}

/** Tells people by mail, or on a topic that they have, what became of a release, and of an alarm. */
export class Notifications extends Construct {
  readonly topic: ITopic;
  readonly function: SiteFunction;

  constructor(scope: Construct, id: string, props: NotificationsProps) {
    super(scope, id);
    const { notifications, config, hosting, pipeline, functions } = props;
    const { pipelineArn } = pipeline.pipeline;
    this.topic = this.createTopic(notifications);
    for (const address of notifications.email) {
      this.topic.addSubscription(new EmailSubscription(address));
    }

    this.function = new SiteFunction(this, 'Notify', {
      handler: 'notify',
      description: 'Tells people what became of a release, and of an alarm',
      // Two questions to CodePipeline and one message, with time for tries of each.
      timeout: Duration.minutes(1),
      memorySize: 256,
      environment: {
        TOPIC_ARN: this.topic.topicArn,
        SITE_NAME: config.name,
        SITE_URL: hosting.siteUrl,
      },
    });
    for (const statement of [
      new PolicyStatement({
        actions: ['codepipeline:GetPipelineExecution', 'codepipeline:ListActionExecutions'],
        resources: [pipelineArn],
      }),
      new PolicyStatement({ actions: ['sns:Publish'], resources: [this.topic.topicArn] }),
    ]) {
      this.function.grantPrincipal.addToPrincipalPolicy(statement);
    }

    this.tellOf('Executions', 'Tells of releases that were published or failed', {
      source: ['aws.codepipeline'],
      detailType: ['CodePipeline Pipeline Execution State Change'],
      resources: [pipelineArn],
      detail: { state: ['SUCCEEDED', 'FAILED'] },
    });
    if (config.approval) {
      this.tellOf('Approvals', 'Tells of releases that wait for an approval', {
        source: ['aws.codepipeline'],
        detailType: ['CodePipeline Action Execution State Change'],
        resources: [pipelineArn],
        detail: { state: ['STARTED'], type: { category: ['Approval'] } },
      });
    }

    if (notifications.alarms) {
      new Alarms(this, 'Alarms', { hosting, pipeline, functions, notifications: this });
    }

    new CfnOutput(this, 'TopicArn', {
      description: 'Where notifications go: npm run releases tells there what it did',
      value: this.topic.topicArn,
    }).overrideLogicalId('NotificationsTopic');
  }

  /** Has such events told by the function. */
  tellOf(id: string, description: string, eventPattern: EventPattern): Rule {
    return new Rule(this, id, {
      description,
      eventPattern,
      targets: [
        // Later than that nobody wants to hear of it.
        new LambdaFunction(this.function.function, {
          retryAttempts: 8,
          maxEventAge: Duration.hours(1),
        }),
      ],
    });
  }

  private createTopic({ topicArn }: NotificationsProps['notifications']): ITopic {
    // Messages hold no secret, and a key of one's own costs more than all the rest: SNS's own storage it is.
    if (topicArn === undefined) return new Topic(this, 'Topic', { enforceSSL: true });
    const { region } = Stack.of(this);
    const own = topicArn.split(':')[3];
    if (!Token.isUnresolved(region) && region !== own) {
      // Not an error: the local run takes every stack to be in us-east-1.
      Annotations.of(this).addWarningV2(
        'atomic-site:notifications.topicArn',
        `notifications.topicArn: got a topic in ${own}, and the stack is in ${region}; use a topic of that Region`,
      );
    }
    return Topic.fromTopicArn(this, 'Topic', topicArn);
  }
}
