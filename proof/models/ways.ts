import { FINGERPRINTED, fingerprinted } from '../sites/fingerprint.ts';
import { assetsFirst } from './assets-first.ts';
import { AtomicSite } from './atomic-site.ts';
import { copyThenInvalidate } from './copy-then-invalidate.ts';
import type { Way } from './model.ts';
import { PageCookie } from './page-cookie.ts';
import { prefixCookie } from './prefix-cookie.ts';
import { prefixDelete } from './prefix-delete.ts';

/** `immutable` in the configuration of a site that hashes, and of one that does not. */
const immutableOf = (hashed: boolean): string[] => (hashed ? ['assets/*'] : []);

export const atomicSite: Way = {
  name: 'atomic-site',
  option: 'atomic-site',
  sources: [],
  assumes: [],
  model: ({ router, hashed }) => new AtomicSite({ router, immutable: immutableOf(hashed) }),
};

/** Candidates for sites that do not hash; for the others they change nothing. */
export const atomicSiteFingerprint: Way = {
  name: 'atomic-site, fingerprint',
  option: 'fingerprint',
  sources: [],
  assumes: [],
  prepare: (trees) => fingerprinted(trees),
  model: ({ router }) => new AtomicSite({ router, immutable: [FINGERPRINTED] }),
};

export const atomicSiteFingerprintImports: Way = {
  ...atomicSiteFingerprint,
  name: 'atomic-site, fingerprint, import() too',
  option: 'fingerprint-imports',
  prepare: (trees) => fingerprinted(trees, ['fetch']),
};

export const atomicSitePageCookie: Way = {
  name: 'atomic-site, page cookie by Referer',
  option: 'page-cookie',
  sources: [],
  assumes: [],
  model: ({ router, hashed }) => new PageCookie({ router, immutable: immutableOf(hashed) }),
};

export const WAYS: readonly Way[] = [
  copyThenInvalidate,
  assetsFirst,
  prefixDelete,
  prefixCookie,
  atomicSite,
];

export const CANDIDATES: readonly Way[] = [
  atomicSiteFingerprint,
  atomicSiteFingerprintImports,
  atomicSitePageCookie,
];
