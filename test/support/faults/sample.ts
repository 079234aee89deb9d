import { randomFrom } from '../../../bench/random.ts';

/** Some of a list, the same ones for the same seed, spread over all of it. */
export function sampled<T>(all: readonly T[], size: number, seed: number): T[] {
  if (size >= all.length) return [...all];
  const random = randomFrom(seed);
  const every = all.length / size;
  return Array.from({ length: size }, (_, index) => {
    const at = Math.floor((index + random()) * every);
    return all[Math.min(at, all.length - 1)] as T;
  });
}
