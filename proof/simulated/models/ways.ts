import { COPIES_PATTERN } from '../../../lib/release/contract.ts';
import { fingerprinted } from '../sites/fingerprint.ts';
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
  model: ({ hashed, ...shipped }) => new AtomicSite({ ...shipped, immutable: immutableOf(hashed) }),
};

const ours = { sources: [], assumes: [] };

const fingerprint: Way = {
  ...ours,
  name: 'atomic-site, fingerprint: true',
  option: 'fingerprint',
  prepare: fingerprinted,
  model: ({ router, plans }) => new AtomicSite({ router, plans, immutable: [COPIES_PATTERN] }),
};

const MINUTE = 60;
const DAY = 86_400;

const pageCookie: Way = {
  ...ours,
  name: 'atomic-site, page cookie of a minute',
  option: 'page-cookie',
  model: ({ hashed, ...shipped }) =>
    new PageCookie({ ...shipped, immutable: immutableOf(hashed) }, MINUTE),
};

const pageCookieDay: Way = {
  ...ours,
  name: 'atomic-site, page cookie of a day',
  option: 'page-cookie-day',
  model: ({ hashed, ...shipped }) =>
    new PageCookie({ ...shipped, immutable: immutableOf(hashed) }, DAY),
};

const both: Way = {
  ...fingerprint,
  name: 'atomic-site, both, of a day',
  option: 'both',
  model: ({ router, plans }) => new PageCookie({ router, plans, immutable: [COPIES_PATTERN] }, DAY),
};

export const WAYS: readonly Way[] = [
  copyThenInvalidate,
  assetsFirst,
  prefixDelete,
  prefixCookie,
  atomicSite,
];

/** For sites whose files have fixed names: an option, and what was thought of; for the others they change nothing. */
export const CANDIDATES: readonly Way[] = [fingerprint, pageCookie, pageCookieDay, both];
