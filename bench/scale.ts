import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { resolveConfig } from '../lib/config.ts';
import { SiteStack } from '../lib/site-stack.ts';
import { LocalStack } from '../local/stack.ts';
import { config as ofFork } from '../site.config.ts';
import { type Handler, handlersOf } from './bundles.ts';
import type { BenchContext } from './context.ts';
import { FunctionLogs, type Invocation } from './function-logs.ts';
import { type Git, gitIn, importCommits } from './git.ts';
import { KINDS, priceOf, priceOfTime } from './prices.ts';
import { publish } from './publish.ts';
import { type Asked, RequestCounter } from './requests.ts';
import { rollBack } from './rollback.ts';
import { SyntheticSite } from './synthetic-site.ts';
import { type Section, seconds } from './table.ts';

const FOLDER = 'public';
/** The action that reads the artifact, with the job's credentials. */
const UPLOAD = 'Upload';

const FEW = 10;
/** The share of the site, from 0 to 1, that few files never reach, */
const REBASE_SHARE = 0.02;
/** and the share that makes the release its own base. */
const MANY_SHARE = 0.05;

/** Pages that are compared byte for byte after every operation, each with its script. */
const COMPARED = 50;
/** Asking takes time from what is measured. */
const ASK_EVERY_MS = 100;

/**
 * A large site through upload, small change, rebase, rollbacks and clean-up, by the local pipeline, the operator's command
 * and the daily clean-up: time, memory, requests and what these cost on AWS. After each of them the site is compared with
 * what it has to be.
 */
export async function measureScale(
  context: Pick<BenchContext, 'scratch' | 'signal' | 'progress'>,
  files: number,
): Promise<Section> {
  const { scratch, progress } = context;
  progress('Synthesising a stack for the large site');
  const assembly = await synthesize(join(scratch, 'scale.out'));
  const state = join(scratch, 'scale');
  const stack = await LocalStack.start({ assembly, state, port: 0, log: progress });
  try {
    const bench = await Bench.of(stack, state, context);
    const bytes = await measure(bench, files);
    return sectionOf(bench.rows, files, bytes);
  } finally {
    await stack.stop();
  }
}

/** Fills the rows, and returns how large the site is. */
async function measure(bench: Bench, files: number): Promise<number> {
  // The operator's command goes by the fork's config, and asks the site for what that says.
  const site = SyntheticSite.of(files, resolveConfig(ofFork).health.path);
  const few = Math.min(FEW, Math.ceil(site.pages / 100));
  const many = Math.ceil(MANY_SHARE * site.pages);
  const changes = (count: number) => `${shown(count)} ${count === 1 ? 'page' : 'pages'} changed`;

  const first = await bench.release(`First release, ${shown(files)} files`, site);
  const small = await bench.release(`Small change, ${changes(few)}`, site.change(few, 1));
  const rebased = await bench.release(
    `Rebase, ${changes(many)}`,
    small.site.change(many, 2),
    site.pages - many - few,
  );
  await bench.rollBack('Rollback to the release before', undefined, small);
  await bench.rollBack('Rollback to the first release', first.id, first);
  const last = await bench.release(
    `Small change of that one, ${changes(few)}`,
    site.change(few, 3),
  );
  await bench.cleanUp('Daily clean-up', [small, rebased], last);
  return first.sentBytes;
}

function sectionOf(rows: Section['rows'], files: number, bytes: number): Section {
  return {
    heading: [
      `Scale: a site of ${shown(files)} files, ${megabytes(bytes)} MB`,
      'time',
      'function',
      'requests',
      'peak memory',
      'MB sent',
      '$ requests',
      '$ Lambda',
    ],
    rows,
    notes: [
      'time: of a release from git push, and of a rollback from the start of the command, until the site answers with it; of an action as its execution recorded it',
      'function, peak memory: Duration, and Max Memory Used of Memory Size, in the REPORT lines of its log; of the command, its largest process',
      'requests: as the local S3, key-value store and CloudFront got them, the build and its artifacts left out; MB sent: in bodies of PUT, since copies are made within the bucket',
      '$: US dollars on AWS for these requests, and for the milliseconds that were billed here; the pipeline, the build and storage are not in it',
      'each rollback: one write to the key-value store, a compare-and-set, and no execution of the pipeline',
      `after every operation ${COMPARED} pages and their scripts were what they have to be, byte for byte`,
    ],
  };
}

/** A stack of its own, since what a fork has in its config would make the figures those of the fork. */
async function synthesize(outdir: string): Promise<string> {
  const cdkJson = await readFile(new URL('../cdk.json', import.meta.url), 'utf8');
  const config = resolveConfig({
    name: 'scale-bench',
    build: { kind: 'folder', directory: FOLDER },
    immutable: ['assets/*'],
    rebaseShare: REBASE_SHARE,
    retention: { newest: 1, days: 0 },
  });
  const app = new App({ outdir, context: JSON.parse(cdkJson).context });
  new SiteStack(app, config.name, { config, env: { region: 'us-east-1' } });
  app.synth();
  return outdir;
}

/** A release that the benchmark has made. */
interface Release {
  readonly id: string;
  readonly site: SyntheticSite;
  readonly sentBytes: number;
}

/** Does one operation after the other, and notes for each what it took. */
class Bench {
  readonly rows: string[][] = [];
  readonly #requests = new RequestCounter();
  readonly #logs: FunctionLogs;
  /** What is on the branch. */
  #pushed: SyntheticSite | undefined;

  private constructor(
    private readonly stack: LocalStack,
    private readonly state: string,
    private readonly clone: string,
    private readonly git: Git,
    private readonly context: Pick<BenchContext, 'scratch' | 'signal' | 'progress'>,
  ) {
    this.#logs = new FunctionLogs(state);
    stack.events.listen((event) => {
      if (event.type === 'action-started') context.progress(`  ${event.action}`);
    });
  }

  static async of(
    stack: LocalStack,
    state: string,
    context: Pick<BenchContext, 'scratch' | 'signal' | 'progress'>,
  ): Promise<Bench> {
    const clone = join(context.scratch, 'scale-clone');
    await mkdir(clone);
    const git = gitIn(clone, context.signal);
    await git('init', '--quiet', '--bare', '--template=', '--initial-branch', stack.branch);
    return new Bench(stack, state, clone, git, context);
  }

  /** Pushes the site. @throws Error if it is not published as it should be */
  release(name: string, site: SyntheticSite, leastCopies = 0): Promise<Release> {
    return this.#operation(name, async () => {
      const { signal } = this.context;
      await importCommits(this.clone, this.#commit(name, site), signal);
      this.#pushed = site;
      const { live } = await this.#counted(() =>
        publish(this.stack, this.git, ASK_EVERY_MS, signal),
      );
      this.#note([name, seconds(live)]);
      const { id, upload } = await this.#noteActions();
      const copies = upload.counts.get('COPY') ?? 0;
      if (copies < leastCopies) {
        throw new Error(`got ${copies} copies within the bucket; it needs ${leastCopies} or more`);
      }
      await this.#check(id, site);
      return { id, site, sentBytes: upload.sentBytes };
    });
  }

  /** @throws Error if it takes more than one write to the store, or a build */
  rollBack(name: string, word: string | undefined, to: Release): Promise<void> {
    return this.#operation(name, async () => {
      const { stack, state } = this;
      const executions = stack.executions().length;
      const { firstPage, sincePointer, end, peakMiB } = await this.#counted(() =>
        rollBack({ ...this.context, stack, state, word, id: to.id, page: to.site.startPage }),
      );
      const asked = this.#requests.askedBy();
      const writes = asked.counts.get('store write') ?? 0;
      const built = stack.executions().length - executions;
      if (writes !== 1 || built > 0) {
        throw new Error(
          `got ${writes} writes to the key-value store and ${built} executions; it takes one and none`,
        );
      }
      this.#note([name, seconds(firstPage), '', ...cellsOf(asked, `${shown(peakMiB)} MB`)]);
      this.#note(['  from the write to the first page', seconds(sincePointer)]);
      this.#note(['  to the end of the command', seconds(end)]);
      await this.#check(to.id, to.site);
    });
  }

  /** @throws Error if it does not retire these releases and no other */
  cleanUp(name: string, old: readonly Release[], live: Release): Promise<void> {
    return this.#operation(name, async () => {
      const [functionName] = this.stack.scheduledFunctions();
      if (functionName === undefined)
        throw new Error('no schedule of the template names a function');
      await this.#logs.next(functionName, this.context.signal);
      const began = performance.now();
      await this.#counted(() => this.stack.runSchedules());
      const took = performance.now() - began;
      const { invocations, text } = await this.#logs.next(functionName, this.context.signal);
      const said = /^\{.*"cleaned up".*\}$/m.exec(text)?.[0] ?? '{}';
      const { retired, complete, files, poolFiles } = JSON.parse(said);
      if (!complete || retired !== old.map(({ id }) => id).join(' ')) {
        throw new Error(`it did not get through: ${text}`);
      }
      this.#note([
        `${name}, ${shown(files + poolFiles)} files deleted`,
        seconds(took),
        ...functionCells(invocations, this.#requests.askedBy()),
      ]);
      await this.#check(live.id, live.site);
    });
  }

  /** Says which operation it was that failed. */
  async #operation<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.context.progress(name);
    try {
      return await work();
    } catch (cause) {
      throw new Error(`${name}: ${(cause as Error).message}`, { cause });
    }
  }

  #note(cells: string[]): void {
    this.rows.push(cells);
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#requests.start();
    try {
      return await work();
    } finally {
      this.#requests.stop();
    }
  }

  /** As `git fast-import` reads it. */
  *#commit(message: string, site: SyntheticSite): Generator<string> {
    const { branch } = this.stack;
    const now = Math.floor(Date.now() / 1_000);
    const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
    yield `commit refs/heads/${branch}\ncommitter bench <bench@example.com> ${now} +0000\n`;
    yield data(message);
    if (this.#pushed) yield `from refs/heads/${branch}^0\n`;
    for (const [path, content] of site.changesSince(this.#pushed)) {
      if (content === undefined) yield `D ${FOLDER}/${path}\n`;
      else yield `M 100644 inline ${FOLDER}/${path}\n${data(content)}`;
    }
  }

  /** A row for each action of the newest execution. */
  async #noteActions(): Promise<{ readonly id: string; readonly upload: Asked }> {
    const { stack } = this;
    const handlers = handlersOf(stack.assembly);
    const keyOf = ({ functionName }: Handler) => stack.accessKeyOf(functionName);
    const keys = new Map(handlers.map((handler) => [keyOf(handler), handler.name]));
    let upload: Asked | undefined;
    let id: string | undefined;
    for (const action of stack
      .executions()
      .at(-1)
      ?.stages.flatMap(({ actions }) => actions) ?? []) {
      const cells = [`  ${action.name}`, seconds(action.durationMs ?? Number.NaN)];
      const handler = handlers.find(({ name }) => name === action.name);
      if (!handler) {
        this.#note(cells);
        continue;
      }
      // The artifact is read with keys that come with the job.
      const asked = this.#requests.askedBy((key) => (keys.get(key) ?? UPLOAD) === action.name);
      const { invocations } = await this.#logs.next(handler.functionName, this.context.signal);
      this.#note([...cells, ...functionCells(invocations, asked)]);
      if (action.name !== UPLOAD) continue;
      upload = asked;
      id = action.variables.releaseId;
    }
    if (upload === undefined || id === undefined) {
      throw new Error(`no action ${UPLOAD} told the id of a release`);
    }
    return { id, upload };
  }

  /** @throws Error where visitors get anything else than the release */
  async #check(id: string, site: SyntheticSite): Promise<void> {
    const { siteUrl } = this.stack;
    const live = await this.stack.liveRelease();
    if (live !== id) throw new Error(`got release ${live}; ${id} has to be live`);
    for (const [address, content] of site.sample(COMPARED)) {
      const { status, ...answer } = await get(`${siteUrl}${address}`, this.context.signal);
      if (status === 200 && answer.text === content) continue;
      const what = status === 200 ? 'other bytes than' : `status ${status} instead of what`;
      throw new Error(`${address}: visitors get ${what} release ${id} has`);
    }
  }
}

async function get(url: string, signal: AbortSignal) {
  const answer = await fetch(url, { signal });
  return { status: answer.status, text: await answer.text() };
}

/** From the column `function` on. */
function functionCells(invocations: readonly Invocation[], asked: Asked): string[] {
  const ran = invocations.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const peak = Math.max(...invocations.map(({ peakMiB }) => peakMiB ?? Number.NaN));
  const has = invocations[0]?.memoryMiB ?? Number.NaN;
  return [
    seconds(ran),
    ...cellsOf(asked, `${shown(peak)} of ${shown(has)} MB`),
    dollars(priceOfTime(invocations)),
  ];
}

/** From the column `requests` on. */
const cellsOf = ({ counts, sentBytes }: Asked, memory: string): string[] => [
  KINDS.flatMap((kind) => {
    const count = counts.get(kind);
    return count === undefined ? [] : `${kind} ${shown(count)}`;
  }).join(', '),
  memory,
  megabytes(sentBytes),
  dollars(priceOf(counts)),
];

const shown = (count: number): string =>
  count.toLocaleString('en-US', { maximumFractionDigits: 0 });
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
const dollars = (amount: number): string => amount.toFixed(4);
