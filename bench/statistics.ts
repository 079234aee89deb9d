/** What several measurements of the same thing come to. */
export interface Spread {
  readonly median: number;
  /** A quarter of the measurements lie below. */
  readonly low: number;
  /** A quarter of the measurements lie above. */
  readonly high: number;
}

/**
 * The median and the middle half around it: on a machine that does other work too, the mean and the
 * extremes tell more about that work than about what is measured.
 *
 * @throws Error where there is nothing to sum up
 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (share: number): number => {
    const position = share * (sorted.length - 1);
    const below = sorted[Math.floor(position)];
    const above = sorted[Math.ceil(position)];
    if (below === undefined || above === undefined) throw new Error('nothing was measured');
    return below + (above - below) * (position - Math.floor(position));
  };
  return { median: quantile(0.5), low: quantile(0.25), high: quantile(0.75) };
}

/** The median of one over the median of the other. */
export const ratioOf = (values: readonly number[], to: readonly number[]): number =>
  spreadOf(values).median / spreadOf(to).median;
