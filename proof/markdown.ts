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

const BEGIN = '<!-- figures: written by the command -->';
const END = '<!-- end of figures -->';

/**
 * Puts figures between the two marks of a page.
 *
 * @throws Error where the page has no such marks
 */
export async function writeFigures(file: string, figures: string): Promise<void> {
  const page = await readFile(file, 'utf8');
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after < before) {
    throw new Error(`${file}: has no place for figures; put it between ${BEGIN} and ${END}`);
  }
  await writeFile(
    file,
    `${page.slice(0, before)}${BEGIN}\n\n${figures.trim()}\n\n${page.slice(after)}`,
  );
}
