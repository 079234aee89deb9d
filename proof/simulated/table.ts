import type { Source, Way } from './models/model.ts';
import type { Block, Row } from './rows.ts';
import { dollarsOf, type Findings } from './simulate.ts';

/** US dollars for a million, as in the table in docs/costs.md. */
const FUNCTION_DOLLARS = 0.1;
const READ_DOLLARS = 0.03;

const HEADING = [
  'way',
  'mixed',
  'of these when shown',
  'files missing',
  'pages missing',
  'stale, by delay',
  'warm requests',
  'warm bytes',
  'bucket requests a release: pipeline + edges',
  '$ a release',
  '$ at the edge',
] as const;

/** Markdown, with columns that line up in plain text too. */
export const render = (blocks: readonly Block[]): string => blocks.map(renderBlock).join('\n');

export function renderBlock({ size, hashed, rows }: Block): string {
  const title = `### A ${size.name} site of ${whole(size.pages)} pages, ${hashed ? 'files with hashed names' : 'files with fixed names'}`;
  return `${title}\n\n${aligned([[...HEADING], ...rows.map(cells)])}\n`;
}

function cells({ way: { name }, findings, byDelay }: Row): string[] {
  const { loads, mixed, mixedAtOnce, failed, lost, pushes, gets, asked } = findings;
  const { warmBefore, warmAfter, functions, reads } = findings;
  const million = (count: number) => whole(Math.round((count * 1e6) / loads));
  const edge = (functions * FUNCTION_DOLLARS + reads * READ_DOLLARS) / asked;
  return [
    name,
    million(mixed),
    million(mixedAtOnce),
    million(failed),
    million(lost),
    byDelay.map((one) => whole(Math.round((one.stale * 1e6) / one.loads))).join(' / '),
    share(warmAfter.requests, warmBefore.requests),
    share(warmAfter.bytes, warmBefore.bytes),
    `${whole(Math.round(toBucket(findings) / pushes))} + ${whole(Math.round(gets / pushes))}`,
    (dollarsOf(findings) / pushes).toFixed(4),
    edge.toFixed(3),
  ];
}

const TO_BUCKET = ['PUT', 'COPY', 'LIST', 'GET', 'HEAD', 'DELETE'] as const;

const toBucket = ({ requests }: Findings): number =>
  TO_BUCKET.reduce((sum, kind) => sum + (requests.get(kind) ?? 0), 0);

const share = (part: number, of: number): string =>
  of === 0 ? '–' : `${Math.round((100 * part) / of)} %`;

/** With commas, whatever language the machine speaks. */
export const whole = (value: number): string => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

function aligned(lines: readonly (readonly string[])[]): string {
  const [heading = [], ...rows] = lines;
  const widths = heading.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join(' | ')} |`;
  const rule = `|${widths
    .map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`))
    .join('|')}|`;
  return [line(heading), rule, ...rows.map(line)].join('\n');
}

/** Where the models of others were read, and what they take for granted. */
export function renderSources(ways: readonly Way[]): string {
  return ways
    .filter(({ sources }) => sources.length > 0)
    .map(({ name, sources, assumes }) => {
      const lines = [...sources.map(sourceLine), ...assumes.map((text) => `- Assumed: ${text}`)];
      return `**${name}**\n\n${lines.join('\n')}\n`;
    })
    .join('\n');
}

const sourceLine = ({ repository, path, commit, says }: Source): string =>
  `- [${repository}](https://github.com/${repository}/blob/${commit}/${path}) \`${path}\` at ${commit.slice(0, 7)}: ${says}.`;
