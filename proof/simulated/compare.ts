import { table } from '../markdown.ts';
import type { ModelKind } from './model.ts';
import { atomicSite, withFingerprint } from './models/atomic-site.ts';
import { assetsFirst, copyThenInvalidate } from './models/copy.ts';
import { prefixAndCookie, prefixAndDelete } from './models/prefix.ts';
import { type Result, SETTINGS, simulate } from './simulate.ts';
import type { SiteShape } from './site.ts';

export const MODELS: readonly ModelKind[] = [
  copyThenInvalidate,
  assetsFirst,
  prefixAndDelete,
  prefixAndCookie,
  atomicSite,
  withFingerprint,
];

const SHAPES = {
  small: { pages: 10, changedPages: 2 },
  medium: { pages: 500, changedPages: 10 },
  large: { pages: 50_000, changedPages: 100 },
} as const;
export type Size = keyof typeof SHAPES;
export const SIZES = Object.keys(SHAPES) as readonly Size[];

export interface Comparison {
  readonly seed: number;
  /** Page loads of each site, about. */
  readonly loads: number;
}

const HEADING = [
  'Way',
  'Mixed / M',
  'of these in a lazy tab',
  'Failed / M',
  'Stale / M',
  'Of a failed release / M',
  'Warm requests',
  'Warm bytes',
  'Requests a release',
  'Dollars a release',
];

/** One table for a site of that size and kind. The same seed gives the same text on every machine. */
export async function compare(
  size: Size,
  hashed: boolean,
  { seed, loads }: Comparison,
): Promise<string> {
  const shape: SiteShape = { ...SHAPES[size], hashed };
  const rows: string[][] = [];
  for (const kind of MODELS) {
    // Nothing to do where names change already.
    if (hashed && kind.hashes) continue;
    rows.push(rowOf(kind, await simulate(kind, { shape, seed, loads, settings: SETTINGS })));
  }
  const names = hashed ? 'hashed' : 'fixed';
  return `### ${shape.pages.toLocaleString('en-US')} pages, ${names} names\n\n${table(HEADING, rows)}`;
}

/** Where each way was read. */
export const sources = (): string =>
  MODELS.map(({ name, source }) => `- **${name}**: ${source}.`).join('\n');

function rowOf({ name }: ModelKind, result: Result): string[] {
  const { tally } = result;
  return [
    name,
    perMillion(tally.mixed, tally.loads),
    perMillion(tally.mixedLater, tally.loads),
    perMillion(tally.failed, tally.requests),
    perMillion(tally.stale, tally.loads),
    perMillion(tally.unreleased, tally.loads),
    percent(result.warmRequests),
    percent(result.warmBytes),
    Math.round(result.requests).toLocaleString('en-US'),
    result.dollars.toFixed(4),
  ];
}

const perMillion = (count: number, of: number): string =>
  Math.round((1e6 * count) / of).toLocaleString('en-US');
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
