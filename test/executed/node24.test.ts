import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Assembly } from '../../local/assembly/assembly.ts';
import { LocalFunctions } from '../../local/lambda/functions.ts';
import { bundle, NODES, runHandler } from '../support/handlers.ts';
import { aDirectory, removeDirectories } from '../support/local-stack.ts';

afterAll(removeDirectories);

/** `npm run node24` passes over a platform that it has nothing for, and everything would go on with another Node.js. */
const demanded = Boolean(process.env.CI) || process.versions.node.startsWith('24.');
const REMEDY = 'install it with npm run node24';

test('each handler run says itself which Node.js ran it', async () => {
  const { file, remove } = await bundle('invalidate');
  try {
    const run = await runHandler(file, {}, { env: {}, node: process.execPath });
    expect(run.node).toBe(process.version);
  } finally {
    await remove();
  }
});

test.runIf(demanded)("in CI the bundles run on the Lambda runtime's Node.js", async () => {
  const { file, remove } = await bundle('invalidate');
  try {
    const runs = await Promise.all(NODES.map((node) => runHandler(file, {}, { env: {}, node })));
    // The first is what the tests take where they do not choose.
    expect(runs[0]?.node, REMEDY).toMatch(/^v24\./);
    expect(runs.map(({ node }) => node)).toContain(process.version);
  } finally {
    await remove();
  }
});

test.runIf(demanded)('in CI the local run invokes functions with it as well', async () => {
  const code = await aDirectory('function');
  await mkdir(join(code, 'F'));
  await writeFile(
    join(code, 'F', 'index.js'),
    'exports.handler = async () => console.log(process.version);\n',
  );
  const logDirectory = await aDirectory('logs');
  const resource = {
    logicalId: 'F',
    type: 'AWS::Lambda::Function',
    ref: 'F',
    attributes: {},
    properties: { Code: { S3Key: 'F' }, Handler: 'index.handler', Runtime: 'nodejs24.x' },
  };
  const functions = new LocalFunctions({
    assembly: {
      ofType: (type: string) => (type === resource.type ? [resource] : []),
      assetFolder: (name: string) => join(code, name),
    } as unknown as Assembly,
    environment: () => ({}),
    logDirectory,
  });
  await functions.invoke('F', {});
  expect(readFileSync(join(logDirectory, 'F.log'), 'utf8'), REMEDY).toMatch(/^v24\./m);
});
