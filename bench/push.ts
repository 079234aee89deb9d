import { execFile } from 'node:child_process';
import { appendFile, copyFile, lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PipelineEvent } from '../local/pipeline/events.ts';
import { LocalStack } from '../local/stack.ts';
import type { BenchContext } from './context.ts';
import { spreadOf } from './statistics.ts';
import { cellsOf, percent, type Section, seconds } from './table.ts';

const RUNS = 5;
const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

/** How exactly the moment of going live is known. Asking more often would take time from the build. */
const ASK_EVERY_MS = 20;

/** One push, in milliseconds from its start. */
interface Push {
  readonly live: number;
  readonly end: number;
  readonly build: number;
  /** By name, in the order in which they ran. */
  readonly actions: ReadonlyMap<string, number>;
}

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
      const push = await publish(stack, clone, signal);
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

/** @throws Error where the push does not end in a new release */
async function publish(stack: LocalStack, clone: Clone, signal: AbortSignal): Promise<Push> {
  const before = await stack.liveRelease();
  const events: PipelineEvent[] = [];
  const stopListening = stack.events.listen((event) => events.push(event));
  const enough = new AbortController();
  const began = performance.now();
  const live = liveAfter(stack, before, AbortSignal.any([signal, enough.signal]));
  // Waited for below, unless the push fails first.
  live.catch(() => {});
  try {
    // Ends when the pipeline ends: its hook passes on the progress.
    const said = await clone.git('push', '--quiet', stack.repository, `HEAD:${stack.branch}`);
    const ended = performance.now();
    const last = events.find((event) => event.type === 'execution-finished');
    if (last?.status !== 'Succeeded') {
      const { stage, action, error } = last?.failure ?? {};
      const why = last ? `${last.status} in ${stage} · ${action}: ${error}` : said;
      throw new Error(`the push was not published: ${why}`);
    }
    const finished = events.filter((event) => event.type === 'action-finished');
    const builds = new Set(
      events.flatMap((event) =>
        event.type === 'action-started' && event.provider === 'CodeBuild' ? event.action : [],
      ),
    );
    const liveAt = await live;
    if (liveAt === undefined) throw new Error('the push was published and is not live');
    return {
      live: liveAt - began,
      end: ended - began,
      build: finished
        .filter(({ action }) => builds.has(action))
        .reduce((sum, { durationMs }) => sum + durationMs, 0),
      actions: new Map(
        finished.map(({ stage, action, durationMs }) => [`${stage} · ${action}`, durationMs]),
      ),
    };
  } finally {
    enough.abort();
    stopListening();
  }
}

/** When another release than that is live; `undefined` when the signal came first. */
async function liveAfter(
  stack: LocalStack,
  before: string | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  while (!signal.aborted) {
    const now = await stack.liveRelease();
    if (now !== undefined && now !== before) return performance.now();
    await sleep(ASK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

/** A repository with the files of this checkout, committed or not, and nothing of its history. */
class Clone {
  private constructor(
    private readonly directory: string,
    private readonly signal: AbortSignal,
  ) {}

  static async of(directory: string, signal: AbortSignal): Promise<Clone> {
    await mkdir(directory, { recursive: true });
    const checkout = new Clone(CHECKOUT, signal);
    const files = await checkout.git(
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

  /** What git said, on either stream. */
  async git(...args: readonly string[]): Promise<string> {
    const identity = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com'];
    const plain = ['-c', 'commit.gpgSign=false', '-c', 'core.hooksPath=/dev/null'];
    const { stdout, stderr } = await promisify(execFile)('git', [...identity, ...plain, ...args], {
      cwd: this.directory,
      // GIT_DIR and its like are set inside hooks and would win over cwd.
      env: Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')),
      ),
      maxBuffer: 64 * 1024 * 1024,
      signal: this.signal,
    });
    return `${stdout}${stderr}`;
  }
}
