import type { Page, PageStore } from '../../lambda/shared/page-store.ts';
import type { LedgerEntry } from '../../lib/release/contract.ts';

/** Pages with a version each, as S3 has them with their ETags. */
export class LedgerFake implements PageStore {
  readonly pages = new Map<string, Page>();
  writes = 0;
  beforeRead = (_id: string): void => {};
  beforeWrite = (_id: string): void => {};
  afterWrite = (_id: string): void => {};
  schedule = async (_label: string): Promise<unknown> => undefined;

  /** As if somebody else did it. */
  put(id: string, text: string): void {
    this.writes += 1;
    this.pages.set(id, { text, version: `"${this.writes}"` });
  }

  entry(id: string): LedgerEntry {
    return JSON.parse(this.pages.get(id)?.text ?? 'null');
  }

  /** `live`, `failed: why`, … */
  states(id: string): string[] {
    return (this.entry(id)?.states ?? []).map(({ state, note }) =>
      note === undefined ? state : `${state}: ${note}`,
    );
  }

  async read(id: string): Promise<Page | undefined> {
    await this.schedule(`read ${id}`);
    this.beforeRead(id);
    return this.pages.get(id);
  }

  async write(id: string, text: string, version: string | undefined) {
    await this.schedule(`write ${id}`);
    this.beforeWrite(id);
    if (this.pages.get(id)?.version !== version) return undefined;
    this.put(id, text);
    this.afterWrite(id);
    return this.pages.get(id)?.version;
  }
}
