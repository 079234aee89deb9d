import { Duration } from 'aws-cdk-lib';
import { ManualApprovalAction } from 'aws-cdk-lib/aws-codepipeline-actions';
import type { ResolvedConfig } from '../config.ts';

export interface ApprovalProps {
  readonly approval: NonNullable<ResolvedConfig['approval']>;
  /** The uploaded release's id, as a pipeline variable. */
  readonly releaseId: string;
  readonly siteUrl: string;
  readonly runOrder: number;
}

/** Stops the pipeline until somebody approves the release in CodePipeline, or rejects it. */
export function approvalAction({
  approval: { message, timeoutMinutes },
  releaseId,
  siteUrl,
  runOrder,
}: ApprovalProps): ManualApprovalAction {
  const waits = `Release ${releaseId} is uploaded and waits to go live.`;
  return new ManualApprovalAction({
    actionName: 'Approve',
    runOrder,
    additionalInformation: message === undefined ? waits : `${waits} ${message}`,
    // What visitors get until then.
    externalEntityLink: siteUrl,
    timeout: Duration.minutes(timeoutMinutes),
  });
}
