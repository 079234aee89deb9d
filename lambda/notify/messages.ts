/** What SNS sends: the subject of a mail and its text. */
export interface Message {
  /** ASCII without line breaks, less than 100 characters (SNS API reference, Publish). */
  readonly subject: string;
  readonly text: string;
}

/** The site, as every message names it. */
export interface About {
  readonly name: string;
  readonly siteUrl: string;
}

/** What is known of one execution of the pipeline. */
export interface Execution {
  /** In the console. */
  readonly url: string;
  /** The ARN of whoever started it by hand; nothing for a push. */
  readonly startedBy: string | undefined;
  /** Whether it is a stage that was rolled back. */
  readonly isRollback: boolean;
  readonly releaseId: string | undefined;
  readonly revision: Revision | undefined;
  /** How the promotion ended; nothing if it was not begun. */
  readonly promotion: Promotion | undefined;
  readonly failure: ActionFailure | undefined;
}

export interface Revision {
  readonly id: string;
  /** A commit's message. Written by whoever pushed. */
  readonly summary: string | undefined;
  readonly url: string | undefined;
}

export interface Promotion {
  /** Not if publishing is frozen. */
  readonly isLive: boolean;
  readonly summary: string | undefined;
}

export interface ActionFailure {
  readonly stage: string;
  readonly action: string;
  readonly reason: string | undefined;
}

export interface Alarm {
  readonly name: string;
  /** What it means and what to do, as the stack wrote it. */
  readonly description: string | undefined;
  /** What CloudWatch measured. */
  readonly reason: string | undefined;
  /** In the console. */
  readonly url: string;
}

/** An execution that succeeded. One that kept its release, or is a rollback, is told as such. */
export function succeeded(execution: Execution, about: About): Message {
  const { releaseId, promotion, isRollback } = execution;
  const release = named(releaseId);
  const facts = [revisionOf(execution), starterOf(execution), clip(promotion?.summary)];
  if (promotion?.isLive === false) {
    return message(about, `${release} is kept, publishing is frozen`, [
      `${capital(release)} is uploaded and kept. It is not live: publishing is frozen, and visitors of ${about.siteUrl} get what they got before.`,
      ...facts,
      releaseId === undefined
        ? undefined
        : `To let releases go live again: npm run releases -- unfreeze. To make this one live then: npm run releases -- promote ${releaseId}`,
      pipelineAt(execution),
    ]);
  }
  if (isRollback) {
    return message(about, `rolled back, ${release} is live`, [
      `A stage of the pipeline was rolled back: ${release} holds what an earlier execution published, and is live at ${about.siteUrl}.`,
      ...facts,
      pipelineAt(execution),
    ]);
  }
  return message(about, `${release} is published`, [
    `${capital(release)} is published. It is live at ${about.siteUrl}.`,
    ...facts,
    'To go back to the release before it: npm run releases -- rollback',
    pipelineAt(execution),
  ]);
}

/** An execution that failed. */
export function failed(execution: Execution, about: About): Message {
  const { failure, promotion, releaseId, isRollback } = execution;
  const what = isRollback ? 'A rollback of the pipeline' : 'Publishing';
  const place = failure && ` in ${placeOf(failure)}`;
  return message(about, `${isRollback ? 'rolling back' : 'publishing'} failed${place ?? ''}`, [
    `${what} failed${place ?? ''}.`,
    clip(failure?.reason) ?? 'CodePipeline gives no reason; the log of the action has it.',
    // Once the promotion has begun only its own words can tell what visitors get.
    promotion === undefined
      ? `Visitors of ${about.siteUrl} get what they got before: nothing of it went live.`
      : `The site: ${about.siteUrl}`,
    releaseId === undefined ? undefined : `What was uploaded is ${named(releaseId)}.`,
    revisionOf(execution),
    starterOf(execution),
    pipelineAt(execution),
  ]);
}

/** An execution that stands before an approval. */
export function waiting(execution: Execution, about: About): Message {
  const release = named(execution.releaseId);
  return message(about, `${release} waits for an approval`, [
    `${capital(release)} is uploaded and waits for somebody to approve it. Until then visitors of ${about.siteUrl} get what they got before.`,
    revisionOf(execution),
    starterOf(execution),
    `Approve or reject it in the pipeline: ${execution.url}`,
  ]);
}

/** An alarm that went off. */
export function alarmed({ name, description, reason, url }: Alarm, about: About): Message {
  return message(about, `alarm ${name}`, [
    `The alarm ${name} of ${about.siteUrl} went off.`,
    clip(description),
    reason === undefined ? undefined : `CloudWatch says: ${clip(reason)}`,
    `The alarm: ${url}`,
  ]);
}

/** What a person did with the operator's command. */
export type ByHand =
  | { readonly kind: 'promoted' | 'rolled back'; readonly releaseId: string }
  | { readonly kind: 'frozen'; readonly reason: string }
  | { readonly kind: 'unfrozen' };

/** What a person did past the pipeline, so that others learn of it. */
export function byHand(
  done: ByHand & { readonly previousId?: string | undefined; readonly freeze?: string | undefined },
  by: string,
  about: About,
): Message {
  const freeze =
    done.freeze === undefined
      ? undefined
      : `Publishing was frozen with it: ${JSON.stringify(clip(done.freeze))}. No push goes live until "npm run releases -- unfreeze".`;
  const before =
    done.previousId === undefined ? undefined : `Before it, ${named(done.previousId)} was live.`;
  switch (done.kind) {
    case 'rolled back':
      return message(about, `rolled back to ${named(done.releaseId)}`, [
        `${by} went back to ${named(done.releaseId)}. It is live at ${about.siteUrl}.`,
        before,
        freeze,
      ]);
    case 'promoted':
      return message(about, `${named(done.releaseId)} was made live by hand`, [
        `${by} made ${named(done.releaseId)} live at ${about.siteUrl}, without the pipeline.`,
        before,
        freeze,
      ]);
    case 'frozen':
      return message(about, 'publishing is frozen', [
        `${by} froze publishing: ${JSON.stringify(clip(done.reason))}.`,
        `Pushes are built and kept, and none goes live at ${about.siteUrl}, until "npm run releases -- unfreeze".`,
      ]);
    case 'unfrozen':
      return message(about, 'publishing is no longer frozen', [
        `${by} ended the freeze of publishing. The next push goes live at ${about.siteUrl}.`,
      ]);
  }
}

function message(
  { name }: About,
  subject: string,
  paragraphs: readonly (string | undefined)[],
): Message {
  return {
    // What is no ASCII comes from the name of an action or alarm that a fork gave.
    subject: `${name}: ${subject}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 99),
    text: `${paragraphs.filter((one) => one !== undefined).join('\n\n')}\n`,
  };
}

const named = (releaseId: string | undefined): string =>
  releaseId === undefined ? 'the release' : `release ${releaseId}`;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const placeOf = ({ stage, action }: ActionFailure): string =>
  action === stage ? stage : `${stage} - ${action}`;

function revisionOf({ revision }: Execution): string | undefined {
  if (revision === undefined) return undefined;
  const { id, summary, url } = revision;
  // A commit's message may be long, and its first line is its title.
  const [title = ''] = (summary ?? '').split('\n');
  const said = title.trim() === '' ? '' : `: ${JSON.stringify(clip(title.trim()))}`;
  return `It was made from revision ${id}${said}.${url === undefined ? '' : ` ${url}`}`;
}

const starterOf = ({ startedBy }: Execution): string | undefined =>
  startedBy === undefined ? undefined : `It was started by ${startedBy}.`;

const pipelineAt = ({ url }: Execution): string => `The pipeline at work: ${url}`;

/** Of what others wrote: enough to understand it. SNS takes 256 KB in all. */
const LONGEST = 2_000;

function clip(text: string | undefined): string | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)} …`;
}
