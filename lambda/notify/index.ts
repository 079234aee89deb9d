import { CodePipelineClient } from '@aws-sdk/client-codepipeline';
import { SNSClient } from '@aws-sdk/client-sns';
import { TIMEOUTS } from '../shared/clients.ts';
import { environment } from '../shared/environment.ts';
import { describeError } from '../shared/failure.ts';
import type { LambdaContext } from '../shared/handler.ts';
import { jsonLog, logged } from '../shared/log.ts';
import { readEvent } from './events.ts';
import { notify } from './notify.ts';
import { notifyPorts } from './ports.ts';

const settings = { requestHandler: TIMEOUTS, maxAttempts: 5 };
const codePipeline = new CodePipelineClient(settings);
const sns = new SNSClient(settings);

/** Of an invocation's time, kept for ending in order. */
const RESERVE_MS = 2_000;

/**
 * Tells people what an event of EventBridge is about. An event that comes twice is told twice. One that cannot be
 * told throws, which the function's `Errors` metric counts.
 */
export async function handler(event: unknown, context: LambdaContext): Promise<void> {
  const log = jsonLog({ requestId: context.awsRequestId }, (text) => text);
  const leftMs = Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS);
  try {
    const { TOPIC_ARN, SITE_NAME, SITE_URL } = environment(process.env, [
      'TOPIC_ARN',
      'SITE_NAME',
      'SITE_URL',
    ]);
    const ports = notifyPorts(codePipeline, sns, TOPIC_ARN, AbortSignal.timeout(leftMs));
    const told = readEvent(event);
    await notify(told, { name: SITE_NAME, siteUrl: SITE_URL }, ports);
    log('info', 'told', { kind: told.kind });
  } catch (error) {
    log('error', describeError(error), logged(error));
    // Not the error itself: Lambda prints what is thrown, with all the properties the SDK gave it.
    throw new Error(describeError(error));
  }
}
