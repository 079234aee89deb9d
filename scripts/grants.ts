import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { RecordLine } from '../local/iam/call-record.ts';
import { lineOf, unusedGrants } from '../local/iam/unused.ts';
import { KEPT } from './kept-grants.ts';

const HELP = `npm run grants [-- OPTIONS] [FOLDER]

Prints what the stack's policies allow and no call has used, out of the records that the local run writes: that of the
last npm start, or all of a folder that several runs wrote to (ATOMIC_SITE_RECORD_CALLS=FOLDER npm test).
Fails where one of them has no reason in scripts/kept-grants.ts.

  FOLDER   with the records, *.jsonl (default .local)
  --all    shows those with a reason, too
  --help   this text`;

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const here = process.env.INIT_CWD ?? process.cwd();
  const [given] = positionals;
  const folder =
    given === undefined
      ? fileURLToPath(new URL('../.local', import.meta.url))
      : resolve(here, given);
  const files = existsSync(folder)
    ? readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
    : [];
  if (files.length === 0) {
    throw new Error(
      `${folder}: got no record of calls; run npm start, or ATOMIC_SITE_RECORD_CALLS=FOLDER npm test and npm run grants FOLDER`,
    );
  }
  const lines = files.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as RecordLine),
  );
  const { unused, granted, outlived } = unusedGrants(lines, KEPT);
  const without = unused.filter(({ reason }) => reason === undefined);
  if (values.all) {
    for (const reason of new Set(unused.flatMap((one) => one.reason ?? []))) {
      console.log(`\n${reason}`);
      for (const one of unused) if (one.reason === reason) console.log(`  ${lineOf(one.grant)}`);
    }
    for (const [pattern] of outlived) console.log(`\nA reason for nothing here: ${pattern}`);
    if (without.length > 0) console.log('\nWithout a reason');
  }
  for (const { grant } of without) console.log(`  ${lineOf(grant)}`);
  console.log(
    `${granted} grants in ${files.length} ${files.length === 1 ? 'run' : 'runs'}: ${granted - unused.length} used, ${unused.length - without.length} unused and kept for a reason, ${without.length} unused without one`,
  );
  if (without.length > 0) {
    console.log('Take them out of lib/, or say in scripts/kept-grants.ts why they stay.');
    process.exitCode = 1;
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
