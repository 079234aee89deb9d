import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { whyNotRun } from '../support/runs-always.ts';

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
    expect(whyNotRun(read(file), title)).toBeUndefined();
  },
);

describe('a test that is named there counts only if it always runs:', () => {
  const file = (text: string) => `import { describe, expect, test } from 'vitest';\n${text}`;

  test.each<[string, string | undefined]>([
    ["test('it holds', () => {});", undefined],
    ["test.each([1])('it holds: %s', (n: number) => {});", undefined],
    ["describe.each([1])('x', () => { test.concurrent('it holds', () => {}); });", undefined],
    ["test('another', () => {});", 'there is no such test'],
    ["// test('it holds', () => {});", 'there is no such test'],
    ["const title = 'it holds';", 'there is no such test'],
    ["test.skip('it holds', () => {});", 'skip'],
    ["test.todo('it holds');", 'todo, it has no body'],
    ["test('it holds');", 'it has no body'],
    ["test.fails('it holds', () => {});", 'fails'],
    ["test.runIf(process.env.CI)('it holds', () => {});", 'runIf'],
    ["test.skipIf(x).each([1])('it holds', () => {});", 'skipIf'],
    ["describe.skip('x', () => { test('it holds', () => {}); });", 'skip'],
    [
      "describe.runIf(x)('x', () => { describe('y', () => { test('it holds', () => {}); }); });",
      'runIf',
    ],
    ["test('it holds', () => {}); test.only('another', () => {});", 'test.only in its file'],
    ["test('it holds', (context) => { context.skip(); });", 'skip() within it'],
  ])('%s', (text, why) => {
    expect(whyNotRun(file(text), 'it holds')).toBe(why);
  });
});
