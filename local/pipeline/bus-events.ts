import type { BusEvent } from '../event-rules.ts';
import type { PipelineEvent } from './events.ts';

interface OfPipeline {
  readonly name: string;
  readonly arn: string;
}

/**
 * What CodePipeline tells EventBridge of an event here; nothing for what no rule of a stack asks for: how executions
 * end, and what waits for an approval (CodePipeline user guide, "Monitoring CodePipeline events").
 */
export function busEventOf(event: PipelineEvent, pipeline: OfPipeline): BusEvent | undefined {
  const common = { source: 'aws.codepipeline', resources: [pipeline.arn] };
  const detail = { pipeline: pipeline.name, 'execution-id': event.executionId, version: 1 };
  if (event.type === 'execution-finished') {
    return {
      ...common,
      'detail-type': 'CodePipeline Pipeline Execution State Change',
      detail: { ...detail, state: event.status.toUpperCase() },
    };
  }
  if (event.type === 'action-started' && event.provider === 'Manual') {
    const { stage, action } = event;
    const type = { owner: 'AWS', provider: 'Manual', category: 'Approval', version: '1' };
    return {
      ...common,
      'detail-type': 'CodePipeline Action Execution State Change',
      detail: { ...detail, stage, action, state: 'STARTED', type },
    };
  }
  return undefined;
}
