/** Time that passes only when nobody has anything to do, and then as far as the next event. */
export class VirtualTime {
  /** In milliseconds since 1970. */
  now: number;
  readonly #agenda: Event[] = [];
  #number = 0;

  constructor(now: number) {
    this.now = now;
  }

  /** @returns what takes it off the agenda again. */
  after(ms: number, act: () => unknown, label = ''): () => void {
    const event: Event = {
      at: this.now + Math.max(0, ms),
      label,
      number: this.#number++,
      act,
    };
    this.#agenda.push(event);
    return () => {
      const place = this.#agenda.indexOf(event);
      if (place >= 0) this.#agenda.splice(place, 1);
    };
  }

  /** A signal that aborts by this time. */
  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.after(ms, () =>
      controller.abort(new DOMException('The operation timed out', 'TimeoutError')),
    );
    return controller.signal;
  }

  /**
   * Lets the next event happen. Of those at the same time the one whose label comes first: what is sent together is
   * sent in any order.
   *
   * @returns whether there was one.
   */
  async next(): Promise<boolean> {
    const [first] = this.#agenda.sort(
      (a, b) =>
        a.at - b.at || (a.label < b.label ? -1 : a.label > b.label ? 1 : a.number - b.number),
    );
    if (first === undefined) return false;
    this.#agenda.shift();
    this.now = Math.max(this.now, first.at);
    await first.act();
    return true;
  }
}

interface Event {
  readonly at: number;
  readonly label: string;
  readonly number: number;
  readonly act: () => unknown;
}

/** Timeouts that the functions' code makes go by that time while the work runs, and nothing is left to chance. */
export async function inTime<T>(time: VirtualTime, work: () => Promise<T>): Promise<T> {
  const { timeout } = AbortSignal;
  const { random } = Math;
  AbortSignal.timeout = (ms) => time.timeout(ms);
  Math.random = () => 0.5;
  try {
    return await work();
  } finally {
    AbortSignal.timeout = timeout;
    Math.random = random;
  }
}
