import type { RefUpdate } from './control.ts';
import type { LocalPipeline } from './engine.ts';
import type { PipelineEvents } from './events.ts';
import { linesFor } from './lines.ts';

export interface PushContext {
  readonly events: PipelineEvents;
  readonly pipeline: Pick<LocalPipeline, 'branch' | 'start'>;
  /**
   * Whether this change starts the pipeline; a text says why it does not.
   *
   * @default - a push to the branch that the pipeline's source action follows
   */
  startsPipeline?(update: RefUpdate): boolean | string;
}

/**
 * Answers a push: starts the pipeline for what publishes and tells its progress; says of everything
 * else that it publishes nothing. The last line tells how it ended.
 */
export async function* answerPush(
  updates: readonly RefUpdate[],
  { events, pipeline, startsPipeline = followsBranch(pipeline.branch) }: PushContext,
): AsyncGenerator<string> {
  const executions = [];
  for (const update of updates) {
    // A deletion has no commit that could be published, whatever a rule in the template says.
    const starts = !isDeletion(update) && startsPipeline(update);
    if (starts !== true) {
      yield nothingPublished(update, pipeline.branch, starts || undefined);
      continue;
    }
    const { id } = pipeline.start({
      trigger: 'push',
      commit: update.new,
      branch: nameOf(update),
    });
    executions.push(events.follow(id));
  }
  for (const execution of executions) {
    for await (const event of execution) yield* linesFor(event);
  }
}

function nothingPublished(update: RefUpdate, branch: string, reason?: string): string {
  const name = nameOf(update);
  if (isDeletion(update)) {
    return `${name} was deleted: nothing is published, the live site stays as it is`;
  }
  if (reason !== undefined) return `${name}: ${reason}, the live site stays as it is`;
  return `${name}: only pushes to ${branch} publish, the live site stays as it is`;
}

const followsBranch =
  (branch: string) =>
  ({ ref }: RefUpdate): boolean =>
    ref === `refs/heads/${branch}`;

const nameOf = ({ ref }: RefUpdate): string => ref.replace(/^refs\/(heads|tags)\//, '');

const isDeletion = (update: RefUpdate): boolean => /^0+$/.test(update.new);
