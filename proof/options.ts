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
 * The values of numeric options, as `parseArgs` gives them.
 *
 * @throws Error naming every one that is wrong, with what to write instead
 */
export function readNumbers<Name extends string>(
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
