import { setImmediate } from 'node:timers/promises';
import TinyQueue from 'tinyqueue';

interface Event {
  readonly at: number;
  /** What was planned first happens first. */
  readonly turn: number;
  readonly action: () => unknown;
}

/** Something that takes time: each value that it yields is a wait, in milliseconds. */
export type Process = AsyncGenerator<number, unknown, void>;

/** Virtual time. Nothing in it looks at a real clock, so the same plans make the same history. */
export class Timeline {
  /** In milliseconds. */
  now = 0;
  /** Processes of shipped code, which wait for promises and not for this timeline. */
  #foreign = 0;
  #turns = 0;
  readonly #events = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.turn - b.turn);

  at(at: number, action: () => unknown): void {
    this.#events.push({ at, turn: this.#turns++, action });
  }

  after(ms: number, action: () => unknown): void {
    this.at(this.now + ms, action);
  }

  start(process: Process): void {
    const step = async (): Promise<void> => {
      const { done, value } = await process.next();
      if (!done) this.after(value as number, step);
    };
    this.at(this.now, step);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((done) => this.after(ms, done));
  }

  /** Lets shipped code go on between events, for as long as the work is under way. */
  async foreign<T>(work: () => Promise<T>): Promise<T> {
    this.#foreign += 1;
    try {
      return await work();
    } finally {
      this.#foreign -= 1;
    }
  }

  async run(): Promise<void> {
    for (let event = this.#events.pop(); event; event = this.#events.pop()) {
      this.now = event.at;
      await event.action();
      if (this.#foreign > 0) await setImmediate();
    }
  }
}
