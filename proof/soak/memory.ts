/** What the server process has after a forced collection, in bytes. */
export interface Sample {
  /** In milliseconds, on any clock. */
  readonly time: number;
  readonly heap: number;
  /** Buffers, which are outside the heap: the edge's cache, for one. */
  readonly external: number;
  readonly rss: number;
}

export type Kind = 'heap' | 'external' | 'rss';

export interface Trend {
  readonly first: number;
  readonly last: number;
  /** Bytes a minute. */
  readonly slope: number;
}

/**
 * How a figure goes: the median of the slopes between any two samples (Theil–Sen), which a few odd ones do not move.
 *
 * @throws Error where there are fewer than two samples
 */
export function trendOf(samples: readonly Sample[], kind: Kind): Trend {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first === last) {
    throw new Error(`memory: got ${samples.length} samples; it takes two`);
  }
  const slopes = samples.flatMap((one, index) =>
    samples.slice(index + 1).map((other) => (other[kind] - one[kind]) / (other.time - one.time)),
  );
  slopes.sort((a, b) => a - b);
  const middle = slopes.length / 2;
  const [low, high] = [
    slopes[Math.ceil(middle) - 1] as number,
    slopes[Math.floor(middle)] as number,
  ];
  return { first: first[kind], last: last[kind], slope: ((low + high) / 2) * 60_000 };
}

/** Where the time is shorter, what the start leaves does not tell from what grows. */
const LEAST_FOR_A_VERDICT_MS = 120_000;

/** Bytes a minute. */
export interface MostGrowth {
  readonly heap: number;
  readonly rss: number;
}

/**
 * What grows by more than it may, in words.
 *
 * @returns nothing at all where the time is too short to say so
 */
export function growthIn(
  memory: Readonly<Record<Kind, Trend>>,
  milliseconds: number,
  mostGrowth: MostGrowth,
): string[] | undefined {
  if (milliseconds < LEAST_FOR_A_VERDICT_MS) return undefined;
  return (['heap', 'rss'] as const).flatMap((kind) => {
    const { slope } = memory[kind];
    if (slope <= mostGrowth[kind]) return [];
    const [got, most] = [slope, mostGrowth[kind]].map((bytes) => (bytes / 1e6).toFixed(2));
    return [`${kind}: grows by ${got} MB a minute, at most ${most} is let through`];
  });
}
