/**
 * Small texts under a release's id, each with a version, so that nobody overwrites what they have not
 * read: the ledger, and the records of the releases.
 */
export interface PageStore {
  /** The page of a release with its version; nothing if it has none. */
  read(id: string, signal: AbortSignal): Promise<Page | undefined>;
  /**
   * Writes the page of a release, if it is still at that version; without one, if there is no page yet.
   *
   * @returns its new version; nothing if somebody else has written it, and then nothing was done.
   */
  write(
    id: string,
    text: string,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined>;
}

export interface Page {
  readonly text: string;
  readonly version: string;
}
