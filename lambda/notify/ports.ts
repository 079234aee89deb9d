import {
  type CodePipelineClient,
  GetPipelineExecutionCommand,
  ListActionExecutionsCommand,
} from '@aws-sdk/client-codepipeline';
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { required } from '../shared/failure.ts';
import type { Ports } from './notify.ts';

/** The services that a notification talks to. */
export function notifyPorts(
  codePipeline: CodePipelineClient,
  sns: SNSClient,
  TopicArn: string,
  abortSignal: AbortSignal,
): Ports {
  return {
    async execution(pipelineName, pipelineExecutionId) {
      const [{ pipelineExecution }, { actionExecutionDetails }] = await Promise.all([
        codePipeline.send(new GetPipelineExecutionCommand({ pipelineName, pipelineExecutionId }), {
          abortSignal,
        }),
        codePipeline.send(
          // One page is one execution: it has six actions, and a few more for every retry.
          new ListActionExecutionsCommand({
            pipelineName,
            filter: { pipelineExecutionId },
            maxResults: 100,
          }),
          { abortSignal },
        ),
      ]);
      // Taken for an execution that has begun nothing, a mail would say that nothing went live.
      const execution = required(
        pipelineExecution,
        'GetPipelineExecution answered without an execution',
      );
      const actions = required(
        actionExecutionDetails,
        'ListActionExecutions answered without actions',
      );
      const { executionType, trigger, artifactRevisions = [] } = execution;
      const [source] = artifactRevisions;
      return {
        type: executionType,
        trigger: { type: trigger?.triggerType, detail: trigger?.triggerDetail },
        revision:
          source?.revisionId === undefined
            ? undefined
            : {
                id: source.revisionId,
                summary: source.revisionSummary,
                url: source.revisionUrl,
              },
        actions: actions.map(({ stageName = '', actionName = '', status, output }) => ({
          stage: stageName,
          name: actionName,
          status,
          variables: output?.outputVariables ?? {},
          summary: output?.executionResult?.externalExecutionSummary,
          error: output?.executionResult?.errorDetails?.message,
        })),
      };
    },

    async publish({ subject, text }) {
      const { MessageId } = await sns.send(
        new PublishCommand({ TopicArn, Subject: subject, Message: text }),
        { abortSignal },
      );
      required(MessageId, 'Publish answered without an id');
    },
  };
}
