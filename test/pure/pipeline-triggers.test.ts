import { expect, test } from 'vitest';
import { globMatcher } from '../../local/pipeline/glob.ts';
import { readTriggers, startedBy, type TriggerProperties } from '../../local/pipeline/triggers.ts';

/** Each rule and example of "Working with glob patterns in syntax" in the CodePipeline user guide. */
test.each<[pattern: string, matches: string[], not: string[]]>([
  ['*.java', ['A.java', '.java'], ['a/A.java', 'A.java/b', 'A.javax']],
  ['*.*', ['a.b', '.gitignore', 'a.'], ['a', 'x/a.b']],
  ['*.{java,class}', ['A.java', 'A.class'], ['A.jar', 'A.{java,class}']],
  ['foo.?', ['foo.c', 'foo.?'], ['foo.', 'foo.cc', 'foo./']],
  ['my-file.jar', ['my-file.jar'], ['a/my-file.jar', 'my-fileXjar']],
  ['directory/my-file.jar', ['directory/my-file.jar'], ['my-file.jar']],
  ['**', ['a', 'a/b/c', '.a/b'], []],
  ['directory/**', ['directory/a', 'directory/a/b/.c'], ['directory', 'x/directory/a']],
  ['directory/*', ['directory/a', 'directory/.a'], ['directory/a/b']],
  ['common/**/*.js', ['common/a/b.js', 'common/a/b/c.js'], ['common/a/b.ts', 'a/common/b/c.js']],
  ['**/README.md', ['a/README.md', 'a/b/README.md'], ['a/README.md/b', 'aREADME.md']],
  ['src/**.js', ['src/a.js', 'src/a/b.js'], ['src/a/b.ts']],
  ['[abc].txt', ['a.txt', 'c.txt'], ['d.txt', 'ab.txt']],
  ['[a-c0].txt', ['b.txt', '0.txt'], ['d.txt', '-.txt']],
  ['[!a-c].txt', ['d.txt', '!.txt'], ['a.txt', '/.txt']],
  ['[-a][!-b]', ['-x', 'ax'], ['a-', 'ab', 'bx']],
  ['[*?\\]', ['*', '?', '\\'], ['a', '[']],
  ['[]^]x', [']x', '^x'], ['ax']],
  ['\\*\\{', ['*{'], ['a{', '\\*{']],
  ['app/(shop)/+page.@!', ['app/(shop)/+page.@!'], ['app/shop/page.', 'app/shop/+page.@!']],
  ['!a', ['!a'], ['b', 'a']],
  ['a,b}', ['a,b}'], ['a', 'b}']],
  ['{a/*,b?}.c', ['a/x.c', 'bx.c'], ['a/x/y.c', 'b.c']],
  ['a|b$^.', ['a|b$^.'], ['a', 'a|b$^x']],
])('%s', (pattern, matches, not) => {
  const matcher = globMatcher(pattern);
  expect(matches.filter((path) => !matcher(path))).toEqual([]);
  expect(not.filter((path) => matcher(path))).toEqual([]);
});

test.each([
  ['a[b', 'a [ is not closed'],
  ['[a/b]', 'a [ is not closed'],
  ['{a', 'a { is not closed'],
  ['{a,{b}}', 'a { stands within another'],
  ['a\\', 'a backslash has nothing after it'],
])('%s is refused', (pattern, reason) => {
  expect(() => globMatcher(pattern)).toThrow(`${JSON.stringify(pattern)}: ${reason}`);
});

const read = (...triggers: TriggerProperties[]) => {
  const problems: string[] = [];
  const found = readTriggers(triggers, (path, value, known) =>
    problems.push(`${path}: ${JSON.stringify(value)}; ${known}`),
  );
  return { found, problems };
};
const trigger = (
  ...Push: NonNullable<NonNullable<TriggerProperties['GitConfiguration']>['Push']>[number][]
): TriggerProperties => ({
  ProviderType: 'CodeStarSourceConnection',
  GitConfiguration: { SourceActionName: 'Source', Push },
});

const NO_BRANCH = 'no trigger of the pipeline names this branch';
const NO_FILE = 'none of the changed files starts the pipeline';

test.each<[string, string, string[], true | string]>([
  ['one of the files suffices', 'main', ['docs/a', 'site/a'], true],
  ['no file matches', 'main', ['docs/a'], NO_FILE],
  ['what is excluded is out', 'main', ['site/drafts/a'], NO_FILE],
  ['an excluded file beside another', 'main', ['site/drafts/a', 'site/a'], true],
  ['nothing changed', 'main', [], NO_FILE],
  ['another branch', 'next', ['site/a'], NO_BRANCH],
  ['a branch of the second filter', 'release/1', ['docs/a'], true],
  ['a branch that it excludes', 'release/old', ['site/a'], NO_BRANCH],
])('a push starts the pipeline or not: %s', (_, branch, files, expected) => {
  const { found, problems } = read(
    trigger(
      {
        Branches: { Includes: ['main'] },
        FilePaths: { Includes: ['site/**'], Excludes: ['site/drafts/**'] },
      },
      { Branches: { Includes: ['release/*'], Excludes: ['*/old'] } },
    ),
  );
  expect(problems).toEqual([]);
  expect(startedBy(found[0] as (typeof found)[number], branch, () => files)).toBe(expected);
});

test('where only exclusions are given, every other file starts it', () => {
  const { found } = read(
    trigger({ Branches: { Includes: ['main'] }, FilePaths: { Excludes: ['docs/**'] } }),
  );
  const [first] = found as [(typeof found)[number]];
  expect(startedBy(first, 'main', () => ['docs/a'])).toBe(NO_FILE);
  expect(startedBy(first, 'main', () => ['docs/a', '.hidden'])).toBe(true);
});

test('triggers that are not honoured are named, all of them', () => {
  const bad = { Branches: { Includes: ['a['] } };
  expect(
    read({ ProviderType: 'Other' }, trigger({ FilePaths: { Includes: ['a'] } }, bad)).problems,
  ).toEqual([
    'Triggers[0].ProviderType: "Other"; CodeStarSourceConnection',
    'Triggers[0].GitConfiguration.Push: undefined; filters of pushes, by branch and files',
    'Triggers[1].GitConfiguration.Push[0].Branches: undefined; filters that name branches',
    'Triggers[1].GitConfiguration.Push[1]: "\\"a[\\": a [ is not closed"; patterns that are well formed',
  ]);
});
