import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly inBundle?: boolean;
}
interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const PROJECTS = ['.', 'site', 'local/lambda/node24'];

describe.each(PROJECTS)('the packages of %s', (folder) => {
  const { packages } = JSON.parse(read(`${folder}/package-lock.json`)) as {
    packages: Readonly<Record<string, Locked>>;
  };
  // What is bundled within another package is covered by that one's hash.
  const locked = Object.entries(packages).filter(
    ([path, { inBundle }]) => path !== '' && !inBundle,
  );

  // None says where it comes from, so that a mirror will do: the hash is what counts.
  test('come from a registry of npm’s kind, each with the hash that it has to have', () => {
    expect(locked.length).toBeGreaterThan(0);
    expect(
      locked.filter(
        ([, { resolved = '', integrity = '' }]) =>
          !/^$|^https:\/\/registry\.npmjs\.org\//.test(resolved) ||
          !integrity.startsWith('sha512-'),
      ),
    ).toEqual([]);
  });

  test('are asked for in one version, not in a range', () => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Manifest;
    const wanted = {
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    };
    expect(Object.entries(wanted).filter(([, range]) => !/^\d+\.\d+\.\d+$/.test(range))).toEqual(
      [],
    );
  });

  test('run nothing while they are installed, and nothing of the project does either', () => {
    expect(read(`${folder}/.npmrc`)).toMatch(/^ignore-scripts=true$/m);
    const { scripts = {} } = JSON.parse(read(`${folder}/package.json`)) as Manifest;
    expect(
      Object.keys(scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name)),
    ).toEqual([]);
    // What such a script would do it does without: this is how the functions are bundled.
    const withScript = locked.filter(([, { hasInstallScript }]) => hasInstallScript);
    expect(
      withScript.map(([path]) => path).filter((path) => path !== 'node_modules/esbuild'),
    ).toEqual([]);
  });

  test('may be passed on by whoever forks this', () => {
    // MPL-2.0 asks for nothing of those who only use its files: lightningcss, of the test runner.
    const permissive =
      /^\(?(MIT|Apache-2\.0|ISC|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|MPL-2\.0)( OR |\)?$)/;
    expect(locked.filter(([, { license }]) => !permissive.test(license ?? ''))).toEqual([]);
  });
});

test('the workflow’s actions are pinned to a commit and get to read only', () => {
  const files = readdirSync(new URL('../../.github/workflows', import.meta.url));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const text = read(`.github/workflows/${file}`);
    const workflow = parse(text) as {
      readonly permissions: unknown;
      readonly jobs: Readonly<
        Record<string, { readonly steps: readonly { readonly uses?: string }[] }>
      >;
    };
    expect(workflow.permissions).toEqual({ contents: 'read' });
    const uses = Object.values(workflow.jobs).flatMap(({ steps }) =>
      steps.flatMap((step) => step.uses ?? []),
    );
    expect(uses.filter((action) => !/@[0-9a-f]{40}$/.test(action))).toEqual([]);
    // Which one that is, for whoever reads it.
    expect(text.match(/uses: .*@[0-9a-f]{40} # v\d+\.\d+\.\d+$/gm)).toHaveLength(uses.length);
  }
});
