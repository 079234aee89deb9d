import { createHash } from 'node:crypto';

/** How many pages there are, besides the start page, which changes with every release. */
export const PAGES = 40;
/** Every so many releases a page, the script and the error page change. */
const PAGE_EVERY = 8;
const SCRIPT_EVERY = 3;
const ERROR_PAGE_EVERY = 5;

const FILLING =
  'Text that makes a page about as long as one is, and that compresses as well. '.repeat(40);

/** One file of the site through all releases: which version of it a release has, and what that holds. */
export interface Part {
  /** The release in which the version that a release has was new. */
  versionIn(release: number): number;
  /** The first release after that version which has another. */
  nextAfter(version: number): number;
  pathOf(version: number): string;
  contentOf(version: number): string;
}

/** Changes in the releases `first`, `first + every`, … and is there from release 0 on. */
function part(
  every: number,
  first: number,
  contentOf: (version: number) => string,
  pathOf: (version: number) => string,
): Part {
  return {
    versionIn: (release) => (release < first ? 0 : release - ((release - first) % every)),
    nextAfter: (version) => (version < first ? first : version + every),
    pathOf,
    contentOf,
  };
}

const scriptOf = (version: number): string => `// script ${version}\nexport default ${version};\n`;

export const SCRIPT = part(SCRIPT_EVERY, 0, scriptOf, (version) => {
  const hash = createHash('sha256').update(scriptOf(version)).digest('hex').slice(0, 8);
  return `assets/main-${hash}.js`;
});

const html = (name: string, version: number): string =>
  `<!doctype html><html lang="en"><title>${name} ${version}</title><p>${FILLING}</p></html>\n`;

export const START_PAGE = part(
  1,
  0,
  (version) =>
    html('start', version).replace(
      '<p>',
      `<script type="module" src="/${SCRIPT.pathOf(SCRIPT.versionIn(version))}"></script><p>`,
    ),
  () => 'index.html',
);

export const ERROR_PAGE = part(
  ERROR_PAGE_EVERY,
  0,
  (version) => html('missing', version),
  () => '404.html',
);

/** By number. */
export const PAGE = Array.from({ length: PAGES }, (_, page) =>
  part(
    PAGE_EVERY,
    page % PAGE_EVERY,
    (version) => html(`page ${page}`, version),
    () => `page-${page}/index.html`,
  ),
);

const PARTS = [START_PAGE, ERROR_PAGE, SCRIPT, ...PAGE];

/** All files of a release. */
export const siteOf = (release: number): Map<string, string> =>
  new Map(
    PARTS.map((part) => {
      const version = part.versionIn(release);
      return [part.pathOf(version), part.contentOf(version)];
    }),
  );

/** The version that a text says it is; nothing if it is none of ours. */
export function versionOf(text: string): number | undefined {
  const [, version] =
    /^(?:<!doctype html>.*?<title>\D*(?:\d+ )?|\/\/ script )(\d+)\b/.exec(text) ?? [];
  return version === undefined ? undefined : Number(version);
}
