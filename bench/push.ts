import { appendFile, copyFile, lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalStack } from '../local/stack.ts';
import type { BenchContext } from './context.ts';
import { type Git, gitIn } from './git.ts';
import { type Push, publish } from './publish.ts';
import { spreadOf } from './statistics.ts';
import { cellsOf, percent, type Section, seconds } from './table.ts';

const RUNS = 5;

/** How exactly the moment of going live is known. Asking more often would take time from the build. */
const ASK_EVERY_MS = 20;

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

/** From `git push` to the live page on the local stack, by stage. Each release changes one page. */
export async function measurePush(
  { directory, scratch, runs = RUNS, signal, progress }: BenchContext,
  page: string,
): Promise<Section> {
  const stack = await LocalStack.start({
    assembly: directory,
    state: join(scratch, 'state'),
    port: 0,
    log: progress,
  });
  try {
    const clone = await Clone.of(join(scratch, 'clone'), signal);
    const pushes: Push[] = [];
    for (let run = 0; run <= runs; run += 1) {
      progress(run === 0 ? 'Publishing the first release' : `Publishing ${run} of ${runs}`);
      await clone.change(page, run);
      const push = await publish(stack, clone.git, ASK_EVERY_MS, signal);
      // The first one writes every file and fills the package manager's cache.
      if (run > 0) pushes.push(push);
    }
    return sectionOf(pushes, runs);
  } finally {
    await stack.stop();
  }
}

function sectionOf(pushes: readonly Push[], runs: number): Section {
  const names = [...new Set(pushes.flatMap(({ actions }) => [...actions.keys()]))];
  const row = (name: string, values: readonly number[], ...remark: string[]) => [
    name,
    ...cellsOf(spreadOf(values), seconds),
    ...remark,
  ];
  const live = pushes.map((push) => push.live);
  const buildShare = spreadOf(pushes.map((push) => push.build / push.live)).median;
  return {
    heading: [`Push to live on the local stack, ${runs} releases`, 'median', 'middle half'],
    rows: [
      ...names.map((name) =>
        row(
          name,
          pushes.flatMap(({ actions }) => actions.get(name) ?? []),
        ),
      ),
      row('git push → live', live, `${percent(buildShare)} of it the build`),
      row(
        'git push → live, without the build',
        pushes.map((push) => push.live - push.build),
      ),
      row(
        'git push → end of the pipeline',
        pushes.map(({ end }) => end),
      ),
    ],
    notes: [
      'live: /.well-known/release answers the new id; Invalidate runs after that',
      "CloudFront's part is played by its local stand-in, whose invalidations take one second",
    ],
  };
}

/** A repository with the files of this checkout, committed or not, and nothing of its history. */
class Clone {
  readonly git: Git;

  private constructor(
    private readonly directory: string,
    signal: AbortSignal,
  ) {
    this.git = gitIn(directory, signal);
  }

  static async of(directory: string, signal: AbortSignal): Promise<Clone> {
    await mkdir(directory, { recursive: true });
    const files = await gitIn(CHECKOUT, signal)(
      'ls-files',
      '-z',
      '--cached',
      '--others',
      '--exclude-standard',
    );
    for (const file of new Set(files.split('\0').filter(Boolean))) {
      // Deleted and not committed yet, or a submodule.
      if (!(await lstat(join(CHECKOUT, file)).catch(() => undefined))?.isFile()) continue;
      await mkdir(dirname(join(directory, file)), { recursive: true });
      await copyFile(join(CHECKOUT, file), join(directory, file));
    }
    const clone = new Clone(directory, signal);
    await clone.git('init', '--quiet', '--template=');
    return clone;
  }

  /** Changes one page and commits. */
  async change(page: string, run: number): Promise<void> {
    const file = join(this.directory, page);
    if (!(await lstat(file).catch(() => undefined))?.isFile()) {
      throw new Error(`--page: got ${page}; name a file of the site that each release may change`);
    }
    await appendFile(file, `\n<p>Release ${run} of the bench</p>\n`);
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--message', `Release ${run}`);
  }
}
