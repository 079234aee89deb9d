import * as v from 'valibot';
import { COPIES_PATTERN, type FingerprintSettings, hasHashSource } from '../release/contract.ts';

/** Off by default: a site that hashes its names needs none of it. */
export const fingerprint = v.optional(
  v.union([v.boolean(), v.literal('serve')], "use true, false or 'serve'"),
  false,
);

interface Checked {
  readonly fingerprint: v.InferOutput<typeof fingerprint>;
  readonly immutable: readonly string[];
  readonly headers: { readonly contentSecurityPolicy: string };
  readonly domain?: { readonly name: string; readonly aliases: readonly string[] } | undefined;
}

/** Copies are files of the pool: whatever knows its patterns serves, keeps and sweeps them. */
export const withCopies = <T extends Checked>(config: T): T =>
  config.fingerprint === false
    ? config
    : { ...config, immutable: [...config.immutable, COPIES_PATTERN] };

/** For the upload; nothing where it makes no copies. */
export const fingerprintSettings = ({
  fingerprint,
  headers,
  domain,
}: Checked): FingerprintSettings | undefined =>
  fingerprint === true
    ? {
        policyHashes: hasHashSource(headers.contentSecurityPolicy),
        hosts: domain ? [domain.name, ...domain.aliases] : [],
      }
    : undefined;
