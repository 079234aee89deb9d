import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Refused } from './errors.ts';

/** How to reach the stack of `npm start`: as environment variables, as the AWS SDKs know them. */
export interface LocalRun {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Public addresses with their place on this machine. */
  readonly addresses: Readonly<Record<string, string>>;
}

/**
 * Asks a running `npm start` how to reach its services.
 *
 * @param state the folder that it runs on
 * @throws Refused if none runs there
 */
export async function localRun(state: string, signal: AbortSignal): Promise<LocalRun> {
  const answer = await ask(join(state, 'control.json'), signal).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw new Refused(
      `--local: nothing runs on ${state}; start it with npm start, or name another folder with --state`,
      { cause },
    );
  });
  if (!answer.ok) {
    throw new Refused(
      `--local: what runs on ${state} answered ${answer.status}; stop it and start it again with npm start`,
    );
  }
  const environment = (await answer.json()) as Record<string, string>;
  return { environment, addresses: JSON.parse(environment.LOCAL_ADDRESSES ?? '{}') };
}

async function ask(file: string, signal: AbortSignal): Promise<Response> {
  const { port, token } = JSON.parse(await readFile(file, 'utf8'));
  return fetch(`http://127.0.0.1:${port}/environment?caller=${encodeURIComponent(userName())}`, {
    headers: { authorization: `Bearer ${token}` },
    signal,
  });
}

/** As IAM would take it. */
function userName(): string {
  try {
    return (
      userInfo()
        .username.replace(/[^\w+=,.@-]/g, '-')
        .slice(0, 64) || 'operator'
    );
  } catch {
    // Some containers have no entry for their user.
    return 'operator';
  }
}
