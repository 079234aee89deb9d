import { expect, test } from 'vitest';
import { type PipelineEvent, PipelineEvents } from '../../local/pipeline/events.ts';
import { duration, linesFor } from '../../local/pipeline/lines.ts';

const execution = { executionId: 'e-1', time: 0 };
const action = { ...execution, stage: 'Deploy', action: 'Upload' };
const finished = {
  ...execution,
  type: 'execution-finished',
  durationMs: 8200,
  commit: '1a2b3c4d5e',
  variables: {},
  siteUntouched: true,
} as const;

test.each<[string, PipelineEvent, string[]]>([
  [
    'what is published and why',
    {
      ...execution,
      type: 'execution-started',
      pipeline: 'p',
      trigger: 'push',
      commit: '1a2b3c4d5e',
      branch: 'main',
    },
    ['Publishing 1a2b3c4 of main (push)'],
  ],
  [
    'that a release waits',
    { ...execution, type: 'execution-waiting', stage: 'Build', behind: 'e-0' },
    ['Build is busy with another release: waiting for it'],
  ],
  [
    'when the window opens that a release waits for, on the clock that the window goes by',
    {
      ...execution,
      type: 'execution-outside-window',
      stage: 'Promote',
      opensAt: Date.UTC(2026, 10, 30, 8),
      timeZone: 'Europe/Berlin',
    },
    ['Promote waits for its deployment window, which opens 2026-11-30 09:00 Europe/Berlin'],
  ],
  [
    'that a window is over for good',
    {
      ...execution,
      type: 'execution-outside-window',
      stage: 'Promote',
      timeZone: 'UTC',
    },
    ['Promote waits for its deployment window, which does not open any more'],
  ],
  [
    'that somebody has to approve, what to look at, how, and until when',
    {
      ...action,
      action: 'Approve',
      type: 'approval-needed',
      token: 't',
      command: 'npm run releases -- approve --local',
      message: 'Release r-1 waits.',
      link: 'https://example.com',
      expiresAt: new Date(2026, 10, 30, 9, 5).getTime(),
    },
    [
      'Deploy · Approve         waits for an approval until 2026-11-30 09:05',
      '    Release r-1 waits.',
      '    https://example.com',
      '    To approve: npm run releases -- approve --local',
    ],
  ],
  [
    'that an action starts',
    { ...action, type: 'action-started', provider: 'Lambda' },
    ['Deploy · Upload          started'],
  ],
  [
    'what a build prints, without what would move the cursor',
    { ...action, type: 'action-output', line: '\u001b[31mred\u001b[0m\u001b[2J' },
    ['    red'],
  ],
  [
    'how far a function is',
    { ...action, type: 'action-progress', percent: 40, summary: 'InProgress' },
    ['Deploy · Upload          working    40 %  InProgress'],
  ],
  [
    'how an action ended, with its summary',
    {
      ...action,
      type: 'action-finished',
      status: 'Succeeded',
      durationMs: 4200,
      summary: '12 files',
      variables: {},
    },
    ['Deploy · Upload          succeeded  4.2 s', '    12 files'],
  ],
  [
    'why an action failed',
    {
      ...action,
      type: 'action-finished',
      status: 'Failed',
      durationMs: 100,
      error: 'YAML_FILE_ERROR: buildspec.yml:\n  - 1:1 version: is missing',
      variables: {},
    },
    [
      'Deploy · Upload          failed  0.1 s',
      '    YAML_FILE_ERROR: buildspec.yml:',
      '      - 1:1 version: is missing',
    ],
  ],
  [
    'the release that is live now',
    { ...finished, status: 'Succeeded', variables: { releaseId: '20261123T061500Z-1a2b3c4' } },
    ['published 20261123T061500Z-1a2b3c4 in 8.2 s'],
  ],
  [
    'the commit, for a pipeline that names no release',
    { ...finished, status: 'Succeeded' },
    ['published 1a2b3c4 in 8.2 s'],
  ],
  [
    'where it failed and that the site is as it was',
    {
      ...finished,
      status: 'Failed',
      failure: { stage: 'Build', action: 'Build', error: 'CLIENT_ERROR: no files.\nmore' },
    },
    ['FAILED in Build: CLIENT_ERROR: no files; the live site is unchanged'],
  ],
  [
    'nothing about the site once a function has run: only the function knows',
    {
      ...finished,
      status: 'Failed',
      siteUntouched: false,
      failure: { stage: 'Deploy', action: 'Promote', error: 'JobFailed: Visitors get release A.' },
    },
    ['FAILED in Deploy · Promote: JobFailed: Visitors get release A'],
  ],
  [
    'that a release is kept while publishing is frozen',
    {
      ...finished,
      status: 'Succeeded',
      durationMs: 8_200,
      variables: { releaseId: 'r-1', promoted: 'no' },
    },
    ['KEPT r-1 in 8.2 s: it is not live, publishing is frozen'],
  ],
  [
    'what a rollback has made live',
    {
      ...finished,
      status: 'Succeeded',
      durationMs: 8_200,
      rolledBack: 'Deploy',
      variables: { releaseId: 'r-1', promoted: 'yes' },
    },
    ['rolled back Deploy in 8.2 s: r-1 is live'],
  ],
  [
    'that a rollback has made nothing live',
    {
      ...finished,
      status: 'Succeeded',
      durationMs: 8_200,
      rolledBack: 'Invalidate',
      variables: {},
    },
    ['rolled back Invalidate in 8.2 s'],
  ],
  [
    'that a newer push took over',
    { ...finished, status: 'Superseded', supersededBy: 'e-2' },
    ['SUPERSEDED by a newer push: 1a2b3c4 was not published; the live site is unchanged'],
  ],
  [
    'that the stack was stopped',
    { ...finished, status: 'Stopped', siteUntouched: false },
    ['STOPPED before the end: what became of 1a2b3c4 is in the lines above'],
  ],
])('a person reads %s', (_, event, lines) => {
  expect(linesFor(event)).toEqual(lines);
});

test.each([
  [0, '0.0 s'],
  [449, '0.4 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min 00 s'],
  [65_000, '1 min 05 s'],
  [3_600_000, '60 min 00 s'],
])('%d ms read as %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

test('whoever follows an execution late still gets its events from the start', async () => {
  const events = new PipelineEvents();
  const stage = { ...execution, type: 'stage-started', stage: 'Source' } as const;
  events.report(stage);
  const following = events.follow('e-1');
  events.report({ ...stage, executionId: 'e-2' });
  events.report({ ...finished, status: 'Succeeded' });
  const types: string[] = [];
  for await (const event of following) types.push(`${event.executionId} ${event.type}`);
  expect(types).toEqual(['e-1 stage-started', 'e-1 execution-finished']);
});

test('a follower that leaves is not waited for', async () => {
  const events = new PipelineEvents();
  const following = events.follow('e-1');
  const next = following.next();
  await following.return?.();
  expect(await next).toEqual({ done: true, value: undefined });
});
