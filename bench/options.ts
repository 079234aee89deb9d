import { parseArgs } from 'node:util';

const PARTS = ['bundles', 'router', 'push', 'releases'] as const;
export type Part = (typeof PARTS)[number];

export const HELP = `npm run bench [-- OPTIONS]

Measures what a cdk synth of this checkout gives, all in one run, and prints one table: medians with
the middle half of the measurements, and ratios. Things that are compared are measured in turn.

  --only PART      bundles (size and start-up of the pipeline's functions, Invalidate next to Python),
                   router (time per request), push (push to live) or releases (S3 requests and what
                   stays warm, by plan, over 30 releases); may be given several times
  --runs N         how often each thing is measured (default: bundles 15, router 300, push 5)
  --python PATH    the Python with boto3 to compare with (default: the first one found)
  --page FILE      the page that each release changes (default: site/src/pages/index.html)
  --help           this text`;

export interface Options {
  readonly parts: readonly Part[];
  readonly runs: number | undefined;
  readonly python: string | undefined;
  readonly page: string;
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
      only: { type: 'string', multiple: true, default: [...PARTS] },
      runs: { type: 'string' },
      python: { type: 'string' },
      page: { type: 'string', default: 'site/src/pages/index.html' },
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
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return {
    parts: PARTS.filter((part) => values.only.includes(part)),
    runs: values.runs === undefined ? undefined : Number(values.runs),
    python: values.python,
    page: values.page,
  };
}
