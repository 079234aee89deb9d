/*
 * Gives each answer the headers that the site's `_headers` says. Upload has stored them with the file, so that they come and go
 * with it; lambda/upload/headers.ts writes what this reads. CloudFront does not run this for answers of 400 and above.
 */
const STORED = 'x-amz-meta-headers';

export function handler(event) {
  const response = event.response;
  const headers = response.headers;
  const stored = headers[STORED];
  if (stored) {
    delete headers[STORED];
    const own = JSON.parse(stored.value);
    for (const name in own) headers[name] = { value: own[name] };
  } else if (response.statusCode === 304) {
    // Without the file's headers: what the browser has stands, and must not give way to what is true of other pages.
    for (const name in headers) {
      if (SETTINGS.policyHeaders.includes(name)) delete headers[name];
    }
  }
  return response;
}
