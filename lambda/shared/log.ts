import { type ErrorFacts, factsOf } from './failure.ts';

/** What may be said in the log. Never the event, a token or a credential. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  details?: Readonly<Record<string, string | number | boolean | ErrorFacts | undefined>>,
) => void;

/**
 * One line of JSON each, so that CloudWatch Logs Insights finds the fields by name. Written past
 * `console`, whose lines Lambda prefixes.
 */
export function jsonLog(
  context: Readonly<Record<string, string | undefined>>,
  clean: (text: string) => string,
  write: (line: string) => void = (line) => process.stdout.write(line),
): Log {
  return (level, message, details) =>
    write(`${clean(JSON.stringify({ level, message, ...context, ...details }))}\n`);
}

/** An error as a field of the log: AWS's name for it, its status and request id. */
export const logged = (error: unknown): { error: ErrorFacts } => ({ error: factsOf(error) });

/**
 * Strikes out secrets wherever they turn up: an error message of somebody else's may quote the
 * request that it refuses.
 */
export function cleaner(secrets: readonly (string | undefined)[]): (text: string) => string {
  const known = secrets.filter((secret) => secret !== undefined && secret.length >= 8) as string[];
  // As it stands and as JSON writes it, since the log's lines are cleaned as JSON.
  const forms = known.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  return (text) => forms.reduce((cleaned, secret) => cleaned.replaceAll(secret, '***'), text);
}
