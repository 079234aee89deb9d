/*
 * Leads each address into the live release. The URI it returns is the cache key, so when the one
 * key `live` changes, the whole site has changed.
 *
 *   /about/, /about             /about/index.html
 *   /feed.xml, /.well-known/x   as they are
 *
 * S3 takes keys literally, so `..` and `//` find no object. SETTINGS come from `code.ts`.
 *
 * What every request runs, here and in what is imported, looks with `includes` before it uses a regular expression: in njs one of
 * them takes as long as parsing the pointer does.
 */
import cf from 'cloudfront';
import crypto from 'crypto';
import { addressFor, fileFor } from '../../release/addresses.ts';
import { canonicalHost } from './canonical-host.js';
import { redirect } from './redirect.js';
import { decide, withQuery } from './redirects.js';

export async function handler(event) {
  const request = event.request;
  try {
    if (SETTINGS.canonicalHost && !SETTINGS.redirects && !SETTINGS.styles) {
      const host = canonicalHost(request);
      if (host) return redirect(request, host + request.uri);
    }
    let live = await cf.kvs().get('live', { format: 'json' });
    if (!live.id || !live.base) throw new Error('"live" names no release');
    if (SETTINGS.redirects && live.rules && request.uri !== '/.well-known/release') {
      const uri = request.uri === SETTINGS.startPage ? '/' : request.uri;
      const ruled = await decide(cf.kvs(), crypto, uri, live);
      if (SETTINGS.canonicalHost && (ruled.location || ruled.uri !== uri)) {
        // The rule is for the canonical name, where it is asked for once more.
        const host = canonicalHost(request);
        if (host) return redirect(request, host + uri);
      }
      live = ruled.release;
      if (ruled.location) {
        if (SETTINGS.accessLogs) cf.logCustomData(live.id);
        return moved(request, ruled);
      }
      request.uri = ruled.uri;
    }
    if (SETTINGS.accessLogs) cf.logCustomData(live.id);
    if (SETTINGS.styles) {
      // In place of `/`, should CloudFront put the default root object there before it asks: delivery.ts.
      if (request.uri === SETTINGS.startPage) request.uri = '/';
      const address = addressFor(request.uri, live.style);
      // One redirect for both.
      const host = SETTINGS.canonicalHost ? canonicalHost(request) : '';
      if (host || address !== request.uri) return redirect(request, host + address);
    } else if (SETTINGS.canonicalHost && SETTINGS.redirects) {
      const host = canonicalHost(request);
      if (host) return redirect(request, host + request.uri);
    }
    if (request.uri === '/.well-known/release') return answer(200, 'text/plain', live.id);
    let file = fileFor(request.uri);
    if (SETTINGS.singlePage && live.pages !== undefined && file !== request.uri) {
      if (!live.pages || !holds(live.pages, placesOf(file))) file = '/index.html';
    }
    // S3 takes a plus in an address for a space.
    const key = file.includes('+') ? file.replace(/\+/g, '%2B') : file;
    // CloudFront refuses to go on with 8,192 characters, the query included. No key has more than 1,024 bytes, three
    // characters each at most, and no query is part of one: `/` has no file either.
    request.uri = `/releases/${homeOf(file, live)}${key.length > 3072 ? '/' : key}`;
    if (request.rawQueryString && (request.rawQueryString() || '').length > 4096) {
      request.querystring = {};
    }
    return request;
  } catch (error) {
    if (SETTINGS.canonicalHost && (SETTINGS.styles || SETTINGS.redirects)) {
      const host = canonicalHost(request);
      if (host) return redirect(request, host + request.uri);
    }
    // `get` rejects alike for a missing key and a failing store.
    let published = true;
    try {
      published = await cf.kvs().exists('live');
    } catch (_) {
      // The store is failing.
    }
    if (published) console.log(`No release to lead to: ${error}`);
    return published ? failing() : waiting();
  }
}

// Never kept by a browser: a rule goes back with its release.
function moved(request, ruled) {
  const response = answer(ruled.status, 'text/plain', '');
  response.headers.location = { value: withQuery(ruled.location, request.rawQueryString()) };
  return response;
}

// The newest layer with the file, or the base. lambda/upload/layers.ts writes what this reads.
function homeOf(file, live) {
  if (!live.delta) return live.base;
  const places = placesOf(file);
  const layers = live.delta.split(' ');
  for (let i = 1; i < layers.length; i += 2) {
    const name = layers[i - 1];
    if (holds(layers[i], places)) return live.id.slice(0, live.id.length - name.length) + name;
  }
  return live.base;
}

// Where a file may stand in any set: numbers of two bytes in the SHA-256 of its path, each read when a set first asks for it.
function placesOf(file) {
  let path = file.slice(1);
  try {
    path = decodeURIComponent(path);
  } catch (_) {
    // No such file.
  }
  if (path.includes('+')) path = path.replace(/\+/g, ' ');
  return { hash: crypto.createHash('sha256').update(path).digest('hex'), read: [] };
}

// A Bloom filter: how many places to ask for, then six bits a character. Most sets do not have the first, so all begin with it.
function holds(set, places) {
  const read = places.read;
  for (let i = 0; i < set.charCodeAt(0) - 48; i++) {
    if (i === read.length) read.push(parseInt(places.hash.slice(4 * i, 4 * i + 4), 16));
    const place = read[i] % (6 * set.length - 6);
    const bit = place % 6;
    if (!(((set.charCodeAt(1 + (place - bit) / 6) - 48) >> bit) & 1)) return false;
  }
  return true;
}

function waiting() {
  const steps = `${SETTINGS.toPublish} and watch the pipeline in the console; its link is in the outputs of the stack ${SETTINGS.name}.`;
  return unavailable('30', 'Not published yet', 'This site awaits its first release.', steps);
}

function failing() {
  const steps = 'the cause is in the logs of this function, in CloudWatch in us-east-1.';
  return unavailable('5', 'Back in a moment', 'Please try again in a few seconds.', steps);
}

function unavailable(seconds, title, text, steps) {
  const owner = steps.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>${title}</title><h1>${title}</h1><p>${text}</p><p>If it is yours: ${owner}</p></html>`;
  const response = answer(503, 'text/html', page);
  response.headers['retry-after'] = { value: seconds };
  return response;
}

// A response headers policy may not reach it.
function answer(status, type, body) {
  return {
    statusCode: status,
    headers: {
      'content-type': { value: `${type}; charset=utf-8` },
      'cache-control': { value: 'no-store' },
      'content-security-policy': { value: "default-src 'none'" },
      'x-content-type-options': { value: 'nosniff' },
    },
    body: body,
  };
}
