import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readInvalidateParameters } from '../../lambda/invalidate/parameters.ts';

const read = (parameters: unknown) => readInvalidateParameters(JSON.stringify(parameters));
const withPath = (path: unknown) => ({ distributionId: 'E1A2B3C4D5E6F7', objectPaths: [path] });

const AFTERWARDS =
  'Write {"distributionId": "E…", "objectPaths": ["/*"]}. No invalidation was created: visitors may still get cached copies until they expire.';

/** The whole message for these problems. */
const saying = (...problems: string[]) =>
  expect.objectContaining({
    type: 'ConfigurationError',
    message: [
      "The action's user parameters are not usable:",
      ...problems.map((problem) => `- ${problem}`),
      AFTERWARDS,
    ].join('\n'),
  });

test.each([
  ['everything', ['/*'], ['/*']],
  ['the start page', ['/'], ['/']],
  ['a folder with a query', ['/a/b?x=1', '/a/*'], ['/a/b?x=1', '/a/*']],
  ['an address that is encoded already', ['/caf%C3%A9%20x'], ['/caf%C3%A9%20x']],
  ['letters that a URL cannot hold, encoded', ['/café x'], ['/caf%C3%A9%20x']],
  ['characters beyond the basic plane, encoded', ['/😀'], ['/%F0%9F%98%80']],
  ['a path named twice, once', ['/a', '/a', '/é', '/%C3%A9'], ['/a', '/%C3%A9']],
])('CloudFront gets %s', (_name, objectPaths, sent) => {
  expect(read({ distributionId: 'E1A2B3C4D5E6F7', objectPaths })).toEqual({
    distributionId: 'E1A2B3C4D5E6F7',
    objectPaths: sent,
  });
});

describe('parameters that are no object', () => {
  test.each([
    [undefined, 'UserParameters: got nothing; write a JSON object'],
    ['', 'UserParameters: got ""; write a JSON object'],
    ['[]', 'UserParameters: got []; write a JSON object'],
    ['null', 'UserParameters: got null; write a JSON object'],
    ['"/*"', 'UserParameters: got "/*"; write a JSON object'],
  ])('%j', (text, problem) => {
    expect(() => readInvalidateParameters(text)).toThrow(saying(problem));
  });

  test('not JSON', () => {
    expect(() => readInvalidateParameters('{distributionId')).toThrow(
      /UserParameters: got "\{distributionId"; write JSON \(.+\)/,
    );
  });
});

describe('a path that CloudFront would refuse or misread', () => {
  test.each([
    ['index.html', 'got "index.html"; write a path that begins with /'],
    ['', 'got ""; write a path that begins with /'],
    [7, 'got 7; write a path as text, such as "/index.html"'],
    [
      '/~me/*',
      'got "/~me/*"; leave out the ~, which CloudFront does not invalidate, and end in * before it',
    ],
    [
      '/%7Eme',
      'got "/%7Eme"; leave out the ~, which CloudFront does not invalidate, and end in * before it',
    ],
    ['/*/a', 'got "/*/a"; write * only as the last character'],
    ['/a**', 'got "/a**"; write * only as the last character'],
    ['/a#b', 'got "/a#b"; leave out what follows #, which is never sent to CloudFront'],
    ['/a\nb', 'got "/a\\nb"; leave out the control characters'],
    ['/\ud800', 'got "/\\ud800"; leave out the half surrogate pair, which is no character'],
    [
      '/#{Build.PATH}',
      'got "/#{Build.PATH}"; #{Build.PATH} was not resolved: give the action that sets it that namespace, and run it in an earlier stage or run order',
    ],
    [
      `/${'a'.repeat(4_000)}`,
      `got "/${'a'.repeat(117)}…; write at most 4000 characters (it has 4001), such as a shorter path that ends in *`,
    ],
    [
      `/${'é'.repeat(667)}`,
      `got "/${'é'.repeat(117)}…; write at most 4000 characters (it has 4003), such as a shorter path that ends in *`,
    ],
  ])('%j', (path, problem) => {
    expect(() => read(withPath(path))).toThrow(saying(`objectPaths[0]: ${problem}`));
  });

  test('the longest path that CloudFront takes is taken', () => {
    const path = `/${'a'.repeat(3_999)}`;
    expect(read(withPath(path)).objectPaths).toEqual([path]);
  });
});

test.each([
  [undefined, 'got nothing'],
  ['', 'got ""'],
  ['d111111abcdef8.cloudfront.net', 'got "d111111abcdef8.cloudfront.net"'],
  ['arn:aws:cloudfront::1:distribution/E1', 'got "arn:aws:cloudfront::1:distribution/E1"'],
  [3, 'got 3'],
])('%j is no distribution', (distributionId, got) => {
  expect(() => read({ distributionId, objectPaths: ['/*'] })).toThrow(
    saying(`distributionId: ${got}; write the id of a distribution, such as "E1A2B3C4D5E6F7"`),
  );
});

test.each([[undefined], [[]], ['/*'], [{}]])('%j is no list of paths', (objectPaths) => {
  expect(() => read({ distributionId: 'E1A2B3C4D5E6F7', objectPaths })).toThrow(
    /objectPaths: got .*; write a list of at least one path, such as \["\/\*"\]/,
  );
});

test('more paths than a distribution ever takes at once are refused', () => {
  const objectPaths = Array.from({ length: 3_001 }, (_, index) => `/${index}`);
  expect(() => read({ distributionId: 'E1A2B3C4D5E6F7', objectPaths })).toThrow(
    saying('objectPaths: got "3001 paths"; write at most 3000, such as one path that ends in *'),
  );
  const most = read({ distributionId: 'E1A2B3C4D5E6F7', objectPaths: objectPaths.slice(1) });
  expect(most.objectPaths).toHaveLength(3_000);
});

test('more wildcards than a distribution ever takes at once are refused', () => {
  const objectPaths = Array.from({ length: 16 }, (_, index) => `/${index}/*`);
  expect(() => read({ distributionId: 'E1A2B3C4D5E6F7', objectPaths })).toThrow(
    saying('objectPaths: got "16 paths that end in *"; write at most 15, such as "/*" for all'),
  );
});

test('all mistakes are told together', () => {
  expect(() =>
    read({ distributionId: '#{Stack.ID}', objectPaths: ['a', '/b~'], paths: ['/*'] }),
  ).toThrow(
    saying(
      'paths: got ["/*"]; leave it out; the fields are distributionId, objectPaths',
      'distributionId: got "#{Stack.ID}"; #{Stack.ID} was not resolved: give the action that sets it that namespace, and run it in an earlier stage or run order',
      'objectPaths[0]: got "a"; write a path that begins with /',
      'objectPaths[1]: got "/b~"; leave out the ~, which CloudFront does not invalidate, and end in * before it',
    ),
  );
});

test('a list of thousands of mistakes stays readable', () => {
  const objectPaths = Array.from({ length: 2_000 }, () => 'a');
  expect(() => read({ distributionId: 'E1A2B3C4D5E6F7', objectPaths })).toThrow(
    /- and 1980 more\n/,
  );
});

test('what is sent is always printable ASCII of bounded length, and encoding it again changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
      let paths: readonly string[];
      try {
        paths = read(withPath(`/${text}`)).objectPaths;
      } catch {
        return;
      }
      expect(paths[0]).toMatch(/^\/[\x21-\x7e]*$/);
      expect(read(withPath(paths[0])).objectPaths).toEqual(paths);
    }),
  );
});
