import * as v from 'valibot';
import { Failure } from './failure.ts';

/**
 * What an earlier invocation left for this one. It comes back through CodePipeline and may be that
 * of an older version of the function, so it is checked like any other input.
 *
 * @throws Failure (JobFailed) if it does not fit. The token itself is never quoted.
 */
export function readToken<const T extends v.GenericSchema>(
  text: string,
  schema: T,
  visitors: string,
): v.InferOutput<T> {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    throw new Failure(
      'JobFailed',
      `The continuation token is not one that this version of the function wrote. ${visitors} Retry the stage.`,
    );
  }
}
