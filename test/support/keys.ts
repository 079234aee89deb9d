import { expect } from 'vitest';

/** As S3 reads a key in an address: percent-decoded once, a plus for a space, and nothing resolved. */
function keyIn(uri: string): string | undefined {
  try {
    return decodeURIComponent(uri.slice(1).replaceAll('+', ' '));
  } catch {
    // S3 answers 400.
    return undefined;
  }
}

/** The parts of an address that a reader between the router and the bucket might resolve, however often it decodes. */
const climbing = (address: string): string[] =>
  address
    .replace(/%(?:25)*2e/gi, '.')
    .split(/[/\\]|%(?:25)*(?:2f|5c)/i)
    .filter((part) => /^\.{1,2}$/.test(part));

/**
 * The whole key is one of a release that may be asked for: an object of it, or one that is not there. S3 takes keys as they
 * are, so what a visitor's own address brings, `..` included, finds nothing; the router brings none.
 *
 * @param objects every key in the bucket, those of other releases and of the hosting among them
 */
export function expectKeyWithin(
  uri: string | undefined,
  asked: string,
  releases: readonly string[],
  objects: ReadonlySet<string>,
): void {
  const [, id] = /^\/releases\/([^/]+)\//.exec(uri ?? '') ?? [];
  expect(releases).toContain(id);
  const key = keyIn(uri ?? '');
  if (key !== undefined && objects.has(key)) {
    expect(releases.some((release) => key.startsWith(`releases/${release}/`))).toBe(true);
    expect(climbing(key)).toEqual([]);
  }
  const [path = ''] = asked.split('?');
  expect(climbing(uri ?? '').length).toBeLessThanOrEqual(climbing(path).length);
}
