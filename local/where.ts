import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

/** Where the person stands: npm runs its scripts in the folder of package.json. */
export const HERE = process.env.INIT_CWD ?? process.cwd();

export const fromHere = (path: string): string => relative(HERE, path) || '.';

export interface Where {
  /** Nothing for production. */
  readonly environment: string | undefined;
  /** The folder with what is kept from one start to the next. */
  readonly state: string;
  /** Whether that is the environment's own. */
  readonly own: boolean;
}

/**
 * What `--environment` and `--state` say together.
 *
 * @throws Error with the option, what it got and what to write instead
 */
export function whereOf(given: { environment?: string; state?: string }): Where {
  const { environment: name = 'production', state } = given;
  if (state === '') throw new Error('--state: got nothing; use a folder, such as .local');
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    throw new Error(
      `--environment: got ${name || 'nothing'}; use a name under environments in site.config.ts`,
    );
  }
  const environment = name === 'production' ? undefined : name;
  const own = join(CHECKOUT, '.local', ...(environment ? ['environments', environment] : []));
  const folder = state === undefined ? own : resolve(HERE, state);
  return { environment, state: folder, own: folder === own };
}
