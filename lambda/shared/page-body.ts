import { gunzipSync, gzipSync } from 'node:zlib';

/** In characters: some 350 files of a manifest. Smaller pages stay as they are, for whoever looks at them in the bucket. */
const COMPRESSED_FROM = 64_000;

/** What is stored of a page: a manifest of 100,000 files is 22 MB of text, and a fifth of that compressed. */
export function bodyOf(text: string): {
  readonly Body: string | Uint8Array;
  readonly ContentEncoding?: 'gzip';
} {
  if (text.length < COMPRESSED_FROM) return { Body: text };
  return { Body: gzipSync(text), ContentEncoding: 'gzip' };
}

/** The text of a page that is compressed. What is damaged is given as it is, so that whoever reads it says what is damaged. */
export function textOf(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes).toString();
  } catch {
    return Buffer.from(bytes).toString('latin1');
  }
}
