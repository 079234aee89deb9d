interface Due {
  readonly time: number;
  /** What is due at the same moment happens in the order in which it was planned. */
  readonly turn: number;
  readonly work: Work;
}

/** What happens at one moment. A promise is waited for before anything else happens. */
export type Work = () => unknown;

/** The time of one simulation, in milliseconds: it jumps from one event to the next. */
export class VirtualTime {
  now = 0;
  #turn = 0;
  readonly #heap: Due[] = [];

  /** What lies in the past happens now. */
  at(time: number, work: Work): void {
    const due = { time: Math.max(time, this.now), turn: this.#turn, work };
    this.#turn += 1;
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (isFirst(heap[above] as Due, due)) break;
      heap[place] = heap[above] as Due;
      place = above;
    }
    heap[place] = due;
  }

  /** For code that is written with `await`: the functions' own, and the pipelines. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(this.now + ms, () => {
        resolve();
        return untilAllWait();
      });
    });
  }

  /** Until nothing is due any more. */
  async run(): Promise<void> {
    for (let due = this.#next(); due !== undefined; due = this.#next()) {
      this.now = due.time;
      const going = due.work();
      if (going instanceof Promise) await going;
    }
  }

  #next(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isFirst(heap[below + 1] as Due, heap[below] as Due))
        below += 1;
      if (isFirst(last, heap[below] as Due)) break;
      heap[place] = heap[below] as Due;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

const isFirst = (a: Due, b: Due): boolean =>
  a.time < b.time || (a.time === b.time && a.turn < b.turn);

/** All that follows from a promise without a timer or a file has followed when an immediate comes. */
export const untilAllWait = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
