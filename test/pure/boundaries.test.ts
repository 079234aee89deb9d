import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { globSync } from 'tinyglobby';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['bin', 'lib', 'lambda', 'local', 'bench', 'proof'];

/** Every file of ours with the files of ours that it imports. */
let imports: Map<string, string[]>;

beforeAll(async () => {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: globSync(`{${FOLDERS.join()}}/**/*.{ts,mjs,cjs}`, { cwd: ROOT }),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    outdir: 'out',
    logLevel: 'silent',
  });
  imports = new Map(
    Object.entries(metafile.inputs).map(([file, input]) => [
      file,
      input.imports.filter(({ external }) => !external).map(({ path }) => path),
    ]),
  );
});

/** Imports that lead from one of these files to none of those. */
const strays = (from: RegExp, allowed: RegExp): string[] =>
  [...imports]
    .filter(([file]) => from.test(file))
    .flatMap(([file, targets]) =>
      targets.filter((target) => !allowed.test(target)).map((target) => `${file} → ${target}`),
    );

describe('dependencies point one way', () => {
  test.each<[string, RegExp, RegExp]>([
    ['the contract imports nothing', /^lib\/release\/(contract|addresses|redirects)\.ts$/, /^$/],
    ['the stack knows no handler and no local run', /^lib\//, /^lib\//],
    [
      'handlers know each other and the contract',
      /^lambda\//,
      /^(lambda\/|lib\/release\/(contract|addresses|redirects)\.ts$)/,
    ],
    [
      "the operator's command runs the handlers' code and knows nothing of the local run",
      /^bin\/releases/,
      /^(bin\/releases\/|lambda\/|lib\/(config|release\/contract)\.ts$|site\.config\.ts$)/,
    ],
    ['the local run reads the cloud assembly, not the code behind it', /^local\//, /^local\//],
    [
      'the simulator runs what ships and the rules of the local edge',
      /^proof\/simulated\//,
      /^(proof\/|lambda\/|lib\/(hosting\/edge\/code|release\/contract)\.ts$|local\/edge\/|bench\/(prices|random)\.ts$)/,
    ],
  ])('%s', (_, from, allowed) => {
    expect([...imports.keys()].some((file) => from.test(file))).toBe(true);
    expect(strays(from, allowed)).toEqual([]);
  });

  test('the check sees imports: the stack does use the contract', () => {
    expect(strays(/^lib\/release\/upload\.ts$/, /^$/)).toContain(
      'lib/release/upload.ts → lib/release/contract.ts',
    );
  });
});
