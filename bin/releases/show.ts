import { layersOf } from '../../lambda/upload/layers.ts';
import { manifestKey, RELEASES_PREFIX, releasePrefix } from '../../lib/release/contract.ts';
import { type Pointers, type Release, releaseOf } from './catalogue.ts';
import { rowOf } from './list.ts';
import type { Answer, Operator } from './operator.ts';
import { count, size, table, when, who } from './texts.ts';

/** Everything that is known of a release. */
export async function show(id: string, pointers: Pointers, operator: Operator): Promise<Answer> {
  const release = await releaseOf(id, pointers, operator);
  return { text: showText(release), json: detailsOf(release) };
}

function detailsOf(release: Release) {
  const { id, manifest, entry, record } = release;
  return {
    ...rowOf(release),
    execution: entry?.execution ?? null,
    plan: entry?.plan ?? null,
    pinned: entry?.pinned ?? null,
    states: entry?.states ?? [],
    findings: entry?.findings ?? [],
    end: record && 'end' in record ? record.end : null,
    manifest: manifest ? manifestKey(id) : null,
    pointer: manifest?.pointer ?? null,
    layers: (manifest && layersOf(manifest.pointer)?.map((layer) => layer.id)) ?? [],
    /** How many of its files are copies under fingerprinted names. */
    copies: manifest?.files.filter(({ original }) => original !== undefined).length ?? 0,
    /** How many of its files stand under each release's prefix; the rest is in the pool. */
    placed: manifest ? placesOf(release) : {},
  };
}

function placesOf({ manifest }: Release): Record<string, number> {
  const places: Record<string, number> = {};
  for (const { key } of manifest?.files ?? []) {
    const [owner = ''] = key.slice(RELEASES_PREFIX.length).split('/');
    const place = key.startsWith(RELEASES_PREFIX) ? releasePrefix(owner) : 'pool';
    places[place] = (places[place] ?? 0) + 1;
  }
  return places;
}

export function showText(release: Release): string {
  const details = detailsOf(release);
  const { entry, manifest } = release;
  const { pinned, plan, end, layers } = details;
  const number = (value: number | null, noun: string) =>
    value === null ? `? ${noun}s` : count(value, noun);
  const facts: [string, string | undefined][] = [
    ['Release', release.id],
    ['State', `${release.state}${details.since === null ? '' : ` since ${when(details.since)}`}`],
    ['Problems', details.problems.join(', ') || undefined],
    ['Ended', end ? `${end.state} at ${when(end.at)} by ${end.by}` : undefined],
    ['Revision', details.revision ?? 'unknown'],
    ['Made by', entry?.execution && `pipeline execution ${entry.execution}`],
    [
      'Holds',
      `${number(details.files, 'file')}, ${details.bytes === null ? '?' : size(details.bytes)}, ${number(details.pages, 'page')}`,
    ],
    [
      'Upload',
      plan
        ? `${plan.put} written, ${plan.copy} copied, ${plan.keep} kept in place, ${plan.pool} new in the pool`
        : undefined,
    ],
    [
      'Copies',
      details.copies > 0
        ? `${count(details.copies, 'file')} of these under fingerprinted names`
        : undefined,
    ],
    ['Pinned', pinned ? `since ${when(pinned.at)} by ${pinned.by}` : undefined],
    ['Base', manifest?.pointer.base],
    ['Layers', layers.length > 0 ? layers.join(', ') : undefined],
    [
      'Files in',
      manifest &&
        Object.entries(details.placed)
          .map(([place, files]) => `${place} ${files}`)
          .join(', '),
    ],
    ['Manifest', details.manifest ?? undefined],
  ];
  const history = details.states.map(({ at, state, by, note }) => [
    when(at),
    state,
    who(by),
    note ?? '',
  ]);
  return [
    table(
      [],
      facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    ...(history.length > 0 ? ['', 'What became of it', table([], history)] : []),
    ...(details.findings.length > 0
      ? ['', 'What the gates had to say', ...details.findings.map((finding) => `- ${finding}`)]
      : []),
  ].join('\n');
}
