import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What CodePipeline's source actions know about a commit. */
export interface CommitDetails {
  /** The full id. */
  readonly id: string;
  readonly message: string;
  /** UTC, ISO 8601, whole seconds. */
  readonly authorDate: string;
  readonly committerDate: string;
}

/**
 * Creates the bare repository that takes the pushes, or brings the settings of an existing one up
 * to date. What was pushed before stays.
 *
 * @throws Error when the folder holds something else.
 */
export async function ensureRepository(path: string, branch: string): Promise<void> {
  if (!existsSync(join(path, 'HEAD'))) {
    await mkdir(path, { recursive: true });
    // An empty template: hooks that this machine gives every new repository have no place in this one.
    await git(['init', '--quiet', '--bare', '--template=', '.'], path);
  }
  const bare = await git(['rev-parse', '--is-bare-repository'], path);
  if (bare !== 'true') throw new Error(`${path}: got a repository with files; use a bare one`);
  await git(['symbolic-ref', 'HEAD', `refs/heads/${branch}`], path);
  // A fork is often a shallow clone (CI, `--depth 1`), and must be able to push what it has.
  await git(['config', 'receive.shallowUpdate', 'true'], path);
  // Wins over a core.hooksPath in the user's own settings, which would silently disable our hook.
  await git(['config', 'core.hooksPath', join(path, 'hooks')], path);
  await mkdir(join(path, 'hooks'), { recursive: true });
  await mkdir(join(path, 'info'), { recursive: true });
  // `git archive` leaves out what a site's .gitattributes marks export-ignore; a source action
  // hands the build the commit as it is. These attributes override those of the tree.
  await writeFile(join(path, 'info', 'attributes'), '* -export-ignore -export-subst\n');
}

/**
 * Makes every push call `command` with the updated refs on its standard input, one
 * `<old> <new> <ref>` a line.
 *
 * The script always succeeds: it runs after the push was taken, so all that its failure could do
 * is to alarm somebody whose push is safe.
 */
export async function installHook(path: string, command: readonly string[]): Promise<void> {
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const script = `#!/bin/sh
# Written by \`npm start\`, which writes it again at every start.
${quoted} || echo 'The push is kept, but its publishing could not be started: run \`npm start\`.'
exit 0
`;
  const hook = join(path, 'hooks', 'post-receive');
  const temporary = `${hook}.${process.pid}`;
  await writeFile(temporary, script);
  await chmod(temporary, 0o755);
  await rename(temporary, hook);
}

/** The commit that a branch points to; `undefined` when nothing was pushed to it yet. */
export async function headOf(path: string, branch: string): Promise<string | undefined> {
  const ref = `refs/heads/${branch}`;
  return (await git(['for-each-ref', '--format=%(objectname)', ref], path)) || undefined;
}

/**
 * Brings a checkout's current commit onto the branch, without running the hook, and returns it.
 * Uncommitted changes stay behind.
 *
 * @throws Error when the checkout has no commit, or the branch has commits that the checkout does
 *   not: they would be lost.
 */
export async function importHead(path: string, checkout: string, branch: string): Promise<string> {
  const refspec = `HEAD:refs/heads/${branch}`;
  try {
    await git(['fetch', '--no-tags', '--update-shallow', checkout, refspec], path);
  } catch (cause) {
    const { message } = cause as Error;
    if (/does not appear to be a git repository|not a git repository/.test(message)) {
      throw new Error(`${checkout}: got no git repository; run git init and commit the site`, {
        cause,
      });
    }
    if (/remote ref HEAD/.test(message)) {
      throw new Error(`${checkout}: got no commit yet; commit the site first`, { cause });
    }
    if (/non-fast-forward/.test(message)) {
      const text = `got a history without the commits that were pushed to ${branch}; merge them first, or push over them with git push --force`;
      throw new Error(`${checkout}: ${text}`, { cause });
    }
    throw cause;
  }
  return (await headOf(path, branch)) as string;
}

/** @throws Error when the commit is not in the repository. */
export async function commitDetails(
  path: string,
  commit: string,
  signal?: AbortSignal,
): Promise<CommitDetails> {
  const format = '--format=%H%n%aI%n%cI%n%B';
  const shown = await git(['show', '--no-patch', format, `${commit}^{commit}`, '--'], path, signal);
  const [id = '', authored = '', committed = '', ...message] = shown.split('\n');
  return {
    id,
    message: message.join('\n').trim(),
    authorDate: utcSeconds(authored),
    committerDate: utcSeconds(committed),
  };
}

/** Writes the commit's files as a ZIP, without history, the form of `CODE_ZIP`. */
export async function archiveCommit(
  path: string,
  commit: string,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  await git(['archive', '--format=zip', `--output=${target}`, commit], path, signal);
}

/**
 * The files that differ between two commits, removed ones included; all files where the branch is new (40 zeros).
 *
 * Waits for git, so that pushes start executions in the order in which they come.
 *
 * @throws Error when a commit is not in the repository.
 */
export function changedFiles(path: string, old: string, fresh: string): string[] {
  const args = /^0+$/.test(old)
    ? ['ls-tree', '-r', '--name-only', '-z', fresh]
    : ['diff-tree', '-r', '--name-only', '--no-renames', '-z', old, fresh];
  const names = execFileSync('git', args, {
    cwd: path,
    env: ownEnvironment(),
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return names.split('\0').filter(Boolean);
}

const utcSeconds = (date: string): string => `${new Date(date).toISOString().slice(0, 19)}Z`;

async function git(args: readonly string[], cwd: string, signal?: AbortSignal): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', [...args], {
      cwd,
      env: ownEnvironment(),
      maxBuffer: MAX_OUTPUT_BYTES,
      ...(signal && { signal }),
    });
    return stdout.trim();
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const reason = stderr.trim() || message;
    throw new Error(`git ${args[0]} in ${cwd}: ${reason}`, { cause });
  }
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** GIT_DIR and its like are set inside hooks and `git rebase --exec`, and would win over the folder that is asked. */
const ownEnvironment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))),
  LC_ALL: 'C',
});
