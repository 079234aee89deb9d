import mime from 'mime';

/** Types outside `text/` that are text in an encoding nobody but the header names. */
const TEXT = /^text\/|^application\/(?:javascript|manifest\+json|ld\+json)$/;

/**
 * The Content-Type to store with a file, by its name alone.
 *
 * Text is declared as UTF-8. XML is not: it names its own encoding, which the header would overrule.
 * Without a known extension it is `application/octet-stream`, which browsers download. What
 * stands under `.well-known/` without any is JSON: the registered names that are files
 * (`apple-app-site-association`, `matrix/client`, `openid-configuration`) are, and no browser
 * opens the others.
 */
export function contentType(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!name.includes('.') && path.startsWith('.well-known/')) return 'application/json';
  const type = mime.getType(name) ?? 'application/octet-stream';
  return TEXT.test(type) ? `${type}; charset=utf-8` : type;
}

/** HTML, by the type that is stored with it. */
export const isPage = ({ type }: { readonly type: string }): boolean =>
  /^(?:text\/html|application\/xhtml\+xml)(?:;|$)/.test(type);
