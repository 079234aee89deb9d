import { fileURLToPath } from 'node:url';
import { removeDirectories } from '../../test/support/local-stack.ts';
import { whenInterrupted } from '../interrupt.ts';
import { machine, table, writeFigures } from '../markdown.ts';
import type { Kind } from './memory.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { type SoakResult, soak } from './soak.ts';

const PAGE = fileURLToPath(new URL('../../docs/soak.md', import.meta.url));

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    console.log(HELP);
    return;
  }
  whenInterrupted(removeDirectories);
  const about = machine();
  try {
    const result = await soak(options);
    const figures = `${settings(options)} ${about}.\n\n${figuresOf(result, options)}`;
    console.log(figures);
    if (result.problems.length > 0) throw new Error(`\n${result.problems.join('\n')}`);
    if (options.write) await writeFigures(PAGE, figures);
  } finally {
    await removeDirectories();
  }
}

const settings = ({ milliseconds, rate, pushEvery }: Options): string =>
  `${minutes(milliseconds)}, ${rate} requests a second, a push or a burst of three every ${pushEvery / 1000} seconds.`;

const minutes = (milliseconds: number): string => `${+(milliseconds / 60_000).toFixed(2)} minutes`;

function figuresOf(result: SoakResult, { mostGrowth }: Options): string {
  const { sent, answered, ends, cleanUps, latency, memory, judgedMemory, problems } = result;
  const ms = (microseconds: number) => `${(microseconds / 1000).toFixed(1)} ms`;
  const growth = (kind: Kind, most?: number) => {
    const { first, last, slope } = memory[kind];
    const bound =
      most === undefined ? '' : judgedMemory ? megabytes(most) : 'no verdict below two minutes';
    return [megabytes(first), megabytes(last), megabytes(slope), bound];
  };
  return [
    table(
      [
        'Requests',
        'answered',
        'Pushes',
        'published',
        'superseded',
        'failed',
        'Clean-ups',
        'Problems',
      ],
      [
        [
          ...[sent, answered, ends.published + ends.superseded + ends.failed, ends.published],
          ...[ends.superseded, ends.failed, cleanUps, problems.length],
        ],
      ],
      0,
    ),
    table(
      ['Latency', 'p50', 'p90', 'p99', 'max'],
      [
        [
          'from when a request is due to the end of its answer',
          ...[50, 90, 99].map((share) => ms(latency.percentile(share))),
          ms(latency.max),
        ],
      ],
    ),
    table(
      ['Memory of the server, collected', 'after warm-up', 'at the end', 'a minute', 'at most'],
      [
        ['heap', ...growth('heap', mostGrowth.heap)],
        ['outside the heap', ...growth('external')],
        ['all', ...growth('rss', mostGrowth.rss)],
      ],
    ),
  ].join('\n\n');
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
