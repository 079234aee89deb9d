import type { RecordLine } from './call-record.ts';
import type { Grant } from './policy.ts';

/** Something that no call needed. */
export interface Unused {
  readonly grant: Grant;
  /** Why it stays. */
  readonly reason: string | undefined;
}

/** A reason to keep grants that no call needs here, for all whose line it matches. */
export type Kept = readonly [line: RegExp, reason: string];

/** As one line: `UploadJobRole3EEE111D s3:PutObject {Content.Arn}/releases/*`. */
export const lineOf = ({ owner, action, resource }: Grant): string =>
  `${owner} ${action} ${resource}`;

/**
 * What the recorded policies allow and no recorded call was allowed by, of all runs together, sorted.
 *
 * @returns also the reasons that match nothing that is unused
 */
export function unusedGrants(
  lines: Iterable<RecordLine>,
  kept: readonly Kept[],
): { unused: Unused[]; granted: number; outlived: Kept[] } {
  const granted = new Map<string, Grant>();
  const used = new Set<string>();
  for (const line of lines) {
    if ('grant' in line) granted.set(lineOf(line.grant), line.grant);
    else if (line.call.by) used.add(lineOf(line.call.by));
  }
  const needed = new Set<Kept>();
  const unused = [...granted]
    .filter(([line]) => !used.has(line))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([line, grant]): Unused => {
      const reason = kept.find(([pattern]) => pattern.test(line));
      if (reason) needed.add(reason);
      return { grant, reason: reason?.[1] };
    });
  return { unused, granted: granted.size, outlived: kept.filter((one) => !needed.has(one)) };
}
