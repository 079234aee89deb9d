/** How a policy writes one value or several. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/**
 * Texts that mean what they say.
 *
 * @throws Error for anything else, policy variables such as `${aws:username}` included
 */
export function textsAt(place: string, value: unknown): string[] {
  return listOf(value).map((entry) => {
    if (typeof entry !== 'string') throw unknown(place, value, 'strings');
    if (entry.includes('${')) throw unknown(place, entry, 'text without policy variables');
    return entry;
  });
}

export function recordAt(place: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unknown(place, value, 'an object');
  }
  return value as Record<string, unknown>;
}

/** What a policy says and nobody here understands: it could only be guessed at. */
export const unknown = (place: string, value: unknown, known: string): Error =>
  new Error(`${place}: got ${JSON.stringify(value)}; the local IAM knows ${known}`);
