/**
 * Which file answers which address: what the router at the edge, the upload and the link check agree on.
 * CloudFront runs it as well, so it imports nothing and uses only what cloudfront-js-2.0 documents.
 */

/** The file that the router asks for at an address, both with the slash before them. */
export function fileFor(uri: string): string {
  if (uri.startsWith('/.well-known/')) return uri;
  const name = uri.slice(uri.lastIndexOf('/') + 1);
  if (name === '') return `${uri}index.html`;
  return name.includes('.') ? uri : `${uri}/index.html`;
}
