import type { PrunePorts, StoredFile } from '../../lambda/prune/context.ts';
import { type PruneOptions, type PruneReport, prune } from '../../lambda/prune/prune.ts';
import { pointerText } from '../../lambda/shared/pointer.ts';
import type { LedgerEntry, Manifest, ReleaseState } from '../../lib/release/contract.ts';
import { ledgerKey, manifestKey, RELEASES_PREFIX } from '../../lib/release/contract.ts';
import { aClock, anInvocation, type FakeClock } from './job.ts';
import { LedgerFake } from './ledger-store.ts';
import { PointerStoreFake, pointerTo } from './pointer-store.ts';

export const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const DAY_MS = 24 * 60 * 60_000;

/** The id of a release so many days old: `idOf(3, 'a')`. */
export const idOf = (days: number, name = 'r'): string =>
  `${new Date(NOW - days * DAY_MS).toISOString().replace(/[-:]|\.\d+/g, '')}-${name}`;

interface Release {
  /** Paths below its own prefix. @default index.html and about/index.html */
  readonly own?: readonly string[];
  /** Keys of other releases' files, and of the pool. */
  readonly shares?: readonly string[];
  readonly base?: string;
  /** @default uploaded, live, replaced */
  readonly states?: readonly ReleaseState[];
  readonly pinned?: boolean;
}

/** A content bucket with its releases, and what a clean-up makes of it. */
export class PruneFake {
  /** Sizes and times of all objects but the records and the ledger. */
  readonly objects = new Map<string, StoredFile>();
  readonly records = new LedgerFake();
  readonly ledger = new LedgerFake();
  readonly sweeps = new LedgerFake();
  readonly pointer: PointerStoreFake = new PointerStoreFake();
  readonly clock: FakeClock = aClock(NOW);
  /** Every request that deletes. */
  readonly removals: (readonly string[])[] = [];
  beforeRemove = (_keys: readonly string[]): void => {};
  /** Runs before a listing of that prefix. */
  beforeList = (_prefix: string): void => {};
  immutable: readonly string[] = ['assets/*'];
  retention = { newest: 1, days: 0 };
  redirects = false;
  pageSize = 3;
  readonly invocations: ReturnType<typeof anInvocation>[] = [];

  release(id: string, { own = ['index.html', 'about/index.html'], ...rest }: Release = {}): string {
    for (const path of own) this.file(`releases/${id}/${path}`);
    this.records.put(id, JSON.stringify(manifest(id, own, rest)));
    const at = (index: number) => `2026-11-23T06:0${index}:00.000Z`;
    const states = rest.states ?? ['uploaded', 'live', 'replaced'];
    const entry: LedgerEntry = {
      version: 1,
      id,
      revision: 'r',
      files: own.length,
      bytes: 1,
      pages: 1,
      findings: [],
      states: states.map((state, index) => ({ state, at: at(index), by: 'e' })),
      ...(rest.pinned && { pinned: { by: 'ann', at: at(0) } }),
    };
    this.ledger.put(id, JSON.stringify(entry));
    return id;
  }

  file(key: string, days = 1, size = 10): void {
    this.objects.set(key, { key, size, modified: NOW - days * DAY_MS });
  }

  /** Makes them live and previous, as a promotion does. */
  point(live: string, previous?: string): void {
    this.pointer.write({
      live: pointerText(pointerTo(live)),
      ...(previous !== undefined && { previous: pointerText(pointerTo(previous)) }),
    });
    const entry = this.ledger.entry(live);
    if (entry === null || entry.states.at(-1)?.state === 'live') return;
    const states = [...entry.states, { state: 'live', at: '2026-11-23T11:00:00.000Z', by: 'e' }];
    this.ledger.put(live, JSON.stringify({ ...entry, states }));
  }

  record(id: string) {
    return JSON.parse(this.records.pages.get(id)?.text ?? 'null');
  }

  /** The names of releases that have a file, and every other object. */
  left(): string[] {
    return [
      ...new Set(
        [...this.objects.keys()].map((key) => key.replace(/^releases\/([^/]+)\/.*/, '$1')),
      ),
    ];
  }

  ports(): PrunePorts {
    const { clock: _, ...fake } = this;
    return {
      ...fake,
      list: (prefix, _signal, after) => this.#pages(prefix, after),
      folders: async (prefix) => [
        ...new Set(
          [...this.objects.keys()]
            .filter((key) => key.startsWith(prefix))
            .map((key) => key.slice(RELEASES_PREFIX.length).split('/')[0] as string),
        ),
      ],
      remove: async (keys) => {
        this.beforeRemove(keys);
        this.removals.push(keys);
        for (const key of keys) this.objects.delete(key);
        return true;
      },
    };
  }

  async run(
    options: Partial<PruneOptions> & { remainingMs?: number; signal?: AbortSignal } = {},
  ): Promise<PruneReport> {
    const { dryRun = false, by = 'the daily clean-up', ...time } = options;
    const invocation = anInvocation(this.clock, { remainingMs: 14 * 60_000, ...time });
    this.invocations.push(invocation);
    return prune(this.ports(), { by, dryRun }, this.clock, invocation);
  }

  async *#pages(prefix: string, after = ''): AsyncGenerator<StoredFile[]> {
    this.beforeList(prefix);
    const records = [...this.records.pages.keys()].map(
      (id): StoredFile => ({
        key: manifestKey(id),
        size: 1,
        modified: NOW,
      }),
    );
    const pages = [...this.ledger.pages.keys()].map(
      (id): StoredFile => ({ key: ledgerKey(id), size: 1, modified: NOW }),
    );
    const files = [...records, ...pages, ...this.objects.values()]
      .filter(({ key }) => key.startsWith(prefix) && key > after)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    for (let from = 0; from < files.length; from += this.pageSize) {
      yield files.slice(from, from + this.pageSize);
    }
  }
}

function manifest(
  id: string,
  own: readonly string[],
  { shares = [], base = id }: Release,
): Manifest {
  const file = (path: string, key: string) => ({ path, key, size: 10, sha256: 'x', type: 't' });
  return {
    version: 2,
    id,
    revision: 'r',
    createdAt: '2026',
    pointer: { id, base, delta: '' },
    files: [
      ...own.map((path) => file(path, `releases/${id}/${path}`)),
      ...shares.map((key) => file(key.replace(/^releases\/[^/]+\//, ''), key)),
    ],
    gone: [],
  };
}
