import { randomUUID } from 'node:crypto';
import type { Environment } from './assembly/physical-ids.ts';
import type { BusEvent, EventRules, Target } from './event-rules.ts';

export interface DeliveriesInput {
  readonly environment: Environment;
  readonly rules: EventRules;
  /** Which rule may not call its target, and why; nothing where it may. */
  refusal(target: Target): string | undefined;
  invoke(functionName: string, event: unknown, options: { signal: AbortSignal }): Promise<void>;
  /** What AWS would count in a metric: a function that failed, a target that could not be called. */
  log(line: string): void;
}

/** EventBridge's way to the functions that the template's rules name. */
export class Deliveries {
  readonly #underWay = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(private readonly input: DeliveriesInput) {}

  /** Invokes every function whose rule matches. Other targets are somebody else's. */
  deliver(event: BusEvent, time: number): void {
    const { environment, rules } = this.input;
    const whole = {
      version: '0',
      id: randomUUID(),
      account: environment.accountId,
      region: environment.region,
      time: new Date(time).toISOString(),
      ...event,
    };
    for (const target of rules.targetsOf(event)) {
      const name = functionIn(target.arn);
      if (name === undefined) continue;
      const refusal = this.input.refusal(target);
      if (refusal === undefined) this.#invoke(name, whole);
      else this.input.log(refusal);
    }
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.settled();
  }

  #invoke(name: string, event: object): void {
    const { signal } = this.#stopping;
    const invocation = this.input
      .invoke(name, event, { signal })
      .catch((error: Error) => {
        if (!signal.aborted) this.input.log(error.message);
      })
      .finally(() => this.#underWay.delete(invocation));
    this.#underWay.add(invocation);
  }
}

/** The function's name in its ARN; nothing for the ARN of something else. */
export const functionIn = (arn: string): string | undefined => /:function:([^:]+)$/.exec(arn)?.[1];
