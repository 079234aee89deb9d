/** To the parser they are a regular expression where a `*` stands in the same part of the path, and nowhere else. */
const SPECIAL = /[\\^$+?()[\]{}|]/;

/** The first character beside a `*` that would make a regular expression of it. */
export const specialIn = (path: string): string | undefined =>
  path
    .split('/')
    .filter((part) => part.includes('*') && !part.startsWith(':'))
    .map((part) => SPECIAL.exec(part)?.[0])
    .find((found) => found !== undefined);

/**
 * Whether an address matches a path of `_headers` that has nothing `specialIn` it, by the regular expression that Netlify's
 * parser makes of the path.
 *
 * JavaScript's own engine tries every way to deal out an address to its stars: `/*a*a*a*a*a*a*a*z` takes a minute for a name of 60
 * times `a`, in which no timer fires. RE2 takes a time that grows with the length of the two, some hundred times as long for what is simple.
 */
export async function matcherOf(
  path: string,
  regExp: RegExp,
): Promise<(address: string) => boolean> {
  const stars = path.split('*').length - 1;
  // Most are so, and there is one way to deal out the address, or one for each place where the star may end.
  if (stars === 0 || (stars === 1 && !path.includes('/:'))) {
    return (address) => regExp.test(address);
  }
  // Loaded only where it is asked for: its tables would cost every other upload their start.
  const { RE2JS } = await import('re2js');
  const linear = RE2JS.compile(regExp.source, RE2JS.CASE_INSENSITIVE);
  return (address) => linear.testExact(address);
}
