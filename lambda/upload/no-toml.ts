/**
 * In place of the TOML parser that Netlify's parsers bring for `netlify.toml`, which Upload does not read: a sixteenth of its
 * bundle.
 *
 * @throws Error always
 */
export function parse(): never {
  throw new Error('netlify.toml is not read here; write the rules into _redirects and _headers');
}
