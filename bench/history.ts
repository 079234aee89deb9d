import { createHash } from 'node:crypto';
import { addressingFor } from '../lambda/upload/addressing.ts';
import { type ArtifactFile, type Plan, planRelease } from '../lambda/upload/plan.ts';
import type { Program } from '../lambda/upload/redirects/program.ts';
import type { UrlRules } from '../lib/release/addresses.ts';
import { type Manifest, releaseId } from '../lib/release/contract.ts';
import { randomFrom } from './random.ts';

/** As `resolveConfig` and the key-value store have it. */
const LIMITS = { pointerBytes: 1_024, rebaseShare: 1 };
const FIRST = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

/** Which files change: none; drawn anew each time; nine of ten from a few more than are changed. */
export type Pattern = 'nothing' | 'other files' | 'mostly the same';

export interface HistoryOptions {
  /** How many there are after the first one. */
  readonly releases: number;
  readonly files: number;
  readonly changed: number;
  readonly pattern: Pattern;
  /** @default what a site has without options */
  readonly urls?: UrlRules;
  /** @default none */
  readonly program?: Program;
}

/** A release of a made-up site. */
export interface PlannedRelease {
  readonly plan: Plan;
  readonly files: readonly ArtifactFile[];
  /** Of the pages that changed; nothing for the first release. */
  readonly changes: readonly Change[];
  /** In milliseconds, of the plan alone. */
  readonly took: number;
}

export interface Change {
  /** In bytes, after the change. */
  readonly size: number;
  /** Another hash of a script in a page, a digit in a text: every second change here. */
  readonly sameSize: boolean;
}

/** As long, and as hard to compress, as those of real files. */
const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64');

/**
 * The first release and those after it, one a day, by the shipped plan. The same in every run but for its times.
 */
export function* historyOf({
  releases,
  files: size,
  changed,
  pattern,
  urls = { style: 'any', fallback: 'none' },
  program,
}: HistoryOptions): Generator<PlannedRelease> {
  const random = randomFrom(size + changed);
  const pick = (most: number) => Math.floor(random() * most);
  const files = Array.from(
    { length: size },
    (_, index): ArtifactFile => ({
      path: pathOf(index),
      size: 2_000 + pick(18_000),
      sha256: hashOf(`${index} first`),
      type: 'text/html; charset=utf-8',
    }),
  );
  // Spread over the site, each once: no size has this prime in it.
  const often = Array.from(
    { length: Math.ceil(changed * 1.2) },
    (_, index) => (index * 7_919) % size,
  );
  const change = (release: string): Change[] => {
    const drawn = new Set<number>();
    while (drawn.size < changed) {
      const mostly = pattern === 'mostly the same' && drawn.size < 0.9 * changed;
      drawn.add(mostly ? (often[pick(often.length)] as number) : pick(size));
    }
    return [...drawn].map((index, turn) => {
      const file = files[index] as ArtifactFile;
      const sameSize = turn % 2 === 0;
      files[index] = {
        ...file,
        size: file.size + (sameSize ? 0 : 1),
        sha256: hashOf(`${index} ${release}`),
      };
      return { size: file.size, sameSize };
    });
  };

  const { addressing } = addressingFor(files, urls, []);
  let live: Manifest | undefined;
  for (let release = 0; release <= releases; release += 1) {
    const createdAt = new Date(FIRST + release * DAY);
    const revision = pick(0xfffffff).toString(16).padStart(7, '0');
    const id = releaseId(createdAt, revision);
    const changes = release === 0 ? [] : change(id);
    const began = performance.now();
    const plan = planRelease({
      id,
      revision,
      createdAt,
      files,
      live,
      immutable: [],
      addressing,
      program,
      limits: LIMITS,
    });
    const took = performance.now() - began;
    live = plan.manifest;
    yield { plan, files, changes, took };
  }
}

/** The start page, and pages in folders. */
export const pathOf = (index: number): string =>
  index === 0 ? 'index.html' : `section-${index % 40}/page-${index}/index.html`;
