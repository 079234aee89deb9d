import * as v from 'valibot';
import { ApiError, type Authorise, type Operation, readInput } from './jobs.ts';
import type { ActionRecord, ExecutionRecord, Status } from './records.ts';

export interface ExecutionApiInput {
  readonly pipeline: { readonly name: string; readonly arn: string };
  records(): readonly ExecutionRecord[];
  readonly authorise: Authorise;
}

const NAME = v.string();

/** What CodePipeline tells of executions, out of the records of this machine. */
export function executionOperations({
  pipeline: { name: pipeline, arn },
  records,
  authorise,
}: ExecutionApiInput): Readonly<Record<string, Operation>> {
  const known = (name: string): void => {
    if (name === pipeline) return;
    throw new ApiError('PipelineNotFoundException', `Pipeline '${name}' does not exist`);
  };
  const find = (id: string): ExecutionRecord => {
    const record = records().find((one) => one.id === id);
    if (record) return record;
    throw new ApiError(
      'PipelineExecutionNotFoundException',
      `The pipeline ${pipeline} has no execution ${id}`,
    );
  };
  return {
    GetPipelineExecution: (body, request) => {
      const input = readInput(
        v.strictObject({ pipelineName: NAME, pipelineExecutionId: NAME }),
        body,
      );
      authorise(request, 'codepipeline:GetPipelineExecution', arn);
      known(input.pipelineName);
      const record = find(input.pipelineExecutionId);
      const { rollback } = record;
      // A rollback does not run the source again.
      const origin = rollback ? find(rollback.to) : record;
      return {
        pipelineExecution: {
          pipelineName: pipeline,
          pipelineVersion: 1,
          pipelineExecutionId: record.id,
          status: record.status,
          artifactRevisions: revisionsOf(origin),
          trigger: { triggerType: triggerOf(record) },
          executionMode: 'SUPERSEDED',
          executionType: rollback ? 'ROLLBACK' : 'STANDARD',
          ...(rollback && { rollbackMetadata: { rollbackTargetPipelineExecutionId: rollback.to } }),
        },
      };
    },

    ListActionExecutions: (body, request) => {
      const input = readInput(
        v.strictObject({
          pipelineName: NAME,
          filter: v.optional(v.strictObject({ pipelineExecutionId: v.optional(NAME) })),
          maxResults: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100))),
        }),
        body,
      );
      authorise(request, 'codepipeline:ListActionExecutions', arn);
      known(input.pipelineName);
      const id = input.filter?.pipelineExecutionId;
      const details = (id === undefined ? records() : [find(id)])
        .flatMap((record) =>
          record.stages.flatMap(({ name, actions }) =>
            actions.map((action) => detailOf(record.id, name, action)),
          ),
        )
        .reverse();
      return { actionExecutionDetails: details.slice(0, input.maxResults ?? 100) };
    },
  };
}

function revisionsOf({ artifacts, stages }: ExecutionRecord) {
  const [source] = stages[0]?.actions ?? [];
  const revisionSummary = source?.variables.CommitMessage ?? source?.summary;
  return Object.entries(artifacts).flatMap(([name, { revision: revisionId }]) =>
    revisionId === undefined ? [] : [{ name, revisionId, revisionSummary }],
  );
}

/** Who did it is not known here: there are no accounts on one machine. */
function triggerOf({ rollback, trigger }: ExecutionRecord): string {
  if (rollback) return 'ManualRollback';
  return trigger === 'npm start' ? 'StartPipelineExecution' : 'CloudWatchEvent';
}

function detailOf(pipelineExecutionId: string, stageName: string, action: ActionRecord) {
  const { name: actionName, status, startedAt, variables } = action;
  const { summary: externalExecutionSummary, externalExecutionId, error } = action;
  return {
    pipelineExecutionId,
    stageName,
    actionName,
    pipelineVersion: 1,
    status: statusOf(status),
    // Seconds since the epoch, as JSON 1.1 has them.
    startTime: Date.parse(startedAt) / 1_000,
    output: {
      outputVariables: variables,
      executionResult: {
        externalExecutionId,
        externalExecutionSummary,
        ...(error !== undefined && { errorDetails: errorOf(error) }),
      },
    },
  };
}

const statusOf = (status: Status): string =>
  status === 'Stopped' || status === 'Superseded' ? 'Abandoned' : status;

/** A function's failure is kept with its type before it. */
function errorOf(error: string): { code: string; message: string } {
  const typed = /^(ConfigurationError|JobFailed|PermissionError|SystemUnavailable): (.*)$/s.exec(
    error,
  );
  const [, code = 'JobFailed', message = error] = typed ?? [];
  return { code, message };
}
