import { createHash } from 'node:crypto';
import { Crc32, Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';
import { ServiceError } from './service.ts';

/** S3's whole-object checksums, by the name at the end of their `x-amz-checksum-…` header. */
export const ALGORITHMS = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface Checksum {
  readonly algorithm: Algorithm;
  /** Base64. */
  readonly value: string;
}

/** A running checksum: `update` with each piece, then `digest` once. */
export interface Hasher {
  update(data: Uint8Array): unknown;
  digest(): Uint8Array | Promise<Uint8Array>;
}

const CRCS = { crc32: Crc32, crc32c: Crc32c, crc64nvme: Crc64Nvme };

export const hasher = (algorithm: Algorithm): Hasher =>
  algorithm === 'sha1' || algorithm === 'sha256' ? createHash(algorithm) : new CRCS[algorithm]();

const LENGTHS: Readonly<Record<Algorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
};

export const isAlgorithm = (name: string): name is Algorithm =>
  (ALGORITHMS as readonly string[]).includes(name);

/** Throws S3's error for a header value that cannot be this checksum, before any byte is read. */
export function checkFormat({ algorithm, value }: Checksum): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== LENGTHS[algorithm] || bytes.toString('base64') !== value) {
    throw new ServiceError(
      400,
      'InvalidRequest',
      `Value for x-amz-checksum-${algorithm} header is invalid.`,
    );
  }
}
