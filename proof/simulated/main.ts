import { fileURLToPath } from 'node:url';
import { writeFigures } from '../markdown.ts';
import { readCommandLine } from '../options.ts';
import { compare, SIZES, sources } from './compare.ts';

const PAGE = fileURLToPath(new URL('../../docs/proof.md', import.meta.url));

const HELP = `npm run proof [-- OPTIONS]

Publishes the same releases of the same sites in several ways in a simulation, with this project's own
router, plan and promotion as one of them, and counts what visitors get. The same seed gives the same
tables on every machine. Takes a few minutes.

  --seed N     of everything that is drawn (default 1)
  --loads N    page loads of each site (default 30000)
  --small      only the smallest sites, in seconds
  --write      puts the tables into docs/proof.md
  --help       this text`;

const NUMBERS = {
  seed: { default: 1, least: 1, most: 1_000_000 },
  loads: { default: 30_000, least: 1_000, most: 1_000_000 },
} as const;

async function main(): Promise<void> {
  const options = readCommandLine(process.argv.slice(2), NUMBERS, ['small', 'write']);
  if (!options) {
    console.log(HELP);
    return;
  }
  if (options.write && options.small) {
    throw new Error('--small: got --write as well; leave one of them out: the page has all sites');
  }
  const parts: string[] = [];
  const show = (part: string) => {
    parts.push(part);
    console.log(`${part}\n`);
  };
  show(`Seed ${options.seed}, ${options.loads.toLocaleString('en-US')} page loads of each site.`);
  for (const hashed of [true, false]) {
    for (const size of options.small ? (['small'] as const) : SIZES) {
      process.stderr.write(`${size}, ${hashed ? 'hashed' : 'fixed'} names\n`);
      show(await compare(size, hashed, options));
    }
  }
  show(`Where each way was read:\n\n${sources()}`);
  if (options.write) await writeFigures(PAGE, parts.join('\n\n'));
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
