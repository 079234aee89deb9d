import type { Clock } from '../shared/clock.ts';
import type { Failure } from '../shared/failure.ts';
import type { Invocation } from '../shared/run-job.ts';

/**
 * Throws once that share of what is left of the invocation is over. To be called now and then, since nothing interrupts what does
 * not wait for anything.
 */
export function inTime<Args extends unknown[]>(
  share: number,
  { clock, endAt, signal }: Pick<Invocation, 'endAt' | 'signal'> & { readonly clock: Clock },
  failure: (...args: Args) => Failure,
): (...args: Args) => void {
  const until = clock.now() + (endAt - clock.now()) * share;
  return (...args) => {
    signal.throwIfAborted();
    if (clock.now() >= until) throw failure(...args);
  };
}
