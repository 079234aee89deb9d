/** How an execution, a stage or an action ended, in CodePipeline's own words. */
export type FinalStatus = 'Succeeded' | 'Failed' | 'Stopped' | 'Superseded';

interface OfExecution {
  readonly executionId: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

interface OfAction extends OfExecution {
  readonly stage: string;
  readonly action: string;
}

/** Which action an execution failed in, and why. */
export interface Failure {
  readonly stage: string;
  readonly action: string;
  /** One paragraph: what broke and what AWS calls it. */
  readonly error: string;
}

/**
 * What a running pipeline tells whoever renders it. Holds no credentials, and never the event that
 * a function was invoked with.
 */
export type PipelineEvent =
  | (OfExecution & {
      readonly type: 'execution-started';
      readonly pipeline: string;
      readonly trigger: string;
      readonly commit: string;
      readonly branch: string;
    })
  /** The stage is locked by another execution. Not sent when the stage is free. */
  | (OfExecution & {
      readonly type: 'execution-waiting';
      readonly stage: string;
      readonly behind: string;
    })
  /** The stage's deployment window is closed. */
  | (OfExecution & {
      readonly type: 'execution-outside-window';
      readonly stage: string;
      /** Milliseconds since the epoch; nothing if the window does not open any more. */
      readonly opensAt?: number;
      readonly timeZone: string;
    })
  | (OfExecution & { readonly type: 'stage-started'; readonly stage: string })
  | (OfAction & { readonly type: 'action-started'; readonly provider: string })
  | (OfAction & { readonly type: 'action-output'; readonly line: string })
  /** A function answered "still working": it is invoked again shortly. */
  | (OfAction & {
      readonly type: 'action-progress';
      readonly summary?: string;
      /** 0 to 100. */
      readonly percent?: number;
    })
  /** The action stops until somebody approves or rejects. */
  | (OfAction & {
      readonly type: 'approval-needed';
      readonly token: string;
      /** What somebody types to approve. */
      readonly command: string;
      /** What the pipeline tells whoever decides, and an address to look at. */
      readonly message?: string;
      readonly link?: string;
      /** When it fails, in milliseconds since the epoch. */
      readonly expiresAt: number;
    })
  | (OfAction & {
      readonly type: 'action-finished';
      readonly status: FinalStatus;
      readonly durationMs: number;
      readonly summary?: string;
      readonly error?: string;
      /** The end of the failed command's output, for a renderer that did not show it all. */
      readonly lastLines?: readonly string[];
      readonly variables: Readonly<Record<string, string>>;
    })
  | (OfExecution & {
      readonly type: 'stage-finished';
      readonly stage: string;
      readonly status: FinalStatus;
      readonly durationMs: number;
    })
  | (OfExecution & {
      readonly type: 'execution-finished';
      readonly status: FinalStatus;
      readonly durationMs: number;
      readonly commit: string;
      /** Every action's output variables, later actions last. */
      readonly variables: Readonly<Record<string, string>>;
      readonly failure?: Failure;
      readonly supersededBy?: string;
      /** The stage that was rolled back, if that is what this execution is. */
      readonly rolledBack?: string;
      /**
       * No function ran, and nothing else reaches what visitors get: the live site cannot have
       * changed. False says nothing; the function's own message does.
       */
      readonly siteUntouched: boolean;
    });

/**
 * Hands the events of a pipeline to any number of listeners, and replays an execution's from its
 * start to whoever follows it late: a push is told its execution's id after the first events.
 */
export class PipelineEvents {
  readonly #running = new Map<string, PipelineEvent[]>();
  readonly #listeners = new Set<(event: PipelineEvent) => void>();

  /** Give this to the pipeline as its `report`. */
  readonly report = (event: PipelineEvent): void => {
    const past = this.#running.get(event.executionId) ?? [];
    past.push(event);
    this.#running.set(event.executionId, past);
    // An execution that ended is remembered by its record on disk, not here.
    if (event.type === 'execution-finished') this.#running.delete(event.executionId);
    for (const listener of [...this.#listeners]) listener(event);
  };

  /** Returns the function that ends the subscription. */
  listen(listener: (event: PipelineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * All events of one execution, in order, up to and with `execution-finished`. Subscribes when it
   * is called, not when it is first read. Only for an execution that has not ended yet.
   */
  follow(executionId: string): AsyncIterableIterator<PipelineEvent> {
    const queue = [...(this.#running.get(executionId) ?? [])];
    let wake = (): void => {};
    const unsubscribe = this.listen((event) => {
      if (event.executionId !== executionId) return;
      queue.push(event);
      wake();
    });
    let done = false;
    const end = async (): Promise<IteratorResult<PipelineEvent>> => {
      done = true;
      unsubscribe();
      wake();
      return { done: true, value: undefined };
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        while (!done && queue.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const event = done ? undefined : queue.shift();
        if (!event) return end();
        if (event.type === 'execution-finished') await end();
        return { done: false, value: event };
      },
      return: end,
    };
  }
}
