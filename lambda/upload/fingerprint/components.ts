/**
 * The strongly connected components of a graph: each what refers to each other in a circle, or one alone. What a component
 * refers to comes before it. By Tarjan's algorithm, without recursion, which thousands of modules in a row would exhaust.
 */
export function componentsOf(
  nodes: readonly string[],
  targetsOf: (node: string) => readonly string[],
): string[][] {
  const components: string[][] = [];
  const numbers = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  for (const root of nodes) {
    if (numbers.has(root)) continue;
    const way = [enter(root)];
    for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
      const target = step.targets[step.next++];
      if (target === undefined) {
        way.pop();
        const { node } = step;
        const low = lowest.get(node) as number;
        const before = way.at(-1)?.node;
        if (before !== undefined) lower(before, low);
        if (low === numbers.get(node)) components.push(takeFrom(node));
      } else if (!numbers.has(target)) way.push(enter(target));
      else if (onStack.has(target)) lower(step.node, numbers.get(target) as number);
    }
  }
  return components;

  function enter(node: string) {
    lowest.set(node, numbers.size);
    numbers.set(node, numbers.size);
    stack.push(node);
    onStack.add(node);
    return { node, targets: targetsOf(node), next: 0 };
  }

  function lower(node: string, number: number) {
    lowest.set(node, Math.min(lowest.get(node) as number, number));
  }

  function takeFrom(node: string): string[] {
    const component = stack.splice(stack.lastIndexOf(node));
    for (const one of component) onStack.delete(one);
    return component.sort();
  }
}
