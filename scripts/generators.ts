import type { SiteConfig } from '../lib/config.ts';
import { DEFAULT_CONTENT_SECURITY_POLICY } from '../lib/options/headers.ts';

/** What `site.config.ts` says for a site of one generator, as the table in `docs/builds.md` and `npm run starters` have it. */
export interface Generator {
  readonly title: string;
  readonly settings: Pick<SiteConfig, 'build' | 'immutable' | 'headers'>;
  /** What the generator itself has to be told, and what surprises. Markdown. */
  readonly note: string;
  /** The page of the generator's documentation that it comes from. */
  readonly source?: string;
}

/** For generators that write scripts and styles into their pages; everything else is as by default. */
export const INLINE_SCRIPTS_AND_STYLES = DEFAULT_CONTENT_SECURITY_POLICY.replace(
  "default-src 'self'",
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'",
);

const INLINE = { contentSecurityPolicy: INLINE_SCRIPTS_AND_STYLES } as const;

export const GENERATORS = {
  vite: {
    title: 'Vite',
    settings: {
      build: { kind: 'commands', install: 'auto', commands: ['npm run build'] },
      immutable: ['assets/*'],
    },
    note: "What is in `public/` keeps its name: put nothing below `public/assets/`. Addresses of an application: `urls: { fallback: 'single-page' }`.",
    source: 'https://vite.dev/guide/build',
  },
  astro: {
    title: 'Astro',
    settings: {
      build: { kind: 'commands', install: 'auto', commands: ['npm run build'] },
      immutable: ['_astro/*'],
      headers: INLINE,
    },
    note: "Leave `output: 'static'` and `build.format: 'directory'`, the defaults.",
    source: 'https://docs.astro.build/en/reference/configuration-reference/#build-options',
  },
  next: {
    title: 'Next.js, static export',
    settings: {
      build: { kind: 'commands', install: 'auto', commands: ['npm run build'], output: 'out' },
      immutable: ['_next/static/*'],
      headers: INLINE,
    },
    note: "In `next.config`: `output: 'export'`, `trailingSlash: true` (or `urls: { style: 'file' }` here), `images: { unoptimized: true }`.",
    source: 'https://nextjs.org/docs/app/guides/static-exports',
  },
  docusaurus: {
    title: 'Docusaurus',
    settings: {
      build: { kind: 'commands', install: 'auto', commands: ['npm run build'], output: 'build' },
      immutable: ['assets/*'],
      headers: INLINE,
    },
    note: "In `docusaurus.config`: `baseUrl: '/'`, `trailingSlash: true`.",
    source: 'https://docusaurus.io/docs/api/docusaurus-config#trailingSlash',
  },
  vitepress: {
    title: 'VitePress',
    settings: {
      build: {
        kind: 'commands',
        install: 'auto',
        commands: ['npm run docs:build'],
        output: 'docs/.vitepress/dist',
      },
      immutable: ['assets/*'],
      headers: INLINE,
    },
    note: "Links name `/guide.html`, which is a file. With `cleanUrls: true`: `urls: { style: 'file' }`.",
    source: 'https://vitepress.dev/guide/deploy',
  },
  sveltekit: {
    title: 'SvelteKit, adapter-static',
    settings: {
      build: { kind: 'commands', install: 'auto', commands: ['npm run build'], output: 'build' },
      immutable: ['_app/immutable/*'],
      headers: INLINE,
    },
    note: "In `src/routes/+layout.js`: `export const prerender = true` and `export const trailingSlash = 'always'`. In `svelte.config.js`: `adapter({ fallback: '404.html' })`, for the error page.",
    source: 'https://svelte.dev/docs/kit/adapter-static',
  },
  eleventy: {
    title: 'Eleventy',
    settings: {
      build: {
        kind: 'commands',
        install: 'auto',
        commands: ['npm run build'],
        output: '_site',
      },
    },
    note: '`output` is `dir.output`. Nothing has a hash in its name unless you add that.',
    source: 'https://www.11ty.dev/docs/config/',
  },
  hugo: {
    title: 'Hugo',
    settings: {
      build: {
        kind: 'commands',
        environment: { HUGO_VERSION: '0.152.2' },
        commands: [
          'export ARCH=$(uname -m | sed "s/x86_64/amd64/; s/aarch64/arm64/")',
          'curl -fsSL https://github.com/gohugoio/hugo/releases/download/v$HUGO_VERSION/hugo_extended_"$HUGO_VERSION"_linux-$ARCH.tar.gz | tar -xz -C "$HOME" hugo',
          '"$HOME/hugo" build --gc --minify',
        ],
        output: 'public',
      },
    },
    note: 'CodeBuild has no Hugo, so this fetches one. Leave `uglyURLs` and `enableGitInfo` off: the source comes without `.git`.',
    source: 'https://gohugo.io/host-and-deploy/',
  },
  jekyll: {
    title: 'Jekyll',
    settings: { build: { kind: 'buildspec' } },
    note: 'The buildspec is [below](#jekyll). In `_config.yml`: `permalink: pretty`. Once: `bundle lock --add-platform aarch64-linux`.',
    source: 'https://jekyllrb.com/docs/permalinks/',
  },
  html: {
    title: 'Plain HTML',
    settings: { build: { kind: 'folder', directory: 'public' } },
    note: '`directory` holds `index.html`.',
  },
} as const satisfies Readonly<Record<string, Generator>>;

/** The table of `docs/builds.md`, in Markdown. */
export function generatorTable(): string {
  const rows = Object.values<Generator>(GENERATORS).map(({ title, settings, note, source }) => {
    const { build, immutable = [], headers } = settings;
    return [
      source === undefined ? title : `[${title}](${source})`,
      `\`${literal(build)}\``,
      `\`${literal(immutable)}\``,
      headers === undefined ? 'default' : '[inline](#inline-scripts-and-styles)',
      note,
    ];
  });
  const head = ['Generator', '`build`', '`immutable`', 'Policy', 'What to know'];
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`)
    .join('');
}

/** As one would write it in `site.config.ts`. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return `'${value}'`;
  const entries = Object.entries(value).map(([name, item]) => `${name}: ${literal(item)}`);
  return `{ ${entries.join(', ')} }`;
}
