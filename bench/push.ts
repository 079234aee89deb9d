import { appendFile, copyFile, lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalStack } from '../local/stack.ts';
import type { BenchContext } from './context.ts';
import { type Git, gitIn } from './git.ts';
import { type Push, publish } from './publish.ts';
import { type Copy, Recipe } from './recipe.ts';
import { spreadOf } from './statistics.ts';
import { cellsOf, percent, type Section, seconds, times } from './table.ts';

const RUNS = 5;

/** How exactly the moment of going live is known. Asking more often would take time from the build. */
const ASK_EVERY_MS = 20;

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

/**
 * From `git push` to the live page on the local stack, by stage, each release with one page changed; and from the end of the build
 * on, next to copying everything into the same bucket and invalidating, in turn.
 */
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
    const copies: Copy[] = [];
    let recipe: Recipe | undefined;
    for (let run = 0; run <= runs; run += 1) {
      progress(run === 0 ? 'Publishing the first release' : `Publishing ${run} of ${runs}`);
      await clone.change(page, run);
      const push = await publish(stack, clone.git, ASK_EVERY_MS, signal);
      recipe ??= await Recipe.of(stack, scratch, signal);
      const copy = await recipe.run();
      // The first one writes every file and fills the package manager's cache.
      if (run === 0) continue;
      pushes.push(push);
      copies.push(copy);
    }
    return sectionOf(pushes, copies, recipe?.files ?? 0);
  } finally {
    await stack.stop();
  }
}

function sectionOf(pushes: readonly Push[], copies: readonly Copy[], files: number): Section {
  const names = [...new Set(pushes.flatMap(({ actions }) => [...actions.keys()]))];
  const row = (name: string, values: readonly number[], ...remark: string[]) => [
    name,
    ...cellsOf(spreadOf(values), seconds),
    ...remark,
  ];
  const after = (time: (push: Push) => number) => spreadOf(pushes.map(time));
  const buildShare = spreadOf(pushes.map((push) => push.build / push.live)).median;
  const live = after(({ live, built }) => live - built);
  const end = after(({ end, built }) => end - built);
  const copied = spreadOf(copies.map((copy) => copy.copied));
  const invalidated = spreadOf(copies.map((copy) => copy.invalidated));
  return {
    heading: [
      `Push to live on the local stack, ${pushes.length} releases`,
      'median',
      'middle half',
    ],
    rows: [
      ...names.map((name) =>
        row(
          name,
          pushes.flatMap(({ actions }) => actions.get(name) ?? []),
        ),
      ),
      row(
        'git push → live',
        pushes.map((push) => push.live),
        `${percent(buildShare)} of it the build`,
      ),
      row(
        'git push → live, without the build',
        pushes.map((push) => push.live - push.build),
      ),
      row(
        'git push → end of the pipeline',
        pushes.map(({ end }) => end),
      ),
      [
        'end of the build → live',
        ...cellsOf(live, seconds),
        `${times(live.median / invalidated.median)} of the recipe`,
      ],
      [
        'end of the build → end of the pipeline',
        ...cellsOf(end, seconds),
        `${times(end.median / invalidated.median)} of the recipe`,
      ],
      ['recipe: start → all copied', ...cellsOf(copied, seconds)],
      ['recipe: start → invalidated, so all see it', ...cellsOf(invalidated, seconds)],
    ],
    notes: [
      `recipe: copies all ${files} files, ten at a time, and invalidates /*, in a process as cold and as bundled as our functions`,
      'live: /.well-known/release answers the new id; Invalidate runs after that',
      "CloudFront's part is played by its local stand-in, whose invalidations take one second",
    ],
    ratios: [
      {
        of: 'End of the build → the first visitor has it',
        to: 'the recipe: all copied',
        ours: live.median,
        theirs: copied.median,
        format: seconds,
      },
      {
        of: 'End of the build → every visitor has it',
        to: 'the recipe: invalidated',
        ours: live.median,
        theirs: invalidated.median,
        format: seconds,
      },
      {
        of: 'End of the build → end of the pipeline',
        to: 'the recipe: invalidated',
        ours: end.median,
        theirs: invalidated.median,
        format: seconds,
      },
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
