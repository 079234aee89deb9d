import { S3Client } from '@aws-sdk/client-s3';
import { TIMEOUTS } from '../shared/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { describeError } from '../shared/failure.ts';
import type { LambdaContext } from '../shared/handler.ts';
import { keyValueStore } from '../shared/key-value-store.ts';
import { jsonLog, logged } from '../shared/log.ts';
import { prunePorts } from './ports.ts';
import { type PruneReport, prune } from './prune.ts';

const s3 = new S3Client({ requestHandler: TIMEOUTS, maxAttempts: 5 });

/** Of an invocation's time, kept for ending in order. */
const RESERVE_MS = 10_000;

/**
 * The clean-up that the schedule starts. What it did is in the log. One that was refused or failed throws, so
 * that the function's `Errors` metric counts it; nobody tries again before the next day.
 */
export async function handler(_event: unknown, context: LambdaContext): Promise<void> {
  const log = jsonLog({ requestId: context.awsRequestId }, (text) => text);
  const leftMs = Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS);
  try {
    const { CONTENT_BUCKET, KEY_VALUE_STORE_ARN, IMMUTABLE_PATTERNS, RETENTION } = environment(
      process.env,
      ['CONTENT_BUCKET', 'KEY_VALUE_STORE_ARN', 'IMMUTABLE_PATTERNS', 'RETENTION'],
    );
    const ports = prunePorts(s3, CONTENT_BUCKET, keyValueStore(KEY_VALUE_STORE_ARN), {
      immutable: JSON.parse(IMMUTABLE_PATTERNS),
      retention: JSON.parse(RETENTION),
      redirects: process.env.REDIRECTS_FILE === 'on',
    });
    const options = { by: 'the daily clean-up', dryRun: false };
    const report = await prune(ports, options, systemClock, {
      endAt: systemClock.now() + leftMs,
      signal: AbortSignal.timeout(leftMs),
      log,
    });
    tell(report, log);
  } catch (error) {
    log('error', describeError(error), logged(error));
    // Not the error itself: Lambda prints what is thrown, with all the properties the SDK gave it.
    throw new Error(describeError(error));
  }
}

function tell(report: PruneReport, log: ReturnType<typeof jsonLog>): void {
  const { kept, retired, abandoned, notes, postponed, complete, ...counts } = report;
  for (const note of notes) log('warn', note);
  if (postponed !== undefined) log('warn', `Put off: ${postponed}`);
  else if (!complete) log('warn', 'Out of time: the next clean-up goes on from here.');
  log('info', 'cleaned up', {
    ...counts,
    complete,
    kept: kept.length,
    retired: retired.join(' '),
    abandoned: abandoned.join(' '),
  });
}
