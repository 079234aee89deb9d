import { createHash } from 'node:crypto';

export interface SiteShape {
  /** Besides the start page and the error page. */
  readonly pages: number;
  /** Whether the names of subresources have a hash of their content in them. */
  readonly hashed: boolean;
}

/** The release that a file says it is of; nothing if it says none. */
export function releaseIn(text: string): number | undefined {
  const [, release] = /\brelease (\d+)\b/.exec(text) ?? [];
  return release === undefined ? undefined : Number(release);
}

/** What a page or script leads to at once, in the order of the text: all of it is in one folder. */
export const referencesIn = (text: string): string[] =>
  [...text.matchAll(/["'](\/assets\/[\w.-]+)["']/g)].map(([, path]) => path as string);

/** Whether a script asks for that address by itself: no build tool and no upload can see that it does. */
export const isFetched = (address: string): boolean => /^\/assets\/data\b/.test(address);

/** Copied in the order of their names, the first of them comes before `assets/`. */
const SECTIONS = ['about', 'blog', 'docs', 'news'];

/** The addresses of a site's pages, which every release of it has. */
export const pagesOf = ({ pages }: SiteShape): string[] => [
  '/',
  ...Array.from(
    { length: pages },
    (_, page) => `/${SECTIONS[page % SECTIONS.length]}-${page}.html`,
  ),
];

/**
 * The files of one release, each stamped with its number. A page has a style sheet and a script; the script imports
 * another and fetches data, as one that was split by a bundler does. In a browser `window.stamps` resolves to the
 * releases of all five, that of the data last.
 */
export function siteOf(release: number, shape: SiteShape): Map<string, string> {
  const files = new Map<string, string>();
  /** Adds a subresource and returns its address. */
  const asset = (name: string, content: string): string => {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 8);
    const path = `assets/${shape.hashed ? name.replace('.', `-${hash}.`) : name}`;
    files.set(path, content);
    return `/${path}`;
  };
  const style = asset('style.css', `/* release ${release} */\n:root { --release: ${release}; }\n`);
  const data = asset('data.json', `{"stamp": "release ${release}", "release": ${release}}\n`);
  const chunk = asset('chunk.js', `// release ${release}\nexport const release = ${release};\n`);
  const app = asset(
    'app.js',
    `// release ${release}
import { release as chunk } from '${chunk}';
const root = document.documentElement;
window.stamps = fetch('${data}').then(async (answer) => {
  const data = (await answer.json()).release;
  const style = getComputedStyle(root).getPropertyValue('--release');
  // A style sheet that did not come is of no release.
  const styles = style ? [Number(style)] : [];
  return [Number(root.dataset.release), ${release}, chunk, ...styles, data];
});
`,
  );
  const page = (title: string) =>
    `<!doctype html><!-- release ${release} -->
<html lang="en" data-release="${release}"><head><meta charset="utf-8"><title>${title}</title>
<link rel="stylesheet" href="${style}"><script type="module" src="${app}"></script></head>
<body><h1>${title}</h1></body></html>
`;
  files.set('404.html', page('Not found'));
  for (const address of pagesOf(shape)) {
    files.set(address === '/' ? 'index.html' : address.slice(1), page(address));
  }
  return files;
}
