import { pointerText, readPointer } from '../../../lambda/shared/pointer.ts';
import {
  MANIFESTS_PREFIX,
  type Manifest,
  type ReleaseRecord,
} from '../../../lib/release/contract.ts';
import type { Account, Contents, State } from './account.ts';
import type { Actor, Belief } from './actors.ts';
import type { End } from './process.ts';
import { keyFor } from './router.ts';

export interface Violation {
  readonly invariant: string;
  readonly what: string;
}

/** A write that moved the pointer. */
interface Flip {
  readonly by: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** What must hold in every state that the world comes through. */
export class Invariants {
  violation: Violation | undefined;
  /** Releases whose pin was confirmed, and that nobody has begun to unpin. */
  readonly pinned = new Set<string>();
  readonly flips: Flip[] = [];
  readonly #account: Account;
  /** Every manifest that there ever was: a release that has ended may still be live. */
  readonly #manifests = new Map<string, Manifest>();
  /** Releases that were there at the beginning. */
  readonly #given = new Set<string>();
  readonly #ranks = new Map<string, number>();
  readonly #claims: (Belief & { readonly by: string })[] = [];
  #frozen = false;
  /** Who has frozen publishing as they made a release live, and nobody has ended it. */
  readonly #freezing = new Set<string>();

  constructor(account: Account) {
    this.#account = account;
  }

  /** Somebody wrote something. */
  written(actor: Actor, by: string, before: Contents, after: Contents): void {
    const { kind, about, evenFrozen, freezes } = actor;
    if (kind === 'unpin' && about) this.pinned.delete(about);
    if (kind === 'unfreeze' && after.items.frozen === undefined) {
      this.#frozen = false;
      this.#freezing.clear();
    }
    if (before.items.live === after.items.live) return;

    const [from, to] = [idOf(before.items.live), idOf(after.items.live)];
    const isForth = from === undefined || before.items.live === after.items.previous;
    const isBack = !isForth && before.items.previous === after.items.live;
    if (isBack && !this.flips.some((flip) => flip.by === by && flip.to === from)) {
      this.#violated('a job takes back only what it did itself', `${by} took ${from} back`);
    }
    this.flips.push({ by, from, to });
    if (freezes) this.#freezing.add(by);
    if (from !== to && !isBack && !isForth) {
      const left = idOf(after.items.previous);
      this.#violated(
        'the live history is one line',
        `${by} moved the pointer from ${from} to ${to} and left ${left} as the one before`,
      );
    }
    if (this.#frozen && !evenFrozen && !isBack) {
      this.#violated('nothing goes live while publishing is frozen', `${by} made ${to} live`);
    }
  }

  /** Somebody is through, and believes something. */
  ended({ kind, about, freezes }: Actor, by: string, end: End): void {
    if (end.kind === 'threw') {
      if (end.error instanceof TypeError || end.error instanceof ReferenceError) throw end.error;
      return;
    }
    if (kind === 'pin' && about) this.pinned.add(about);
    if (kind === 'freeze') this.#frozen = true;
    const belief = end.value as Belief | undefined;
    if (belief?.live === undefined) return;
    const { live, changed, replaced } = belief;
    // Unless somebody has ended it again since.
    if (freezes && this.#freezing.has(by)) this.#frozen = true;
    const flips = this.flips.filter(({ from }) => from === replaced);
    if (changed && !flips.some(({ to }) => to === live)) {
      this.#violated(
        'who believes to have promoted a release has',
        `${by} believes that ${live} replaced ${replaced}; the pointer moved so: ${JSON.stringify(this.flips)}`,
      );
    }
    const rival = this.#claims.find(
      (other) => other.changed && other.replaced === replaced && other.live !== live,
    );
    if (changed && rival && flips.length < 2) {
      this.#violated(
        'no two promotions both believe that they won',
        `${rival.by} and ${by} both believe to have replaced ${replaced}`,
      );
    }
    this.#claims.push({ ...belief, by });
  }

  async check(state: State): Promise<void> {
    if (this.violation) return;
    const { objects, items } = state.contents;
    const isFirst = this.#ranks.size === 0;
    const records = new Map<string, ReleaseRecord>();
    for (const key of objects.keys()) {
      if (!key.startsWith(MANIFESTS_PREFIX)) continue;
      const record = await recordIn(this.#account, state, key);
      records.set(record.id, record);
      if ('files' in record) this.#manifests.set(record.id, record);
      if ('files' in record && isFirst) this.#given.add(record.id);
      const [is, was] = [rankOf(record), this.#ranks.get(record.id) ?? 0];
      if (is < was) this.#violated('a record only moves forward', JSON.stringify(record));
      if (was === 1 && 'end' in record && record.end.state === 'abandoned') {
        this.#violated('a complete release is never given up', JSON.stringify(record));
      }
      this.#ranks.set(record.id, is);
    }
    for (const record of records.values()) {
      if (!('files' in record)) continue;
      const pointer = pointerText(record.pointer);
      await this.#complete('a release that has not ended is complete', record, pointer, state);
    }
    await this.#reachable('the live release is complete', items.live, state);
    await this.#baseOf(items.live, state);
    const before = records.get(idOf(items.previous) ?? '');
    if (!(before && 'end' in before)) {
      await this.#reachable('the release before is complete or refused', items.previous, state);
    }
    for (const id of this.pinned) {
      const record = records.get(id);
      if (record && 'files' in record) continue;
      this.#violated('a pinned release stays', `the record of ${id}: ${JSON.stringify(record)}`);
    }
  }

  /**
   * As a release of its own. A release that was planned on one which a clean-up was about to end has the files that it
   * needs of that one, and no more.
   */
  async #baseOf(pointer: string | undefined, state: State): Promise<void> {
    if (!this.#given.has(idOf(pointer) ?? '')) return;
    const base = pointer === undefined ? undefined : readPointer(pointer)?.base;
    const manifest = base === undefined ? undefined : this.#manifests.get(base);
    if (manifest === undefined) return;
    const invariant = 'the base of the live release is complete';
    await this.#complete(invariant, manifest, pointerText(manifest.pointer), state);
  }

  async #reachable(invariant: string, pointer: string | undefined, state: State): Promise<void> {
    const id = idOf(pointer);
    if (pointer === undefined || id === undefined) return;
    const manifest = this.#manifests.get(id);
    if (manifest) await this.#complete(invariant, manifest, pointer, state);
    else this.#violated(invariant, `${id} never had a manifest`);
  }

  /** By the way that visitors take: the shipped router with that pointer, then the bucket. */
  async #complete(invariant: string, manifest: Manifest, pointer: string, state: State) {
    for (const { path, sha256 } of manifest.files) {
      const key = await keyFor(pointer, path);
      const problem = !state.contents.objects.has(key)
        ? 'is not there'
        : (await this.#account.sha256Of(state, key)) === sha256
          ? undefined
          : 'has other bytes';
      if (problem === undefined) continue;
      this.#violated(invariant, `${path} of ${manifest.id} stands at ${key}, which ${problem}`);
    }
  }

  #violated(invariant: string, what: string): void {
    this.violation ??= { invariant, what };
  }
}

const known = new Map<string, ReleaseRecord>();

/** What a release's record says. The same ETag is the same text. */
export async function recordIn(
  account: Account,
  state: State,
  key: string,
): Promise<ReleaseRecord> {
  const etag = state.contents.objects.get(key)?.etag ?? '';
  const found = known.get(etag);
  if (found) return found;
  const record = JSON.parse(await account.textOf(state, key)) as ReleaseRecord;
  known.set(etag, record);
  return record;
}

const rankOf = (record: ReleaseRecord): number =>
  'upload' in record ? 0 : 'files' in record ? 1 : 2;

export const idOf = (pointer: string | undefined): string | undefined =>
  pointer === undefined ? undefined : readPointer(pointer)?.id;
