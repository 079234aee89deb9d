import { init, parse } from 'es-module-lexer/minimal';
import type { Piece } from '../page-reader.ts';
import { partOf } from './places.ts';

/** Compiles the lexer, the first time. */
export const prepare: () => Promise<void> = init;

/**
 * What a script imports under a name that stands in it, as an address: not `import('./' + name)`, nor bare names, which
 * only an import map leads to a file. Nothing where the script cannot be read, which browsers would not run as a module
 * either. Wait for `prepare` first.
 */
export function importsIn(script: Piece): Piece[] | undefined {
  const { text } = script;
  if (!/\bimport\b|\bfrom\b/.test(text)) return [];
  let imports: ReturnType<typeof parse>[0];
  try {
    [imports] = parse(text);
  } catch {
    return undefined;
  }
  const found: Piece[] = [];
  for (const { n: specifier, s: start, e: end, d: dynamic } of imports) {
    if (specifier === undefined || !/^(?:\.{0,2}\/|https?:)/i.test(specifier)) continue;
    // The quotes of a dynamic one are inside; where there are escapes the places are others.
    const quote = dynamic >= 0 ? 1 : 0;
    if (text.slice(start + quote, end - quote) !== specifier) continue;
    found.push(partOf(script, specifier, start + quote));
  }
  return found;
}
