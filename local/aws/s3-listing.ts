/**
 * S3's order of keys: by their UTF-8 bytes. JavaScript's `<` compares UTF-16 units, which differs
 * where a surrogate (a character beyond U+FFFF) meets U+E000…U+FFFF.
 */
export function byUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Puts the surrogates, U+D800…U+DFFF, behind U+E000…U+FFFF. */
const rank = (unit: number): number =>
  unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;

export interface ListRequest {
  readonly prefix: string;
  /** Empty for none. */
  readonly delimiter: string;
  readonly limit: number;
  /** Only what sorts behind it. */
  readonly after: string;
  /** `after` is a common prefix that was listed: nothing below it comes again. */
  readonly afterIsPrefix?: boolean;
}

export interface Listing {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
  /** Where the next page goes on, if there is one. */
  readonly next?: { readonly after: string; readonly afterIsPrefix: boolean };
}

/** One page of `sorted`, keys in `byUtf8` order. Keys and common prefixes share the limit, as in S3. */
export function list(sorted: readonly string[], request: ListRequest): Listing {
  const { prefix, delimiter, limit, after, afterIsPrefix = false } = request;
  const keys: string[] = [];
  const prefixes: string[] = [];
  let last: Listing['next'];
  let index = lowerBound(sorted, byUtf8(after, prefix) > 0 ? after : prefix);
  for (; index < sorted.length; index++) {
    const key = sorted[index] as string;
    if (!key.startsWith(prefix)) break;
    if (after !== '' && (key === after || (afterIsPrefix && key.startsWith(after)))) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const common = end === -1 ? undefined : key.slice(0, end + delimiter.length);
    if (common !== undefined && common === prefixes.at(-1)) continue;
    if (keys.length + prefixes.length >= limit) {
      // With a limit of nothing there is no last one, and S3 too says that nothing follows.
      return { keys, prefixes, next: last };
    }
    if (common === undefined) keys.push(key);
    else prefixes.push(common);
    last = { after: common ?? key, afterIsPrefix: common !== undefined };
  }
  return { keys, prefixes };
}

/** The first index whose key does not sort before `key`. */
export function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byUtf8(sorted[middle] as string, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
