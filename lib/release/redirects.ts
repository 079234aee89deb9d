/**
 * What an address has to do with a redirect rule: what the router at the edge and the upload agree on. CloudFront runs it as
 * well, so it imports nothing and uses only what cloudfront-js-2.0 documents.
 */

/** What stands for the placeholders of a rule, as it was asked for. */
export type Taken = Record<string, string>;

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (_) {
    return text;
  }
}

/** The parts of an address in one spelling, and without a slash at its end: rules match with and without it. */
export function spelled(parts: readonly string[]): string[] {
  const last = parts.length - 1;
  const kept = last > 0 && parts[last] === '' ? parts.slice(0, last) : parts;
  return kept.map((part) => encodeURIComponent(decoded(part)));
}

/**
 * Whether the parts of an address, as it was asked for, match a rule's, which are `spelled`: with `:name` for one part, and a last
 * `*` for all that follow. Nothing if they do not.
 */
export function takenBy(
  pattern: readonly string[],
  parts: readonly string[],
  /** `spelled(parts)`, made once for all rules. */
  spelt: readonly string[],
): Taken | undefined {
  // A placeholder may have any name, `__proto__` too.
  const taken: Taken = Object.create(null);
  for (let i = 0; i < pattern.length; i++) {
    const expected = pattern[i] as string;
    if (expected === '*') {
      taken.splat = parts.slice(i).join('/');
      return taken;
    }
    if (i >= parts.length) return undefined;
    const part = parts[i] as string;
    if (expected.charAt(0) === ':') {
      if (part === '') return undefined;
      taken[expected.slice(1)] = part;
    } else if (expected !== spelt[i]) return undefined;
  }
  const more = parts.slice(pattern.length);
  return more.length === 0 || (more.length === 1 && more[0] === '') ? taken : undefined;
}

/** The target of a rule. An address of this site keeps to this site: two slashes at its beginning would name another. */
export function filled(to: string, taken: Taken): string {
  const text = to.replace(/:([A-Za-z_]\w*)/g, (_, name) => taken[name] as string);
  return to.charAt(0) === '/' ? text.replace(/^[/\\]+/, '/') : text;
}
