import { parseArgs } from 'node:util';
import type { Block } from './document.ts';
import { FEWEST_FILES } from './synthetic-site.ts';

const PARTS = ['bundles', 'router', 'synth', 'push', 'releases', 'scale'] as const;
export type Part = (typeof PARTS)[number];

/** Takes longer than all others together, so it is measured only if it is asked for. */
const ON_DEMAND: Part = 'scale';

const USUAL = PARTS.filter((part) => part !== ON_DEMAND);

/** The most that `gates.maxFiles` lets through by default. */
const MOST_FILES = 100_000;

export const HELP = `npm run bench [-- OPTIONS]

Measures what a cdk synth of this checkout gives, all in one run, and prints one table: medians with
the middle half of the measurements, and ratios. Things that are compared are measured in turn.

  --only PART      bundles (size and start-up of the pipeline's functions, Invalidate next to Python),
                   router (time and store reads per request, next to CloudFront Hosting Toolkit's),
                   synth (next to a bucket and a distribution), push (push to live, next to copying
                   everything and invalidating), releases (requests, bytes and dollars of a release,
                   next to other uploaders, and how they grow up to 100,000 files) or scale (a large
                   site through upload, change, rebase, rollback and clean-up: time, memory, requests
                   and their price); may be given several times (default: all but scale, which takes
                   about twenty minutes)
  --write          puts the table into docs/benchmarks.md: with all parts, or with scale alone
  --runs N         how often each thing is measured (default: bundles 15, router 30, synth 3, push 5)
  --python PATH    the Python with boto3 to compare with (default: the first one found)
  --page FILE      the page that each release changes (default: site/src/pages/index.html)
  --files N        how many files the site of scale has (default: 50000)
  --help           this text`;

export interface Options {
  readonly parts: readonly Part[];
  /** The block of the document to replace; nothing if none. */
  readonly write: Block | undefined;
  readonly runs: number | undefined;
  readonly python: string | undefined;
  readonly page: string;
  readonly files: number;
}

/**
 * What the command line asks for; `undefined` if for help.
 *
 * @throws Error naming everything wrong with it
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: USUAL },
      write: { type: 'boolean', default: false },
      runs: { type: 'string' },
      python: { type: 'string' },
      page: { type: 'string', default: 'site/src/pages/index.html' },
      files: { type: 'string', default: '50000' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const problems: string[] = [];
  for (const part of values.only) {
    if (!(PARTS as readonly string[]).includes(part)) {
      problems.push(`--only: got ${part}; use ${PARTS.join(', ')}`);
    }
  }
  if (values.runs !== undefined && !/^[1-9]\d{0,3}$/.test(values.runs)) {
    problems.push(`--runs: got ${values.runs}; use a whole number from 1 to 9999`);
  }
  const parts = PARTS.filter((part) => values.only.includes(part));
  const block = blockOf(parts);
  if (values.write && block === undefined && problems.length === 0) {
    problems.push(
      `--write: got it with --only ${parts.join(', ')}; a table is written whole, so use it without --only, or with --only ${ON_DEMAND}`,
    );
  }
  const files = /^\d{1,6}$/.test(values.files) ? Number(values.files) : 0;
  if (files < FEWEST_FILES || files > MOST_FILES) {
    problems.push(
      `--files: got ${values.files}; use a whole number from ${FEWEST_FILES} to ${MOST_FILES}`,
    );
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return {
    parts,
    write: values.write ? block : undefined,
    runs: values.runs === undefined ? undefined : Number(values.runs),
    python: values.python,
    page: values.page,
    files,
  };
}

/** Ratios of different runs do not belong into one table. */
function blockOf(parts: readonly Part[]): Block | undefined {
  if (parts.length === 1 && parts[0] === ON_DEMAND) return 'scale';
  return parts.join() === USUAL.join() ? 'table' : undefined;
}
