import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { CHROMIUM, launchBrowser } from '../../test/support/browser.ts';
import { removeDirectories } from '../../test/support/local-stack.ts';
import { whenInterrupted } from '../interrupt.ts';
import { machine, table, writeFigures } from '../markdown.ts';
import { type Measured, measure } from './measure.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { ours } from './ours.ts';
import { recipe } from './recipe.ts';
import type { Tally } from './tally.ts';
import type { Way } from './way.ts';

const PAGE = fileURLToPath(new URL('../../docs/proof-measured.md', import.meta.url));

interface Run {
  readonly name: string;
  readonly hashed: boolean;
  start(): Promise<Way>;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    console.log(HELP);
    return;
  }
  if (options.withBrowser && !CHROMIUM) {
    throw new Error(
      'no Chromium: install one, name one in CHROMIUM_PATH, or leave it out with --no-browser',
    );
  }
  whenInterrupted(removeDirectories);
  const about = machine();
  const browser = options.withBrowser ? await launchBrowser() : undefined;
  try {
    const figures = `${settings(options)} ${about}.\n\n${await compare(options, browser)}`;
    console.log(figures);
    if (options.write) await writeFigures(PAGE, figures);
  } finally {
    await browser?.close();
    await removeDirectories();
  }
}

async function compare(options: Options, browser: Browser | undefined): Promise<string> {
  const runs = [true, false].flatMap((hashed): Run[] => [
    { name: 'copy, then invalidate `/*`', hashed, start: () => recipe(options) },
    { name: 'this project', hashed, start: () => ours({ ...options, hashed }) },
  ]);
  const fingerprint = () => ours({ ...options, hashed: false, fingerprint: true });
  runs.push({ name: 'this project, `fingerprint: true`', hashed: false, start: fingerprint });
  const rows: (string | number)[][] = [];
  for (const { name, hashed, start } of runs) {
    const names = hashed ? 'hashed' : 'fixed';
    process.stderr.write(`${name}, ${names} names: ${options.releases} releases\n`);
    const way = await start();
    try {
      const measured = await measure(way, { ...options, hashed }, browser);
      rows.push(...rowsOf(name, names, measured));
      for (const line of [...measured.http.told, ...measured.browser.told]) {
        process.stderr.write(`  failed: ${line}\n`);
      }
    } finally {
      await way.stop();
    }
  }
  const counted = ['Page loads', 'Mixed', 'Without what is fetched', 'Failed', 'Stale'];
  return table(['Way', 'Names', 'Loaded by', ...counted, 'A release takes'], rows, 3);
}

function rowsOf(name: string, names: string, measured: Measured): (string | number)[][] {
  const row = (by: string, { loads, mixed, mixedWithoutFetched, failed, stale }: Tally) => [
    ...[name, names, by, loads],
    ...[mixed, mixedWithoutFetched, failed, stale].map((count) => withShare(count, loads)),
    `${(measured.publishing / 1000).toFixed(1)} s`,
  ];
  const { http, browser } = measured;
  return [row('HTTP', http), ...(browser.loads > 0 ? [row('Chromium', browser)] : [])];
}

const withShare = (count: number, of: number): string =>
  count === 0 ? '0' : `${count.toLocaleString('en-US')} (${((100 * count) / of).toPrecision(2)} %)`;

const settings = (options: Options): string =>
  `${options.releases} releases of ${options.pages + 2} pages and four subresources, ${options.clients} visitors over HTTP; ` +
  `round trip ${options.roundTrip} ms; S3 stores an object of the recipe in ${options.putLatency} ms, ` +
  `its invalidation takes ${options.invalidation} ms; our pointer is seen up to ${options.edgeDelay} ms late.`;

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
