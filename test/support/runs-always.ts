import { type CallExpression, type Node, parse } from 'acorn';
import { ancestor } from 'acorn-walk';
import { transformSync } from 'esbuild';

/** What may be said of a test that runs all the same. */
const HARMLESS = new Set(['each', 'for', 'concurrent', 'sequential']);

/**
 * Why a test may not run that has this in its title: whatever skips it, its `describe`s or all tests but one of the file.
 *
 * @returns nothing if it always runs
 */
export function whyNotRun(source: string, title: string): string | undefined {
  const { code } = transformSync(source, { loader: 'ts', format: 'esm' });
  const found: string[] = [];
  const problems: string[] = [];
  ancestor(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), {
    CallExpression(call, _state, ancestors) {
      const chain = chainOf(call);
      if (!chain) return;
      if (chain.includes('only')) problems.push(`${chain.join('.')} in its file`);
      if (!['test', 'it'].includes(chain[0] ?? '') || !titleOf(call)?.includes(title)) return;
      found.push(title);
      for (const node of ancestors) {
        if (node.type !== 'CallExpression') continue;
        const [, ...said] = chainOf(node as CallExpression) ?? [];
        problems.push(...said.filter((name) => !HARMLESS.has(name)));
      }
      if (call.arguments.length < 2) problems.push('it has no body');
      if (/\.skip\(/.test(code.slice(call.callee.end, call.end))) problems.push('skip() within it');
    },
  });
  if (found.length === 0) return 'there is no such test';
  return problems.length > 0 ? problems.join(', ') : undefined;
}

/** `test.runIf(present).each(…)` as `test`, `runIf`, `each`; nothing for a call of something else. */
function chainOf({ callee }: CallExpression): string[] | undefined {
  const names: string[] = [];
  let node: Node = callee;
  for (;;) {
    const inner = node as Node & Record<string, any>;
    if (node.type === 'Identifier') {
      names.unshift(inner.name);
      return ['test', 'it', 'describe'].includes(inner.name) ? names : undefined;
    }
    if (node.type === 'MemberExpression') {
      names.unshift(inner.property.name ?? String(inner.property.value));
      node = inner.object;
    } else if (node.type === 'CallExpression') node = inner.callee;
    else if (node.type === 'TaggedTemplateExpression') node = inner.tag;
    else return undefined;
  }
}

function titleOf(call: CallExpression): string | undefined {
  const [first] = call.arguments;
  if (first?.type === 'Literal') return String(first.value);
  if (first?.type === 'TemplateLiteral')
    return first.quasis.map(({ value }) => value.cooked).join('');
  return undefined;
}
