import type { Clock } from '../../lambda/shared/clock.ts';
import type { Invocation } from '../../lambda/shared/run-job.ts';
import type { StoreTime } from '../../lambda/shared/store.ts';
import type { ResolvedConfig } from '../../lib/config.ts';
import type { Connection } from './connect.ts';

/** What every operation works with. */
export interface Operator {
  readonly connection: Connection;
  readonly config: Pick<ResolvedConfig, 'health' | 'immutable' | 'retention' | 'redirectsFile'>;
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Tells how far it is; not part of the result. */
  say(line: string): void;
  /** Whether there is a person who has not agreed yet. */
  readonly asks: boolean;
  /**
   * Asks a person to agree, unless they have done so already.
   *
   * @throws Refused if they do not, which tells them `otherwise`: by default that nothing was changed
   */
  agree(question: string, otherwise?: string): Promise<void>;
  /** Since the command began, in milliseconds, without the time that questions took. */
  elapsed(): number;
}

/** What an operation found or did, for a person and for a script. */
export interface Answer {
  readonly text: string;
  readonly json: unknown;
}

/** For one step: a few tries of one call, or one share of waiting. Steps follow each other without end. */
const STEP_MS = 60_000;

export const timeOf = ({ clock, signal }: Operator): StoreTime => ({
  clock,
  signal,
  endAt: clock.now() + STEP_MS,
});

/** The functions' cores run here as they do in Lambda, where an invocation follows another. */
export const invocationOf = (
  { clock, signal }: Operator,
  log: Invocation['log'] = () => {},
): Invocation => ({
  signal,
  log,
  get endAt() {
    return clock.now() + STEP_MS;
  },
});
