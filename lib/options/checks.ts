import * as v from 'valibot';

/**
 * A typo in an option's name would otherwise be ignored: tsx strips types without checking them.
 *
 * @param elsewhere what to say of options that others have and this one cannot have.
 */
export function options<const T extends v.ObjectEntries>(
  entries: T,
  elsewhere: Readonly<Record<string, string>> = {},
) {
  const names = Object.keys(entries).join(', ');
  return v.strictObject(entries, (issue) => {
    if (issue.expected === 'never') {
      return elsewhere[String(issue.path?.at(-1)?.key)] ?? `use one of ${names}`;
    }
    return issue.expected === 'Object'
      ? `use an object with ${names}`
      : 'it has no default, give it a value';
  });
}

export const text = (pattern: RegExp, instead: string) =>
  v.pipe(v.string(instead), v.regex(pattern, instead));

export const kindOrObject = (issue: v.VariantIssue, kinds: readonly string[]): string =>
  `use ${kinds.map((kind) => (issue.path?.at(-1)?.key === 'kind' ? `'${kind}'` : `{ kind: '${kind}', … }`)).join(' or ')}`;

export const insideRepository = (value: string): boolean =>
  !value.startsWith('/') &&
  !/[\\\0\n]/.test(value) &&
  !value.split('/').includes('..') &&
  value.trim() !== '';

export const folder = (fallback: string, of: string) =>
  v.optional(
    v.pipe(
      v.string(`use a folder relative to ${of}, such as '${fallback}'`),
      v.check(insideRepository, `use a folder relative to ${of}, such as '${fallback}'`),
    ),
    fallback,
  );

/** A whole number in these bounds, which are allowed too. */
export const wholeNumber = (least: number, most: number, fallback: number, instead: string) =>
  v.optional(
    v.pipe(
      v.number(instead),
      v.integer(instead),
      v.minValue(least, instead),
      v.maxValue(most, instead),
    ),
    fallback,
  );

export const atLeastOne = (fallback: number, instead: string, most = Number.MAX_SAFE_INTEGER) =>
  wholeNumber(1, most, fallback, instead);
