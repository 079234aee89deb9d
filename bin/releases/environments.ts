import { join, resolve } from 'node:path';
import { type ResolvedConfig, resolveConfigs, type SiteConfig } from '../../lib/config.ts';
import type { Place } from './arguments.ts';
import { UsageError } from './errors.ts';

/**
 * The config of the environment that is asked for, by its name or that of its stack; production's for any other stack.
 *
 * @throws UsageError for an environment that the config does not have; Error for a config with mistakes
 */
export function configFor(
  { environment, stack }: Pick<Place, 'environment' | 'stack'>,
  config: SiteConfig,
): ResolvedConfig {
  const configs = resolveConfigs(config);
  const [production] = configs;
  if (environment === undefined) {
    return configs.find(({ name }) => name === stack) ?? production;
  }
  const named = (one: ResolvedConfig): string => one.environment ?? 'production';
  const found = configs.find((one) => named(one) === environment);
  if (found) return found;
  throw new UsageError(
    `--environment: got "${environment}"; site.config.ts has ${configs.map(named).join(', ')}`,
  );
}

/** The folder that `npm start` runs an environment on, if it is not told another one. */
export const stateFolder = (
  checkout: string,
  { environment }: Pick<ResolvedConfig, 'environment'>,
): string =>
  join(resolve(checkout, '.local'), ...(environment ? ['environments', environment] : []));
