import { conflict } from './access.ts';
import { afterwards, type Seen } from './afterwards.ts';
import type { Process } from './process.ts';
import { type Scene, World } from './world.ts';

export interface Found {
  readonly schedules: number;
  readonly states: number;
  readonly ends: number;
  /** Whether the limit was reached before all was seen. */
  readonly cut: boolean;
  /** The first schedule that broke something, told line by line. */
  readonly violation: string | undefined;
}

export interface Limits {
  /** How many schedules are followed at most. @default as many as there are */
  readonly schedules?: number;
}

class Broken extends Error {}
class Cut extends Error {}

/**
 * Every interleaving of the scene's processes, call by call, without repeating itself: where the order of two calls
 * can make no difference one order is enough (sleep sets), and a state that was reached before is not gone on
 * from again. Both by Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems".
 */
export async function exploreAll(
  scene: Scene,
  { schedules: most = Number.POSITIVE_INFINITY }: Limits = {},
): Promise<Found> {
  /** Of each state, the processes that need not go first from there. */
  const visited = new Map<string, ReadonlySet<string>>();
  const ends: Seen = new Set();
  let schedules = 0;

  async function replay(schedule: readonly string[]): Promise<World> {
    if (schedules >= most) throw new Cut();
    schedules += 1;
    const world = await World.of(scene);
    for (const name of schedule) await world.step(named(world, name));
    return world;
  }

  async function broken(world: World, what: string): Promise<never> {
    const story = world.story();
    await world.end();
    throw new Broken(`${what}\n${story}`);
  }

  async function visit(schedule: readonly string[], world: World, sleeping: ReadonlySet<string>) {
    if (schedule.length > 150) await broken(world, 'too long');
    if (world.violation) {
      await broken(world, `${world.violation.invariant}: ${world.violation.what}`);
    }
    const state = world.hash();
    const before = visited.get(state);
    const able = world.able.map(({ name }) => name);
    let todo = able.filter((name) => !sleeping.has(name));
    if (before) {
      todo = todo.filter((name) => before.has(name));
      visited.set(state, new Set([...before].filter((name) => sleeping.has(name))));
    } else {
      visited.set(state, sleeping);
    }
    if (able.length === 0 && !before) {
      // As late as can be: what it does then, nobody can mend any more.
      while (!world.violation && world.late.length > 0) await world.arrive(0);
      const problem = scene.promised?.(world) ?? (await afterwards(world, ends));
      if (world.violation) {
        await broken(world, `${world.violation.invariant}: ${world.violation.what}`);
      }
      if (problem) await broken(world, problem);
    }
    if (todo.length === 0) return world.end();

    const accesses = new Map(world.able.map((one) => [one.name, world.next(one)]));
    const asleep = new Set(sleeping);
    for (const name of able) if (before && !before.has(name)) asleep.add(name);
    let current: World | undefined = world;
    for (const name of todo) {
      current ??= await replay(schedule);
      const mine = accesses.get(name);
      const stay = new Set(
        [...asleep].filter((other) => {
          const theirs = accesses.get(other);
          return mine && theirs && !conflict(mine, theirs);
        }),
      );
      await current.step(named(current, name));
      await visit([...schedule, name], current, stay);
      current = undefined;
      asleep.add(name);
    }
  }

  const result = (rest: Pick<Found, 'cut' | 'violation'>): Found => ({
    schedules,
    states: visited.size,
    ends: ends.size,
    ...rest,
  });
  try {
    await visit([], await replay([]), new Set());
    return result({ cut: false, violation: undefined });
  } catch (error) {
    if (error instanceof Broken) return result({ cut: false, violation: error.message });
    if (error instanceof Cut) return result({ cut: true, violation: undefined });
    throw error;
  }
}

const named = (world: World, name: string): Process => {
  const found = world.able.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} has nothing to do\n${world.story()}`);
  return found;
};
