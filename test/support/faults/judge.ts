import { describeError } from '../../../lambda/shared/failure.ts';
import { idOf } from '../exploration/invariants.ts';
import type { Field, Strike } from './field.ts';
import type { Ending, Scenario } from './scenarios.ts';

/** Of a clock that is wrong by an hour an end may be an hour late. */
const CLOCK_MS = 60 * 60_000;
const SLACK_MS = 10_000;

/** What is wrong with how a scenario ended, or nothing. */
export function judge(
  scenario: Scenario,
  strike: Strike | undefined,
  ending: Ending,
  field: Field,
  liveBefore: string | undefined,
): string | undefined {
  const { violation } = field.invariants;
  if (violation) return `${violation.invariant}: ${violation.what}`;
  const kind = strike?.fault.effect.kind;
  const { result, thrown, isGone, tookMs } = ending;
  // Nobody waits for the end of a clean-up or of a command: of what never answers, Lambda or the person has enough.
  const isWaitedFor = ending.jobs.length > 0;
  const mayVanish = kind === 'crash' || (kind === 'stalled' && !isWaitedFor);

  if (isBug(thrown)) return `threw ${(thrown as Error).stack}`;
  if (isGone && !mayVanish) return 'the process never ended by itself';
  const mayTake = scenario.deadlineMs + SLACK_MS + (kind === 'clock' ? CLOCK_MS : 0);
  if (!isGone && result !== undefined && tookMs > mayTake) {
    return `took ${tookMs / 1_000} s; its deadline is ${mayTake / 1_000} s`;
  }
  const isFrozen = field.state.contents.items.frozen !== undefined;
  const isMoved = idOf(field.state.contents.items.live) !== liveBefore;
  if (scenario.keepsLive && isMoved) return 'what came late moved the pointer';
  if (scenario.setup === 'frozen' && (!isFrozen || isMoved)) return 'a freeze was passed over';
  const contradiction = field.jobs.contradiction();
  if (contradiction) return contradiction;
  const { jobs } = ending;
  if (jobs.length > 0) {
    const without = jobs.filter((id) => !field.jobs.results.has(id));
    const isReported = without.length === 0;
    const couldNot = /the outcome was not delivered/.test(String((thrown as Error)?.message));
    if (!isReported && !mayVanish && !couldNot) return `no result for ${without.join(', ')}`;
    if (isReported && couldNot && strike === undefined) return 'a result that was not delivered';
  }
  if (scenario.handler === 'Notify') {
    const problem = judgeMails(scenario, strike, ending, field);
    if (problem) return problem;
  }
  return judgeWords(scenario, strike, ending, field, liveBefore);
}

/** The mail of each scenario, as it is where nothing goes wrong. */
const MAILS = new WeakMap<Scenario, string>();

/**
 * Each event is told once, in full, or its function throws, which an alarm tells of. A second mail comes only of an event
 * that comes again, or of an answer of SNS that was lost.
 */
function judgeMails(
  scenario: Scenario,
  strike: Strike | undefined,
  { thrown, isGone }: Ending,
  { mails: { sent } }: Field,
): string | undefined {
  const [first] = sent;
  if (strike === undefined && first !== undefined) MAILS.set(scenario, first);
  const wrong = sent.find((mail) => mail !== MAILS.get(scenario));
  if (wrong !== undefined) return `a mail that is not as it should be: ${wrong}`;
  const hasReturned = thrown === undefined && !isGone;
  const kind = strike?.fault.effect.kind ?? '';
  const isLost =
    strike?.call.startsWith('Publish') && ['broken', 'garbled', 'crash', 'stalled'].includes(kind);
  if (hasReturned && sent.length === 0) return 'no mail, and nobody hears of it';
  if (isLost) return undefined;
  const most = kind === 'twice' ? 2 : 1;
  if (sent.length > most) return `${sent.length} mails`;
  return !hasReturned && sent.length > 0 && most === 1 ? 'a mail, and an alarm' : undefined;
}

function judgeWords(
  scenario: Scenario,
  strike: Strike | undefined,
  { result, thrown, jobs }: Ending,
  field: Field,
  liveBefore: string | undefined,
): string | undefined {
  const failure = result?.failureDetails?.message;
  // As the clean-up's handler logs and throws it, and the operator's command shows it.
  const said = failure ?? (jobs.length === 0 && thrown ? describeError(thrown) : undefined);
  const live = idOf(field.state.contents.items.live);
  const summary = result?.executionDetails?.summary;
  for (const text of [said, summary]) {
    const lie = text === undefined ? undefined : untrue(text, live, liveBefore);
    if (lie !== undefined) return `says what is not so (live is ${live}): ${lie}`;
  }
  if (result?.outputVariables?.promoted === 'yes' && strike?.fault.effect.kind !== 'meanwhile') {
    const { releaseId } = result.outputVariables;
    if (releaseId !== live) return `says that ${releaseId} is promoted; live is ${live}`;
  }
  if (said === undefined) return undefined;
  // What was going to fail anyhow has a cause of its own.
  const isForeseen = scenario.ends === 'failed' || strike === undefined;
  const isNamed = strike?.fault.cause.test(said) || scenario.late?.test(said);
  if (!isForeseen && !isNamed) return `does not name the cause: ${said}`;
  if (['Prune', 'Notify'].includes(scenario.handler)) return undefined;
  if (!/[Vv]isitors|\/\.well-known\/release/.test(said))
    return `does not say what visitors see: ${said}`;
  if (/hidden field|\[object |undefined|NaN/.test(said))
    return `is no sentence for people: ${said}`;
  return undefined;
}

/** The part of a message that is not true while that release is live. */
export function untrue(text: string, live: string | undefined, before: string | undefined) {
  const claims: readonly (readonly [RegExp, (id: string) => boolean])[] = [
    [/[Vv]isitors (?:still )?get release (\S+?)[.,:;]?(?:\s|$)/g, (id) => id === live],
    [/Visitors still get the release that was live before/g, () => live === before],
    [/There is no live release yet/g, () => live === undefined],
    [/Visitors get no release/g, () => live === undefined],
    [/Release (\S+) (?:is|was) live(?: already)?[:.,]/g, (id) => id === live],
    [/Release (\S+) is live and visitors get it/g, (id) => id === live],
    [/Release (\S+) is kept and not live/g, (id) => id !== live],
    [/[Rr]elease (\S+) was not made live/g, (id) => id !== live || id === before],
  ];
  for (const [claim, holds] of claims) {
    for (const [said, id = ''] of text.matchAll(claim)) if (!holds(id)) return said;
  }
  return undefined;
}

const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
