import { pointerText } from '../../lambda/shared/pointer.ts';
import type { Changes, PointerStore } from '../../lambda/shared/store.ts';
import type { Pointer } from '../../lib/release/contract.ts';
import { anAwsError } from './job.ts';

export const A = '20261123T060000Z-aaaaaaa';
export const B = '20261123T061500Z-bbbbbbb';
export const C = '20261123T063000Z-ccccccc';

export const pointerTo = (id: string): Pointer => ({ id, base: id, delta: '' });
export const textOf = (id: string): string => pointerText(pointerTo(id));

/** A key-value store with one version for all of it, as the real one. */
export class PointerStoreFake implements PointerStore {
  reads = 0;
  writes = 0;
  conflict: Error = anAwsError('ConflictException', 409);
  beforePut = (): void => {};
  afterPut = (): void => {};
  schedule = async (_label: string): Promise<unknown> => undefined;
  #version = 1;
  readonly #values: Map<string, string>;

  constructor(values: Record<string, string> = {}) {
    this.#values = new Map(Object.entries(values));
  }

  contents(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }

  /** As if somebody else did it. */
  write(values: Record<string, string | undefined>): void {
    this.#version += 1;
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
  }

  async version(): Promise<string> {
    await this.schedule('version');
    this.reads += 1;
    return `v${this.#version}`;
  }

  async get(key: string): Promise<string | undefined> {
    await this.schedule('get');
    return this.#values.get(key);
  }

  async keys(prefix: string): Promise<readonly string[]> {
    await this.schedule('keys');
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix));
  }

  async put(values: Changes, version: string): Promise<void> {
    await this.schedule('put');
    this.beforePut();
    if (version !== `v${this.#version}`) throw this.conflict;
    this.writes += 1;
    this.write(Object.fromEntries(values));
    this.afterPut();
  }
}
