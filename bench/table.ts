import type { Spread } from './statistics.ts';

/** One block of the table: a heading with its columns' names, and a row for each thing measured. */
export interface Section {
  /** The first cell names what the block is about. */
  readonly heading: readonly string[];
  /** As many cells as the heading, or fewer. */
  readonly rows: readonly (readonly string[])[];
  /** What a reader must know to take the numbers for what they are. */
  readonly notes?: readonly string[];
  /**
   * For the table of ratios, which comes first.
   *
   * @default none
   */
  readonly ratios?: readonly Ratio[];
}

/** Ours next to another way to do the same, measured in turn or counted for the same releases. */
export interface Ratio {
  /** What is compared: `Start-up of Invalidate`. */
  readonly of: string;
  readonly to: string;
  readonly ours: number;
  readonly theirs: number;
  readonly format: (value: number) => string;
}

/** The worst one first, so that nobody has to look for it. Nothing if there are none. */
export function ratiosOf(sections: readonly Section[]): Section[] {
  const ratios = sections.flatMap(({ ratios = [] }) => ratios);
  if (ratios.length === 0) return [];
  return [
    {
      heading: ['Ratios: less is better', 'ours', 'theirs', 'theirs is', 'ours to theirs'],
      rows: ratios
        .toSorted((a, b) => b.ours / b.theirs - a.ours / a.theirs)
        .map(({ of, to, ours, theirs, format }) => [
          of,
          format(ours),
          format(theirs),
          to,
          times(ours / theirs),
        ]),
    },
  ];
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
export const shown = (count: number): string =>
  count.toLocaleString('en-US', { maximumFractionDigits: count < 1_000 ? 1 : 0 });
/** MB of a million bytes, without its unit. */
export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);
/** Whole ones are rare here. */
export const dollars = (amount: number): string => amount.toFixed(5);
/** A thousandth is no zero. */
export const times = (ratio: number): string =>
  `${ratio >= 0.1 || ratio === 0 ? ratio.toFixed(2) : ratio.toPrecision(2)} ×`;
export const percent = (share: number): string => `${Math.round(share * 100)} %`;
/** KB as AWS counts them. */
export const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`;

/** A value with the most that it may be. */
export const against = (value: number, most: number, format: (value: number) => string): string =>
  `${value <= most ? 'met' : 'missed'}: at most ${format(most)}`;
