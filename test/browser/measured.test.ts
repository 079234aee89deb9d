import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrowserVisitor } from '../../proof/measured/browser-visitor.ts';
import { HttpVisitor } from '../../proof/measured/http-visitor.ts';
import { type Measured, measure } from '../../proof/measured/measure.ts';
import { ours } from '../../proof/measured/ours.ts';
import { recipe } from '../../proof/measured/recipe.ts';
import { siteOf } from '../../proof/measured/site.ts';
import { Tally } from '../../proof/measured/tally.ts';
import type { Way } from '../../proof/measured/way.ts';
import { CHROMIUM, demandBrowserInCI, launchBrowser } from '../support/browser.ts';
import { serve } from '../support/handlers.ts';
import { removeDirectories } from '../support/local-stack.ts';

demandBrowserInCI();

let browser: Browser | undefined;

/** One release after the first, as `npm run proof:measured` does twenty; and the start page that it has in the end. */
async function measured(
  starting: Promise<Way>,
  hashed: boolean,
): Promise<Measured & { readonly page: string }> {
  const way = await starting;
  try {
    const options = { hashed, pages: 8, releases: 1, clients: 6, roundTrip: 20 };
    const all = await measure(way, { ...options, pause: 20, rest: 300 }, browser);
    return { ...all, page: await (await fetch(way.siteUrl)).text() };
  } finally {
    await way.stop();
  }
}

beforeAll(async () => {
  if (CHROMIUM) browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await removeDirectories();
});

test('copying over the live site mixes pages, and both kinds of visitors see it: the measure is no blind one', async () => {
  const { http, browser: inBrowser } = await measured(
    recipe({ putLatency: 400, invalidation: 500 }),
    false,
  );
  expect(http.mixed).toBeGreaterThan(0);
  expect(http.seen).toBe(2);
  if (!browser) return;
  expect(inBrowser.mixed).toBeGreaterThan(0);
});

test('a release of this stack goes live under the same load without a page that mixes, lacks something or is old', async () => {
  const { http, browser: inBrowser } = await measured(ours({ hashed: true, edgeDelay: 300 }), true);
  expect(http).toMatchObject({ mixed: 0, failed: 0, stale: 0 });
  // Both releases were visited, or the visitors have not seen the flip.
  expect(http.seen).toBe(2);
  expect(inBrowser).toMatchObject({ mixed: 0, failed: 0, stale: 0 });
  if (!browser) return;
  expect(inBrowser.seen).toBe(2);
});

test.each(['style.css', 'app.js', 'chunk.js', 'data.json'])(
  'a page load without %s has failed, and is not mixed',
  async (missing) => {
    const files = siteOf(3, { pages: 0, hashed: false });
    const { url: siteUrl, close } = await serve(async ({ url = '/' }, response) => {
      const path = url === '/' ? 'index.html' : url.slice(1);
      const content = path.endsWith(missing) ? undefined : files.get(path);
      const type = { css: 'text/css', js: 'text/javascript', json: 'application/json' };
      const extension = path.split('.').at(-1) as keyof typeof type;
      response.setHeader('Content-Type', type[extension] ?? 'text/html');
      response.writeHead(content === undefined ? 403 : 200).end(content);
    });
    const settings = { siteUrl, roundTrip: 0, cache: false };
    const visitors = [
      new HttpVisitor(settings),
      ...(browser ? [await BrowserVisitor.of(browser, settings)] : []),
    ];
    try {
      for (const visitor of visitors) {
        const tally = new Tally();
        tally.note(await visitor.load('/', 3));
        expect(tally).toMatchObject({ loads: 1, mixed: 0, failed: 1, stale: 0 });
      }
    } finally {
      await Promise.all(visitors.map((visitor) => visitor.close()));
      await close();
    }
  },
);

test('with fixed names and fingerprint: true no page mixes but by what its scripts fetch', async () => {
  const {
    page,
    http,
    browser: inBrowser,
  } = await measured(ours({ hashed: false, fingerprint: true, edgeDelay: 300 }), false);
  expect(page).toMatch(/"\/assets\/app\.pinned-\w+\.js"/);
  const none = { mixedWithoutFetched: 0, failed: 0, stale: 0 };
  expect(http).toMatchObject(none);
  expect(http.seen).toBe(2);
  expect(inBrowser).toMatchObject(none);
});
