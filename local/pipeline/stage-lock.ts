/**
 * Lets one execution at a time into a stage. In SUPERSEDED mode only the newest waits; whoever
 * waited before it does not run any more. In QUEUED mode all wait in the order they came.
 * (CodePipeline user guide, "How pipeline executions work".)
 */
export class StageLock {
  readonly #mode: 'SUPERSEDED' | 'QUEUED';
  readonly #isOpen: () => boolean;
  #holder: string | undefined;
  #waiting: Waiting[] = [];

  /** @param isOpen whether an entry condition lets anybody in; call `admit` when that may have changed */
  constructor(mode: 'SUPERSEDED' | 'QUEUED', isOpen = () => true) {
    this.#mode = mode;
    this.#isOpen = isOpen;
  }

  /** Who is in the stage. */
  get holder(): string | undefined {
    return this.#holder;
  }

  /**
   * Resolves when the execution is in the stage (`undefined`), or with the id of the execution
   * that superseded it. Rejects with the signal's reason.
   */
  enter(id: string, signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#mode === 'SUPERSEDED') {
      for (const older of this.#waiting) older.settle(id);
      this.#waiting = [];
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        id,
        settle: (supersededBy) => {
          signal.removeEventListener('abort', onAbort);
          resolve(supersededBy);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiting);
      this.admit();
    });
  }

  leave(): void {
    this.#holder = undefined;
    this.admit();
  }

  /** Lets in whoever is next, if the stage is free and open. */
  admit(): void {
    if (this.#holder !== undefined || !this.#isOpen()) return;
    const next = this.#waiting.shift();
    this.#holder = next?.id;
    next?.settle(undefined);
  }
}

interface Waiting {
  readonly id: string;
  settle(supersededBy: string | undefined): void;
}
