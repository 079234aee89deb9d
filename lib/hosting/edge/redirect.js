/** The one permanent redirect of a request: `to` is an address without its query, which is kept as it was sent. */
export function redirect(request, to) {
  const query = request.rawQueryString();
  const location = query === undefined ? to : `${to}?${query}`;
  return {
    statusCode: 301,
    statusDescription: 'Moved Permanently',
    headers: {
      // A header holds ASCII; what was sent beyond it gets its percent-encoding.
      location: { value: location.replace(/[^\x21-\x7e]+/g, encodeURIComponent) },
      // As pages. Browsers keep a 301 for good otherwise, and two names that were swapped, or the two styles of
      // addresses in a release and the one before it, would lead to each other.
      'cache-control': { value: 'public, max-age=0, must-revalidate' },
      // A response headers policy may not reach it, and it is all that a name gets which only redirects.
      'strict-transport-security': { value: 'max-age=31536000' },
    },
  };
}
