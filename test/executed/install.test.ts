import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { installCommands } from '../../lib/pipeline/install.ts';
import { temporaryFolder } from '../support/pipeline.ts';

// The command that ships, run by a shell, with package managers that only write down what they were asked to do.
// Which they are for real, `npm run starters` shows.

let folder: ReturnType<typeof temporaryFolder>;
const at = (...path: string[]): string => join(folder.path, ...path);

const which = (tool: string): string =>
  execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
const TOOLS = ['basename', 'chmod', 'cp', 'ls', 'mkdir'].map(which);

const script = (path: string, text: string): void => {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
};
const RECORD = 'echo "$(basename "$0") $*" >>"$LOG"';
/** Puts `pnpm` and a `yarn` of that version where it is told to, as Corepack does. */
const corepack = (yarnVersion: string): string => `${RECORD}
for name in pnpm yarn; do
  printf '%s\\n' '#!/bin/sh' '[ "$1" = --version ] && echo ${yarnVersion} && exit' '${RECORD}' >"$3/$name"
  chmod +x "$3/$name"
done`;

beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ['bin', 'home', 'site']) mkdirSync(at(name));
  // And nothing else of this machine, which may have a Corepack.
  for (const tool of TOOLS) symlinkSync(tool, at('bin', basename(tool)));
  script(at('bin', 'npm'), `${RECORD}\n[ "$1" != install ] || cp "$FOR_LATER" "$4/bin/corepack"`);
  script(at('bin', 'corepack'), corepack('1.22.22'));
});
afterEach(() => folder.remove());

/** Runs it and then one command of the site's, in one shell, as CodeBuild does. */
function install(
  how: Parameters<typeof installCommands>[0],
  files: readonly string[],
  shell = 'sh',
) {
  for (const file of files) writeFileSync(at('site', file), '');
  const commands = [...installCommands(how), 'command -v pnpm || :'];
  const { status, stdout, stderr } = spawnSync(
    which(shell),
    ['-c', commands.join(' || exit $?\n')],
    {
      cwd: at('site'),
      encoding: 'utf8',
      env: {
        PATH: at('bin'),
        HOME: at('home'),
        LOG: at('log'),
        FOR_LATER: at('for-later'),
      },
    },
  );
  const calls = existsSync(at('log')) ? readFileSync(at('log'), 'utf8').trim().split('\n') : [];
  return { status, stdout, stderr, calls: calls.map((call) => call.replaceAll(at('home'), '~')) };
}

const SHIMS = 'corepack enable --install-directory ~/.local/bin pnpm yarn';
const PNPM = 'pnpm install --frozen-lockfile --store-dir ~/.local/share/pnpm/store';
const YARN = 'yarn install --frozen-lockfile --cache-folder ~/.cache/yarn';

describe.each(['sh', 'bash'])('the lock file decides in %s', (shell) => {
  test.each<[string[], string[]]>([
    [['package.json', 'package-lock.json'], ['npm ci']],
    [['package.json', 'npm-shrinkwrap.json'], ['npm ci']],
    [['package.json', 'npm-shrinkwrap.json', 'package-lock.json'], ['npm ci']],
    [
      ['package.json', 'pnpm-lock.yaml'],
      [SHIMS, PNPM],
    ],
    [
      ['package.json', 'yarn.lock'],
      [SHIMS, YARN],
    ],
    [['index.html'], []],
  ])('%j: %j', (files, calls) => {
    const result = install('auto', files, shell);
    expect(result).toMatchObject({ status: 0, stderr: '', calls });
  });
});

test('yarn 2 and later call the same promise --immutable', () => {
  script(at('bin', 'corepack'), corepack('4.9.1'));
  expect(install('auto', ['yarn.lock']).calls).toEqual([SHIMS, 'yarn install --immutable']);
});

test('pnpm is there for the commands that follow', () => {
  expect(install('auto', ['pnpm-lock.yaml']).stdout).toBe(`${at('home')}/.local/bin/pnpm\n`);
});

test('without package.json nothing is installed, and that is said', () => {
  expect(install('auto', []).stdout).toMatch(/^No package\.json: nothing to install\.\n/);
});

test('Corepack comes from npm where Node.js has none', () => {
  rmSync(at('bin', 'corepack'));
  script(at('for-later'), corepack('1.22.22'));
  expect(install('auto', ['pnpm-lock.yaml']).calls).toEqual([
    'npm install --global --prefix ~/.local corepack',
    SHIMS,
    PNPM,
  ]);
});

describe('what it cannot decide stops the build, with what to do', () => {
  test.each<[string[], string]>([
    [
      ['package.json'],
      "build.install: got 'auto', and no lock file beside package.json; commit package-lock.json, pnpm-lock.yaml or yarn.lock, or set build.directory to the folder that has it\n",
    ],
    [
      ['package.json', 'yarn.lock', 'package-lock.json'],
      "build.install: got 'auto', and the lock files package-lock.json yarn.lock; delete all but one, or set build.install to 'npm', 'pnpm' or 'yarn'\n",
    ],
  ])('%j', (files, message) => {
    expect(install('auto', files)).toMatchObject({ status: 1, stderr: message, calls: [] });
  });

  test.each([
    ['npm', ['npm ci']],
    ['pnpm', [SHIMS, PNPM]],
    ['yarn', [SHIMS, YARN]],
  ] as const)('and naming one decides: %s', (how, calls) => {
    const files = ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock'];
    expect(install(how, files)).toMatchObject({ status: 0, calls });
  });
});

test.each(['npm', 'corepack', 'pnpm'])('a failing %s fails it', (name) => {
  const lock = name === 'npm' ? 'package-lock.json' : 'pnpm-lock.yaml';
  const file = name === 'pnpm' ? 'corepack' : name;
  script(
    at('bin', file),
    name === 'pnpm' ? corepack('1.0.0').replace(RECORD, '').replace(RECORD, 'exit 3') : 'exit 3',
  );
  expect(install('auto', [lock]).status).toBe(3);
});

test('off: no command', () => {
  expect(installCommands(false)).toEqual([]);
});
