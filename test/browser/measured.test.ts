import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Measured, measure } from '../../proof/measured/measure.ts';
import { ours } from '../../proof/measured/ours.ts';
import { recipe } from '../../proof/measured/recipe.ts';
import type { Way } from '../../proof/measured/way.ts';
import { CHROMIUM, demandBrowserInCI, launchBrowser } from '../support/browser.ts';
import { removeDirectories } from '../support/local-stack.ts';

demandBrowserInCI();

let browser: Browser | undefined;

/** One release after the first, as `npm run proof:measured` does twenty. */
async function measured(starting: Promise<Way>, hashed: boolean): Promise<Measured> {
  const way = await starting;
  try {
    const options = { hashed, pages: 8, releases: 1, clients: 6, roundTrip: 20 };
    return await measure(way, { ...options, pause: 20, rest: 300 }, browser);
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

test('with fixed names and fingerprint: true no page mixes but by what its scripts fetch', async () => {
  const { http, browser: inBrowser } = await measured(
    ours({ hashed: false, fingerprint: true, edgeDelay: 300 }),
    false,
  );
  const none = { mixedWithoutFetched: 0, failed: 0, stale: 0 };
  expect(http).toMatchObject(none);
  expect(http.seen).toBe(2);
  expect(inBrowser).toMatchObject(none);
});
