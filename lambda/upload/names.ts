import {
  RELEASE_PROBE_PATH,
  releaseId,
  releasePrefix,
  SITE_PREFIX,
} from '../../lib/release/contract.ts';

/** S3's limit for a key, in bytes of UTF-8. */
const KEY_BYTES = 1_024;

/** Every release's prefix is as long as this one's. */
const PREFIX_BYTES = releasePrefix(releaseId(new Date(0), '0000000')).length;

/**
 * Why a file of the artifact cannot be published under its name, or nothing if it can. The name
 * becomes part of a key, so a name that could leave the release's prefix is refused.
 */
export function problemInName(path: string): string | undefined {
  if (path === '') return 'the name is empty';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) return 'the name has a control character';
  if (path.includes('\\')) return 'the name has a backslash; a zip separates folders by /';
  if (path.startsWith('/')) return 'the name is absolute';
  const segments = path.split('/');
  if (segments.includes('..')) return 'the name leads out of the site (..)';
  if (segments.includes('.')) return 'the name has a segment "."';
  if (segments.includes('')) return 'the name has an empty segment (//)';
  if (path.startsWith(SITE_PREFIX)) return `${SITE_PREFIX} belongs to the hosting`;
  if (path === RELEASE_PROBE_PATH) return 'the hosting itself answers this address';
  const bytes = PREFIX_BYTES + Buffer.byteLength(path);
  if (bytes > KEY_BYTES) return `its key would have ${bytes} bytes; S3 takes ${KEY_BYTES}`;
  return undefined;
}
