import { Failure } from './failure.ts';

/** Collects what is wrong with an action's user parameters, to be told all at once. */
export class ParameterProblems {
  readonly #problems: string[] = [];
  readonly #usage: string;
  readonly #visitors: string;

  constructor(usage: string, visitors: string) {
    this.#usage = usage;
    this.#visitors = visitors;
  }

  /** `got` is shown as JSON, so that a blank or a missing value can be seen. */
  add(place: string, got: unknown, instead: string): void {
    this.#problems.push(`${place}: got ${shown(got)}; ${instead}`);
  }

  /** @throws Failure (ConfigurationError) with all of them, or does nothing. */
  throwIfAny(): void {
    if (this.#problems.length === 0) return;
    // A list of thousands of paths may all be wrong in the same way.
    const told = this.#problems.slice(0, 20);
    const more = this.#problems.length - told.length;
    throw new Failure(
      'ConfigurationError',
      [
        "The action's user parameters are not usable:",
        ...told.map((problem) => `- ${problem}`),
        ...(more > 0 ? [`- and ${more} more`] : []),
        `Write ${this.#usage}. ${this.#visitors}`,
      ].join('\n'),
    );
  }
}

/**
 * The user parameters as an object that has `fields` at most. Each field's value is still to be
 * checked.
 *
 * @throws Failure (ConfigurationError) if they are absent, not JSON, or no object.
 */
export function readParameters<const F extends string>(
  text: string | undefined,
  fields: readonly F[],
  problems: ParameterProblems,
): Partial<Record<F, unknown>> {
  if (text === undefined || text.trim() === '') {
    problems.add('UserParameters', text, 'write a JSON object');
    problems.throwIfAny();
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text as string);
  } catch (error) {
    problems.add('UserParameters', text, `write JSON (${(error as Error).message})`);
    problems.throwIfAny();
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    problems.add('UserParameters', parsed, 'write a JSON object');
    problems.throwIfAny();
  }
  for (const [name, value] of Object.entries(parsed as object)) {
    if (!(fields as readonly string[]).includes(name)) {
      problems.add(name, value, `leave it out; the fields are ${fields.join(', ')}`);
    }
  }
  return parsed as Partial<Record<F, unknown>>;
}

/**
 * The first pipeline variable that CodePipeline left as it was written, such as `#{Build.ID}`: its
 * action did not run, has no such output variable, or has no namespace.
 */
export const unresolvedVariable = (value: string): string | undefined =>
  /#\{[^}]*\}?/.exec(value)?.[0];

/** What to do about it. */
export const resolveIt = (variable: string): string =>
  `${variable} was not resolved: give the action that sets it that namespace, and run it in an earlier stage or run order`;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch {
    // JSON.parse reads what is nested deeper than this can write.
    return 'what is nested too deeply';
  }
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}
