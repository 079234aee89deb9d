import Table from 'cli-table3';
import type { Freeze } from '../../lib/release/contract.ts';

export { count, size } from '../../lambda/upload/words.ts';

const NONE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns without lines, so that a row can be copied and searched. `right`: the columns of numbers. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const lines = new Table({
    chars: NONE,
    colAligns: (head.length > 0 ? head : (rows[0] ?? [])).map((_, index) =>
      right.includes(index) ? 'right' : 'left',
    ),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  if (head.length > 0) lines.push([...head]);
  for (const row of rows) lines.push([...row]);
  return lines
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `2026-11-23 07:19:22 UTC`, as the id of a release has it. */
export const when = (iso: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(iso)
    ? `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
    : iso;

/** Whoever did it, as far as a table has room: the last part of an ARN, the beginning of an execution's id. */
export function who(by: string): string {
  const execution = /^pipeline execution (\w{1,8})/.exec(by)?.[1];
  if (execution !== undefined) return `pipeline ${execution}`;
  return by.replace(/^arn:.*[/:]/, '');
}

export const frozenSince = ({ at, by, reason }: Freeze): string =>
  `Publishing is frozen since ${when(at)} by ${who(by)}: ${JSON.stringify(reason)}.`;

export const milliseconds = (ms: number): string => `${Math.round(ms).toLocaleString('en')} ms`;
