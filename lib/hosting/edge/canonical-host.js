/**
 * Where a request belongs that came to another of the site's names: `https://www.example.com`. Empty if it came to
 * the right one. Who changes the path as well puts the path behind it, so that there is one redirect for both.
 */
export function canonicalHost(request) {
  const name = SETTINGS.canonicalHost;
  const host = request.headers.host ? request.headers.host.value.toLowerCase() : '';
  if (host === name) return '';
  // Some clients write the port that is understood, and would be sent round in circles for it.
  if (host.replace(/:\d*$/, '') === name) return '';
  return `https://${name}`;
}
