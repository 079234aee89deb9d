import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelineEvent } from '../local/pipeline/events.ts';
import type { LocalStack } from '../local/stack.ts';
import type { Git } from './git.ts';

/** One push, in milliseconds from its start. */
export interface Push {
  readonly live: number;
  readonly end: number;
  readonly build: number;
  /** When the build had ended. */
  readonly built: number;
  /** By name, in the order in which they ran. */
  readonly actions: ReadonlyMap<string, number>;
}

/**
 * Pushes what is checked out, and measures.
 *
 * @throws Error where the push does not end in a new release
 */
export async function publish(
  stack: LocalStack,
  git: Git,
  /** How exactly the moment of going live is known, in milliseconds. Each question takes time from the rest. */
  askEvery: number,
  signal: AbortSignal,
): Promise<Push> {
  const before = await stack.liveRelease();
  const events: PipelineEvent[] = [];
  /** Of each action, by `performance.now()`. */
  const endOf = new Map<string, number>();
  const stopListening = stack.events.listen((event) => {
    events.push(event);
    if (event.type === 'action-finished') endOf.set(event.action, performance.now());
  });
  const enough = new AbortController();
  const began = performance.now();
  const live = liveAfter(stack, before, askEvery, AbortSignal.any([signal, enough.signal]));
  // Waited for below, unless the push fails first.
  live.catch(() => {});
  try {
    // Ends when the pipeline ends: its hook passes on the progress.
    const said = await git('push', '--quiet', stack.repository, `HEAD:${stack.branch}`);
    const ended = performance.now();
    const last = events.find((event) => event.type === 'execution-finished');
    if (last?.status !== 'Succeeded') {
      const { stage, action, error } = last?.failure ?? {};
      const why = last ? `${last.status} in ${stage} · ${action}: ${error}` : said;
      throw new Error(`the push was not published: ${why}`);
    }
    const finished = events.filter((event) => event.type === 'action-finished');
    const builds = new Set(
      events.flatMap((event) =>
        event.type === 'action-started' && event.provider === 'CodeBuild' ? event.action : [],
      ),
    );
    const liveAt = await live;
    if (liveAt === undefined) throw new Error('the push was published and is not live');
    return {
      live: liveAt - began,
      end: ended - began,
      build: finished
        .filter(({ action }) => builds.has(action))
        .reduce((sum, { durationMs }) => sum + durationMs, 0),
      built: Math.max(...[...builds].map((action) => endOf.get(action) ?? Number.NaN)) - began,
      actions: new Map(
        finished.map(({ stage, action, durationMs }) => [`${stage} · ${action}`, durationMs]),
      ),
    };
  } finally {
    enough.abort();
    stopListening();
  }
}

/** When another release than that is live; `undefined` when the signal came first. */
async function liveAfter(
  stack: LocalStack,
  before: string | undefined,
  askEvery: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  while (!signal.aborted) {
    const now = await stack.liveRelease();
    if (now !== undefined && now !== before) return performance.now();
    await sleep(askEvery, undefined, { signal }).catch(() => {});
  }
  return undefined;
}
