/** How many runs each property gets instead of its own few, and the seed: `npm run fuzz` sets them. */
const { FUZZ_RUNS, FUZZ_SEED } = process.env;

/**
 * What a property is asserted with.
 *
 * @param quick how many runs a test of every day takes
 */
export const runs = (quick: number) => ({
  numRuns: FUZZ_RUNS === undefined ? quick : Number(FUZZ_RUNS),
  ...(FUZZ_SEED !== undefined && { seed: Number(FUZZ_SEED) }),
});
