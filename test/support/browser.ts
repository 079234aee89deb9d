import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { expect, test } from 'vitest';

/** Where a Chromium is, if there is one. */
export const CHROMIUM = [
  process.env.CHROMIUM_PATH ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path));

/** For each file whose tests need one: in CI a missing browser is a failure, not a reason to look away. */
export function demandBrowserInCI(): void {
  if (CHROMIUM) return;
  test.runIf(process.env.CI)('a Chromium is there for the browser tests', () => {
    expect(CHROMIUM, 'install chromium, or name one in CHROMIUM_PATH').toBeDefined();
  });
}

/** Without a window, and quiet on the network. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM as string,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
