import type { Caller } from './callers.ts';

/**
 * The access keys that the local services know. Only the key's id counts: signatures are not
 * verified, because whoever can reach the loopback interface can read the secrets as well.
 */
export class Credentials {
  readonly #callers = new Map<string, Caller>();

  /** @param caller - or the name of a user */
  register(accessKeyId: string, caller: Caller | string): void {
    this.#callers.set(accessKeyId, typeof caller === 'string' ? { user: caller } : caller);
  }

  callerOf(accessKeyId: string): Caller | undefined {
    return this.#callers.get(accessKeyId);
  }
}
