import { Failure } from './failure.ts';

/**
 * The variables that a function needs. Read when a job comes, not when the function loads: a
 * function that does not load reports nothing, and its job hangs for 20 minutes.
 *
 * @throws Failure (ConfigurationError) naming every one that is not set.
 */
export function environment<const N extends string>(
  variables: Readonly<Record<string, string | undefined>>,
  names: readonly N[],
): Record<N, string> {
  const missing = names.filter((name) => !variables[name]);
  if (missing.length > 0) {
    throw new Failure(
      'ConfigurationError',
      `The function's environment lacks ${missing.join(', ')}: deploy the stack again, which sets them all. Nothing was changed.`,
    );
  }
  return Object.fromEntries(names.map((name) => [name, variables[name]])) as Record<N, string>;
}
