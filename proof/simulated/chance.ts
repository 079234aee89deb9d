import { randomFrom } from '../../bench/random.ts';

/**
 * One number from whole numbers: the seed of whatever they name, such as a request of a page load. So what one model
 * asks for more often does not shift what chance has in store for the rest, and all models meet the same.
 */
export function seedOf(...parts: readonly number[]): number {
  let mixed = 0x2545f491;
  for (const part of parts) {
    mixed = Math.imul(mixed ^ part, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return mixed;
}

/** From 0 up to 1, always the same for the same numbers. */
export const chance = (...parts: readonly number[]): number => randomFrom(seedOf(...parts))();

/**
 * Shares from 0 to 1 with the value that they stay below, in rising order; straight lines between. Only sums and
 * products are needed to draw from it, which are the same on every machine, as logarithms need not be.
 */
export type Distribution = readonly (readonly [share: number, value: number])[];

export function draw(distribution: Distribution, at: number): number {
  let [fromShare, fromValue] = distribution[0] ?? [0, 0];
  for (const [share, value] of distribution) {
    if (at <= share) {
      if (share === fromShare) return value;
      return fromValue + ((at - fromShare) / (share - fromShare)) * (value - fromValue);
    }
    fromShare = share;
    fromValue = value;
  }
  return fromValue;
}

/** The values in an order of chance. */
export function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = randomFrom(seed);
  const result = [...values];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
