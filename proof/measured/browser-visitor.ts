import type { Browser, Page } from 'playwright-core';
import type { VisitorOptions } from './http-visitor.ts';
import type { PageLoad } from './tally.ts';

/** Loads pages in a tab of a real browser, and asks each page what it is made of. */
export class BrowserVisitor {
  readonly #failed: string[] = [];

  private constructor(
    private readonly page: Page,
    private readonly siteUrl: string,
  ) {
    const note = (url: string, reason: string) => {
      // The icon, which a browser asks for by itself, is in no release.
      if (!url.endsWith('/favicon.ico')) this.#failed.push(`${url}: ${reason}`);
    };
    page.on('requestfailed', (request) => note(request.url(), `${request.failure()?.errorText}`));
    page.on('response', (response) => {
      if (response.status() >= 400) note(response.url(), `status ${response.status()}`);
    });
  }

  static async of(
    browser: Browser,
    { siteUrl, cache, roundTrip }: VisitorOptions,
  ): Promise<BrowserVisitor> {
    const context = await browser.newContext();
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: !cache });
    await session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: roundTrip,
      downloadThroughput: -1,
      uploadThroughput: -1,
    });
    return new BrowserVisitor(page, siteUrl);
  }

  async load(address: string, green: number): Promise<PageLoad> {
    this.#failed.length = 0;
    const status = await this.page
      .goto(`${this.siteUrl}${address}`, { waitUntil: 'load' })
      .then((answer) => answer?.status(), String);
    if (status !== 200 && status !== 304) {
      return {
        green,
        page: undefined,
        releases: [],
        fetched: [],
        failed: [`${address}: ${status}`],
      };
    }
    const page = Number(await this.page.evaluate('document.documentElement.dataset.release'));
    // Without its script a page cannot tell.
    const stamps = await this.page
      .evaluate<number[] | undefined>('window.stamps')
      .catch(() => undefined);
    const failed = [...this.#failed];
    if (stamps === undefined && failed.length === 0) failed.push('a script that ended early');
    const [named, fetched] = stamps ? [stamps.slice(0, -1), stamps.slice(-1)] : [[page], []];
    return { green, page, releases: named, fetched, failed };
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
