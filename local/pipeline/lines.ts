import { stripVTControlCharacters } from 'node:util';
import type { PipelineEvent } from './events.ts';

// `Invalidate · Invalidate`, the stack's longest.
const NAME_WIDTH = 23;

/**
 * What a person reads about one event: in the output of their push, and in a terminal that cannot
 * redraw. No state and no clock, so the same events always give the same lines.
 */
export function linesFor(event: PipelineEvent): string[] {
  switch (event.type) {
    case 'execution-started':
      return [`Publishing ${event.commit.slice(0, 7)} of ${event.branch} (${event.trigger})`];
    case 'execution-waiting':
      return [`${event.stage} is busy with another release: waiting for it`];
    case 'execution-outside-window':
      return [`${event.stage} waits for its deployment window, which ${opening(event)}`];
    case 'stage-started':
      return [];
    case 'action-started':
      return [`${name(event)}started`];
    case 'action-output':
      return [indented(event.line)];
    case 'action-progress': {
      const percent = event.percent === undefined ? [] : [`${event.percent} %`];
      const details = [...percent, ...(event.summary ? [event.summary] : [])];
      return [`${name(event)}working${details.length > 0 ? `    ${details.join('  ')}` : ''}`];
    }
    case 'approval-needed':
      return [
        `${name(event)}waits for an approval until ${localTime(event.expiresAt)}`,
        ...textLines(event.message).map(indented),
        ...textLines(event.link).map(indented),
        indented(`To approve: ${event.command}`),
      ];
    case 'action-finished':
      return [
        `${name(event)}${event.status.toLowerCase()}  ${duration(event.durationMs)}`,
        ...textLines(event.summary).map(indented),
        ...textLines(event.error).map(indented),
      ];
    case 'stage-finished':
      return [
        `${event.stage.padEnd(NAME_WIDTH)}  stage ${event.status.toLowerCase()}  ${duration(event.durationMs)}`,
      ];
    case 'execution-finished':
      return [verdict(event)];
  }
}

const opening = ({
  opensAt,
  timeZone,
}: Extract<PipelineEvent, { type: 'execution-outside-window' }>): string =>
  opensAt === undefined
    ? 'does not open any more'
    : `opens ${localTime(opensAt, timeZone)} ${timeZone}`;

/** `2026-11-30 09:00`, on the clock of this machine or of that zone. */
const localTime = (time: number, timeZone?: string): string =>
  new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' }).format(time);

type Finished = Extract<PipelineEvent, { type: 'execution-finished' }>;

/**
 * The last line of a push. A post-receive hook cannot make `git push` fail any more, so this line
 * alone has to tell success from failure.
 */
function verdict(event: Finished): string {
  const untouched = event.siteUntouched ? '; the live site is unchanged' : '';
  switch (event.status) {
    case 'Succeeded':
      return success(event);
    case 'Failed': {
      const { stage = 'the pipeline', action = '', error = '' } = event.failure ?? {};
      const place = action && action !== stage ? `${stage} · ${action}` : stage;
      const [cause = 'no reason was given'] = textLines(error);
      return `FAILED in ${place}: ${cause.replace(/[.;:]+$/, '')}${untouched}`;
    }
    case 'Superseded':
      return `SUPERSEDED by a newer push: ${unfinished(event)}`;
    case 'Stopped':
      return `STOPPED before the end: ${unfinished(event)}`;
  }
}

function success({ variables, commit, rolledBack, durationMs }: Finished): string {
  // `promoted` is what the stack's promotion says, `releaseId` how its upload calls its result.
  const { promoted, releaseId } = variables;
  const time = `in ${duration(durationMs)}`;
  if (promoted === 'no') return `KEPT ${releaseId} ${time}: it is not live, publishing is frozen`;
  if (rolledBack === undefined) return `published ${releaseId ?? commit.slice(0, 7)} ${time}`;
  return `rolled back ${rolledBack} ${time}${releaseId ? `: ${releaseId} is live` : ''}`;
}

/** Once a function has run, only its own words can tell what became of the release. */
const unfinished = ({ commit, siteUntouched }: Finished): string =>
  siteUntouched
    ? `${commit.slice(0, 7)} was not published; the live site is unchanged`
    : `what became of ${commit.slice(0, 7)} is in the lines above`;

/** `0.4 s`, `8.2 s`, `1 min 05 s`. */
export function duration(milliseconds: number): string {
  const tenths = Math.round(milliseconds / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

const name = (event: { stage: string; action: string }): string =>
  `${event.stage} · ${event.action}`.padEnd(NAME_WIDTH).concat('  ');

const indented = (line: string): string => `    ${plain(line)}`.trimEnd();

const textLines = (text = ''): string[] =>
  plain(text)
    .split('\n')
    .filter((line) => line.trim() !== '');

/** Colours and cursor movements of a build tool would mix with those of whoever shows the line. */
const plain = stripVTControlCharacters;
