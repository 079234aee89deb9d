import { Agent } from 'node:http';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import type { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { CloudFrontKeyValueStoreClient } from '@aws-sdk/client-cloudfront-keyvaluestore';
import type { CodePipelineClient } from '@aws-sdk/client-codepipeline';
import { S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Message } from '../../lambda/notify/messages.ts';
import { siteAt } from '../../lambda/promote/site.ts';
import type { Site } from '../../lambda/promote/watch.ts';
import { TIMEOUTS } from '../../lambda/shared/clients.ts';
import { factsOf } from '../../lambda/shared/failure.ts';
import { keyValueStore } from '../../lambda/shared/key-value-store.ts';
import type { PointerStore } from '../../lambda/shared/store.ts';
import { isWrite, traced } from './calls.ts';
import { Refused } from './errors.ts';
import type { LocalRun } from './local.ts';

/** A stack and who talks to it. */
export interface Connection {
  /** The stack's name. */
  readonly stack: string;
  /** Its public address. */
  readonly siteUrl: string;
  readonly bucket: string;
  readonly distributionId: string;
  /** The ARN of whoever runs the command, for the ledger. */
  readonly by: string;
  readonly s3: S3Client;
  /** Loaded when it is asked for: only what follows a release needs it, and it is a third of all the loading. */
  cloudFront(): Promise<CloudFrontClient>;
  /** The pipeline's name, if it has an approval. */
  readonly pipeline: string | undefined;
  codePipeline(): Promise<CodePipelineClient>;
  readonly pointer: PointerStore;
  readonly site: Site;
  /** Tells those who are to be notified; nothing if nobody is. */
  readonly publish?: (message: Message) => Promise<void>;
  /** Whether a call was begun that may change something, whatever became of it. */
  hasWritten(): boolean;
}

export interface Target {
  readonly stack: string;
  readonly region: string | undefined;
  readonly profile: string | undefined;
  /** Where the services are if not on AWS. */
  readonly local: LocalRun | undefined;
}

/** The stack's outputs that are needed here: see `lib/outputs.ts`. A site with names of its own has one more, and so has one with notifications. */
const OUTPUTS = ['SiteUrl', 'ContentBucket', 'DistributionId', 'KeyValueStore'] as const;

/**
 * Looks up the stack and who is calling.
 *
 * @throws Refused if there is no such stack, or not one that can be operated; any error of the SDK
 */
export async function connect(target: Target, signal: AbortSignal): Promise<Connection> {
  const settings = settingsFor(target);
  const sts = traced(new STSClient(settings('STS')));
  const cloudFormation = traced(new CloudFormationClient(settings('CLOUDFORMATION')));
  const stackName = target.stack;
  const [caller, stacks] = await Promise.allSettled([
    sts.send(new GetCallerIdentityCommand({}), { abortSignal: signal }),
    cloudFormation.send(new DescribeStacksCommand({ StackName: stackName }), {
      abortSignal: signal,
    }),
  ]);
  // What is wrong with the credentials comes first: it is wrong with both.
  if (caller.status === 'rejected') throw caller.reason;
  const { Arn: by = 'unknown', Account: account = 'unknown' } = caller.value;
  if (stacks.status === 'rejected') {
    const { name, message } = factsOf(stacks.reason);
    if (name !== 'ValidationError' || !message.includes('does not exist')) throw stacks.reason;
    throw new Refused(await noSuchStack(target, account, cloudFormation));
  }
  const stack = stacks.value.Stacks?.[0];
  const outputs = new Map(
    stack?.Outputs?.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
  );
  const missing = OUTPUTS.filter((name) => !outputs.get(name));
  if (missing.length > 0) {
    throw new Refused(
      `Stack ${stackName} (${stack?.StackStatus}) has no output ${missing.join(', ')}: it was not deployed to its end, or by an older version of this project. Deploy it again: npx cdk deploy ${stackName}`,
    );
  }
  const output = (name: (typeof OUTPUTS)[number]) => outputs.get(name) as string;

  let wrote = false;
  const noting = (call: string) => {
    wrote ||= isWrite(call);
  };
  const siteUrl = output('SiteUrl');
  const local = target.local?.addresses[siteUrl];
  const kvs = traced(
    new CloudFrontKeyValueStoreClient(settings('CLOUDFRONT_KEYVALUESTORE')),
    noting,
  );
  const topic = outputs.get('NotificationsTopic');
  return {
    stack: stackName,
    siteUrl,
    bucket: output('ContentBucket'),
    distributionId: output('DistributionId'),
    by,
    s3: traced(new S3Client(settings('S3')), noting),
    async cloudFront() {
      const { CloudFrontClient } = await import('@aws-sdk/client-cloudfront');
      return traced(new CloudFrontClient(settings('CLOUDFRONT')), noting);
    },
    pipeline: outputs.get('PipelineName'),
    async codePipeline() {
      const { CodePipelineClient } = await import('@aws-sdk/client-codepipeline');
      return traced(new CodePipelineClient(settings('CODEPIPELINE')), noting);
    },
    ...(topic && {
      async publish({ subject, text }: Message) {
        const { PublishCommand, SNSClient } = await import('@aws-sdk/client-sns');
        const sns = traced(new SNSClient(settings('SNS')));
        await sns.send(new PublishCommand({ TopicArn: topic, Subject: subject, Message: text }), {
          abortSignal: signal,
        });
      },
    }),
    pointer: keyValueStore(output('KeyValueStore'), kvs),
    site: local ? siteAt(local) : siteAt(siteUrl, outputs.get('DistributionDomainName')),
    hasWritten: () => wrote,
  };
}

async function noSuchStack(
  { stack, region, local }: Target,
  account: string,
  { config }: CloudFormationClient,
): Promise<string> {
  if (local) {
    return `--stack: got "${stack}"; what npm start runs has another name: that of "name" in site.config.ts when it was started`;
  }
  const where = `Region ${region ?? (await config.region())} of account ${account}`;
  return `There is no stack "${stack}" in ${where}. Name another with --stack or --region, another account with --profile, or deploy it: npx cdk deploy ${stack}`;
}

/** What every client needs: by the name that the service has in `AWS_ENDPOINT_URL_…`. */
function settingsFor({ region, profile, local }: Target) {
  const common = { maxAttempts: 5 };
  if (local === undefined) {
    return () => ({
      ...common,
      requestHandler: TIMEOUTS,
      ...(region !== undefined && { region }),
      ...(profile !== undefined && { profile }),
    });
  }
  const { environment } = local;
  const httpAgent = new Agent({
    keepAlive: true,
    // The key-value store's client puts the account's id before the host: 123456789012.localhost, which
    // names this machine by RFC 6761 but which not every resolver knows.
    lookup: (_host, options, done) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
  });
  return (service: string) => ({
    ...common,
    requestHandler: { ...TIMEOUTS, httpAgent },
    region: environment.AWS_REGION ?? '',
    endpoint: environment[`AWS_ENDPOINT_URL_${service}`] ?? '',
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY ?? '',
      sessionToken: environment.AWS_SESSION_TOKEN ?? '',
    },
  });
}
