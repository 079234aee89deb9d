/*
 * The router: leads each address into the live release, at the edge. The URI it returns is
 * the cache key, so when the one key `live` changes, the whole site has changed.
 *
 *   /about/      ends in "/": + index.html                  /about/index.html
 *   /about       last part without a dot: + /index.html     /about/index.html
 *   /feed.xml    anything else, and all of /.well-known/    as it is
 *
 * A folder with a dot in its name needs its slash: /v1.2/ is a folder, /v1.2 reads as a file.
 * Nothing is decoded or normalised: S3 takes keys literally, so `..` and `//` find no object.
 *
 * The runtime documents only a part of JavaScript; a test refuses the rest. The line put before
 * this file defines SETTINGS.
 */
import cf from 'cloudfront';

// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls it by this name
async function handler(event) {
  const request = event.request;
  try {
    const live = await cf.kvs().get('live', { format: 'json' });
    if (!live.id || !live.base) throw new Error('"live" names no release');
    if (request.uri === '/.well-known/release') return answer(200, 'text/plain', live.id);
    request.uri = `/releases/${live.base}${fileFor(request.uri)}`;
    return request;
  } catch (error) {
    // `get` rejects alike for a missing key and a failing store. Asking costs a second read, so
    // only here; and whatever fails, visitors never see CloudFront's own error page.
    let published = true;
    try {
      published = await cf.kvs().exists('live');
    } catch (_) {
      // Then the store is failing.
    }
    if (published) console.log(`No release to lead to: ${error}`);
    return published ? failing() : waiting();
  }
}

function fileFor(uri) {
  if (uri.startsWith('/.well-known/')) return uri;
  const name = uri.slice(uri.lastIndexOf('/') + 1);
  if (name === '') return `${uri}index.html`;
  return name.includes('.') ? uri : `${uri}/index.html`;
}

function waiting() {
  const steps = `push to the branch ${SETTINGS.branch} and watch the pipeline in the console; its link is in the outputs of the stack ${SETTINGS.name}.`;
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

// Brings its own headers: a response headers policy may not reach what a function answers.
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
