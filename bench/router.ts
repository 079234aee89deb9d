import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pointerText } from '../lambda/shared/pointer.ts';
import { compile } from '../lambda/upload/redirects/program.ts';
import { readRedirects } from '../lambda/upload/redirects/read.ts';
import { edgeCode, routerCode } from '../lib/hosting/edge/code.ts';
import { LIVE_KEY, RULES_PREFIX } from '../lib/release/contract.ts';
import type { BenchContext } from './context.ts';
import { decisionOf, type Edge, findEngine } from './edge-engines.ts';
import { type HistoryOptions, historyOf, pathOf } from './history.ts';
import { inTurn } from './processes.ts';
import { spreadOf } from './statistics.ts';
import { cellsOf, nanoseconds, type Section, shown, times } from './table.ts';

const BATCHES = 30;
/** About a tenth of a second of the slowest one. */
const REQUESTS = 1_000;

/** The least that a function could do. */
const ONLY_REWRITES = `function handler(event) {
  event.request.uri = '/x' + event.request.uri;
  return event.request;
}`;

const TOOLKIT = "CloudFront Hosting Toolkit's";
const FOLDER = 'deployment-1';

const PAGES = 100;
/** After so many, of ten changed pages each, the pointer is as full as it gets. */
const RELEASES = 20;
/** The start page, and a page near the end and in the middle. */
const ASKED = [0, 97, 45].map((page) => pathOf(page));
const ADDRESSES = ASKED.map((path) => `/${path.replace(/index\.html$/, '')}`);

/** Twenty moved pages and two patterns. No address of the visitors is among them: the function has to look at all. */
const REDIRECTS = [
  ...Array.from({ length: 20 }, (_, page) => `/old/page-${page} /guide/page-${page} 301`),
  '/blog/:year/:title /posts/:title 301',
  '/docs/* /guide/:splat 302',
].join('\n');

interface Measured extends Edge {
  readonly name: string;
  /** What it has to make of each address. */
  readonly uris: readonly string[];
}

/** Time and store reads of a request, by the shipped router with little and with much to do, and by the toolkit's way. */
export async function measureRouter({
  scratch,
  runs = BATCHES,
  signal,
  progress,
}: BenchContext): Promise<Section[]> {
  progress(`Routing ${runs} times ${REQUESTS} requests`);
  const engine = await findEngine(scratch);
  const toolkit = {
    name: TOOLKIT,
    code: edgeCode(fileURLToPath(new URL('toolkit-function.js', import.meta.url)), {}),
    values: { path: FOLDER },
    uris: ASKED.map((path) => `/${FOLDER}/${path}`),
  };
  const ours = await shipped(scratch);
  const all: Measured[] = [
    ...ours,
    toolkit,
    {
      name: 'only rewrites',
      code: ONLY_REWRITES,
      values: {},
      uris: ADDRESSES.map((uri) => `/x${uri}`),
    },
  ];
  const rows = new Map<string, { readonly reads: number; readonly bytes: number }>();
  for (const edge of all) {
    rows.set(edge.name, { reads: await readsOf(edge), bytes: Buffer.byteLength(edge.code) });
  }
  const timed = await Promise.all(
    all.map(
      async (edge, at) => [edge.name, await engine.prepare(`${at}`, edge, ADDRESSES)] as const,
    ),
  );
  const measured = await inTurn(
    runs,
    Object.fromEntries(
      timed.map(([name, batch]) => [
        name,
        () => {
          signal.throwIfAborted();
          return batch(REQUESTS, signal);
        },
      ]),
    ),
  );
  const medianOf = (name: string) => spreadOf(measured[name] ?? []).median;
  const theirs = medianOf(toolkit.name);
  const [reads = Number.NaN] = ours.map(({ name }) => rows.get(name)?.reads);
  return [
    {
      heading: [
        `Router: a request, ${runs} batches of ${REQUESTS}`,
        'median',
        'middle half',
        'to the toolkit',
        'store reads',
        'characters',
      ],
      rows: all.map(({ name }) => [
        name,
        ...cellsOf(spreadOf(measured[name] ?? []), nanoseconds),
        times(medianOf(name) / theirs),
        shown(rows.get(name)?.reads ?? Number.NaN),
        shown(rows.get(name)?.bytes ?? Number.NaN),
      ]),
      notes: [
        `engine: ${engine.name}`,
        `requests: ${ADDRESSES.join(', ')} in turn; the event is parsed anew for each, and its time is in all`,
        `a full pointer: after ${RELEASES} releases of ten of ${PAGES} pages; everything on: with one style of addresses, a canonical name, access logs, 22 redirects of which none applies`,
        "CloudFront Hosting Toolkit's: bench/toolkit-function.js says from which file it was read",
      ],
      ratios: [
        ...ours.map(({ name }) => ({
          of: `Router, ${name}: a request`,
          to: "the toolkit's function",
          ours: medianOf(name),
          theirs,
          format: nanoseconds,
        })),
        {
          of: 'Router, by default: store reads of a request',
          to: "the toolkit's function",
          ours: reads,
          theirs: rows.get(toolkit.name)?.reads ?? Number.NaN,
          format: shown,
        },
      ],
    },
  ];
}

/** The shipped function: just after the first release, after many of them, and with all options that put code into it. */
async function shipped(scratch: string): Promise<Measured[]> {
  const config = { name: 'bench', source: { kind: 'codecommit', branch: 'main' } } as const;
  const urls = { style: 'directory', fallback: 'single-page' } as const;
  const folder = join(scratch, 'redirects');
  await mkdir(folder);
  const { redirects } = await readRedirects(REDIRECTS, folder);
  const paths = Array.from({ length: PAGES }, (_, page) => pathOf(page));
  const { program, problems } = compile(redirects, paths, [], urls.style);
  if (program === undefined || problems.length > 0) throw new Error(problems.join('\n'));
  const [hash] = program.rules.split(' ');
  const rules = Object.entries(program.values).map(
    ([end, value]) => [`${RULES_PREFIX}${hash}/${end}`, value] as const,
  );
  const everything = {
    ...config,
    domain: { name: 'www.example.com', aliases: [], hostedZoneId: 'Z1' },
    urls,
    accessLogs: { days: 90, ipAddresses: false },
    redirectsFile: true,
  };
  return [
    { name: 'by default, one release', code: routerCode(config), ...liveAfter(0) },
    { name: 'by default, a full pointer', code: routerCode(config), ...liveAfter(RELEASES) },
    {
      name: 'everything on, a full pointer',
      code: routerCode(everything),
      ...liveAfter(RELEASES, { urls: { ...urls, fallback: 'none' }, program }, rules),
    },
  ];
}

/** What the store holds after so many releases, and where the pages that are asked for are then. */
function liveAfter(
  releases: number,
  options: Pick<HistoryOptions, 'urls' | 'program'> = {},
  rules: readonly (readonly [string, string])[] = [],
): Pick<Measured, 'values' | 'uris'> {
  const history = [
    ...historyOf({ releases, files: PAGES, changed: 10, pattern: 'other files', ...options }),
  ];
  const { manifest } = (history.at(-1) as (typeof history)[number]).plan;
  const keys = new Map(manifest.files.map(({ path, key }) => [path, key]));
  return {
    values: { [LIVE_KEY]: pointerText(manifest.pointer), ...Object.fromEntries(rules) },
    uris: ASKED.map((path) => `/${keys.get(path)}`),
  };
}

/** Of one request, in the mean. @throws Error where it leads to something else: a function that fails fast would win */
async function readsOf(edge: Measured): Promise<number> {
  let sum = 0;
  for (const [at, address] of ADDRESSES.entries()) {
    const { decision, reads } = await decisionOf(edge, address);
    if (decision.uri !== edge.uris[at]) {
      const got = decision.uri ?? decision.statusCode;
      throw new Error(`${edge.name}: ${address} led to ${got}; it should lead to ${edge.uris[at]}`);
    }
    sum += reads;
  }
  return sum / ADDRESSES.length;
}
