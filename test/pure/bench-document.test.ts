import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { withBlock } from '../../bench/document.ts';
import { readOptions } from '../../bench/options.ts';
import { dollars, ratiosOf, type Section, shown, times } from '../../bench/table.ts';

const BEGIN = '<!-- table: written by npm run bench -- --write -->';
const END = '<!-- end of table -->';
const DOCUMENT = `# Benchmarks\n\nProse.\n\n${BEGIN}\nold\n${END}\n\nMore prose.\n`;

describe('the table is written between its markers', () => {
  test('and the prose around it stays', () => {
    const once = withBlock(DOCUMENT, 'table', 'a  b\n');
    expect(once).toBe(
      `# Benchmarks\n\nProse.\n\n${BEGIN}\n\n\`\`\`\na  b\n\`\`\`\n\n${END}\n\nMore prose.\n`,
    );
    expect(withBlock(once, 'table', 'a  b\n')).toBe(once);
  });

  test('as it is, whatever characters it has', () => {
    expect(withBlock(DOCUMENT, 'table', "$& $1 $'")).toContain("\n$& $1 $'\n");
  });

  test.each([
    ['', `${BEGIN}: got it 0 times; write it once, on a line of its own`],
    [`${DOCUMENT}${BEGIN}`, `${BEGIN}: got it 2 times; write it once, on a line of its own`],
    [BEGIN, `${END}: got it 0 times; write it once, on a line of its own`],
    [`${END}\n${BEGIN}`, `${END}: got it before ${BEGIN}; write it after that`],
  ])('nothing is written where they are not as they should be: %j', (document, message) => {
    expect(() => withBlock(document, 'table', 'new')).toThrow(new Error(message));
  });

  test.each(['table', 'scale'] as const)('the document has a place for %s', (block) => {
    const document = readFileSync('docs/benchmarks.md', 'utf8');
    expect(withBlock(document, block, 'new')).toContain('```\nnew\n```');
  });
});

describe('--write', () => {
  test.each([
    [[], undefined],
    [['--write'], 'table'],
    [['--write', '--only', 'scale'], 'scale'],
  ] as const)('%j replaces %s', (args, block) => {
    expect(readOptions(args)?.write).toBe(block);
  });

  test.each([
    [['router']],
    [['router', 'scale']],
    [['bundles', 'router', 'synth', 'push', 'releases', 'scale']],
  ])('does not make a table of %j', (parts) => {
    const args = ['--write', ...parts.flatMap((part) => ['--only', part])];
    expect(() => readOptions(args)).toThrow(
      new Error(
        `--write: got it with --only ${parts.join(', ')}; a table is written whole, so use it without --only, or with --only scale`,
      ),
    );
  });
});

describe('the table of ratios', () => {
  const section = (name: string, ours: number, theirs: number): Section => ({
    heading: [name],
    rows: [],
    ratios: [{ of: name, to: 'theirs', ours, theirs, format: shown }],
  });

  test('has the worst one first', () => {
    const sections = [section('good', 1, 4), section('bad', 9, 3), section('even', 2, 2)];
    expect(ratiosOf(sections)[0]?.rows).toEqual([
      ['bad', '9', '3', 'theirs', '3.00 ×'],
      ['even', '2', '2', 'theirs', '1.00 ×'],
      ['good', '1', '4', 'theirs', '0.25 ×'],
    ]);
  });

  test('is not there where nothing was compared', () => {
    expect(ratiosOf([{ heading: ['Router'], rows: [] }])).toEqual([]);
  });

  test.each([
    [0.3, '0.3'],
    [999.96, '1,000'],
    [1_234.5, '1,235'],
  ])('counts are readable: %d', (count, text) => {
    expect(shown(count)).toBe(text);
  });

  test.each([
    [0, '0.00 ×'],
    [0.000_229_7, '0.00023 ×'],
    [0.25, '0.25 ×'],
    [31.054, '31.05 ×'],
  ])('a small ratio is no zero: %d', (ratio, text) => {
    expect(times(ratio)).toBe(text);
  });

  test('a hundredth of a cent is not lost', () => {
    expect(dollars(0.00012)).toBe('0.00012');
  });
});
