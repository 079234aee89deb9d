import { Failure } from '../../lambda/shared/failure.ts';
import type { Request } from './arguments.ts';
import { Refused, UsageError } from './errors.ts';

/**
 * What to tell of an error after Ctrl-C, which ends the call that is under way: the error itself only where it says
 * how far the command came.
 *
 * @param wrote whether a call was begun that changes something: only without one is it sure that none did
 */
export function interrupted(
  error: unknown,
  { command }: Pick<Request, 'command'>,
  wrote: boolean,
): unknown {
  if (error instanceof Refused || error instanceof UsageError) return error;
  if (!wrote) return new Refused('Interrupted; nothing was changed.');
  if (error instanceof Failure) return error;
  return new Refused(
    `Interrupted. Whether ${command} was carried out, "npm run releases -- list" shows.`,
  );
}
