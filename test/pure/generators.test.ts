import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { resolveConfig } from '../../lib/config.ts';
import {
  GENERATORS,
  type Generator,
  generatorTable,
  INLINE_SCRIPTS_AND_STYLES,
} from '../../scripts/generators.ts';

const page = readFileSync(new URL('../../docs/builds.md', import.meta.url), 'utf8');

test('the documentation has the settings that npm run starters tries out', () => {
  const table = page.slice(page.indexOf('| Generator |'), page.indexOf('\nCommon to all'));
  expect(table).toBe(generatorTable());
  expect(page).toContain(`headers: { contentSecurityPolicy: "${INLINE_SCRIPTS_AND_STYLES}" },`);
});

test.each(Object.entries<Generator>(GENERATORS))(
  '%s: the settings are ones that resolve',
  (name, { settings }) => {
    const { build, immutable } = resolveConfig({ name, ...settings });
    expect(build).toMatchObject(settings.build ?? {});
    expect(immutable).toEqual(settings.immutable ?? []);
  },
);

test('inline code is let through for generators that need it, and nothing from elsewhere', () => {
  expect(INLINE_SCRIPTS_AND_STYLES).toMatch(
    /^default-src 'self'; script-src 'self' 'unsafe-inline'; /,
  );
  expect(INLINE_SCRIPTS_AND_STYLES).not.toMatch(/\*|https?:/);
});
