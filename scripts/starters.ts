import { execFile, spawnSync } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import Table from 'cli-table3';
import type { Browser } from 'playwright-core';
import { ERROR_PAGE_PATH, type Manifest, manifestKey } from '../lib/release/contract.ts';
import { nodeFor } from '../local/lambda/functions.ts';
import type { LocalStack } from '../local/stack.ts';
import { CHROMIUM, launchBrowser } from '../test/support/browser.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  contentOf,
  removeDirectories,
} from '../test/support/local-stack.ts';
import { GENERATORS, type Generator } from './generators.ts';

const HELP = `npm run starters [-- NAME…]

Makes a site of each of these generators from a starter that is published on npm, publishes it through
the local pipeline with the settings of docs/builds.md, and opens every page in Chromium. Fails where a
page has a console error, a script error, a request that failed or a violation of the content security
policy. Takes minutes and the network, so it is no part of npm test.`;

interface Starter {
  /** What is published, with its version. */
  readonly from: string;
  readonly packageManager: string;
  /** Makes the project with its lock file in an empty folder; for a generator that asks for it, with the site's address. */
  create(folder: string, address: string): Promise<void>;
}

const STARTERS: Readonly<Record<string, Starter>> = {
  vite: {
    from: 'create-vite@9.3.0, vanilla-ts',
    packageManager: 'npm',
    async create(folder) {
      await npm(folder, 'create', '--yes', 'vite@9.3.0', '.', '--', '--template', 'vanilla-ts');
      await npm(folder, 'install', '--package-lock-only');
    },
  },
  // `create-astro` takes its templates from GitHub. This one is a whole project as an npm package.
  astro: {
    from: 'astro-accelerator@6.1.5',
    packageManager: 'pnpm, by Corepack',
    async create(folder, address) {
      const { stdout } = await npm(folder, 'pack', '--silent', 'astro-accelerator@6.1.5');
      const packed = stdout.trim();
      await run(folder, 'tar', '-xzf', packed, '--strip-components=1');
      await run(folder, 'rm', packed);
      await cp(join(folder, 'sample/src'), join(folder, 'src'), { recursive: true });
      for (const file of ['astro.config.mjs', 'src/config.ts']) {
        await edit(join(folder, file), 'https://astro.stevefenton.co.uk', address);
      }
      // The images of its pages come from a script of its own, which its authors run by hand.
      const images = 'node ./src/themes/accelerator/utilities/img.mjs';
      await edit(join(folder, 'package.json'), '"astro build"', `"${images} && astro build"`);
      await corepack(folder, 'pnpm', 'install', '--lockfile-only');
    },
  },
  vitepress: {
    from: 'vitepress@1.6.4, its init',
    packageManager: 'yarn, by Corepack',
    async create(folder) {
      const manifest = { name: 'site', private: true, packageManager: 'yarn@1.22.22' };
      await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
      await corepack(folder, 'yarn', 'add', '--dev', '--ignore-scripts', 'vitepress@1.6.4');
      // What `vitepress init` does once it has asked.
      const init = `import { scaffold, ScaffoldThemeType } from 'vitepress';
scaffold({ root: 'docs', title: 'A site', description: 'A VitePress site',
  theme: ScaffoldThemeType.Default, useTs: true, injectNpmScripts: true });`;
      await run(folder, 'node', '--input-type=module', '--eval', init);
    },
  },
  eleventy: {
    from: '@bjankord/create-eleventy-site@1.0.4',
    packageManager: 'npm',
    async create(folder) {
      await npm(folder, 'create', '--yes', '@bjankord/eleventy-site@1.0.4', '.');
      // It names no version of Eleventy, and a folder that is not Eleventy's own choice.
      await edit(join(folder, 'package.json'), '--output=dist', '--output=_site');
      await npm(folder, 'install', '--package-lock-only', '--save-dev', '@11ty/eleventy@3.1.8');
    },
  },
};

const execute = promisify(execFile);
/** With the Node.js that builds have. */
const run = (cwd: string, command: string, ...args: string[]) =>
  execute(command, args, {
    cwd,
    env: {
      ...process.env,
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
      COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
      COREPACK_ENABLE_AUTO_PIN: '0',
    },
  });
const npm = (cwd: string, ...args: string[]) => run(cwd, 'npm', ...args);
const corepack = (cwd: string, ...args: string[]) => run(cwd, 'corepack', ...args);

async function edit(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  if (!text.includes(from)) throw new Error(`${file}: has no ${from}; the starter has changed`);
  await writeFile(file, text.replaceAll(from, to));
}

interface Outcome {
  readonly pages: number;
  readonly requests: number;
  readonly seconds: number;
  readonly complaints: readonly string[];
}

async function main(names: readonly string[]): Promise<void> {
  if (names.includes('--help')) {
    console.log(HELP);
    return;
  }
  const unknown = names.filter((name) => !Object.hasOwn(STARTERS, name));
  if (unknown.length > 0) {
    throw new Error(
      `starters: got ${unknown.join(', ')}; use some of ${Object.keys(STARTERS).join(', ')}`,
    );
  }
  if (!CHROMIUM)
    throw new Error('starters: no Chromium; install one, or name one in CHROMIUM_PATH');
  const table = new Table({
    head: ['Generator', 'Starter', 'Packages', 'Push to live', 'Pages', 'Requests', 'Complaints'],
    style: { head: [], border: [] },
  });
  await trustRegistry();
  const browser = await launchBrowser();
  try {
    for (const [name, starter] of Object.entries(STARTERS)) {
      if (names.length > 0 && !names.includes(name)) continue;
      const { title, settings } = GENERATORS[name as keyof typeof GENERATORS];
      const { pages, requests, seconds, complaints } = await tryOut(
        name,
        starter,
        settings,
        browser,
      );
      const found = complaints.length === 0 ? 'none' : String(complaints.length);
      const { from, packageManager } = starter;
      table.push([title, from, packageManager, `${seconds} s`, pages, requests, found]);
      for (const complaint of complaints) say(`  ${complaint}`);
      if (complaints.length > 0) process.exitCode = 1;
    }
  } finally {
    await browser.close();
    await removeDirectories();
  }
  console.log(table.toString());
}

async function tryOut(
  name: string,
  { from, create }: Starter,
  settings: Generator['settings'],
  browser: Browser,
): Promise<Outcome> {
  say(`${name}: bringing the stack up`);
  const assembly = await anAssembly({ name: `starter-${name}`, ...settings });
  const { stack, logged } = await aLocalStack(assembly);
  try {
    say(`${name}: making a site from ${from}`);
    const project = await aDirectory('starter');
    await create(project, stack.siteUrl);
    const clone = await Clone.of(stack);
    await cp(project, clone.directory, {
      recursive: true,
      filter: (path) => basename(path) !== 'node_modules',
    });
    await clone.commit(`A site from ${from}`);
    say(`${name}: publishing`);
    const began = Date.now();
    const said = await clone.push();
    const seconds = Math.round((Date.now() - began) / 1000);
    if (!/^published /m.test(said)) throw new Error(`${name} was not published:\n${said}`);
    const pages = await pagesOf(stack);
    say(`${name}: opening ${pages.length} pages`);
    const visit = new Visit(browser);
    for (const page of pages) await visit.open(stack.siteUrl, page);
    // What the local run did not know of what was asked.
    visit.complaints.push(...logged);
    return { pages: pages.length, requests: visit.requests, seconds, complaints: visit.complaints };
  } finally {
    await stack.stop();
  }
}

/** The addresses of all pages of the live release, from its manifest. */
async function pagesOf(stack: LocalStack): Promise<string[]> {
  const { s3, Bucket } = contentOf(stack);
  const live = await stack.liveRelease();
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: manifestKey(String(live)) }));
  const manifest = JSON.parse(String(await Body?.transformToString())) as Manifest;
  s3.destroy();
  return manifest.files
    .map(({ path }) => path)
    .filter((path) => path.endsWith('.html'))
    .map((path) => `/${path.replace(/(^|\/)index\.html$/, '$1')}`);
}

/** Opens pages as a visitor who has the console open. */
class Visit {
  readonly complaints: string[] = [];
  requests = 0;

  constructor(private readonly browser: Browser) {}

  async open(site: string, path: string): Promise<void> {
    const missing = path === `/${ERROR_PAGE_PATH}`;
    const address = `${site}${missing ? '/no/such/page' : path}`;
    const page = await this.browser.newPage();
    const complain = (what: string) => this.complaints.push(`${path}: ${what}`);
    page.on('request', () => this.requests++);
    page.on('console', (message) => {
      const { url } = message.location();
      // A page that is missing on purpose, and an icon that the browser asks for unless the page names one.
      if ((missing && url === address) || url === `${site}/favicon.ico`) return;
      if (message.type() === 'error') complain(`${message.text()} ${url}`);
    });
    page.on('pageerror', (error) => complain(error.message));
    page.on('requestfailed', (request) =>
      complain(`${request.failure()?.errorText} for ${request.url()}`),
    );
    page.on('response', (response) => {
      if (response.status() >= 400 && response.url() !== address)
        complain(`${response.status()} for ${response.url()}`);
    });
    const answer = await page.goto(address, { waitUntil: 'networkidle' });
    const expected = missing ? 404 : 200;
    if (answer?.status() !== expected) complain(`answered ${answer?.status()}`);
    await page.close();
  }
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * A registry that mirrors npm's may drop the signatures that Corepack asks for, and then Corepack brings nothing. What it
 * brings here is a package manager for a site that is thrown away.
 */
async function trustRegistry(): Promise<void> {
  if (process.env.COREPACK_INTEGRITY_KEYS !== undefined) return;
  const { stdout } = await npm('.', 'view', 'pnpm', 'dist.signatures');
  if (stdout.trim() !== '') return;
  say('The registry has no signatures: Corepack takes pnpm and yarn without looking for them.');
  process.env.COREPACK_INTEGRITY_KEYS = '0';
}

// Astro needs a newer Node.js than the one that this project starts at, and a build runs with this process's.
const node = nodeFor('nodejs24.x') ?? process.execPath;
if (node === process.execPath) {
  await main(process.argv.slice(2)).catch((error: Error) => {
    say(error.message);
    process.exitCode = 1;
  });
} else {
  const self = fileURLToPath(import.meta.url);
  const args = ['--import', 'tsx', self, ...process.argv.slice(2)];
  process.exitCode = spawnSync(node, args, { stdio: 'inherit' }).status ?? 1;
}
