import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';

/** A table in Markdown: names from the left, figures from the right. */
export function table(
  heading: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  /** How many of the first columns hold names. */
  names = 1,
): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.map(shown).join(' | ')} |`;
  const rule = heading.map((_, column) => (column < names ? '---' : '---:'));
  return [line(heading), `|${rule.join('|')}|`, ...rows.map(line)].join('\n');
}

const shown = (cell: string | number): string =>
  typeof cell === 'number' ? cell.toLocaleString('en-US') : cell;

/** What absolute times say little without. */
export function machine(): string {
  const [{ model } = { model: process.arch }] = cpus();
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return `Node.js ${process.versions.node} on ${process.platform}, ${model.trim()}, ${availableParallelism()} cores, load ${load} before`;
}

/**
 * The document with a new text between two markers, each on a line of its own. Whatever stands outside them stays as it is.
 *
 * @throws Error naming the marker that is not there exactly once, or not before the other
 */
export function withText(
  document: string,
  [begin, end]: readonly [string, string],
  text: string,
): string {
  for (const marker of [begin, end]) {
    const times = document.split(marker).length - 1;
    if (times !== 1) {
      throw new Error(`${marker}: got it ${times} times; write it once, on a line of its own`);
    }
  }
  const from = document.indexOf(begin) + begin.length;
  const to = document.indexOf(end);
  if (to < from) throw new Error(`${end}: got it before ${begin}; write it after that`);
  return `${document.slice(0, from)}\n\n${text.trim()}\n\n${document.slice(to)}`;
}

const FIGURES = ['<!-- figures: written by the command -->', '<!-- end of figures -->'] as const;

/**
 * Puts figures into a page.
 *
 * @throws Error as `withText` does, with the file
 */
export async function writeFigures(file: string, figures: string): Promise<void> {
  const page = await readFile(file, 'utf8');
  try {
    await writeFile(file, withText(page, FIGURES, figures));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}
