import {
  type Actor,
  freeze,
  pin,
  promote,
  prune,
  rollback,
  type Site,
  time,
  unfreeze,
  unpin,
  upload,
} from './actors.ts';
import * as shipped from './cores.ts';
import { type Setup, type SetupStep, setUp } from './setup.ts';
import type { Fated, Scene, World } from './world.ts';

/** Longer than a clean-up waits for the ledger: the second look is the last but one. */
const LEAST_SLEEP_MS = 65_000;

const site = (name: string, more: Site = {}): Site => ({
  'index.html': `start ${name}`,
  'about/index.html': 'about',
  [`assets/${name}.js`]: `code ${name}`,
  ...more,
});

/**
 * `two` stands on its own, `three` on `two` with a page more. Live is `three`, before it `two`: `one` is outdated, and nobody else needs its
 * files.
 */
const HISTORY: readonly SetupStep[] = [
  { name: 'one', site: site('one') },
  { name: 'two', site: site('two'), rebaseShare: 0 },
  { name: 'three', site: site('three', { 'extra.html': 'extra' }) },
];

/** Two more releases that wait to go live, without that page. */
const WAITING: readonly SetupStep[] = [
  ...HISTORY,
  { name: 'four', site: site('four'), live: false },
  { name: 'five', site: site('five'), live: false },
];

/** All stand on `one`. `two` is outdated, and visitors get one of its files even so. */
const LAYERS: readonly SetupStep[] = [
  { name: 'one', site: site('one') },
  { name: 'two', site: site('two', { 'extra.html': 'extra' }) },
  { name: 'three', site: site('three', { 'extra.html': 'extra' }) },
  { name: 'four', site: site('four', { 'extra.html': 'extra' }) },
];

const SETUPS = { history: HISTORY, waiting: WAITING, layers: LAYERS, pinned: HISTORY } as const;

type Ids = Readonly<Record<string, string>>;

interface Plot {
  readonly setup: keyof typeof SETUPS;
  /** In this order they come to their ends when nothing else is decided. */
  actors(ids: Ids): readonly Actor[];
  readonly fates?: readonly Fated[];
  readonly promised?: (world: World) => string | undefined;
}

/** Whoever is named got to an end that is no failure. */
const succeeded =
  (...names: readonly string[]) =>
  ({ processes }: World): string | undefined => {
    const failed = processes.find(
      ({ name, end }) => names.includes(name) && end?.kind !== 'returned',
    );
    const error = failed && (failed.end as { error?: unknown })?.error;
    return failed && `whoever nobody stops gets through: ${failed.name} did not, ${error}`;
  };

/** A job is one release, however often it is delivered. */
const oneRelease =
  (revision: string) =>
  ({ state }: World): string | undefined => {
    const prefixes = [...state.contents.objects.keys()].flatMap(
      (key) => new RegExp(`^releases/[^/]*-${revision}/`).exec(key)?.[0] ?? [],
    );
    const releases = new Set(prefixes);
    return releases.size > 1
      ? `one job made more than one release: ${[...releases].join(' ')}`
      : undefined;
  };

/** Long enough for an upload that has not moved since to be taken for dead. */
const HOURS_MS = 4 * 60 * 60_000;

const id = (ids: Ids, name: string): string => ids[name] as string;

/** One after the other, as by one person. */
const inOrder = (name: string, ...actors: readonly Actor[]): Actor => ({
  ...(actors[0] as Actor),
  name,
  async run(process, cores) {
    for (const actor of actors) await actor.run(process, cores);
  },
});

const small = (name: string) => upload(name, site('small', { 'extra.html': 'extra' }));
const copying = (name: string) => upload(name, site('copying'), { rebaseShare: 0 });
/** With a file that is in the pool, and that no release needs that a clean-up keeps. */
const reusing = (name: string) => upload(name, site('reusing', { 'assets/one.js': 'code one' }));

/** Everybody who may meet, in an account in which some releases wait to go live. */
export const EVERYBODY = (ids: Ids): readonly Actor[] => [
  promote('promotion', id(ids, 'four')),
  promote('same again', id(ids, 'four')),
  promote('other promotion', id(ids, 'five')),
  promote('failing', id(ids, 'five'), { failing: true }),
  rollback('rollback', id(ids, 'one')),
  rollback('back', id(ids, 'two')),
  rollback('freezing', id(ids, 'two'), {
    evenFrozen: true,
    freeze: { by: 'freezing', reason: 'broken', at: 'now' },
  }),
  small('upload'),
  upload('pipeline', site('pipeline', { 'assets/one.js': 'code one' }), { promoted: true }),
  copying('copying upload'),
  reusing('reusing upload'),
  upload('delivered', site('twice'), { job: 'job', revision: 'twicetw', promoted: true }),
  upload('delivered again', site('twice'), { job: 'job', revision: 'twicetw', promoted: true }),
  prune('clean-up'),
  prune('another clean-up'),
  freeze('freeze'),
  unfreeze('unfreeze'),
  pin('pin', id(ids, 'one')),
  unpin('unpin', id(ids, 'one')),
];

/** Who meets whom. */
export const PLOTS = {
  'a rollback to an outdated release and a clean-up': {
    setup: 'history',
    actors: (ids) => [rollback('rollback', id(ids, 'one')), prune('clean-up')],
  },
  'a rollback to the release before and a clean-up': {
    setup: 'history',
    actors: (ids) => [rollback('rollback', id(ids, 'two')), prune('clean-up')],
  },
  'a rollback to an outdated release with a file of others, and a clean-up': {
    setup: 'layers',
    actors: (ids) => [rollback('rollback', id(ids, 'two')), prune('clean-up')],
  },
  'a promotion and a clean-up': {
    setup: 'waiting',
    actors: (ids) => [promote('promotion', id(ids, 'four')), prune('clean-up')],
  },
  'a promotion that is taken back and a clean-up': {
    setup: 'waiting',
    actors: (ids) => [promote('failing', id(ids, 'four'), { failing: true }), prune('clean-up')],
  },
  'two promotions': {
    setup: 'waiting',
    actors: (ids) => [promote('one', id(ids, 'four')), promote('other', id(ids, 'five'))],
  },
  'two promotions of the same release': {
    setup: 'waiting',
    actors: (ids) => [promote('one', id(ids, 'four')), promote('other', id(ids, 'four'))],
  },
  'two promotions of the same release, of which one fails': {
    setup: 'waiting',
    actors: (ids) => [
      promote('one', id(ids, 'four')),
      promote('failing', id(ids, 'four'), { failing: true }),
    ],
  },
  'a promotion and one that is taken back': {
    setup: 'waiting',
    actors: (ids) => [
      promote('promotion', id(ids, 'five')),
      promote('failing', id(ids, 'four'), { failing: true }),
    ],
  },
  'a promotion and a rollback': {
    setup: 'waiting',
    actors: (ids) => [promote('promotion', id(ids, 'four')), rollback('rollback', id(ids, 'one'))],
  },
  'a rollback and a promotion that is taken back': {
    setup: 'waiting',
    actors: (ids) => [
      rollback('rollback', id(ids, 'one')),
      promote('failing', id(ids, 'four'), { failing: true }),
    ],
  },
  'two clean-ups': {
    setup: 'history',
    actors: () => [prune('clean-up'), prune('another')],
  },
  'an upload and a clean-up': {
    setup: 'history',
    actors: () => [small('upload'), prune('clean-up')],
  },
  'an upload that copies and a clean-up': {
    setup: 'history',
    actors: () => [copying('upload'), prune('clean-up')],
  },
  'an upload that finds a file in the pool and a clean-up': {
    setup: 'history',
    actors: () => [reusing('upload'), prune('clean-up')],
  },
  'an upload that is taken for dead and a clean-up': {
    setup: 'history',
    actors: () => [small('upload'), prune('clean-up', { aheadMs: HOURS_MS })],
  },
  'an upload and a promotion': {
    setup: 'waiting',
    actors: (ids) => [small('upload'), promote('promotion', id(ids, 'four'))],
  },
  'an upload that copies and a rollback': {
    setup: 'history',
    actors: (ids) => [copying('upload'), rollback('rollback', id(ids, 'one'))],
  },
  'two uploads of the same revision in the same second': {
    setup: 'history',
    actors: () => [
      upload('one', site('first'), { revision: 'samesam' }),
      upload('other', site('second'), { revision: 'samesam' }),
    ],
    promised: succeeded('one', 'other'),
  },
  'two uploads with other bytes under the same name in the pool': {
    setup: 'history',
    actors: () => [
      upload('one', { 'index.html': 'one', 'assets/x.js': 'one' }),
      upload('other', { 'index.html': 'other', 'assets/x.js': 'other' }),
    ],
  },
  'an upload that is delivered twice': {
    setup: 'history',
    actors: () => [
      upload('one', site('twice'), { job: 'job', revision: 'twicetw' }),
      upload('again', site('twice'), { job: 'job', revision: 'twicetw', aheadMs: 3_000 }),
    ],
    promised: oneRelease('twicetw'),
  },
  'a freeze and a promotion': {
    setup: 'waiting',
    actors: (ids) => [freeze('freeze'), promote('promotion', id(ids, 'four'))],
  },
  'a freeze and a promotion that is taken back': {
    setup: 'waiting',
    actors: (ids) => [freeze('freeze'), promote('failing', id(ids, 'four'), { failing: true })],
  },
  'a rollback that freezes and a promotion': {
    setup: 'waiting',
    actors: (ids) => [
      rollback('rollback', id(ids, 'two'), {
        evenFrozen: true,
        freeze: { by: 'rollback', reason: 'broken', at: 'now' },
      }),
      promote('promotion', id(ids, 'four')),
    ],
  },
  'a freeze, its end and a promotion': {
    setup: 'waiting',
    actors: (ids) => [
      freeze('freeze'),
      unfreeze('unfreeze'),
      promote('promotion', id(ids, 'four')),
    ],
  },
  'a pin and a clean-up': {
    setup: 'history',
    actors: (ids) => [pin('pin', id(ids, 'one')), prune('clean-up')],
  },
  'the end of a pin and a clean-up': {
    setup: 'pinned',
    actors: (ids) => [unpin('unpin', id(ids, 'one')), prune('clean-up')],
  },
  'a pin, a rollback to the same release, and a clean-up': {
    setup: 'history',
    actors: (ids) => [
      pin('pin', id(ids, 'one')),
      rollback('rollback', id(ids, 'one')),
      prune('clean-up'),
    ],
  },
  'two promotions, one after the other, and one that is taken back': {
    setup: 'waiting',
    actors: (ids) => [
      inOrder('promotions', rollback('', id(ids, 'five')), rollback('', id(ids, 'one'))),
      promote('failing', id(ids, 'four'), { failing: true }),
    ],
  },
  'a rollback to an outdated release, then a promotion that is taken back, and a clean-up': {
    setup: 'history',
    actors: (ids) => [
      inOrder(
        'operator',
        rollback('', id(ids, 'one')),
        promote('', id(ids, 'two'), { failing: true }),
      ),
      prune('clean-up'),
    ],
  },
  'an upload that finds a file in the pool and two clean-ups': {
    setup: 'history',
    actors: () => [prune('another'), reusing('upload'), prune('clean-up')],
  },
  'an upload that finds a file in the pool, a clean-up that hangs, and another': {
    setup: 'history',
    actors: () => [
      time('half an hour', 30 * 60_000),
      prune('another'),
      reusing('upload'),
      prune('clean-up'),
    ],
    fates: [{ process: 'clean-up', call: /^DeleteObjects assets/, fate: 'request lost' }],
  },
  'an upload that finds a file in the pool, and a clean-up whose request is sent twice': {
    setup: 'history',
    actors: () => [prune('clean-up'), reusing('upload')],
    fates: [{ process: 'clean-up', call: /^DeleteObjects assets/, fate: 'late' }],
  },
  'an upload that finds a file in the pool, two promotions, and two clean-ups of which one hangs': {
    setup: 'waiting',
    actors: (ids) => [
      time('half an hour', 30 * 60_000),
      inOrder('promotions', rollback('', id(ids, 'four')), rollback('', id(ids, 'five'))),
      prune('another'),
      upload('upload', site('late', { 'assets/three.js': 'code three' })),
      prune('clean-up'),
    ],
    fates: [
      { process: 'clean-up', call: /^PutObject .*pool-sweep.*unchanged/, fate: 'request lost' },
    ],
  },
  'an upload, two promotions and a clean-up': {
    setup: 'waiting',
    actors: (ids) => [
      inOrder('promotions', rollback('', id(ids, 'four')), rollback('', id(ids, 'five'))),
      prune('clean-up'),
      small('upload'),
    ],
  },
  'an upload, a rollback for a moment and a clean-up': {
    setup: 'history',
    actors: (ids) => [
      rollback('rollback', id(ids, 'one')),
      rollback('forward', id(ids, 'three')),
      prune('clean-up'),
      small('upload'),
    ],
  },
} as const satisfies Record<string, Plot>;

export type PlotName = keyof typeof PLOTS;

/** The accounts that plots begin with, each made once. */
export class Stage {
  readonly #folder: string;
  readonly #setups = new Map<string, Promise<Setup>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async scene(name: PlotName, more: Partial<Scene> = {}): Promise<Scene> {
    const { setup, actors, ...rest }: Plot = PLOTS[name];
    const { begin, ids } = await this.setup(setup);
    return {
      actors: actors(ids),
      begin,
      cores: shipped,
      leastSleepMs: LEAST_SLEEP_MS,
      ...rest,
      ...more,
    };
  }

  /** A scene of some of everybody, by their places in the list. */
  async cast(places: readonly number[], more: Partial<Scene> = {}): Promise<Scene> {
    const { begin, ids } = await this.setup('waiting');
    const everybody = EVERYBODY(ids);
    const actors = places.map((place) => everybody[place] as Actor);
    return { actors, begin, cores: shipped, leastSleepMs: LEAST_SLEEP_MS, ...more };
  }

  setup(name: keyof typeof SETUPS): Promise<Setup> {
    let setup = this.#setups.get(name);
    if (setup === undefined) {
      const more = name === 'pinned' ? (ids: Ids) => [pin('pin', id(ids, 'one'))] : undefined;
      setup = setUp(this.#folder, SETUPS[name], more);
      this.#setups.set(name, setup);
    }
    return setup;
  }

  async end(): Promise<void> {
    for (const setup of this.#setups.values()) await (await setup).begin.account.remove();
  }
}
