/*
 * What CloudFront Hosting Toolkit does at viewer request, in our words, for `npm run bench` to compare with: one read of one
 * key that holds the live folder, then `/index.html` for addresses that end in a slash and `.html` for those without an
 * extension; no release yet: the address as it is. Read from resources/cff_templates/index_basic.js of
 * awslabs/cloudfront-hosting-toolkit at e5eb81fe3159d97d8173f26227ca9ad29379b312.
 */
import cf from 'cloudfront';

export async function handler(event) {
  const request = event.request;
  let folder;
  try {
    folder = await cf.kvs().get('path');
  } catch (error) {
    console.log(`no folder: ${error}`);
    return request;
  }
  const uri = request.uri;
  if (uri.endsWith('/')) request.uri = `/${folder}${uri.slice(0, -1)}/index.html`;
  else if (/\/[^/]+\.[^/]+$/.test(uri)) request.uri = `/${folder}${uri}`;
  else request.uri = `/${folder}${uri}.html`;
  return request;
}
