import { prunePorts } from '../../lambda/prune/ports.ts';
import { type PruneReport, prune as pruneSite } from '../../lambda/prune/prune.ts';
import { Refused } from './errors.ts';
import type { Answer, Operator } from './operator.ts';
import { count, size, table } from './texts.ts';

/** Time enough for any site; Ctrl-C ends it, too, and the next one goes on. */
const MOST_MS = 60 * 60_000;

/** Deletes what `retention` does not keep, as the daily clean-up does. */
export async function prune(dryRun: boolean, operator: Operator): Promise<Answer> {
  if (!dryRun && operator.asks) {
    const foreseen = await run(true, operator);
    // Nobody has to agree to nothing, nor to what nobody knows yet: an upload is under way.
    if (foreseen.postponed || !deletes(foreseen)) return answer(foreseen, 'nothing', operator);
    operator.say(reportText(foreseen, 'would', operator));
    await operator.agree(`Delete this of ${operator.connection.siteUrl}?`);
  }
  const report = await run(dryRun, operator);
  return answer(
    report,
    dryRun ? 'would' : deletes(report) || !report.complete ? 'did' : 'nothing',
    operator,
  );
}

async function run(dryRun: boolean, operator: Operator): Promise<PruneReport> {
  const { connection, config, clock, signal, say } = operator;
  const { immutable, retention, redirectsFile: redirects } = config;
  const { s3, bucket, pointer, by } = connection;
  const ports = prunePorts(s3, bucket, pointer, { immutable, retention, redirects });
  const invocation = {
    endAt: clock.now() + MOST_MS,
    signal,
    log: (_level: string, message: string, details: { readonly why?: unknown } = {}) => {
      if (message === 'looking again')
        say(`Waiting: ${details.why ?? 'somebody else is at work.'}`);
    },
  };
  try {
    const report = await pruneSite(ports, { by, dryRun }, clock, invocation);
    if (!signal.aborted) return report;
    say(reportText(report, dryRun ? 'would' : 'did', operator));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new Refused(
    dryRun
      ? 'Interrupted; nothing was deleted.'
      : 'Interrupted. What was deleted by then nobody needed; the next clean-up goes on from there.',
  );
}

const deletes = ({ retired, abandoned, files, poolFiles }: PruneReport): boolean =>
  retired.length + abandoned.length + files + poolFiles > 0;

function answer(report: PruneReport, how: How, operator: Operator): Answer {
  return {
    text: reportText(report, how, operator),
    json: { dryRun: how === 'would', ...report, postponed: report.postponed ?? null },
  };
}

type How = 'would' | 'did' | 'nothing';

export function reportText(
  { kept, retired, abandoned, files, poolFiles, bytes, complete, postponed, notes }: PruneReport,
  how: How,
  { config }: Pick<Operator, 'config'>,
): string {
  const { newest, days } = config.retention;
  const would = how === 'would';
  const ended = would ? 'would ' : '';
  const rows = [
    ...kept.map(({ id, reasons }) => ['kept', id, reasons.join(', ')]),
    ...retired.map((id) => [would ? 'would retire' : 'retired', id, '']),
    ...abandoned.map((id) => [would ? 'would abandon' : 'abandoned', id, '']),
  ];
  const sums = [
    `${would ? 'Would delete' : 'Deleted'} ${count(files, 'file')} of releases and ${count(poolFiles, 'file')} of the pool, ${size(bytes)}`,
    `${ended}retire${would ? '' : 'd'} ${count(retired.length, 'release')}`,
    ...(abandoned.length > 0
      ? [`${ended}abandon${would ? '' : 'ed'} ${count(abandoned.length, 'upload')}`]
      : []),
  ].join('; ');
  return [
    `By the retention in site.config.ts the newest ${newest.toLocaleString('en')} and all younger than ${count(days, 'day')} are kept, besides what is needed.`,
    '',
    ...(rows.length > 0 ? [table([], rows), ''] : []),
    ...(how !== 'nothing' ? [`${sums}.`] : postponed ? [] : ['There is nothing to delete.']),
    ...(postponed ? [`Put off: ${postponed}`] : []),
    ...(!complete && !postponed ? ['Out of time: the next clean-up goes on from here.'] : []),
    ...notes.map((note) => `Note: ${note}`),
    ...(would ? ['Nothing was changed.'] : []),
  ].join('\n');
}
