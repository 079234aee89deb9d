import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../lambda/shared/clock.ts';
import { config } from '../../site.config.ts';
import { type Arguments, needsConsent, readArguments } from './arguments.ts';
import type { Connection } from './connect.ts';
import { configFor, stateFolder } from './environments.ts';
import { Refused, UsageError } from './errors.ts';
import { type About, explain } from './explain.ts';
import { interrupted } from './interrupted.ts';
import { localRun } from './local.ts';

/** What the command is run in: a terminal, a script, a test. */
export interface Surroundings {
  /** The folder that relative ones start from. */
  readonly here: string;
  /** The Region, if none is named. The SDK looks in the profile where this has none. */
  readonly region: string | undefined;
  /** Environment variables, for what npm left there. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when somebody stops the command. */
  readonly signal: AbortSignal;
  out(text: string): void;
  err(text: string): void;
  /** Asks a person; nothing where there is nobody to ask. */
  readonly ask: undefined | ((question: string) => Promise<boolean>);
  /** Since the command began, in milliseconds. */
  elapsed(): number;
}

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Understands the words, does what they ask for, and tells how it went.
 *
 * @returns the exit status
 */
export async function main(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<0 | 1 | 2> {
  let about: About = { local: false, profile: undefined };
  try {
    const read = readArguments(words, surroundings.env);
    if ('help' in read) {
      surroundings.out(read.help);
      return 0;
    }
    about = read.place;
    await operate(read, surroundings);
    return 0;
  } catch (error) {
    surroundings.err(`${explain(error, about)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function operate(given: Arguments, surroundings: Surroundings): Promise<void> {
  let connection: Connection | undefined;
  try {
    await connected(given, surroundings, (made) => {
      connection = made;
    });
  } catch (error) {
    if (!surroundings.signal.aborted) throw error;
    throw interrupted(error, given.request, connection?.hasWritten() ?? false);
  }
}

async function connected(
  { request, place, json, yes }: Arguments,
  { here, region, signal, out, err, ask, elapsed }: Surroundings,
  onConnected: (connection: Connection) => void,
): Promise<void> {
  if (needsConsent(request) && !yes && ask === undefined) {
    throw new UsageError(
      `${request.command}: there is no terminal to ask whether to go on; add --yes to say so, behind the -- of npm run releases --. Nothing was changed.`,
    );
  }
  const resolved = configFor(place, config);
  const state =
    place.state === undefined ? stateFolder(CHECKOUT, resolved) : resolve(here, place.state);
  const local = place.local ? await localRun(state, signal) : undefined;
  // Only now: loading the AWS clients takes most of a second, for which help and a mistyped word need not wait.
  const { connect } = await import('./connect.ts');
  const { run } = await import('./run.ts');
  const connection = await connect(
    {
      stack: place.stack ?? resolved.name,
      region: place.region ?? region,
      profile: place.profile,
      local,
    },
    signal,
  );
  onConnected(connection);
  let waitedMs = 0;
  const answer = await run(request, {
    connection,
    config: resolved,
    clock: systemClock,
    signal,
    say: (line) => (json ? err : out)(`${line}\n`),
    asks: !yes,
    async agree(question, otherwise = 'Nothing was changed.') {
      if (yes) return;
      const began = elapsed();
      const agreed = await ask?.(question);
      waitedMs += elapsed() - began;
      if (!agreed) throw new Refused(otherwise);
    },
    elapsed: () => elapsed() - waitedMs,
  });
  out(`${json ? JSON.stringify(answer.json, null, 2) : answer.text}\n`);
}
