import type { Spread } from './statistics.ts';

/** One block of the table: a heading with its columns' names, and a row for each thing measured. */
export interface Section {
  /** The first cell names what the block is about. */
  readonly heading: readonly string[];
  /** As many cells as the heading, or fewer. */
  readonly rows: readonly (readonly string[])[];
  /** What a reader must know to take the numbers for what they are. */
  readonly notes?: readonly string[];
}

/** Plain text, the columns of all sections below each other. */
export function render(sections: readonly Section[]): string {
  const lines = sections.flatMap(({ heading, rows }) => [heading, ...rows.map(indented)]);
  const columns = Math.max(0, ...lines.map((cells) => cells.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        // Names and remarks read from the left, numbers from the right.
        return column === 0 || column === 3 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return sections
    .map(({ heading, rows, notes = [] }) =>
      [line(heading), rule, ...rows.map(indented).map(line), ...notes.map((note) => `  * ${note}`)]
        .join('\n')
        .concat('\n'),
    )
    .join('\n');
}

const indented = ([name = '', ...cells]: readonly string[]): string[] => [`  ${name}`, ...cells];

/** The cells `median` and `middle half`. */
export const cellsOf = (
  { median, low, high }: Spread,
  format: (value: number) => string,
): [string, string] => [format(median), `${format(low)} … ${format(high)}`];

export const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;
export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;
export const nanoseconds = (value: number): string =>
  `${Math.round(value).toLocaleString('en-US')} ns`;
export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;
export const percent = (share: number): string => `${Math.round(share * 100)} %`;
/** KB as AWS counts them. */
export const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`;

/** A value with the most that it may be. */
export const against = (value: number, most: number, format: (value: number) => string): string =>
  `${value <= most ? 'met' : 'missed'}: at most ${format(most)}`;
