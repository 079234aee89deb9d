import fc from 'fast-check';
import { afterwards, type Seen } from './afterwards.ts';
import { type Fate, type Scene, World } from './world.ts';

const MINUTE_MS = 60_000;

/** No process takes as many steps. */
const TO_THE_END = 200;

/** Some steps of one process, one after the other, and how the last of them ends. */
export interface Turn {
  readonly who: number;
  readonly steps: number;
  /** Of several calls that it has sent, which is carried out. */
  readonly which: number;
  readonly fate: Fate;
  readonly after: 'nothing' | 'late' | 'minutes' | 'half an hour' | 'hours' | 'stop';
}

const weighted = <T>(...choices: readonly (readonly [number, T])[]) =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

const turn: fc.Arbitrary<Turn> = fc.record({
  who: fc.nat({ max: 4 }),
  steps: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 })),
  which: weighted([4, 0], [1, 1], [1, 2]),
  fate: weighted<Fate>(
    [14, 'done'],
    [2, 'answer lost'],
    [1, 'request lost'],
    [1, 'late'],
    [1, 'crash before'],
    [1, 'crash after'],
  ),
  after: weighted(
    [16, 'nothing' as const],
    [2, 'late'],
    [1, 'minutes'],
    [1, 'half an hour'],
    [1, 'hours'],
    [1, 'stop'],
  ),
});

export const turns: fc.Arbitrary<Turn[]> = fc.array(turn, { minLength: 4, maxLength: 24 });

/** The same without faults: nothing is lost, nobody crashes, no time passes but by sleeping. */
export const quietTurns: fc.Arbitrary<Turn[]> = fc.array(
  fc.record({
    who: fc.nat({ max: 4 }),
    steps: fc.oneof(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constant(TO_THE_END),
    ),
    which: fc.constant(0),
    fate: fc.constant<Fate>('done'),
    after: fc.constant<Turn['after']>('nothing'),
  }),
  { minLength: 1, maxLength: 6 },
);

/** One process goes on until it is about to make that call, or to its end. */
export interface Leg {
  readonly who: string;
  readonly until?: RegExp;
  /** What becomes of its first call. @default 'done' */
  readonly fate?: Fate;
}

/** Follows a course that somebody has thought of, then lets all come to their ends. */
export const follow = (scene: Scene, course: readonly Leg[]): Promise<string | undefined> =>
  through(scene, true, new Set(), async (world) => {
    for (const { who, until, fate } of course) {
      const process = world.processes.find(({ name }) => name === who);
      if (process === undefined) throw new Error(`${who} is not in this plot`);
      let first = fate ?? 'done';
      while (world.able.includes(process) && !world.violation) {
        if (until?.test(world.next(process).label)) break;
        await world.step(process, first);
        first = 'done';
      }
    }
  });

/** Follows the turns, then lets all come to their ends. @returns what broke, told line by line. */
export function play(
  scene: Scene,
  turns: readonly Turn[],
  seen: Seen = new Set(),
): Promise<string | undefined> {
  const isQuiet = turns.every(({ fate, after }) => fate === 'done' && after === 'nothing');
  return through(scene, isQuiet, seen, async (world) => {
    for (const turn of turns) {
      if (!world.violation) await take(world, turn);
    }
  });
}

/** Begins as it is told, then lets all come to their ends, and cleans up. */
export async function through(
  scene: Scene,
  isQuiet: boolean,
  seen: Seen,
  first: (world: World) => Promise<void>,
): Promise<string | undefined> {
  const world = await World.of(scene);
  try {
    await first(world);
    while (!world.violation && world.able.length > 0) {
      for (const process of world.able) {
        while (!world.violation && world.able.includes(process)) await world.step(process);
      }
    }
    while (!world.violation && world.late.length > 0) await world.arrive(0);
    const broken = world.violation || !isQuiet ? undefined : scene.promised?.(world);
    const problem = broken ?? (world.violation ? undefined : await afterwards(world, seen));
    const { violation } = world;
    if (!violation && !problem) return undefined;
    const what = violation ? `${violation.invariant}: ${violation.what}` : problem;
    return `${what}\n${world.story()}`;
  } finally {
    await world.end();
  }
}

async function take(world: World, { who, steps, which, fate, after }: Turn): Promise<void> {
  const process = world.able[who % Math.max(1, world.able.length)];
  for (let step = 1; process && step <= steps; step += 1) {
    if (world.violation || !world.able.includes(process)) break;
    await world.step(process, step === steps ? fate : 'done', which);
  }
  if (world.violation) return;
  if (after === 'late' && world.late.length > 0) await world.arrive(which);
  if (after === 'minutes') await world.pass(3 * MINUTE_MS);
  if (after === 'half an hour') await world.pass(30 * MINUTE_MS);
  if (after === 'hours') await world.pass(4 * 60 * MINUTE_MS);
  if (after === 'stop' && process && world.able.includes(process)) await world.stop(process);
}
