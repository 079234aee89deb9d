/*
 * Builds the site into dist/: `npm ci && npm run build`. The same sources always give the same bytes.
 *
 *   src/main.ts, src/style.css   bundled by esbuild      → assets/main-<hash>.js, assets/style-<hash>.css
 *   import('./….ts')             a chunk of its own      → assets/….-<hash>.js, loaded when it is needed
 *   src/images/                  copied                  → assets/<name>-<hash>.svg
 *   src/pages/                   set into src/layout.html → the same path: about/index.html is /about/
 *   public/                      copied as it is         → favicon.svg, robots.txt
 *
 * Pages name a hashed file by its source, {{images/flip.svg}}, and get its address. Everything in
 * assets/ may be cached for ever and is shared by all releases, so only hashed names belong there.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import * as esbuild from 'esbuild';

process.chdir(import.meta.dirname);
await rm('dist', { recursive: true, force: true });

const build = await identity(['src', 'public', 'build.mjs', 'package-lock.json']);
const addresses = await bundle();
const layout = await readFile('src/layout.html', 'utf8');
for (const file of await filesIn('src/pages')) {
  const path = relative('src/pages', file);
  await mkdir(join('dist', dirname(path)), { recursive: true });
  await writeFile(join('dist', path), page(path, await readFile(file, 'utf8')));
}
await cp('public', 'dist', { recursive: true });

/**
 * Stands in every page and in the main script, so that anybody can see that both are of one
 * release. Made from the sources and not from a clock: a rebuild of the same commit changes no byte.
 */
async function identity(inputs) {
  const hash = createHash('sha256');
  for (const input of inputs) {
    for (const file of await filesIn(input)) hash.update(`${file}\0`).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

/** Writes the hashed files; returns the public address of each by its path in src/. */
async function bundle() {
  const { metafile } = await esbuild.build({
    entryPoints: ['src/main.ts', 'src/style.css', ...(await filesIn('src/images'))],
    outdir: 'dist/assets',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    publicPath: '/assets',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    metafile: true,
    define: { BUILD: JSON.stringify(build) },
    loader: { '.svg': 'copy', '.png': 'copy', '.avif': 'copy', '.woff2': 'copy' },
  });
  const entries = Object.entries(metafile.outputs).filter(([, output]) => output.entryPoint);
  return new Map(
    entries.map(([file, { entryPoint }]) => [
      relative('src', entryPoint),
      `/${relative('dist', file)}`,
    ]),
  );
}

/** A page begins with comments, `<!-- title: … -->` and `<!-- description: … -->`. */
function page(path, source) {
  const values = new Map([...addresses, ['build', build]]);
  const content = source.replace(/^<!-- (\w+): (.*?) -->\n/gm, (_, name, value) => {
    values.set(name, value);
    return '';
  });
  const own = `<a href="/${path.replace(/index\.html$/, '')}"`;
  return layout
    .replaceAll(own, `${own} aria-current="page"`)
    .replace('{{content}}', () => content.trim())
    .replace(/\{\{(.+?)\}\}/g, (_, name) => {
      if (values.has(name)) return values.get(name);
      throw new Error(
        `src/pages/${path}: got {{${name}}}; use one of ${[...values.keys()].join(', ')}`,
      );
    });
}

/** The files of a folder in an order that no file system decides; a file is its own only one. */
async function filesIn(path) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (!entries) return [path];
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}
