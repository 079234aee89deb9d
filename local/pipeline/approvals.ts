import { randomUUID } from 'node:crypto';

/** An approval action that waits for somebody. */
export interface PendingApproval {
  readonly executionId: string;
  readonly stage: string;
  readonly action: string;
  /** Names this request and no other one of the same action. */
  readonly token: string;
}

export interface Decision {
  readonly status: 'Approved' | 'Rejected';
  /** What whoever decided has to say; may be empty. */
  readonly summary: string;
  readonly by: string;
}

/** The approval actions that wait, and who decides on them. */
export class Approvals {
  readonly #open = new Map<string, PendingApproval & { decide(decision: Decision): void }>();

  /** Asks for a decision. Whoever asked has to call `close` when nobody waits for it any more. */
  ask(place: Omit<PendingApproval, 'token'>): {
    readonly token: string;
    readonly decision: Promise<Decision>;
    close(): void;
  } {
    const token = randomUUID();
    let decide = (_: Decision): void => {};
    const decision = new Promise<Decision>((resolve) => {
      decide = resolve;
    });
    this.#open.set(token, { ...place, token, decide });
    return { token, decision, close: () => this.#open.delete(token) };
  }

  pending(): readonly PendingApproval[] {
    return [...this.#open.values()];
  }

  /** Returns whether anybody waits for it: the first decision counts. */
  decide(token: string, decision: Decision): boolean {
    const open = this.#open.get(token);
    this.#open.delete(token);
    open?.decide(decision);
    return open !== undefined;
  }
}
