import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { hasSampleSite } from '../support/sample-site.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test.runIf(hasSampleSite)('the types of the sample site check, with its own settings', () => {
  const { status, stdout } = spawnSync('npx', ['tsc', '--noEmit', '-p', 'site'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(status, stdout).toBe(0);
});
