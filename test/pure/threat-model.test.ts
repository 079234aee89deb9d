import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const [, table = ''] = read('docs/threat-model.md').split('## What others cannot do');
const tried = [...table.matchAll(/\| `(test\/\S+\.test\.ts)`: (.+?) \|$/gm)];

test('every line of what others cannot do names a test', () => {
  const lines = table.split('\n## ')[0]?.match(/^\| (?!Who|-)/gm) ?? [];
  expect(lines.length).toBeGreaterThan(8);
  expect(tried).toHaveLength(lines.filter((line) => line !== '|---').length);
});

test.each(tried.map(([, file = '', title = '']) => [file, title] as const))(
  '%s tries: %s',
  (file, title) => {
    expect(read(file)).toContain(title);
  },
);
