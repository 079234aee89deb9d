import type { How, Reference } from './body.ts';

/** What stands in a file of that name, in that version, that refers to these others. */
export function textOf(
  name: string,
  version: number,
  extension: string,
  references: readonly Reference[],
): string {
  const about = `${name}, version ${version}`;
  const lines = references.map(({ path, how }) => WRITTEN[how](`/${path}`)).join('\n');
  if (extension === 'html') {
    return `<!doctype html>\n<html lang="en"><head><title>${about}</title></head><body>\n${lines}\n</body></html>\n`;
  }
  return extension === 'css' || extension === 'js' ? `/* ${about} */\n${lines}\n` : about;
}

const WRITTEN: Readonly<Record<How, (address: string) => string>> = {
  markup: (address) =>
    address.endsWith('.css')
      ? `<link rel="stylesheet" href="${address}">`
      : address.endsWith('.js')
        ? `<script type="module" src="${address}"></script>`
        : `<img src="${address}" alt="">`,
  'late markup': (address) => `<img loading="lazy" src="${address}" alt="">`,
  style: (address) => `@font-face { font-family: own; src: url("${address}") }`,
  import: (address) => `import "${address}";`,
  'late import': (address) => `addEventListener("click", () => import("${address}"));`,
  fetch: (address) => `addEventListener("click", () => fetch("${address}"));`,
};

/** What a text refers to that once referred to those: the same in the same order, maybe by other paths. */
export function referencesIn(text: string, before: readonly Reference[]): Reference[] {
  const paths = [...text.matchAll(/"\/([^"]*)"/g)].map(([, path]) => path as string);
  if (paths.length !== before.length) throw new Error(`other references than before:\n${text}`);
  return before.map(({ how }, at) => ({ path: paths[at] as string, how }));
}
