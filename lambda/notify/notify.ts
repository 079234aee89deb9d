import type { Told } from './events.ts';
import {
  type About,
  alarmed,
  type Execution,
  failed,
  type Message,
  succeeded,
  waiting,
} from './messages.ts';

/** What CodePipeline knows of an execution, in this function's own words. */
export interface ExecutionFacts {
  /** `ROLLBACK` or `STANDARD`. */
  readonly type: string | undefined;
  readonly trigger: { readonly type?: string | undefined; readonly detail?: string | undefined };
  readonly revision: Execution['revision'];
  /** Newest first: an action that was retried comes twice. */
  readonly actions: readonly ActionFacts[];
}

export interface ActionFacts {
  readonly stage: string;
  readonly name: string;
  /** `InProgress`, `Succeeded`, `Failed` or `Abandoned`. */
  readonly status: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
  readonly summary: string | undefined;
  readonly error: string | undefined;
}

export interface Ports {
  execution(pipeline: string, executionId: string): Promise<ExecutionFacts>;
  publish(message: Message): Promise<void>;
}

/** Tells what happened, in sentences. */
export async function notify(told: Told, about: About, ports: Ports): Promise<void> {
  await ports.publish(await messageFor(told, about, ports));
}

async function messageFor(told: Told, about: About, ports: Ports): Promise<Message> {
  const { region } = told;
  if (told.kind === 'alarm') {
    const name = encodeURIComponent(told.name);
    const url = `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#alarmsV2:alarm/${name}`;
    return alarmed({ ...told, url }, about);
  }
  const { pipeline, executionId } = told;
  const pipelineUrl = `https://${region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/${pipeline}`;
  const facts = await ports.execution(pipeline, executionId);
  if (told.kind === 'waiting') {
    // Where the button is.
    return waiting(executionOf(facts, `${pipelineUrl}/view?region=${region}`), about);
  }
  const url = `${pipelineUrl}/executions/${executionId}/timeline?region=${region}`;
  const tell = told.kind === 'succeeded' ? succeeded : failed;
  return tell(executionOf(facts, url), about);
}

/** What `lib/pipeline/pipeline.ts` calls the action. */
const PROMOTE = 'Promote';

/** Those of CodePipeline's trigger types that name a person. */
const BY_HAND = ['StartPipelineExecution', 'ManualRollback'];

export function executionOf(facts: ExecutionFacts, url: string): Execution {
  const { type, trigger, revision, actions } = facts;
  const last = new Map<string, ActionFacts>();
  for (const action of actions) {
    const key = `${action.stage}/${action.name}`;
    if (!last.has(key)) last.set(key, action);
  }
  const latest = [...last.values()];
  const promotion = latest.find(({ name }) => name === PROMOTE);
  const failure = latest.find(({ status }) => status === 'Failed');
  return {
    url,
    startedBy: BY_HAND.includes(trigger.type ?? '') ? trigger.detail : undefined,
    isRollback: type === 'ROLLBACK',
    releaseId: latest.map(({ variables }) => variables.releaseId).find((id) => id !== undefined),
    revision,
    promotion: promotion && {
      isLive: promotion.variables.promoted !== 'no',
      summary: promotion.summary,
    },
    failure: failure && { stage: failure.stage, action: failure.name, reason: failure.error },
  };
}
