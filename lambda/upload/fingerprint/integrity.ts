import { createHash } from 'node:crypto';

export const ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** The strongest kind of hash that an `integrity` attribute has, which is the one that browsers look at. */
export function strongestIn(integrity: string): Algorithm | undefined {
  return ALGORITHMS.findLast((algorithm) => hashes(integrity, algorithm).length > 0);
}

/** Whether a browser would take the bytes with these hashes. */
export function isIntact(integrity: string, hashOf: (algorithm: Algorithm) => string): boolean {
  const algorithm = strongestIn(integrity);
  return algorithm === undefined || hashes(integrity, algorithm).includes(hashOf(algorithm));
}

export const integrityOf = (bytes: Uint8Array, algorithm: Algorithm): string =>
  `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;

const hashes = (integrity: string, algorithm: Algorithm): string[] =>
  integrity
    .trim()
    .split(/\s+/)
    .map((one) => one.replace(/\?.*$/, ''))
    .filter((one) => one.startsWith(`${algorithm}-`));
