import { lookup } from 'node:dns';
import { request as http, type IncomingMessage } from 'node:http';
import { request as https } from 'node:https';
import type { Site } from './watch.ts';

const TIMEOUT_MS = 5_000;

/** Enough for any release id; of a page only its status matters. */
const KEPT_BYTES = 200;

/**
 * The site at that address, such as `https://www.example.com`.
 *
 * @param server the host name that is connected to whatever DNS says of the address: before a first release it may say
 *   nothing yet, and before a site moves here it leads elsewhere. Host header and certificate are those of the address,
 *   as with `curl --connect-to`.
 */
export function siteAt(url: string, server?: string): Site {
  return {
    async get(path, signal) {
      const response = await answerOf(new URL(path, url), server, signal);
      const chunks: Buffer[] = [];
      let bytes = 0;
      // Leaving the loop ends the response.
      for await (const chunk of response) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= KEPT_BYTES) break;
      }
      const text = Buffer.concat(chunks).toString('utf8', 0, KEPT_BYTES);
      return { status: response.statusCode ?? 0, text };
    },
  };
}

/** Of Node.js's own client, whose look-up of a name can be replaced; that of `fetch` cannot. */
function answerOf(url: URL, server: string | undefined, signal: AbortSignal) {
  const request = url.protocol === 'https:' ? https : http;
  const ended = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  return new Promise<IncomingMessage>((resolve, reject) => {
    request(
      url,
      {
        // No cache between here and the edge may answer; the edge's own may, as it does for visitors.
        headers: { 'cache-control': 'no-cache', 'user-agent': 'atomic-site promotion' },
        signal: ended,
        ...(server !== undefined && {
          lookup: (_, options, done) => lookup(server, options, done),
        }),
      },
      resolve,
    )
      // Of an end that was asked for it says only that there was one.
      .once('error', (error) => reject(ended.aborted ? ended.reason : error))
      .end();
  });
}
