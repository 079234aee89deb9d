import * as v from 'valibot';
import type { SiteConfig } from '../config.ts';

/**
 * What differs from production, which is the config around it.
 *
 * An option that is an object is taken over field by field, unless its `kind` is another one; anything else
 * replaces production's value. `undefined` goes back to the option's default.
 */
export type EnvironmentConfig = {
  readonly [K in Exclude<keyof SiteConfig, 'name' | 'environments'>]?: Overrides<SiteConfig[K]>;
};

type Overrides<T> = T extends readonly unknown[] ? T : T extends object ? Partial<T> : T;

const NAME =
  "use lower-case letters, digits and hyphens, starting with a letter, and not 'production', which is the config itself";

// The end of the name of a second stack: lib/us-east-1.ts.
const TAKEN = "choose another name: the end 'us-east-1' is taken";

/** The shape only: what an environment consists of is checked when it is put together with production. */
export const environments = v.optional(
  v.record(
    v.pipe(
      v.string(NAME),
      v.check((name) => /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(name) && name !== 'production', NAME),
      v.check((name) => !/(?:^|-)us-east-1$/.test(name), TAKEN),
    ),
    v.custom<object>(isPlainObject, 'use an object with the options that differ'),
    "use an object such as { staging: { source: { branch: 'develop' } } }",
  ),
  {},
);

/** Production's options with those of an environment in their place. */
export function withOverrides<T extends object>(base: T, overrides: object): T {
  const given = base as Readonly<Record<string, unknown>>;
  return {
    ...base,
    ...Object.fromEntries(
      Object.entries(overrides).map(([option, value]) => [option, override(given[option], value)]),
    ),
  };
}

function override(base: unknown, value: unknown): unknown {
  if (!isPlainObject(base) || !isPlainObject(value)) return value;
  const { kind = base.kind } = value;
  return kind === base.kind ? { ...base, ...value } : value;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
