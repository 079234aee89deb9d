import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withText } from '../markdown.ts';
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
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, text] of Object.entries({ table, sources })) {
    page = withText(
      page,
      [`<!-- ${name}: npm run proof -- --write -->`, `<!-- end of ${name} -->`],
      text,
    );
  }
  writeFileSync(PAGE, page);
  process.stderr.write('docs/proof.md is written\n');
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
