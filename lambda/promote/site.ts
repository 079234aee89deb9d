import type { Site } from './watch.ts';

const TIMEOUT_MS = 5_000;

/** Enough for any release id; of a page only its status matters. */
const KEPT_BYTES = 200;

/** The site at that address, such as `https://d111111abcdef8.cloudfront.net`. */
export function siteAt(url: string): Site {
  return {
    async get(path, signal) {
      const response = await fetch(new URL(path, url), {
        // No cache between here and the edge may answer; the edge's own may, as it does for visitors.
        cache: 'no-store',
        redirect: 'manual',
        headers: { 'user-agent': 'atomic-site promotion' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const { status, body } = response;
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      // Leaving the loop ends the response.
      for await (const chunk of body ?? []) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= KEPT_BYTES) break;
      }
      return { status, text: Buffer.concat(chunks).toString('utf8', 0, KEPT_BYTES) };
    },
  };
}
