import type { Manifest, ManifestFile } from '../../lib/release/contract.ts';
import { type Pointers, releaseOf } from './catalogue.ts';
import { Refused } from './errors.ts';
import type { Answer, Operator } from './operator.ts';
import { count, size, table } from './texts.ts';

type Files = Pick<Manifest, 'id' | 'files'>;

export interface Difference {
  readonly from: string;
  readonly to: string;
  /** Sizes in bytes, all sorted by path. */
  readonly added: readonly { readonly path: string; readonly size: number }[];
  readonly removed: readonly { readonly path: string; readonly size: number }[];
  readonly changed: readonly {
    readonly path: string;
    readonly fromSize: number;
    readonly toSize: number;
  }[];
  /** How many files are the same in both. */
  readonly same: number;
  /** How many copies under fingerprinted names only one has, or both. They say no more than their originals do. */
  readonly copies: { readonly added: number; readonly removed: number; readonly same: number };
}

/** Which files of two releases differ. */
export async function diff(
  from: string,
  to: string,
  pointers: Pointers,
  operator: Operator,
): Promise<Answer> {
  const releases = await Promise.all([from, to].map((id) => releaseOf(id, pointers, operator)));
  const unknown = releases.filter(({ manifest }) => manifest === undefined);
  if (unknown.length > 0) {
    throw new Refused(
      unknown
        .map(
          ({ id, state, problems }) =>
            `Nobody knows which files release ${id} has: it is ${state}${problems.length > 0 ? `, ${problems.join(', ')}` : ''}.`,
        )
        .join('\n'),
    );
  }
  const [a, b] = releases.map(({ manifest }) => manifest as Manifest) as [Manifest, Manifest];
  const json = differenceOf(a, b);
  return { text: differenceText(json), json };
}

/** Same path, same SHA-256: the same file, wherever it stands. */
export function differenceOf(a: Files, b: Files): Difference {
  const [own, others] = [a, b].map(({ files }) => files.filter((file) => !isCopy(file))) as [
    ManifestFile[],
    ManifestFile[],
  ];
  const before = new Map(own.map((file) => [file.path, file]));
  const after = new Map(others.map((file) => [file.path, file]));
  const brief = ({ path, size: bytes }: ManifestFile) => ({ path, size: bytes });
  const changed: Difference['changed'][number][] = [];
  let same = 0;
  for (const file of others) {
    const old = before.get(file.path);
    if (old === undefined) continue;
    if (old.sha256 === file.sha256) same += 1;
    else changed.push({ path: file.path, fromSize: old.size, toSize: file.size });
  }
  return {
    from: a.id,
    to: b.id,
    added: others.filter(({ path }) => !before.has(path)).map(brief),
    removed: own.filter(({ path }) => !after.has(path)).map(brief),
    changed,
    same,
    copies: copiesOf(a, b),
  };
}

const isCopy = ({ original }: ManifestFile): boolean => original !== undefined;

function copiesOf(a: Files, b: Files): Difference['copies'] {
  const [before, after] = [a, b].map(
    ({ files }) => new Set(files.filter(isCopy).map(({ path }) => path)),
  ) as [Set<string>, Set<string>];
  const same = [...after].filter((path) => before.has(path)).length;
  return { added: after.size - same, removed: before.size - same, same };
}

export function differenceText({
  from,
  to,
  added,
  removed,
  changed,
  same,
  copies,
}: Difference): string {
  const bytes = (files: readonly { readonly size: number }[]) =>
    size(files.reduce((sum, file) => sum + file.size, 0));
  const rows = [
    ...added.map((file) => ['+', file.path, size(file.size)]),
    ...removed.map((file) => ['-', file.path, size(file.size)]),
    ...changed.map((file) => ['~', file.path, `${size(file.fromSize)} → ${size(file.toSize)}`]),
  ].sort(([, left = ''], [, right = '']) => (left < right ? -1 : 1));
  return [
    `${from} → ${to}`,
    ...(rows.length > 0 ? ['', table([], rows), ''] : ['']),
    `+ ${count(added.length, 'file')} added (${bytes(added)}), - ${removed.length.toLocaleString('en')} removed (${bytes(removed)}), ~ ${changed.length.toLocaleString('en')} changed (${bytes(changed.map(({ fromSize }) => ({ size: fromSize })))} → ${bytes(changed.map(({ toSize }) => ({ size: toSize })))}), ${same.toLocaleString('en')} the same`,
    ...(copies.added + copies.removed + copies.same > 0
      ? [
          `Copies under fingerprinted names: ${copies.added} added, ${copies.removed} removed, ${copies.same} the same`,
        ]
      : []),
  ].join('\n');
}
