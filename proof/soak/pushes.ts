import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { type Git, gitIn, importCommits } from '../../bench/git.ts';
import type { End } from './judge.ts';
import { siteOf } from './site.ts';

/** The folder of the repository that is published. */
export const FOLDER = 'public';

export interface Target {
  readonly repository: string;
  readonly branch: string;
}

export interface Push {
  /** When the pipeline has begun with it: from here on the next one may be pushed. */
  readonly begun: Promise<void>;
  /** How it ended, with what the person who pushed was told. */
  readonly ended: Promise<{ readonly end: End; readonly said: string }>;
}

/** Makes the commits of one release after the other, and pushes them. */
export class Pushes {
  private constructor(
    private readonly directory: string,
    private readonly git: Git,
    private readonly target: Target,
    private readonly signal: AbortSignal,
  ) {}

  static async of(directory: string, target: Target, signal: AbortSignal): Promise<Pushes> {
    await mkdir(directory, { recursive: true });
    const git = gitIn(directory, signal);
    await git('init', '--quiet', '--bare', '--template=', '--initial-branch', 'main');
    return new Pushes(directory, git, target, signal);
  }

  async push(release: number): Promise<Push> {
    await importCommits(this.directory, commitOf(release), this.signal);
    const commit = (await this.git('rev-parse', 'refs/heads/main')).trim();
    const { repository, branch } = this.target;
    const child = spawn('git', ['push', repository, `${commit}:refs/heads/${branch}`], {
      cwd: this.directory,
      stdio: ['ignore', 'ignore', 'pipe'],
      signal: this.signal,
    });
    let said = '';
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes(`Publishing ${commit.slice(0, 7)}`)) begin();
    });
    const ended = new Promise<{ end: End; said: string }>((resolve) => {
      // One that ended before it began has failed.
      const done = () => {
        begin();
        resolve({ end: endIn(said), said });
      };
      child.once('close', done).once('error', (error) => {
        said += error.message;
        done();
      });
    });
    return { begun, ended };
  }
}

function endIn(said: string): End {
  if (/^remote: published /m.test(said)) return 'published';
  return /^remote: SUPERSEDED /m.test(said) ? 'superseded' : 'failed';
}

/** As `git fast-import` reads it. */
function* commitOf(release: number): Generator<string> {
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const now = Math.floor(Date.now() / 1000);
  yield `commit refs/heads/main\ncommitter soak <soak@example.com> ${now} +0000\n`;
  yield data(`Release ${release}`);
  if (release > 0) yield 'from refs/heads/main^0\ndeleteall\n';
  for (const [path, content] of siteOf(release)) {
    yield `M 100644 inline ${FOLDER}/${path}\n${data(content)}`;
  }
}
