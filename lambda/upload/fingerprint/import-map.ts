import type { Piece } from '../page-reader.ts';
import { partOf } from './places.ts';

/** What an import map says, as far as it is about addresses. */
export interface ImportMap {
  /** What names lead to. */
  readonly targets: readonly Piece[];
  /** Names that are addresses themselves, or begin one: a module that is asked for there is another one. */
  readonly renamed: readonly string[];
  /** Modules whose bytes the page insists on. */
  readonly checked: readonly string[];
}

/** Nothing, if it is none: browsers ignore it then. */
export function readImportMap(map: Piece): ImportMap | undefined {
  let json: unknown;
  try {
    json = JSON.parse(map.text);
  } catch {
    return undefined;
  }
  const { imports, scopes, integrity } = Object(json);
  const names = [...keysOf(imports), ...Object.values(Object(scopes)).flatMap(keysOf)];
  const targets: Piece[] = [];
  if (integrity === undefined) {
    // It is JSON, so everything in quotes is a string, and those before a colon are names.
    for (const { 0: string, index } of map.text.matchAll(/"(?:[^"\\]+|\\.)*"/g)) {
      const isName = /^\s*:/.test(map.text.slice(index + string.length));
      const address = string.slice(1, -1);
      if (!isName && !address.includes('\\')) targets.push(partOf(map, address, index + 1));
    }
  } else {
    const values = [imports, ...Object.values(Object(scopes))].flatMap((one) =>
      Object.values(Object(one)),
    );
    for (const value of values) targets.push({ text: String(value), at: () => undefined });
  }
  return {
    targets,
    renamed: [...names, ...keysOf(scopes)].filter((name) => /^(?:\.{0,2}\/|https?:)/i.test(name)),
    checked: keysOf(integrity),
  };
}

const keysOf = (value: unknown): string[] => Object.keys(Object(value));
