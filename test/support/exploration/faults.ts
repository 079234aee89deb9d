import type { Seen } from './afterwards.ts';
import { through } from './random.ts';
import type { Fate, Scene } from './world.ts';

const FATES: readonly Fate[] = [
  'crash before',
  'crash after',
  'answer lost',
  'request lost',
  'late',
];

export interface Faults {
  readonly schedules: number;
  /** The first that broke something, told line by line. */
  readonly violation: string | undefined;
}

/**
 * Lets the first actor of the scene meet every fault at every one of its calls. Then the others come to their ends, and then
 * it does itself: delivered again if it crashed.
 */
export async function exploreFaults(scene: Scene): Promise<Faults> {
  const seen: Seen = new Set();
  const name = scene.actors[0]?.name ?? '';
  let schedules = 0;
  for (const fate of FATES) {
    let isThrough = false;
    for (let before = 0; !isThrough; before += 1) {
      schedules += 1;
      const violation = await through({ ...scene, redeliveries: 1 }, false, seen, async (world) => {
        const process = world.processes.find((one) => one.name === name);
        for (let step = 0; process && step < before; step += 1) {
          if (world.able.includes(process)) await world.step(process);
        }
        isThrough = process === undefined || !world.able.includes(process);
        if (process && !isThrough) await world.step(process, fate);
        for (const other of world.able) {
          const isOther = !other.name.startsWith(name);
          while (isOther && !world.violation && world.able.includes(other)) await world.step(other);
        }
      });
      if (violation) return { schedules, violation };
    }
  }
  return { schedules, violation: undefined };
}
