import type { Algorithm } from './integrity.ts';

/** What a file's bytes need in other places, should what it refers to get copies. */
export interface Edits {
  /** Where which file's tag would be put in. */
  readonly tags: readonly { readonly place: number; readonly path: string }[];
  /** Where the hash of which file's bytes stands. */
  readonly hashes: readonly {
    readonly start: number;
    readonly end: number;
    readonly path: string;
    readonly algorithm: Algorithm;
  }[];
}

export interface Values {
  /** What is put in; nothing where the reference stays as it is. */
  tag(path: string): string | undefined;
  /** What is put in its place; nothing where the bytes have not changed. */
  hash(path: string, algorithm: Algorithm): string | undefined;
}

/** Nothing else of the text changes. */
export function spliced(text: string, edits: Edits, values: Values): string {
  const cuts = [
    ...edits.tags.map(({ place, path }) => ({
      start: place,
      end: place,
      instead: values.tag(path),
    })),
    ...edits.hashes.map(({ start, end, path, algorithm }) => ({
      start,
      end,
      instead: values.hash(path, algorithm),
    })),
  ].sort((a, b) => a.start - b.start);
  const parts: string[] = [];
  let last = 0;
  for (const { start, end, instead } of cuts) {
    if (instead === undefined) continue;
    parts.push(text.slice(last, start), instead);
    last = end;
  }
  parts.push(text.slice(last));
  return parts.join('');
}
