import { type AnyNode, parse } from 'acorn';
import { fullAncestor } from 'acorn-walk';
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../lib/config.ts';
import { poolCode, routerCode, storedHeadersCode } from '../../lib/hosting/edge/code.ts';

const CONFIG = {
  name: 'a'.repeat(30),
  source: { kind: 'codecommit', branch: 'feature/'.padEnd(80, 'b') },
} as const;

const DOMAIN = { name: 'www.example.com', aliases: [], hostedZoneId: 'Z1' };

/** What is deployed, by the file that it is made of. */
const SHIPPED: Readonly<Record<string, string>> = {
  'viewer-request.js': routerCode(CONFIG),
  'viewer-request.js, with a domain,': routerCode({ ...CONFIG, domain: DOMAIN }),
  'viewer-request.js, with redirects,': routerCode({ ...CONFIG, redirectsFile: true }),
  'pool-request.js': poolCode({ ...CONFIG, domain: DOMAIN }),
  'viewer-request.js with URL styles': routerCode({
    ...CONFIG,
    urls: { style: 'directory', fallback: 'single-page' },
  }),
  'viewer-request.js with all of it': routerCode({
    ...CONFIG,
    domain: DOMAIN,
    redirectsFile: true,
    urls: { style: 'directory', fallback: 'single-page' },
    accessLogs: { days: 90, ipAddresses: false },
  }),
  'viewer-response.js': storedHeadersCode(resolveConfig(CONFIG)),
};

/** "JavaScript runtime 2.0 features for CloudFront Functions": what is not on its list is not here. */
const DOCUMENTED = new Set([
  'Program',
  'ImportDeclaration',
  'ImportDefaultSpecifier',
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'RestElement',
  'BlockStatement',
  'VariableDeclaration',
  'VariableDeclarator',
  'ExpressionStatement',
  'EmptyStatement',
  'IfStatement',
  'ForStatement',
  'ForInStatement',
  'WhileStatement',
  'DoWhileStatement',
  'BreakStatement',
  'ContinueStatement',
  'LabeledStatement',
  'ReturnStatement',
  'ThrowStatement',
  'TryStatement',
  'CatchClause',
  'SwitchStatement',
  'SwitchCase',
  'Identifier',
  'Literal',
  'TemplateLiteral',
  'TemplateElement',
  'BinaryExpression',
  'LogicalExpression',
  'UnaryExpression',
  'UpdateExpression',
  'AssignmentExpression',
  'ConditionalExpression',
  'CallExpression',
  'NewExpression',
  'MemberExpression',
  'SequenceExpression',
  'ThisExpression',
  'ArrayExpression',
  'ObjectExpression',
  'Property',
  'AwaitExpression',
]);
const BUILT_IN_MODULES = ['cloudfront', 'crypto', 'querystring', 'buffer'];

/** What code uses beyond the documented part of the language, one line each. */
function problemsIn(code: string): string[] {
  const commas: number[] = [];
  const program = parse(code, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    onTrailingComma: (position) => commas.push(position),
  });
  const problems: string[] = [];
  const lists: AnyNode[] = [];
  fullAncestor(program, (visited, _state, ancestors) => {
    const node = visited as AnyNode;
    const report = (what: string) => problems.push(`${what}: ${code.slice(node.start, node.end)}`);
    if (!DOCUMENTED.has(node.type)) report(node.type);
    switch (node.type) {
      case 'ArrayExpression':
      case 'ObjectExpression':
        lists.push(node);
        break;
      case 'ImportDeclaration':
        if (!BUILT_IN_MODULES.includes(String(node.source.value))) report('module');
        break;
      case 'Property':
        if (node.shorthand || node.method || node.computed) report('ES6 property');
        break;
      case 'LogicalExpression':
        if (node.operator === '??') report('??');
        break;
      case 'AssignmentExpression':
        if (/^(&&|\|\||\?\?)=$/.test(node.operator)) report('logical assignment');
        break;
      case 'CatchClause':
        if (!node.param) report('catch without a binding');
        break;
      case 'Literal':
        if (node.bigint) report('BigInt');
        if (node.regex && /[^gim]/.test(node.regex.flags)) report('regular expression flag');
        break;
      case 'AwaitExpression':
        if (!ancestors.some((outer) => (outer as { async?: boolean }).async)) report('await');
        if (!isAwaitedInOrder(ancestors as AnyNode[])) report('await inside an argument');
        break;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        if (node.generator) report('generator');
        // "async arguments and closures are not supported."
        if (
          ancestors.some((outer) => outer !== node && (outer as { async?: boolean }).async) ||
          (node.async && node.type !== 'FunctionDeclaration')
        ) {
          report('closure in or as async');
        }
        break;
    }
  });
  for (const comma of commas) {
    const isInList = lists.some(
      (list) => list.start < comma && comma < list.end && !isInCall(program, list, comma),
    );
    if (!isInList) problems.push(`trailing comma in a call: at ${comma}`);
  }
  return problems;
}

/** Whether a call or a function stands between the list and the comma. */
function isInCall(program: AnyNode, list: AnyNode, comma: number): boolean {
  let found = false;
  fullAncestor(program, (visited) => {
    const node = visited as AnyNode;
    const holdsComma = list.start < node.start && node.start < comma && comma < node.end;
    if (holdsComma && /Call|New|Function/.test(node.type)) {
      const inner = 'arguments' in node ? node.arguments : 'params' in node ? node.params : [];
      const last = inner.at(-1);
      if (last !== undefined && last.end <= comma) found = true;
    }
  });
  return found;
}

/** `f(await g())` passes an async argument; `x = await g()` does not. */
function isAwaitedInOrder(ancestors: readonly AnyNode[]): boolean {
  const [outer] = ancestors.slice(-2);
  const self = ancestors.at(-1);
  return !(
    (outer?.type === 'CallExpression' || outer?.type === 'NewExpression') &&
    outer.arguments.some((argument) => argument === self)
  );
}

test.each(Object.entries(SHIPPED))('%s uses only what CloudFront documents', (_, code) => {
  expect(code).toMatch(/^(async )?function handler\(event\)/m);
  expect(problemsIn(code)).toEqual([]);
});

// CloudFront allows 10 KB; less starts faster, and features have to find room.
test('the router fits its 4 KB with the longest name and a long branch', () => {
  expect(Buffer.byteLength(SHIPPED['viewer-request.js'] ?? '')).toBeLessThanOrEqual(4096);
});

test.each(Object.entries(SHIPPED))('%s fits what CloudFront takes', (_, code) => {
  expect(Buffer.byteLength(code)).toBeLessThanOrEqual(10_240);
});

describe('with every option and the longest names there are, the router', () => {
  const every = {
    name: 'a'.repeat(30),
    domain: { ...DOMAIN, name: `${`${'a'.repeat(62)}.`.repeat(3)}${'b'.repeat(60)}.de` },
    redirectsFile: true,
    urls: { style: 'directory', fallback: 'single-page' },
    accessLogs: { days: 90, ipAddresses: false },
  } as const;

  test.each([
    ['a branch', { kind: 'codecommit', branch: 'b'.repeat(255) }],
    ['a key', { kind: 's3', key: `${'k'.repeat(1_020)}.zip` }],
  ] as const)('fits, whatever the length of %s', (_, source) => {
    expect(Buffer.byteLength(routerCode({ ...every, source }))).toBeLessThanOrEqual(10_240);
  });
});

test('a function that CloudFront would not take is refused while the stack is synthesised', () => {
  const names = Array.from({ length: 400 }, (_, n) => [`x-header-${n}-`.padEnd(30, 'x'), 'a']);
  const { headers } = resolveConfig(CONFIG);
  const config = { headers: { ...headers, custom: Object.fromEntries(names) } };
  expect(() => storedHeadersCode(config)).toThrow(
    /^viewer-response\.js: the function has \d+ bytes and CloudFront takes 10240; shorten it, or leave out/,
  );
});

describe('the check refuses', () => {
  test.each([
    ['for-of', 'for (const x of []) {}'],
    ['spread in a call', 'f(...[])'],
    ['spread in an array', 'const a = [...b];'],
    ['spread in an object', 'const a = { ...b };'],
    ['destructured objects', 'const { a } = b;'],
    ['destructured arrays', 'const [a] = b;'],
    ['destructured parameters', 'function f({ a }) {}'],
    ['default parameters', 'function f(a = 1) {}'],
    ['optional chaining', 'a?.b'],
    ['optional calls', 'a?.()'],
    ['nullish coalescing', 'a ?? b'],
    ['logical assignment', 'a ||= b'],
    ['classes', 'class A {}'],
    ['class expressions', 'const A = class {};'],
    ['generators', 'function* f() {}'],
    ['async generators', 'async function* f() {}'],
    ['closures in async functions', 'async function f() { return [].map(() => 1); }'],
    ['async closures', 'const f = async () => 1;'],
    ['async arguments', 'async function f() { g(await h()); }'],
    ['await at the top', 'await f();'],
    ['for-await', 'async function f() { for await (const x of y) {} }'],
    ['catch without a binding', 'try { f(); } catch { g(); }'],
    ['shorthand properties', 'const a = { b };'],
    ['methods in objects', 'const a = { b() {} };'],
    ['computed properties', 'const a = { [b]: 1 };'],
    ['tagged templates', 'a`b`'],
    ['BigInt', 'const a = 1n;'],
    ['dynamic import', "import('cloudfront')"],
    ['other modules', "import fs from 'fs';"],
    ['named imports', "import { kvs } from 'cloudfront';"],
    ['exports', 'export const a = 1;'],
    ['new.target', 'function f() { return new.target; }'],
    ['a trailing comma in a call', 'f(a,)'],
    ['a trailing comma in a call inside an object', 'const a = { b: f(c,) };'],
    ['a trailing comma after parameters', 'function f(a,) {}'],
    ['the s flag', '/a/s.test(b)'],
  ])('%s', (_, code) => {
    expect(problemsIn(code)).not.toEqual([]);
  });

  test.each([
    ['rest parameters', 'function f(...a) { return a; }'],
    ['arrow functions', 'const f = (a) => a + 1;'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the code under test has one
    ['template literals', 'const a = `b${1 + 1}`;'],
    ['exponentiation', 'const a = 2 ** 3;'],
    ['await in order', 'async function f() { const a = await g(); return a; }'],
    ['trailing commas in objects and arrays', 'const a = { b: [1, 2,], };'],
  ])('not: %s', (_, code) => {
    expect(problemsIn(code)).toEqual([]);
  });
});
