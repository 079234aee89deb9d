import pMap from 'p-map';
import {
  AT_ONCE,
  brieflyOf,
  listingOf,
  type Pointers,
  pointersOf,
  type Release,
  uploadedAt,
} from './catalogue.ts';
import type { Answer, Operator } from './operator.ts';
import { frozenSince, size, table, when, who } from './texts.ts';

/** One line of the list, as `--json` has it. */
export interface Row {
  readonly id: string;
  readonly state: Release['state'];
  /** ISO 8601, UTC: since when it is in that state, as far as that was noted. */
  readonly since: string | null;
  readonly uploadedAt: string | null;
  readonly by: string | null;
  readonly revision: string | null;
  readonly files: number | null;
  readonly bytes: number | null;
  readonly pages: number | null;
  readonly pinned: boolean;
  readonly problems: readonly string[];
}

/** Every release, newest first; ended ones only with `all`. */
export async function list(all: boolean, operator: Operator): Promise<Answer> {
  const [pointers, listing] = await Promise.all([pointersOf(operator), listingOf(operator)]);
  const named = [pointers.live?.id, pointers.previous?.id].filter((id) => id !== undefined);
  const every = [...new Set([...listing.ids, ...named])].sort().reverse();
  const rows = await pMap(
    every,
    async (id) => rowOf(await brieflyOf(id, listing, pointers, operator)),
    { concurrency: AT_ONCE, signal: operator.signal },
  );
  const shown = all ? rows : rows.filter(({ state }) => !hasEnded(state));
  const { siteUrl } = operator.connection;
  return {
    text: listText(siteUrl, pointers, shown, rows.length - shown.length),
    json: {
      site: siteUrl,
      live: pointers.live?.id ?? null,
      previous: pointers.previous?.id ?? null,
      frozen: pointers.frozen ?? null,
      problems: pointers.damage,
      releases: shown,
    },
  };
}

const hasEnded = (state: Release['state']): boolean => state === 'retired' || state === 'abandoned';

export function rowOf({ id, state, record, manifest, entry, problems }: Release): Row {
  const last = entry?.states.at(-1);
  const end = record && 'end' in record ? record.end : undefined;
  const upload = record && 'upload' in record ? record.upload : undefined;
  const uploaded = uploadedAt(id) ?? null;
  return {
    id,
    state,
    since: end?.at ?? last?.at ?? upload?.at ?? uploaded,
    uploadedAt: uploaded,
    by: end?.by ?? last?.by ?? (upload ? `job ${upload.job}` : null),
    revision: entry?.revision ?? manifest?.revision ?? null,
    files: entry?.files ?? manifest?.files.length ?? null,
    bytes: entry?.bytes ?? manifest?.files.reduce((sum, file) => sum + file.size, 0) ?? null,
    pages:
      entry?.pages ??
      manifest?.files.filter(({ type }) => type.startsWith('text/html')).length ??
      null,
    pinned: entry?.pinned !== undefined,
    problems,
  };
}

export function listText(
  siteUrl: string,
  { live, frozen, damage }: Pointers,
  rows: readonly Row[],
  hidden: number,
): string {
  const number = (value: number | null) => value?.toLocaleString('en') ?? '?';
  const lines = [
    ...(frozen ? [frozenSince(frozen), ''] : []),
    ...damage.map((problem) => `PROBLEM: ${problem}`),
    live === undefined ? `${siteUrl}: no release is live` : `${siteUrl} shows ${live.id}`,
    '',
    rows.length === 0
      ? 'There are no releases. A push makes one.'
      : table(
          ['id', 'state', 'since', 'revision', 'files', 'size', 'pages', 'by', ''],
          rows.map((row) => [
            row.id,
            row.state,
            row.since === null ? '?' : when(row.since),
            row.revision?.slice(0, 12) ?? '?',
            number(row.files),
            row.bytes === null ? '?' : size(row.bytes),
            number(row.pages),
            row.by === null ? '?' : who(row.by),
            [...(row.pinned ? ['pinned'] : []), ...row.problems].join(', '),
          ]),
          [4, 5, 6],
        ),
    ...(hidden > 0 ? ['', `${hidden.toLocaleString('en')} retired or abandoned: --all`] : []),
  ];
  return lines.join('\n');
}
