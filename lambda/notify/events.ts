import * as v from 'valibot';

/** What EventBridge told, as far as a message needs it. */
export type Told =
  | {
      readonly kind: 'succeeded' | 'failed' | 'waiting';
      readonly pipeline: string;
      readonly executionId: string;
      readonly region: string;
    }
  | {
      readonly kind: 'alarm';
      readonly name: string;
      readonly description: string | undefined;
      readonly reason: string | undefined;
      readonly region: string;
    };

const common = { region: v.string() };

/** CodePipeline user guide, "Monitoring CodePipeline events". */
const execution = v.object({
  ...common,
  'detail-type': v.literal('CodePipeline Pipeline Execution State Change'),
  detail: v.object({
    pipeline: v.string(),
    'execution-id': v.string(),
    state: v.picklist(['SUCCEEDED', 'FAILED']),
  }),
});

const approval = v.object({
  ...common,
  'detail-type': v.literal('CodePipeline Action Execution State Change'),
  detail: v.object({
    pipeline: v.string(),
    'execution-id': v.string(),
    state: v.literal('STARTED'),
    type: v.object({ category: v.literal('Approval') }),
  }),
});

/** CloudWatch user guide, "Alarm events and EventBridge". */
const alarm = v.object({
  ...common,
  'detail-type': v.literal('CloudWatch Alarm State Change'),
  detail: v.object({
    alarmName: v.string(),
    state: v.object({ value: v.literal('ALARM'), reason: v.optional(v.string()) }),
    configuration: v.optional(v.object({ description: v.optional(v.string()) })),
  }),
});

const schema = v.variant('detail-type', [execution, approval, alarm]);

/** @throws Error for an event that the stack's rules do not send, naming what is wrong with it */
export function readEvent(event: unknown): Told {
  const read = v.safeParse(schema, event);
  if (!read.success) {
    const problems = read.issues.map(
      (issue) => `${v.getDotPath(issue) ?? 'event'}: ${issue.message}`,
    );
    throw new Error(`This is no event that the stack's rules send: ${problems.join('; ')}`);
  }
  const { output } = read;
  const { region } = output;
  if (output['detail-type'] === 'CloudWatch Alarm State Change') {
    const { alarmName: name, state, configuration } = output.detail;
    return {
      kind: 'alarm',
      name,
      description: configuration?.description,
      reason: state.reason,
      region,
    };
  }
  const { pipeline, 'execution-id': executionId, state } = output.detail;
  const kind = state === 'STARTED' ? 'waiting' : state === 'FAILED' ? 'failed' : 'succeeded';
  return { kind, pipeline, executionId, region };
}
