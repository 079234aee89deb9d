import type { PackageManager } from '../options/build.ts';

/**
 * Where package managers keep what they downloaded, in a build that runs as root, as builds do in CodeBuild. The pattern
 * is CodeBuild's for a folder with all that is in it. Corepack's are not among them: it would run a pnpm that it finds there
 * without looking at it.
 */
export const CACHED_DOWNLOADS = [
  '/root/.npm/_cacache/**/*',
  '/root/.local/share/pnpm/store/**/*',
  '/root/.cache/yarn/**/*',
  '/root/.yarn/berry/cache/**/*',
];

/** Shell commands that install what the lock file in the current folder names. They work in any POSIX shell. */
export function installCommands(install: false | 'auto' | PackageManager): string[] {
  if (install === false) return [];
  return [install === 'auto' ? BY_LOCK_FILE : INSTALL[install]];
}

// Corepack brings pnpm and yarn in the version that package.json names: CodeBuild's images have no pnpm and only yarn 1.
// Its shims go to the build's own folder, since the machine's Node.js is not ours to change, and Node.js 25 and later
// come without it.
const COREPACK = [
  'export COREPACK_ENABLE_DOWNLOAD_PROMPT=0 COREPACK_ENABLE_AUTO_PIN=0',
  'export PATH="$HOME/.local/bin:$PATH"',
  'mkdir -p "$HOME/.local/bin"',
  '{ command -v corepack >/dev/null || npm install --global --prefix "$HOME/.local" corepack; }',
  'corepack enable --install-directory "$HOME/.local/bin" pnpm yarn',
].join(' && ');

const INSTALL: Readonly<Record<PackageManager, string>> = {
  npm: 'npm ci',
  // Its own choice of a store depends on which disk the sources are on, and the cache has to find it.
  pnpm: `${COREPACK} && pnpm install --frozen-lockfile --store-dir "$HOME/.local/share/pnpm/store"`,
  // Yarn 1 keeps its downloads outside the home of root unless told otherwise; since yarn 2 the same flag is `--immutable`.
  yarn: `${COREPACK} && case "$(yarn --version)" in 1.*) yarn install --frozen-lockfile --cache-folder "$HOME/.cache/yarn" ;; *) yarn install --immutable ;; esac`,
};

// One command, with its reason in the first line, which is what a person reads of it when it fails. `ls` lists in the
// order of the patterns.
const BY_LOCK_FILE = `# build.install: 'auto'
lock_files=$(echo $(LC_ALL=C ls npm-shrinkwrap.json package-lock.json pnpm-lock.yaml yarn.lock 2>/dev/null))
case "$lock_files" in
npm-shrinkwrap.json | package-lock.json | 'npm-shrinkwrap.json package-lock.json')
  ${INSTALL.npm} ;;
pnpm-lock.yaml)
  ${INSTALL.pnpm} ;;
yarn.lock)
  ${INSTALL.yarn} ;;
'')
  if [ -f package.json ]; then
    echo "build.install: got 'auto', and no lock file beside package.json; commit package-lock.json, pnpm-lock.yaml or yarn.lock, or set build.directory to the folder that has it" >&2
    false
  else
    echo 'No package.json: nothing to install.'
  fi ;;
*)
  echo "build.install: got 'auto', and the lock files $lock_files; delete all but one, or set build.install to 'npm', 'pnpm' or 'yarn'" >&2
  false ;;
esac`;
