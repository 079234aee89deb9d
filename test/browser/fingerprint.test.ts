import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalStack } from '../../local/stack.ts';
import { CHROMIUM, demandBrowserInCI, launchBrowser } from '../support/browser.ts';
import { aLocalStack, anAssembly, Clone, removeDirectories } from '../support/local-stack.ts';

demandBrowserInCI();

/** No name has a hash, and every file says which release it is of. */
const site = (release: string): Record<string, string> => ({
  'index.html': `<!doctype html><title>${release}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="site.css"><script type="module" src="app.js"></script><button>more</button><output></output>`,
  'site.css': `@import "more.css"; :root { --release: ${release} }`,
  'more.css': `:root { --more: ${release} }`,
  'app.js': `import { state } from './state.js';
    state.opened = '${release}';
    document.querySelector('button').onclick = async () => {
      const { say } = await import('./later.js');
      document.querySelector('output').textContent = say();
    };`,
  'later.js': `import { state } from './state.js'; import { name } from './name.js';
    export const say = () => \`\${name} and ${release}, opened with \${state.opened}\`;`,
  'name.js': `export const name = '${release}';`,
  'state.js': 'export const state = {};',
});

describe.runIf(CHROMIUM)('a site without hashed names, with copies, in a browser', () => {
  let stack: LocalStack;
  let clone: Clone;
  let browser: Browser;

  async function publish(files: Record<string, string>): Promise<void> {
    for (const [path, content] of Object.entries(files)) await clone.write(path, content);
    await clone.commit(files['name.js'] ?? 'more');
    expect(await clone.push()).toMatch(/^published /m);
  }

  beforeAll(async () => {
    const assembly = await anAssembly({ name: 'a-site', fingerprint: true });
    ({ stack } = await aLocalStack(assembly));
    clone = await Clone.of(stack);
    await publish(site('one'));
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
    await removeDirectories();
  });

  test('a tab that was opened on one release gets that release’s modules after the next is live', async () => {
    const tab = await browser.newPage();
    const complaints: string[] = [];
    tab.on('console', (message) => complaints.push(message.text()));
    tab.on('pageerror', (error) => complaints.push(error.message));
    const ask = async () => {
      await tab.locator('button').click();
      await expect.poll(() => tab.locator('output').innerText()).not.toBe('');
      const styles = await tab.evaluate<string>(
        "['--release', '--more'].map((name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()).join()",
      );
      return `${await tab.title()}; ${styles}; ${await tab.locator('output').innerText()}`;
    };

    await tab.goto(stack.siteUrl, { waitUntil: 'networkidle' });
    await publish(site('two'));
    expect(await ask()).toBe('one; one,one; one and one, opened with one');
    await tab.reload({ waitUntil: 'networkidle' });
    expect(await ask()).toBe('two; two,two; two and two, opened with two');
    expect(complaints).toEqual([]);
  });
});
