/*
 * For the pool, whose files are at their public address and need no router: leads to the canonical name and does nothing
 * else. SETTINGS come from `code.ts`.
 */
import { canonicalHost } from './canonical-host.js';
import { redirect } from './redirect.js';

export function handler(event) {
  const request = event.request;
  const host = canonicalHost(request);
  return host ? redirect(request, host + request.uri) : request;
}
