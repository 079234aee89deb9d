import { writeFile } from 'node:fs/promises';
import { VISITORS as CACHED, invalidate } from '../../../lambda/invalidate/invalidate.ts';
import { invalidationPorts } from '../../../lambda/invalidate/ports.ts';
import { readEvent } from '../../../lambda/notify/events.ts';
import { notify } from '../../../lambda/notify/notify.ts';
import { notifyPorts } from '../../../lambda/notify/ports.ts';
import { promotePorts } from '../../../lambda/promote/ports.ts';
import {
  follow,
  goLive,
  Journal,
  VISITORS as PROMOTING,
  promote,
} from '../../../lambda/promote/promote.ts';
import { prunePorts } from '../../../lambda/prune/ports.ts';
import { prune } from '../../../lambda/prune/prune.ts';
import { jobPorts } from '../../../lambda/shared/handler.ts';
import type { Job, Outcome } from '../../../lambda/shared/job.ts';
import { keyValueStore } from '../../../lambda/shared/key-value-store.ts';
import { type Invocation, type JobWork, runJob } from '../../../lambda/shared/run-job.ts';
import { uploadPorts } from '../../../lambda/upload/ports.ts';
import { VISITORS as UPLOADING, upload } from '../../../lambda/upload/upload.ts';
import { BUCKET, STORE_ARN } from '../exploration/account.ts';
import { IMMUTABLE, UPLOAD_SETTINGS } from '../exploration/actors.ts';
import { aJobEvent, anAwsError } from '../job.ts';
import { ABOUT, type EXECUTIONS, eventOf, TOPIC_ARN } from './notifications.ts';
import type { Process } from './process.ts';

export type HandlerName = 'Upload' | 'Promote' | 'Invalidate' | 'Prune' | 'Rollback' | 'Notify';

const MINUTE_MS = 60_000;

/** The timeouts of the functions in the stack. */
export const LIFE_MS: Readonly<Record<HandlerName, number>> = {
  Upload: 15 * MINUTE_MS,
  Promote: 2 * MINUTE_MS,
  Invalidate: 2 * MINUTE_MS,
  Prune: 15 * MINUTE_MS,
  Notify: MINUTE_MS,
  // Nobody ends it but the person.
  Rollback: 15 * MINUTE_MS,
};

export const HEALTH_DEADLINE_MS = 60_000;

export interface JobOptions {
  readonly id: string;
  readonly userParameters: string;
  readonly continuationToken?: string;
  /** The artifact; only Upload has one. */
  readonly zip?: Buffer;
  /** See `PlanLimits`. @default 1 */
  readonly rebaseShare?: number;
}

/** One invocation for a job of the pipeline, with the shipped ports and the shipped way to report. */
export async function invoke(
  handler: 'Upload' | 'Promote' | 'Invalidate',
  { id, userParameters, continuationToken, zip, rebaseShare = 1 }: JobOptions,
  process: Process,
): Promise<void> {
  const event = aJobEvent({
    id,
    userParameters,
    ...(zip && { artifact: { bucket: 'artifacts', key: 'site.zip' } }),
    ...(continuationToken !== undefined && { continuationToken }),
  });
  const store = keyValueStore(STORE_ARN, process.store);
  const work: Record<typeof handler, JobWork> = {
    Upload: {
      visitors: UPLOADING,
      work: (job, invocation) =>
        upload(job, artifactPorts(process, zip, rebaseShare), process.clock, invocation),
    },
    Promote: {
      visitors: PROMOTING,
      work: (job: Job, invocation: Invocation): Promise<Outcome> =>
        promote(job, portsOfPromotion(process), process.clock, invocation),
    },
    Invalidate: {
      visitors: CACHED,
      work: (job, invocation) =>
        invalidate(job, invalidationPorts(process.clients.cloudFront), process.clock, invocation),
    },
  };
  const context = { awsRequestId: 'r', getRemainingTimeInMillis: () => process.remainingMs() };
  await runJob(event, work[handler], {
    ...jobPorts(process.clients.codePipeline, context),
    log: () => () => {},
    now: () => process.clock.now(),
    after: (ms, action) => process.after(ms, action),
  });

  function artifactPorts(one: Process, artifact: Buffer | undefined, share: number) {
    return {
      ...uploadPorts(one.s3, BUCKET, store, {
        ...UPLOAD_SETTINGS,
        rebaseShare: share,
      }),
      async download(_: unknown, __: unknown, file: string, signal: AbortSignal) {
        const asked = { method: 'GET', url: '/', headers: {}, body: artifact ?? Buffer.alloc(0) };
        const { status, body, breaks } = await one.send('artifact', asked, signal);
        if (breaks) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
        if (status !== 200) {
          const code = /<Code>(\w+)/.exec(body.toString())?.[1] ?? 'UnknownError';
          throw anAwsError(code, status);
        }
        await writeFile(file, body);
      },
    };
  }
}

/** The daily clean-up. */
export const cleanUp = (process: Process, invocation: Invocation) =>
  prune(
    prunePorts(process.s3, BUCKET, keyValueStore(STORE_ARN, process.store), {
      immutable: IMMUTABLE,
      retention: { newest: 1, days: 0 },
      redirects: false,
    }),
    { by: 'clean-up', dryRun: false },
    process.clock,
    invocation,
  );

/** The function that tells people, with the shipped ports and as much time as its handler gives it. */
export async function tell(state: keyof typeof EXECUTIONS, process: Process): Promise<void> {
  const { codePipelineToAsk, sns } = process.clients;
  const signal = AbortSignal.timeout(process.remainingMs() - 2_000);
  const ports = notifyPorts(codePipelineToAsk, sns, TOPIC_ARN, signal);
  await notify(readEvent(eventOf(state)), ABOUT, ports);
}

/** What the operator's command does: the same promotion, whatever is frozen. */
export async function rollback(id: string, process: Process, invocation: Invocation) {
  const ports = portsOfPromotion(process);
  const journal = new Journal('operator', ports, process.clock, invocation, { again: true });
  const begun = await goLive(id, ports, journal, process.clock, invocation, {
    evenFrozen: true,
    freeze: { by: 'operator', reason: 'broken', at: 'now' },
  });
  if (begun.kind === 'frozen') throw new Error('frozen');
  return follow(begun.token, ports, journal, process.clock, invocation);
}

function portsOfPromotion(process: Process) {
  return promotePorts(process.s3, BUCKET, keyValueStore(STORE_ARN, process.store), {
    site: {
      async get(path, signal) {
        const { status, body } = await process.ask(path, signal);
        return { status, text: body.toString() };
      },
    },
    healthPath: '/',
    deadlineMs: HEALTH_DEADLINE_MS,
  });
}
