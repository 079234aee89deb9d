import {
  CodePipelineClient,
  PutJobFailureResultCommand,
  PutJobSuccessResultCommand,
} from '@aws-sdk/client-codepipeline';
import { TIMEOUTS } from './clients.ts';
import { jsonLog } from './log.ts';
import { type JobPorts, type JobWork, runJob } from './run-job.ts';

/** What a handler needs of Lambda's context. */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/**
 * The handler of a CodePipeline Lambda action. Resolves when the job's outcome is reported,
 * whatever it is; rejects if the event is no job or the report could not be delivered.
 */
export function jobHandler(work: JobWork) {
  const codePipeline = new CodePipelineClient({
    requestHandler: TIMEOUTS,
    // More than the SDK's three, which are over in a tenth of a second: nothing else retries a
    // report, and a job that nobody reports holds its pipeline for 20 minutes.
    maxAttempts: 8,
  });

  return async (event: unknown, context: LambdaContext): Promise<void> =>
    runJob(event, work, jobPorts(codePipeline, context));
}

/** CodePipeline, Lambda and the time, as a job has them. */
export function jobPorts(codePipeline: CodePipelineClient, context: LambdaContext): JobPorts {
  return {
    async succeed(jobId, outcome, abortSignal) {
      const { summary, externalExecutionId } = outcome;
      await codePipeline.send(
        new PutJobSuccessResultCommand({
          jobId,
          executionDetails: {
            summary,
            externalExecutionId,
            percentComplete: outcome.kind === 'continued' ? outcome.percentComplete : 100,
          },
          // Either of the two, never both: the API refuses variables next to a token.
          ...(outcome.kind === 'continued'
            ? { continuationToken: outcome.token }
            : { outputVariables: outcome.outputVariables }),
        }),
        { abortSignal },
      );
    },
    async fail(jobId, { type, message, externalExecutionId }, abortSignal) {
      await codePipeline.send(
        new PutJobFailureResultCommand({
          jobId,
          failureDetails: { type, message, externalExecutionId },
        }),
        { abortSignal },
      );
    },
    log: (jobId, clean) => jsonLog({ requestId: context.awsRequestId, jobId }, clean),
    now: () => Date.now(),
    remainingMs: () => context.getRemainingTimeInMillis(),
    after(ms, action) {
      const timer = setTimeout(action, ms);
      return () => clearTimeout(timer);
    },
  };
}
