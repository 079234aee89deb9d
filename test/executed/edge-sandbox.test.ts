import { describe, expect, test } from 'vitest';
import { compileEdgeFunction, type SandboxOptions } from '../../local/edge/function-sandbox.ts';

const run = (code: string, options: Partial<SandboxOptions> = {}, event: unknown = {}) =>
  compileEdgeFunction({ code, ...options }).run(event);

const RETURN_NAMES = `function handler() {
  const found = [];
  const names = ['process', 'require', 'module', 'setTimeout', 'setInterval', 'setImmediate',
    'queueMicrotask', 'fetch', 'URL', 'Buffer', 'Map', 'Set', 'Proxy', 'WebAssembly', 'Intl', '__work'];
  for (let i = 0; i < names.length; i++) {
    try { if (eval2(names[i]) !== undefined) found.push(names[i]); } catch (e) {}
  }
  return found;
}
function eval2(name) { return globalThis[name]; }`;

test('a function finds nothing that CloudFront does not have', async () => {
  expect(await run(RETURN_NAMES)).toEqual([]);
});

test.each([
  ['eval', 'function handler() { return eval("1"); }'],
  ['new Function', 'function handler() { return new Function("return 1")(); }'],
  [
    'the constructor of what it was given',
    'function handler(event) { return event.constructor.constructor("return process")(); }',
  ],
  [
    'the constructor of console.log',
    'function handler() { return console.log.constructor("return process")(); }',
  ],
])('a function cannot make code with %s', async (_, code) => {
  await expect(run(code)).rejects.toThrow('EvalError');
});

test('a function is strict code', async () => {
  await expect(run('function handler() { undeclared = 1; }')).rejects.toThrow('ReferenceError');
});

test('nothing is kept from one request to the next', async () => {
  const counter = compileEdgeFunction({
    code: 'let n = 0; function handler() { n += 1; globalThis.m = (globalThis.m || 0) + 1; return [n, globalThis.m]; }',
  });
  expect(await counter.run({})).toEqual([1, 1]);
  expect(await counter.run({})).toEqual([1, 1]);
});

test('the event is a copy', async () => {
  const event = { request: { uri: '/a' } };
  const code = 'function handler(event) { event.request.uri = "/b"; return event.request; }';
  expect(await run(code, {}, event)).toEqual({ uri: '/b' });
  expect(event.request.uri).toBe('/a');
});

test('what a function logs for the access log is told with each request', async () => {
  const code = `import cf from 'cloudfront';
    function handler(event) { cf.logCustomData(event.a); cf.logCustomData(event.b); }`;
  const router = compileEdgeFunction({ code });
  const told: string[] = [];
  await router.run({ a: '1', b: '2' }, undefined, (text) => told.push(text));
  await router.run({ a: '3', b: '4' });
  expect(told).toEqual(['1', '2']);
  await expect(router.run({ a: 1 })).rejects.toThrow('cf.logCustomData: CloudFront takes text');
});

describe('a function that does not end is stopped', () => {
  test.each([
    ['in its handler', 'function handler() { for (;;) {} }'],
    ['while it is loaded', 'for (;;) {}\nfunction handler() {}'],
    [
      'after waiting for the store',
      "import cf from 'cloudfront';\nasync function handler() { await cf.kvs().get('a'); for (;;) {} }",
    ],
    ['after waiting for itself', 'async function handler() { await 0; for (;;) {} }'],
  ])('%s', async (_, code) => {
    const options = { timeLimitMs: 250, keyValueStore: { get: async () => 'x' } };
    await expect(run(code, options)).rejects.toThrow('timed out');
  });

  test('when it waits for nothing', async () => {
    await expect(run('function handler() { return new Promise(() => {}); }')).rejects.toThrow(
      'the handler waits for something that never comes',
    );
  });
});

describe('the key-value store', () => {
  const keyValueStore = {
    get: async (key: string) => {
      if (key === 'broken') throw new Error('unavailable');
      return { text: 'a', json: '{"b":1}', empty: '' }[key];
    },
  };
  const ask = (expression: string) =>
    run(
      `import cf from 'cloudfront';\nconst kvs = cf.kvs();\nasync function handler() { const r = await ${expression}; return { r: r }; }`,
      { keyValueStore },
    );

  test.each([
    ["kvs.get('text')", 'a'],
    ["kvs.get('text', { format: 'string' })", 'a'],
    ["kvs.get('json', { format: 'json' })", { b: 1 }],
    ["kvs.get('empty')", ''],
    ["kvs.exists('text')", true],
    ["kvs.exists('none')", false],
  ])('%s is %o', async (expression, value) => {
    expect(await ask(expression)).toEqual({ r: value });
  });

  test.each([
    ["kvs.get('none')", 'KeyNotFound: none'],
    ["kvs.get('broken')", 'unavailable'],
    ["kvs.exists('broken')", 'unavailable'],
    ["kvs.get('text', { format: 'json' })", 'SyntaxError'],
    ["kvs.get('text', { format: 'bytes' })", 'the local edge knows string and json'],
    ['kvs.meta()', 'the local edge knows get and exists'],
  ])('%s rejects', async (expression, reason) => {
    await expect(ask(expression)).rejects.toThrow(reason);
  });

  test('is not there without an association', async () => {
    const code = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nfunction handler() {}";
    await expect(run(code)).rejects.toThrow('no key-value store is associated');
  });
});

describe('the crypto module', () => {
  const hashed = (expression: string) =>
    run(
      `import crypto from 'crypto';\nfunction handler() { return { r: crypto.${expression} }; }`,
    ) as Promise<{ r: string }>;

  test.each([
    ["createHash('md5').update('a').digest('hex')", '0cc175b9c0f1b6a831c399e269772661'],
    ["createHash('sha1').update('é').digest('base64')", 'vxW+cXrBsIC08cRWaSgliR/1Bz0='],
    [
      "createHash('sha256').update('a').update('b').digest('base64url')",
      '-44g_C5MPySMYMOb1lLzwTRymLuXe4tNWQO4UFViBgM',
    ],
  ])('%s', async (expression, value) => {
    expect(await hashed(expression)).toEqual({ r: value });
  });

  test.each([
    ["createHash('sha512')", 'CloudFront knows md5, sha1 and sha256'],
    ["createHash('md5').update(1)", 'the local edge knows text'],
    ["createHash('md5').update('a').digest()", 'the local edge knows hex, base64 and base64url'],
    ['createHmac()', 'not a function'],
  ])('%s is refused', async (expression, reason) => {
    await expect(hashed(expression)).rejects.toThrow(reason);
  });

  test('hands out nothing that was made outside', async () => {
    await expect(hashed("createHash.constructor('return process')()")).rejects.toThrow('EvalError');
    await expect(
      hashed("createHash('md5').update('a').digest('hex').constructor.constructor('return 1')()"),
    ).rejects.toThrow('EvalError');
  });
});

test('errors keep their line of the code', async () => {
  const lines: string[] = [];
  const code = `import cf from 'cloudfront';
function handler() {
  try { throw new Error('here'); } catch (error) { console.log(error.stack); }
}`;
  await run(code, { log: (line) => lines.push(line) });
  expect(lines[0]).toContain('viewer-request.js:3:');
});

test.each([
  ['import fs from "fs";', "the local edge knows import cf from 'cloudfront'"],
  ['import { kvs } from "cloudfront";', "the local edge knows import cf from 'cloudfront'"],
  ['function (', 'Unexpected token'],
])('%s is refused before the first request', (code, reason) => {
  expect(() => compileEdgeFunction({ code })).toThrow(reason);
});
