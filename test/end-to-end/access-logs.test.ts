import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { App } from 'aws-cdk-lib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  removeDirectories,
} from '../support/local-stack.ts';
import { aStack } from '../support/synth.ts';

afterAll(removeDirectories);

const CONFIG = {
  name: 'a-site',
  build: { kind: 'folder', directory: 'public' },
  immutable: ['assets/*'],
} as const;

let assembly: string;
beforeAll(async () => {
  assembly = await anAssembly({ ...CONFIG, accessLogs: {} });
});

test('every request is a line with the fields of the template and the release that was live', async () => {
  const state = await aDirectory('state');
  const { stack } = await aLocalStack(assembly, { state });
  try {
    const get = (path: string) =>
      fetch(`${stack.siteUrl}${path}`, { headers: { 'user-agent': 'A person' } });
    const before = await get('/');
    expect(before.status).toBe(503);

    const clone = await Clone.of(stack);
    await clone.write('public/index.html', 'one');
    await clone.write('public/assets/a-1234.js', 'export {};');
    await clone.commit('One');
    expect(await clone.push(stack.branch)).toMatch(/^published /m);
    const one = await stack.liveRelease();
    await get('/?q=secret');
    await get('/');
    await get('/assets/a-1234.js');
    await get('/no-such-page');

    await clone.write('public/index.html', 'two');
    await clone.commit('Two');
    expect(await clone.push(stack.branch)).toMatch(/^published /m);
    const two = await stack.liveRelease();
    expect(two).not.toBe(one);
    await get('/');
    await get('/no-such-page');

    const file = join(state, 'logs', 'access.log');
    // Promote asks the site as well, by another name.
    const lines = (): Record<string, string>[] =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.includes('A%20person'))
        .map((line) => JSON.parse(line));
    await expect.poll(() => lines().length).toBe(7);

    const [delivery] = stack.assembly.ofType('AWS::Logs::Delivery');
    const fields = Object.values<string>(delivery?.properties.RecordFields);
    expect(fields).not.toContain('c-ip');
    for (const line of lines()) expect(Object.keys(line)).toEqual(fields);

    expect(
      lines().map((line) =>
        [
          'cs-uri-stem',
          'sc-status',
          'x-edge-result-type',
          'cache-behavior-path-pattern',
          'viewer-request-log-data',
        ].map((field) => line[field]),
      ),
    ).toEqual([
      ['/', '503', 'FunctionGeneratedResponse', '*', '-'],
      ['/', '200', 'Miss', '*', one],
      ['/', '200', 'Hit', '*', one],
      ['/assets/a-1234.js', '200', 'Miss', '/assets/*', '-'],
      ['/no-such-page', '404', 'Error', '*', one],
      ['/', '200', 'Miss', '*', two],
      ['/no-such-page', '404', 'Error', '*', two],
    ]);
    expect(lines()[0]).toMatchObject({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      time: expect.stringMatching(/^\d\d:\d\d:\d\d$/),
      'time-taken': expect.stringMatching(/^\d+\.\d{3}$/),
      'cs-method': 'GET',
      'x-host-header': new URL(stack.siteUrl).host,
      'x-edge-request-id': before.headers.get('x-amz-cf-id'),
      'c-country': '-',
    });
    const body = (await before.text()).length;
    expect(Number(lines()[0]?.['sc-bytes'])).toBeGreaterThan(body);
    expect(readFileSync(file, 'utf8')).not.toContain('secret');
  } finally {
    await stack.stop();
  }
}, 120_000);

test('without the option nothing is written down', async () => {
  const state = await aDirectory('state');
  // Its functions are never called, so they need no bundles.
  const { directory } = (aStack(CONFIG).node.root as App).synth();
  const { stack } = await aLocalStack(directory, { state });
  try {
    expect((await fetch(stack.siteUrl)).status).toBe(503);
    expect(existsSync(join(state, 'logs'))).toBe(true);
    expect(existsSync(join(state, 'logs', 'access.log'))).toBe(false);
  } finally {
    await stack.stop();
  }
});
