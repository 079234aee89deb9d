import * as v from 'valibot';
import type { Approvals } from './approvals.ts';
import type { StageDefinition } from './definition.ts';
import { ApiError, type Authorise, type Operation, readInput } from './jobs.ts';
import type { ExecutionRecord } from './records.ts';

export interface ApprovalApiInput {
  readonly pipeline: { readonly name: string; readonly arn: string };
  readonly stages: readonly StageDefinition[];
  readonly approvals: Approvals;
  /** Oldest first. */
  records(): readonly ExecutionRecord[];
  readonly authorise: Authorise;
}

const NAME = v.pipe(v.string(), v.regex(/^[A-Za-z0-9.@\-_]+$/), v.maxLength(100));

const STATE = v.object({ name: NAME });

const RESULT = v.object({
  pipelineName: NAME,
  stageName: NAME,
  actionName: NAME,
  token: v.pipe(v.string(), v.uuid()),
  result: v.object({
    status: v.picklist(['Approved', 'Rejected']),
    summary: v.pipe(v.string(), v.maxLength(512)),
  }),
});

/**
 * The two calls of CodePipeline's API by which somebody finds an approval and answers it, with the limits of the service's
 * API model (codepipeline 2015-07-09). Of a state only what is needed for that.
 */
export function approvalOperations({
  pipeline,
  stages,
  approvals,
  records,
  authorise,
}: ApprovalApiInput): Readonly<Record<string, Operation>> {
  const assertName = (name: string): void => {
    if (name === pipeline.name) return;
    throw new ApiError('PipelineNotFoundException', `Pipeline '${name}' does not exist`);
  };
  return {
    GetPipelineState(body, request) {
      const { name } = readInput(STATE, body);
      authorise(request, 'codepipeline:GetPipelineState', pipeline.arn);
      assertName(name);
      return {
        pipelineName: name,
        stageStates: stages.map((stage) => stateOf(stage, records(), approvals)),
      };
    },
    PutApprovalResult(body, request) {
      const { pipelineName, stageName, actionName, token, result } = readInput(RESULT, body);
      const place = `${pipeline.arn}/${stageName}/${actionName}`;
      const by = authorise(request, 'codepipeline:PutApprovalResult', place);
      assertName(pipelineName);
      const stage = stages.find((one) => one.name === stageName);
      if (!stage) throw new ApiError('StageNotFoundException', `No stage ${stageName}`);
      const action = stage.groups.flat().find((one) => one.name === actionName);
      if (action?.kind !== 'approval') {
        throw new ApiError('ActionNotFoundException', `No approval action ${actionName}`);
      }
      const pending = approvals.pending().find((one) => one.token === token);
      if (pending?.stage !== stageName || pending.action !== actionName) {
        throw new ApiError('InvalidApprovalTokenException', 'The token is not valid any more');
      }
      approvals.decide(token, { ...result, by });
      return { approvedAt: Date.now() / 1_000 };
    },
  };
}

function stateOf(
  { name, groups }: StageDefinition,
  records: readonly ExecutionRecord[],
  approvals: Approvals,
): object {
  const isOf = (stage: { readonly name: string }): boolean => stage.name === name;
  const record = records.findLast(({ stages }) => stages.some(isOf));
  const stage = record?.stages.find(isOf);
  return {
    stageName: name,
    ...(record && {
      latestExecution: { pipelineExecutionId: record.id, status: stage?.status },
    }),
    actionStates: groups.flat().map(({ name: actionName }) => {
      const latest = stage?.actions.find((action) => action.name === actionName);
      const pending = approvals
        .pending()
        .find(({ stage: of, action }) => of === name && action === actionName);
      return {
        actionName,
        ...(latest && {
          latestExecution: {
            status: latest.status,
            lastStatusChange: Date.parse(latest.startedAt) / 1_000,
            ...(pending && { token: pending.token }),
            ...(latest.summary !== undefined && { summary: latest.summary }),
          },
        }),
      };
    }),
  };
}
