import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WAYS } from './models/ways.ts';
import { HELP, readOptions } from './options.ts';
import { blocksOf } from './rows.ts';
import { render, renderSources } from './table.ts';

const PAGE = fileURLToPath(new URL('../../docs/proof.md', import.meta.url));

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    console.log(HELP);
    return;
  }
  const blocks = await blocksOf(options, (text) => process.stderr.write(`${text}\n`));
  const table = render(blocks);
  const sources = renderSources(WAYS.filter(({ option }) => options.ways.includes(option)));
  if (!options.write) {
    console.log(`${table}\n${sources}`);
    return;
  }
  const page = between(between(readFileSync(PAGE, 'utf8'), 'table', table), 'sources', sources);
  writeFileSync(PAGE, page);
  process.stderr.write('docs/proof.md is written\n');
}

/** The page with that text between two comments that say so. */
function between(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}: npm run proof -- --write -->`, `<!-- end of ${name} -->`];
  const [before, rest = ''] = page.split(begin);
  const after = rest.split(end)[1];
  if (after === undefined) throw new Error(`docs/proof.md: has no lines "${begin}" and "${end}"`);
  return `${before}${begin}\n\n${text}\n${end}${after}`;
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
