import { cpSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type Bundle, bundle, type HandlerRun } from '../handlers.ts';
import { zipOf } from '../zip.ts';
import type { Strike } from './field.ts';
import { untrue } from './judge.ts';
import { FAULTS } from './kinds.ts';
import { NEW_REVISION } from './proxy.ts';
import { RealAccount, type RealEnd } from './real.ts';

export interface RealScenario {
  readonly name: string;
  readonly handler: 'upload' | 'promote' | 'invalidate' | 'prune';
  readonly base: 'empty' | 'live' | 'waiting';
  readonly isSick?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly ends: 'succeeded' | 'failed' | 'returned';
}

/** What the shipped bundles do where nothing goes wrong. */
export const REAL_SCENARIOS: readonly RealScenario[] = [
  { name: 'upload, first release', handler: 'upload', base: 'empty', ends: 'succeeded' },
  {
    name: 'upload, second release with copies',
    handler: 'upload',
    base: 'live',
    env: { REBASE_SHARE: '0' },
    ends: 'succeeded',
  },
  { name: 'promote', handler: 'promote', base: 'waiting', ends: 'succeeded' },
  {
    name: 'promote, taken back',
    handler: 'promote',
    base: 'waiting',
    isSick: true,
    env: { HEALTH_DEADLINE_SECONDS: '2' },
    ends: 'failed',
  },
  { name: 'invalidate', handler: 'invalidate', base: 'live', ends: 'succeeded' },
  { name: 'prune', handler: 'prune', base: 'waiting', ends: 'returned' },
];

export interface RealCase {
  readonly scenario: RealScenario;
  readonly strike: Strike;
}

export const realTitle = ({ scenario, strike: { call, fault } }: RealCase): string =>
  `${scenario.name} (bundle) · ${call} · ${fault.name}`;

const MOST_OFTEN = 2;

/** What can be done to a process and its connections from outside. */
const POSSIBLE = ['refused', 'broken', 'garbled', 'slow', 'crash', 'twice'];
const REAL_FAULTS = FAULTS.filter(({ effect }) => POSSIBLE.includes(effect.kind));

const site = (name: string) =>
  zipOf({
    'index.html': `start ${name}`,
    'about/index.html': 'about',
    '404.html': 'not here',
    [`assets/${name}.js`]: `code ${name}`,
  });

/** The bundles, and the accounts that scenarios begin with. */
export class RealStage {
  readonly #parent: string;
  readonly #bundles = new Map<string, Bundle>();
  readonly #bases = new Map<string, string | undefined>();
  /** The ends from which everything that may come after was tried. */
  readonly #seen = new Set<string>();
  #waiting = '';

  constructor(parent: string) {
    this.#parent = parent;
  }

  async begin(): Promise<void> {
    for (const name of ['upload', 'promote', 'invalidate', 'prune']) {
      this.#bundles.set(name, await bundle(name));
    }
    const account = new RealAccount(this.#parent);
    await account.open();
    this.#bases.set('empty', undefined);
    const keep = (name: string) => {
      const folder = mkdtempSync(join(this.#parent, `${name}-`));
      cpSync(account.folder, folder, { recursive: true });
      this.#bases.set(name, folder);
    };
    for (const name of ['one', 'two', 'three']) {
      if (name === 'three') keep('live');
      const id = await this.#uploaded(account, name);
      if (name === 'three') this.#waiting = id;
      else await this.#succeeds(account, 'promote', JSON.stringify({ releaseId: id }));
    }
    keep('waiting');
    await account.close();
    account.remove();
  }

  async end(): Promise<void> {
    await Promise.all([...this.#bundles.values()].map((one) => one.remove()));
  }

  async casesOf(scenario: RealScenario): Promise<RealCase[]> {
    const { end, account } = await this.#run(scenario, undefined);
    await account.close();
    account.remove();
    const problem = problemInEnd(scenario, end);
    if (problem) throw new Error(`${scenario.name}, with no fault: ${problem}\n${end.run.output}`);
    // How often something is asked that is asked again and again depends on the machine.
    const certain = end.calls.filter((call) => Number(/#(\d+)$/.exec(call)?.[1]) <= MOST_OFTEN);
    return certain.flatMap((call) =>
      REAL_FAULTS.filter(({ of = /^/ }) => of.test(call)).map((fault) => ({
        scenario,
        strike: { call, fault, lasting: 'once' as const },
      })),
    );
  }

  /**
   * What broke, with what the function wrote; nothing if all held.
   *
   * @param goesOn whether the same event comes again, and the next push: five processes more.
   */
  async tryCase({ scenario, strike }: RealCase, goesOn = true): Promise<string | undefined> {
    const { account, end, liveBefore } = await this.#run(scenario, strike);
    const told = (problem: string, { output }: HandlerRun = end.run) =>
      `${problem}\n${end.calls.map((call) => `  ${call}`).join('\n')}\n${output}`;
    try {
      if (!end.struck) return told('that call was never made');
      if (end.broken) return told(end.broken);
      const mayVanish = strike.fault.effect.kind === 'crash';
      const { results } = end;
      const isJob = scenario.handler !== 'prune';
      const isRefused = end.run.output.includes('the outcome was not delivered');
      if (isJob && results.includes(undefined) && !mayVanish && !isRefused) {
        return told('a job without a result');
      }
      // Of two deliveries at once CodePipeline hears the first; what the other does after, that one cannot know.
      const isTwice = strike.fault.effect.kind === 'twice';
      const words = isTwice ? undefined : await wordsOf(scenario, strike, end, account, liveBefore);
      if (words) return told(words);
      const problem = await this.#recover(scenario, end, account, goesOn);
      return problem && told(problem);
    } finally {
      await account.close();
      account.remove();
    }
  }

  /** As in virtual time: the same event again, a retry, the next push, and the event once more. */
  async #recover(
    scenario: RealScenario,
    end: RealEnd,
    account: RealAccount,
    goesOn: boolean,
  ): Promise<string | undefined> {
    const { name, env } = scenario;
    const how = end.results.at(-1)?.type ?? 'none';
    const known = `${name}\n${how}\n${await account.contents()}`;
    if (this.#seen.has(known)) return undefined;
    this.#seen.add(known);

    const [file, parameters] = this.#action(scenario);
    const isJob = parameters !== undefined;
    if (isJob && goesOn) {
      const before = await account.live();
      const broken = await account.redeliver(file, end.event, env);
      if (broken) return `the same event again: ${broken}`;
      const live = await account.live();
      if (how === 'succeeded' && live !== before) return `the same event again: ${live} is live`;
    }
    if (problemInEnd(scenario, end) !== undefined) {
      const again = await account.act(file, parameters, undefined, env);
      const problem = problemInEnd(scenario, again) ?? again.broken;
      if (problem) return `a retry: ${problem}\n${again.run.output}`;
    }
    if (scenario.handler === 'invalidate' || !goesOn) return undefined;
    account.isSick = false;
    let pushed: string;
    try {
      pushed = await this.#uploaded(account, 'next push');
      await this.#succeeds(account, 'promote', JSON.stringify({ releaseId: pushed }));
    } catch (error) {
      return `the next push: ${(error as Error).message}`;
    }
    const isLive = async () => {
      const live = await account.live();
      return live === pushed ? account.problem() : `${live} is live`;
    };
    const broken = await isLive();
    if (broken) return `the next push: ${broken}`;
    if (!isJob) return undefined;
    // Each push has an artifact of its own.
    await account.putArtifact(await site('next'));
    const problem = (await account.redeliver(file, end.event, env)) ?? (await isLive());
    return problem && `the event once more: ${problem}`;
  }

  async #run(scenario: RealScenario, strike: Strike | undefined) {
    const account = new RealAccount(this.#parent, this.#bases.get(scenario.base));
    account.isSick = scenario.isSick ?? false;
    await account.open();
    if (scenario.handler === 'upload') await account.putArtifact(await site('next'));
    const liveBefore = await account.live();
    const end = await account.act(...this.#action(scenario), strike, scenario.env);
    return { account, end, liveBefore };
  }

  #action({ handler }: RealScenario): [string, string | undefined] {
    const parameters = {
      upload: JSON.stringify({ revision: NEW_REVISION }),
      promote: JSON.stringify({ releaseId: this.#waiting }),
      invalidate: '{"distributionId":"E1A2B3C4D5E6F7","objectPaths":["/_site/*"]}',
      prune: undefined,
    };
    return [this.#bundles.get(handler)?.file as string, parameters[handler]];
  }

  async #uploaded(account: RealAccount, name: string): Promise<string> {
    await account.putArtifact(await site(name));
    const variables = await this.#succeeds(account, 'upload', '{"revision":"abcdef0123456789"}');
    return variables.releaseId as string;
  }

  async #succeeds(account: RealAccount, handler: string, parameters: string) {
    const file = this.#bundles.get(handler)?.file as string;
    const { results, run } = await account.act(file, parameters, undefined);
    const last = results.at(-1);
    if (last?.type !== 'succeeded') throw new Error(`${handler}: ${run.output}`);
    return last.variables;
  }
}

function problemInEnd({ ends }: RealScenario, { results, run }: RealEnd): string | undefined {
  const last = results.at(-1);
  const how =
    ends === 'returned' ? (run.code === 0 ? 'returned' : 'threw') : (last?.type ?? 'none');
  return how === ends ? undefined : `${how} instead of ${ends}`;
}

async function wordsOf(
  scenario: RealScenario,
  { fault }: Strike,
  { results, run }: RealEnd,
  account: RealAccount,
  before: string | undefined,
): Promise<string | undefined> {
  if (scenario.handler === 'prune' && run.code === 1 && !fault.cause.test(run.output)) {
    return 'does not name the cause';
  }
  const last = results.at(-1);
  if (last === undefined) return undefined;
  const said = last.type === 'failed' ? last.message : (last.summary ?? '');
  const live = await account.live();
  const lie = untrue(said, live, before);
  if (lie) return `says what is not so (live is ${live}): ${lie}`;
  if (last.type === 'failed' && !/[Vv]isitors|\/\.well-known\/release/.test(said)) {
    return `does not say what visitors see: ${said}`;
  }
  // What was going to fail anyhow has a cause of its own.
  if (last.type === 'failed' && scenario.ends !== 'failed' && !fault.cause.test(said)) {
    return `does not name the cause: ${said}`;
  }
  return undefined;
}
