/** A way to publish a static site, up and running on this machine. */
export interface Way {
  /** `http://127.0.0.1:8080` */
  readonly siteUrl: string;
  /**
   * Makes these files the site. Resolves when whoever published would be told that it is done.
   *
   * @throws Error where it was not published
   */
  publish(files: ReadonlyMap<string, string>): Promise<void>;
  stop(): Promise<void>;
}
