import { afterwards, type Seen } from '../exploration/afterwards.ts';
import * as shipped from '../exploration/cores.ts';
import { idOf } from '../exploration/invariants.ts';
import { World } from '../exploration/world.ts';
import { Field, type FieldOptions, type Strike } from './field.ts';
import { cleanUp, LIFE_MS } from './handlers.ts';
import { judge } from './judge.ts';
import { FAULTS, LASTING, type Lasting } from './kinds.ts';
import { type Ending, type Ids, push, type Scenario, type Setups } from './scenarios.ts';

/** One fault at one call of one scenario. */
export interface Case {
  readonly scenario: Scenario;
  readonly strike: Strike;
}

export const titleOf = ({ scenario, strike: { call, fault, lasting } }: Case): string =>
  `${scenario.name} · ${call} · ${fault.name}${lasting === 'once' ? '' : ` ${lasting}`}`;

/** Every fault, for every time that it may last, at every call that the scenario makes where nothing goes wrong. */
export async function casesOf(scenario: Scenario, setups: Setups): Promise<Case[]> {
  const { begin, ids, at } = await setups.of(scenario.setup);
  const field = fieldFor(scenario, begin, undefined, at);
  const ending = await scenario.run(field, ids);
  const problem =
    judge(scenario, undefined, ending, field, idOf(begin.state.contents.items.live)) ??
    problemInEnd(scenario, ending);
  if (problem) throw new Error(`${scenario.name}, with no fault: ${problem}\n${told(field)}`);
  return field.calls.flatMap((call) =>
    FAULTS.filter(({ of = /^/ }) => of.test(call)).flatMap((fault) =>
      (fault.lasts ?? (Object.keys(LASTING) as Lasting[])).map((lasting) => ({
        scenario,
        strike: { call, fault, lasting },
      })),
    ),
  );
}

function problemInEnd({ ends }: Scenario, { result, thrown }: Ending): string | undefined {
  const how = result?.failureDetails
    ? 'failed'
    : result
      ? 'succeeded'
      : thrown === undefined
        ? 'returned'
        : 'threw';
  return how === ends
    ? undefined
    : `${how} instead of ${ends}: ${result?.failureDetails?.message ?? thrown ?? ''}`;
}

/** What broke, told call by call; nothing if all held. */
export async function tryCase(
  { scenario, strike }: Case,
  setups: Setups,
  seen: Seen,
): Promise<string | undefined> {
  const { begin, ids, at } = await setups.of(scenario.setup);
  const field = fieldFor(scenario, begin, strike, at);
  await field.invariants.check(begin.state);
  const jobId = '11111111-2222-4333-8444-555555555555';
  const ending = await scenario.run(field, ids, jobId);
  const liveBefore = idOf(begin.state.contents.items.live);
  const judged = () => judge(scenario, strike, ending, field, liveBefore);
  const problem = judged();
  if (problem) return `${problem}\n${told(field)}`;
  // What was given up and is on its way still arrives.
  await field.pass(30_000);
  const late = judged();
  if (late) return `in the end ${late}\n${told(field)}`;
  return recover(scenario, ids, jobId, ending, field, seen);
}

/** Whatever comes next finishes what was begun: the same event again, a retry of the stage, the next push. */
async function recover(
  scenario: Scenario,
  ids: Ids,
  jobId: string,
  ending: Ending,
  field: Field,
  seen: Seen,
): Promise<string | undefined> {
  const { contents } = field.state;
  const how = ending.result?.operation ?? (ending.isGone ? 'gone' : 'threw');
  // An ETag stands for the bytes: a record may be a claim, a manifest or an end.
  const objects = [...contents.objects].map(([key, { etag }]) => `${key} ${etag}`);
  const known = `${scenario.name}\n${how}\n${objects}\n${JSON.stringify(contents.items)}`;
  if (seen.has(known)) return undefined;
  seen.add(known);

  const after = (name: string, problem: string | undefined, then: Field) =>
    problem && `${name}: ${problem}\n${told(field)}\n  then\n${told(then)}`;
  const live = idOf(contents.items.live);
  const fresh = () => fieldFor(scenario, field, undefined, field.time.now);

  if (ending.jobs.length > 0) {
    const again = fresh();
    for (const [id, result] of field.jobs.results) again.jobs.results.set(id, result);
    await scenario.run(again, ids, jobId);
    const problem =
      brokenIn(again) ??
      ((how === 'PutJobSuccessResult' || scenario.keepsLive) &&
      idOf(again.state.contents.items.live) !== live
        ? `what is live changed from ${live}`
        : undefined);
    if (problem) return after('the same event again', problem, again);
  }
  if (how !== 'PutJobSuccessResult') {
    const again = fresh();
    const second = await scenario.run(again, ids);
    const target = scenario.target?.(ids);
    const isThere = target === undefined || idOf(again.state.contents.items.live) === target;
    const problem =
      judge(scenario, undefined, second, again, live) ??
      problemInEnd(scenario, second) ??
      (isThere ? undefined : `${target} is not live`);
    if (problem) return after('a retry of the stage', problem, again);
  }
  if (scenario.handler === 'Invalidate' || scenario.handler === 'Notify') return undefined;
  const next = fresh();
  next.isSick = false;
  const pushed = await push(next, 'next push');
  const isFrozen = next.state.contents.items.frozen !== undefined;
  if (typeof pushed !== 'string' && !isFrozen) {
    return after(
      'the next push',
      problemInEnd({ ...scenario, ends: 'succeeded' }, pushed) ?? 'not live',
      next,
    );
  }
  const broken = brokenIn(next);
  if (broken) return after('the next push', broken, next);
  if (typeof pushed === 'string' && ending.jobs.length > 0) {
    await scenario.run(next, ids, jobId);
    const late = idOf(next.state.contents.items.live);
    const problem = brokenIn(next) ?? (late === pushed ? undefined : `${late} is live`);
    if (problem) return after('the event once more', problem, next);
  }
  return after('the day after', await theDayAfter(next, seen), next);
}

const brokenIn = ({ invariants, jobs }: Field): string | undefined =>
  invariants.violation?.what ?? jobs.contradiction();

async function theDayAfter(field: Field, seen: Seen): Promise<string | undefined> {
  const world = await World.of({ actors: [], begin: field, cores: shipped });
  try {
    const problem = await afterwards(world, seen);
    return world.violation ? world.violation.what : problem;
  } finally {
    await world.end();
  }
}

function fieldFor(
  { isSick, invalidationMs }: Scenario,
  { account, state }: Pick<Field, 'account' | 'state'>,
  strike?: Strike,
  begin?: number,
): Field {
  return new Field({
    account,
    state,
    meanwhile,
    ...(strike && { strike }),
    ...(isSick && { isSick }),
    ...(invalidationMs !== undefined && { invalidationMs }),
    ...(begin !== undefined && { begin }),
  });
}

const meanwhile: FieldOptions['meanwhile'] = async (field, who) => {
  if (who === 'publishes') await push(field, 'between');
  else await field.run(cleanUp, LIFE_MS.Prune);
};

/** Of a long outage, how it began and how it ended. */
function told({ trace }: Field): string {
  const left = trace.length - 60;
  const shown = left > 0 ? [...trace.slice(0, 40), `… ${left} more …`, ...trace.slice(-20)] : trace;
  return shown.map((line) => `  ${line}`).join('\n');
}
