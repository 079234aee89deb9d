import { parseArgs } from 'node:util';

/** A numeric option of a command. */
export interface NumberOption {
  /** What it is without. */
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** Whether it may have a fraction. @default false */
  readonly fraction?: boolean;
}

/**
 * What a command line asks for: numbers by their options, whether each flag was given, and texts as they are, empty where not given.
 * `undefined` if it asks for help.
 *
 * @throws Error naming every number that is wrong, with what to write instead
 */
export function readCommandLine<
  Name extends string,
  Flag extends string,
  Text extends string = never,
>(
  args: readonly string[],
  numbers: Readonly<Record<Name, NumberOption>>,
  flags: readonly Flag[],
  texts: readonly Text[] = [],
): (Record<Name, number> & Record<Flag, boolean> & Record<Text, string>) | undefined {
  const types = [
    ...[...Object.keys(numbers), ...texts].map((name) => [name, 'string'] as const),
    ...[...flags, 'help'].map((name) => [name, 'boolean'] as const),
  ].map(([name, type]) => [name, { type }] as const);
  const values: Readonly<Record<string, unknown>> = parseArgs({
    args: [...args],
    options: Object.fromEntries(types),
  }).values;
  if (values.help) return undefined;
  const given = Object.fromEntries(flags.map((flag) => [flag, values[flag] === true]));
  const said = Object.fromEntries(texts.map((name) => [name, values[name] ?? '']));
  return {
    ...readNumbers(values, numbers),
    ...(given as Record<Flag, boolean>),
    ...(said as Record<Text, string>),
  };
}

function readNumbers<Name extends string>(
  values: Readonly<Record<string, unknown>>,
  known: Readonly<Record<Name, NumberOption>>,
): Record<Name, number> {
  const problems: string[] = [];
  const entries = Object.entries<NumberOption>(known).map(([name, option]): [string, number] => {
    const { least, most, fraction = false } = option;
    const got = values[name];
    if (got === undefined) return [name, option.default];
    const value = /^\d+(\.\d+)?$/.test(String(got)) ? Number(got) : Number.NaN;
    if (!(value >= least && value <= most && (fraction || Number.isInteger(value)))) {
      const kind = fraction ? 'a number' : 'a whole number';
      problems.push(`--${name}: got ${got || 'nothing'}; use ${kind} from ${least} to ${most}`);
    }
    return [name, value];
  });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return Object.fromEntries(entries) as Record<Name, number>;
}
