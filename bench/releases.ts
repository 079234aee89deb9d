import { setImmediate } from 'node:timers/promises';
import type { BenchContext } from './context.ts';
import { type HistoryOptions, historyOf, type Pattern } from './history.ts';
import { spreadOf } from './statistics.ts';
import { dollars, megabytes, percent, type Ratio, type Section, shown, times } from './table.ts';
import {
  dollarsOf,
  EVERY_RELEASE,
  LISTED,
  type Load,
  loadsOf,
  meanOf,
  missedOf,
  requestsOf,
  UPLOADERS,
  type Uploader,
} from './uploaders.ts';
import { visitorsOf } from './visitors.ts';

const RELEASES = 30;
/** Of a release's pages, those that visitors ask for before and after each flip. */
const VISITED = 100;

const FEW: readonly Pattern[] = ['mostly the same', 'other files'];
/** Plans of the largest site take seconds each. */
const HISTORIES: readonly (readonly [
  files: number,
  changed: number,
  patterns: readonly Pattern[],
])[] = [
  [100, 0, ['nothing']],
  [100, 10, FEW],
  [1_000, 0, ['nothing']],
  [1_000, 10, FEW],
  [1_000, 500, FEW],
  [10_000, 0, ['nothing']],
  [10_000, 10, FEW],
  [10_000, 500, FEW],
  [100_000, 10, FEW],
];

/** Releases of one site, in the mean. */
interface Run extends Pick<HistoryOptions, 'files' | 'changed' | 'pattern'> {
  readonly loads: Readonly<Record<Uploader, Load>>;
  readonly first: Load;
  readonly missed: number;
  readonly rebased: number;
  readonly warm: number;
  /** Of each, in milliseconds. */
  readonly plans: readonly number[];
}

/** Requests, bytes and dollars of 30 releases, one a day, of made-up sites, by the shipped plan and by other uploaders. */
export async function measureReleases(context: BenchContext): Promise<Section[]> {
  const runs: Run[] = [];
  for (const [files, changed, patterns] of HISTORIES) {
    for (const pattern of patterns) {
      context.progress(`${RELEASES} releases of ${nameOf({ files, changed, pattern })}`);
      runs.push(await runOf({ files, changed, pattern }, context));
    }
  }
  return [requests(runs), ...amounts(runs), growth(runs)];
}

const nameOf = ({ files, changed, pattern }: Pick<Run, 'files' | 'changed' | 'pattern'>): string =>
  `${changed} of ${shown(files)}${pattern === 'nothing' ? '' : `, ${pattern}`}`;

async function runOf(
  options: Pick<HistoryOptions, 'files' | 'changed' | 'pattern'>,
  { assembly, signal }: BenchContext,
): Promise<Run> {
  const visited = Math.min(VISITED, options.files);
  const visitors = visitorsOf(assembly);
  const loads: Record<Uploader, Load>[] = [];
  const plans: number[] = [];
  let [first, missed, rebased, hits]: [Load | undefined, number, number, number] = [
    undefined,
    0,
    0,
    0,
  ];
  for (const release of historyOf({ ...options, releases: RELEASES })) {
    await setImmediate();
    signal.throwIfAborted();
    const { plan, files, changes, took } = release;
    visitors.flip(plan.pointer);
    let hitsNow = 0;
    for (let turn = 0; turn < visited; turn += 1) {
      const file = files[Math.floor((turn * files.length) / visited)];
      if (file && (await visitors.ask(file.path, file.size))) hitsNow += 1;
    }
    const ways = loadsOf(release);
    if (first === undefined) {
      // Brings everything, whoever uploads it.
      first = ways.ours;
      continue;
    }
    loads.push(ways);
    plans.push(took);
    hits += hitsNow;
    missed += missedOf(changes) / RELEASES;
    rebased += plan.pointer.base === plan.pointer.id ? 1 : 0;
  }
  return {
    ...options,
    loads: Object.fromEntries(
      UPLOADERS.map((way) => [way, meanOf(loads.map((ways) => ways[way]))]),
    ) as Record<Uploader, Load>,
    first: first ?? meanOf([]),
    missed,
    rebased,
    warm: hits / (RELEASES * visited),
    plans,
  };
}

/** The columns of all ways, the cell for remarks left out. */
const wayCells = (text: (way: Uploader) => string, remark: string): string[] => {
  const [ours = '', sync = '', ...others] = UPLOADERS.map(text);
  return [ours, sync, remark, ...others];
};

const oursTo = (run: Run, way: Uploader, amountOf: (load: Load) => number): string =>
  times(amountOf(run.loads.ours) / amountOf(run.loads[way]));

function requests(runs: readonly Run[]): Section {
  return {
    heading: [
      `Requests to S3 a release, mean of ${RELEASES}`,
      ...wayCells((way) => way, 'of ours'),
      'to s3 sync',
      'to ETag diff',
      'missed by --size-only',
      'warm',
    ],
    rows: runs.map((run) => {
      const { counts } = run.loads.ours;
      const kinds = (['PUT', 'COPY', 'GET'] as const).map(
        (kind) => `${kind} ${shown(counts.get(kind) ?? 0)}`,
      );
      return [
        nameOf(run),
        ...wayCells(
          (way) => shown(requestsOf(run.loads[way])),
          `${kinds.join(', ')}; ${run.rebased} rebased`,
        ),
        oursTo(run, 's3 sync', requestsOf),
        oursTo(run, 'ETag diff', requestsOf),
        shown(run.missed),
        percent(run.warm),
      ];
    }),
    notes: [
      `in every release of ours: ${Object.entries(EVERY_RELEASE)
        .filter(([, count]) => count > 0)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', ')}, ledger and error page included`,
      's3 sync: by size and time, and a build has just written all of its files, so all are sent; --size-only: those of another size',
      `ETag diff: a PUT for every change; the last three need a listing for every ${shown(LISTED)} files, a full copy needs none`,
      'all but ours overwrite what is live; of the changes half keep the size, as another hash in a page does',
      'other files: drawn anew each time; mostly the same: nine of ten from a few more than are changed',
      `warm: of ${VISITED} pages, answered by the local edge from its cache after each flip; after the others' invalidation of /*, none`,
    ],
    ratios: ratiosOf(runs, 'requests', requestsOf, shown, [
      [100, 0, 'nothing', 'ETag diff'],
      [100, 10, 'mostly the same', 'ETag diff'],
      [10_000, 10, 'mostly the same', 'ETag diff'],
      [10_000, 10, 'mostly the same', 's3 sync'],
      [10_000, 500, 'other files', 'ETag diff'],
      [100_000, 10, 'mostly the same', 's3 sync'],
      [100_000, 10, 'other files', 'ETag diff'],
    ]),
  };
}

function amounts(runs: readonly Run[]): Section[] {
  const sent = ({ bytes }: Load) => bytes;
  return [
    {
      ...amountOfEach(runs, 'MB sent to S3 a release', sent, megabytes),
      notes: ['ours: with the manifest, which names every file; copies are made within the bucket'],
      ratios: ratiosOf(runs, 'MB', sent, megabytes, [
        [10_000, 10, 'mostly the same', 's3 sync'],
        [10_000, 10, 'mostly the same', 'ETag diff'],
        [100_000, 10, 'mostly the same', 'ETag diff'],
      ]),
    },
    {
      ...amountOfEach(runs, 'Dollars a release', dollarsOf, dollars),
      notes: [
        'S3 requests, calls to the key-value store, one invalidation each; what AWS gives for nothing is not taken off',
      ],
      ratios: ratiosOf(runs, 'dollars', dollarsOf, dollars, [
        [100, 10, 'mostly the same', 's3 sync'],
        [10_000, 10, 'mostly the same', 's3 sync'],
        [10_000, 10, 'mostly the same', 'full copy'],
      ]),
    },
  ];
}

function amountOfEach(
  runs: readonly Run[],
  name: string,
  amountOf: (load: Load) => number,
  format: (value: number) => string,
): Section {
  return {
    heading: [name, ...wayCells((way) => way, ''), 'to s3 sync', 'to ETag diff'],
    rows: runs.map((run) => [
      nameOf(run),
      ...wayCells((way) => format(amountOf(run.loads[way])), ''),
      oursTo(run, 's3 sync', amountOf),
      // Nothing is sent where nothing changed.
      amountOf(run.loads['ETag diff']) === 0 ? '' : oursTo(run, 'ETag diff', amountOf),
    ]),
  };
}

function growth(runs: readonly Run[]): Section {
  const grown = runs.filter(
    ({ changed, pattern }) => changed === 10 && pattern === 'mostly the same',
  );
  const planOf = ({ plans }: Run) => spreadOf(plans).median;
  const columns: readonly (readonly [string, (run: Run) => number, (value: number) => string])[] = [
    ['ours', ({ loads }) => requestsOf(loads.ours), shown],
    ['s3 sync', ({ loads }) => requestsOf(loads['s3 sync']), shown],
    ['MB ours', ({ loads }) => loads.ours.bytes, megabytes],
    ['MB s3 sync', ({ loads }) => loads['s3 sync'].bytes, megabytes],
    ['$ ours', ({ loads }) => dollarsOf(loads.ours), dollars],
    ['$ s3 sync', ({ loads }) => dollarsOf(loads['s3 sync']), dollars],
    ['$ first release', ({ first }) => dollarsOf(first), dollars],
    ['plan', planOf, (value) => `${shown(value)} ms`],
    ['plan, a file', (run) => (planOf(run) * 1_000) / run.files, (value) => `${shown(value)} µs`],
  ];
  // The fourth column is for remarks.
  const spaced = ([ours = '', sync = '', ...others]: readonly string[]) => [
    ours,
    sync,
    '',
    ...others,
  ];
  const [least, most] = [grown[0], grown.at(-1)];
  if (least === undefined || most === undefined) throw new Error('no site to see grow');
  return {
    heading: ['Growth: 10 pages changed, requests', ...spaced(columns.map(([name]) => name))],
    rows: [
      ...grown.map((run) => [
        `${shown(run.files)} files`,
        ...spaced(columns.map(([, amountOf, format]) => format(amountOf(run)))),
      ]),
      [
        `for ${shown(most.files / least.files)} times the files`,
        ...spaced(columns.map(([, amountOf]) => `${shown(amountOf(most) / amountOf(least))} ×`)),
      ],
    ],
    notes: [
      'plan: deciding where each file goes, median, on this machine; mostly the same pages change',
    ],
  };
}

function ratiosOf(
  runs: readonly Run[],
  what: string,
  amountOf: (load: Load) => number,
  format: (value: number) => string,
  which: readonly (readonly [files: number, changed: number, pattern: Pattern, to: Uploader])[],
): Ratio[] {
  return which.map(([files, changed, pattern, to]) => {
    const run = runs.find(
      (one) => one.files === files && one.changed === changed && one.pattern === pattern,
    );
    if (run === undefined) throw new Error(`${nameOf({ files, changed, pattern })}: not measured`);
    return {
      of: `A release, ${nameOf(run)}: ${what}`,
      to,
      ours: amountOf(run.loads.ours),
      theirs: amountOf(run.loads[to]),
      format,
    };
  });
}
