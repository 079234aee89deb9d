import { byHand } from '../../lambda/notify/messages.ts';
import { sentenceOf } from '../../lambda/shared/failure.ts';
import type { Operator } from './operator.ts';

/**
 * Tells what was done past the pipeline on the stack's topic, if notifications are on. What was done is done: that
 * nobody could be told of it is said, and fails nothing.
 */
export async function notify(
  done: Parameters<typeof byHand>[0],
  operator: Operator,
): Promise<void> {
  const { publish, by, stack, siteUrl } = operator.connection;
  if (publish === undefined) return;
  try {
    await publish(byHand(done, by, { name: stack, siteUrl }));
  } catch (error) {
    operator.say(`Others were not notified of it: ${sentenceOf(error)}`);
  }
}
