import { distance } from 'fastest-levenshtein';
import { UsageError } from './errors.ts';

export interface Known {
  readonly live: string | undefined;
  readonly previous: string | undefined;
  /** Every release, whatever became of it. Asked for only where a word is no whole id of a pointer. */
  ids(): Promise<readonly string[]>;
  /** Those of them that have not ended. Asked for only where several are meant. */
  notEnded(ids: readonly string[]): Promise<readonly string[]>;
}

const SUGGESTED = 3;

/**
 * The ids of the releases that the words mean, by the place where each word stands.
 *
 * @throws UsageError that says what is wrong with each of them, and which ids come nearest
 */
export async function idsFor<const P extends string>(
  words: Readonly<Record<P, string>>,
  known: Known,
): Promise<Record<P, string>> {
  const found = {} as Record<P, string>;
  const problems: string[] = [];
  for (const [place, word] of Object.entries<string>(words)) {
    const match = await idFor(word, known);
    if (typeof match === 'string') found[place as P] = match;
    else problems.push(`${place}: got "${word}"; ${match.problem}`);
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return found;
}

async function idFor(
  word: string,
  { live, previous, ids, notEnded }: Known,
): Promise<string | { readonly problem: string }> {
  if (word === 'live') return live ?? { problem: 'no release is live yet' };
  if (word === 'previous') {
    return previous ?? { problem: 'there is no release before the live one' };
  }
  if (word === live || word === previous) return word;
  const all = await ids();
  if (all.includes(word)) return word;
  const matches = all.filter((id) => id.includes(word));
  const kept = matches.length > 1 ? await notEnded(matches) : [];
  const [only, ...others] = kept.length > 0 ? kept : matches;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) {
    const some = [only, ...others].slice(0, SUGGESTED);
    const more = others.length + 1 - some.length;
    return {
      problem: `${others.length + 1} releases have that in their id: ${some.join(', ')}${more > 0 ? ` and ${more} more` : ''}; write more of it`,
    };
  }
  const nearest = nearestTo(word, all);
  return {
    problem:
      nearest.length === 0
        ? 'there is no release at all yet'
        : `there is no such release; the nearest: ${nearest.join(', ')}`,
  };
}

/** By the letters to change; of the id, or of its beginning or end if less was typed. */
export function nearestTo(word: string, ids: readonly string[]): string[] {
  const { length } = word;
  const far = (id: string) =>
    Math.min(
      distance(word, id),
      ...(length < id.length
        ? [distance(word, id.slice(0, length)), distance(word, id.slice(-length))]
        : []),
    );
  return ids
    .map((id) => ({ id, far: far(id) }))
    .sort((a, b) => a.far - b.far || (a.id < b.id ? 1 : -1))
    .slice(0, SUGGESTED)
    .map(({ id }) => id);
}
