import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalStack } from '../../local/stack.ts';
import { synthesize } from '../../local/synth.ts';
import { CHROMIUM, demandBrowserInCI, launchBrowser } from '../support/browser.ts';
import { aDirectory, aLocalStack, Clone, removeDirectories } from '../support/local-stack.ts';
import { hasSampleSite } from '../support/sample-site.ts';

demandBrowserInCI();

describe.runIf(CHROMIUM && hasSampleSite)('the sample site in a browser', () => {
  let stack: LocalStack;
  let clone: Clone;
  let browser: Browser;
  let complaints: string[];

  /** A page whose every complaint is kept: console errors, CSP violations, failed requests. */
  async function open(path: string, viewport = { width: 1280, height: 800 }): Promise<Page> {
    const page = await browser.newPage({ viewport });
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()))
        complaints.push(`${path}: ${message.text()}`);
    });
    page.on('pageerror', (error) => complaints.push(`${path}: ${error.message}`));
    page.on('requestfailed', (request) => complaints.push(`${path}: failed: ${request.url()}`));
    await page.goto(`${stack.siteUrl}${path}`, { waitUntil: 'networkidle' });
    return page;
  }

  beforeAll(async () => {
    const assembly = await aDirectory('assembly');
    await synthesize(assembly);
    ({ stack } = await aLocalStack(assembly));
    clone = await Clone.of(stack);
    await clone.addSampleSite();
    await clone.commit('First release');
    expect(await clone.push()).toMatch(/^published /m);
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
    await removeDirectories();
  });

  test.each([
    ['a desktop', { width: 1280, height: 800 }],
    ['a phone', { width: 360, height: 740 }],
  ])(
    'every page renders on %s without a complaint and without scrolling sideways',
    async (_, viewport) => {
      complaints = [];
      for (const path of ['/', '/about/', '/guide/', '/guide/first-release/', '/guide/roll-out/']) {
        const page = await open(path, viewport);
        expect(await page.locator('h1').count(), path).toBe(1);
        const sizes = await page.evaluate<[number, number]>(
          '[document.documentElement.scrollWidth, window.innerWidth]',
        );
        expect(sizes[0], path).toBeLessThanOrEqual(sizes[1]);
        const images = await page.evaluate<boolean>(
          '[...document.images].every((image) => image.complete && image.naturalWidth > 0)',
        );
        expect(images, path).toBe(true);
        await page.close();
      }
      expect(complaints).toEqual([]);
    },
  );

  test('the policy is really in force: an inline script does not run', async () => {
    complaints = [];
    const page = await open('/');
    await page.evaluate(
      "document.body.appendChild(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))",
    );
    expect(await page.evaluate('window.ran')).toBeUndefined();
    expect(complaints.join()).toContain('Content Security Policy');
    await page.close();
  });

  test('a missing page shows the 404 page of the site, at any depth, with status 404', async () => {
    for (const path of ['/nothing', '/guide/nothing/at/all']) {
      complaints = [];
      const page = await open(path);
      expect((await fetch(`${stack.siteUrl}${path}`)).status).toBe(404);
      // The browser itself says of the document that it was a 404, and there is nothing else to say.
      expect(complaints.filter((text) => !text.includes('status of 404'))).toEqual([]);
      expect(await page.locator('main').innerText()).toContain('404');
      // Its styles came too, although the address is elsewhere.
      expect(await page.evaluate('document.styleSheets.length')).toBeGreaterThan(0);
      await page.close();
    }
  });

  test('a tab that was opened on one release still loads its lazy chunk after the next is live', async () => {
    complaints = [];
    const tab = await open('/');
    const first = await tab.locator('meta[name=build]').getAttribute('content');
    const lazy = /release-info-\w+\.js/;
    const requested: string[] = [];
    tab.on('response', (answer) => {
      if (lazy.test(answer.url()))
        requested.push(`${answer.status()} ${lazy.exec(answer.url())?.[0]}`);
    });

    // The chunk gets another name, so the old one is in no page of the new release any more.
    await clone.edit(
      'site/src/release-info.ts',
      (code) => `${code}\nconsole.debug('second release');\n`,
    );
    await clone.commit('Second release');
    expect(await clone.push()).toMatch(/^published /m);

    await tab.getByTestId('release-button').click();
    await expect
      .poll(() => tab.getByTestId('release-output').innerText())
      .toContain(await stack.liveRelease());
    expect(requested).toHaveLength(1);
    expect(requested[0]).toMatch(/^200 /);

    await tab.reload({ waitUntil: 'networkidle' });
    expect(await tab.locator('meta[name=build]').getAttribute('content')).not.toBe(first);
    await tab.getByTestId('release-button').click();
    await expect.poll(() => requested.length).toBe(2);
    expect(requested[1]).toMatch(/^200 /);
    expect(requested[1]).not.toBe(requested[0]);
    expect(complaints).toEqual([]);
    await tab.close();
  });
});
