import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Whether `site/` is still the one that came with this project: a fork replaces it, and the tests that
 * know its pages have nothing to say any more.
 */
export const hasSampleSite = existsSync(
  fileURLToPath(new URL('../../site/src/release-info.ts', import.meta.url)),
);
