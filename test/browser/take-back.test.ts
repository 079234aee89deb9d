import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalStack } from '../../local/stack.ts';
import { CHROMIUM, demandBrowserInCI, launchBrowser } from '../support/browser.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';
import { releases } from '../support/releases.ts';

/** Loads its second script when somebody presses the button, as a site with routes does. */
const siteOf = (name: string) => ({
  'pages/index.html': `<!doctype html><title>${name}</title><link rel="icon" href="/assets/icon.svg"><button>More</button><output></output><script type="module" src="/assets/app-${name}.js"></script>\n`,
  [`pages/assets/app-${name}.js`]: `document.querySelector('button').onclick = async () => { document.querySelector('output').textContent = (await import('/assets/lazy-${name}.js')).text; };\n`,
  [`pages/assets/lazy-${name}.js`]: `export const text = 'chunk of ${name}';\n`,
  'pages/assets/icon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>\n',
});

demandBrowserInCI();

describe.runIf(CHROMIUM)('tabs that stay open', () => {
  let stack: LocalStack;
  let clone: Clone;
  let browser: Browser;
  let state: string;
  const complaints: string[] = [];

  /** Replaces the site by that of another release, scripts and all. */
  async function publish(name: string): Promise<string> {
    await clone.shell('rm -rf pages');
    for (const [path, content] of Object.entries(siteOf(name))) await clone.write(path, content);
    await clone.commit(name);
    expect(await clone.push()).toMatch(/^published /m);
    return (await stack.liveRelease()) as string;
  }

  /** A tab with a cache of its own. */
  async function open(): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    page.on('pageerror', ({ message }) => complaints.push(message));
    await page.goto(stack.siteUrl, { waitUntil: 'networkidle' });
    return page;
  }

  let a: string;
  let [tabOnA, tabOnB, tabOnC] = [] as unknown as [Page, Page, Page];

  /** What a tab shows once its button was pressed and its chunk came, if it came. */
  async function press(tab: Page): Promise<string> {
    await tab.getByRole('button').click();
    await tab.waitForLoadState('networkidle');
    return tab.locator('output').innerText();
  }

  beforeAll(async () => {
    const assembly = await anAssembly({
      name: 'a-site',
      build: { kind: 'folder', directory: 'pages' },
      immutable: ['assets/*'],
      retention: { newest: 1, days: 0 },
    });
    state = await aDirectory('state');
    ({ stack } = await aLocalStack(assembly, { state }));
    clone = await Clone.of(stack);
    browser = await launchBrowser();
    a = await publish('a');
    tabOnA = await open();
    expect((await releases(state, 'a-site', 'pin', a)).status).toBe(0);
    await publish('b');
    tabOnB = await open();
    await publish('c');
    tabOnC = await open();
    await publish('d');
    // Keeps the pinned one, the one before the live one, and the live one.
    await stack.runSchedules();
  });

  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
    await removeDirectories();
  });

  test('load their chunks after the clean-up, on the oldest release that is kept too', async () => {
    await expect.poll(() => press(tabOnA)).toBe('chunk of a');
    await expect.poll(() => press(tabOnC)).toBe('chunk of c');
    expect(complaints).toEqual([]);
  });

  test('do so for as long as their release is kept, and no longer', async () => {
    await press(tabOnB);
    await expect.poll(() => complaints.join()).toContain('lazy-b.js');
    expect(await tabOnB.locator('output').innerText()).toBe('');
  });

  test('get all of a pinned release once somebody goes back to it', async () => {
    expect((await releases(state, 'a-site', 'rollback', a, '--yes')).status).toBe(0);
    await tabOnC.reload({ waitUntil: 'networkidle' });
    expect(await tabOnC.title()).toBe('a');
    await expect.poll(() => press(tabOnC)).toBe('chunk of a');
  });
});
