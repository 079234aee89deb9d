import { Bodies, type Body, type How, hashOf, markReleases, type Tree } from './body.ts';

/** Where the copies stand, as a pattern of the pool. */
export const FINGERPRINTED = '_f/*';

/**
 * What an upload would make of sites whose files have fixed names: whatever pages, style sheets and static imports name
 * gets a copy in the pool under the hash of its content, and is named by that. The files stay where they were, for
 * whoever asks for them by their own names: scripts, while a page is used, and other sites.
 *
 * A model of that step, which works on real HTML. Whatever does takes this place: it is one function from the trees that
 * builds make to those that are uploaded.
 *
 * @param kept names of these kinds stay as they are
 */
export function fingerprinted(
  trees: readonly Tree[],
  kept: readonly How[] = ['late import', 'fetch'],
): Tree[] {
  const bodies = new Bodies();
  const results = trees.map((tree) => fingerprintedTree(tree, bodies, kept));
  markReleases(results);
  return results;
}

function fingerprintedTree(tree: Tree, bodies: Bodies, kept: readonly How[]): Tree {
  const result = new Map<string, Body>();
  const rewritten = new Map<Body, Body>();
  const copies = new Map<string, string>();

  const rewrite = (body: Body): Body => {
    const known = rewritten.get(body);
    if (known) return known;
    const references = body.references.map(({ path, how }) => ({
      path: kept.includes(how) ? path : copyOf(path),
      how,
    }));
    const text = `${body.text} ${references.map(({ path }) => path).join(' ')}`;
    const changed = bodies.of(body.name, text, body.bytes, body.type, () => references);
    rewritten.set(body, changed);
    return changed;
  };
  const copyOf = (path: string): string => {
    const known = copies.get(path);
    if (known) return known;
    const body = rewrite(tree.get(path) as Body);
    const copy = `_f/${hashOf(body.text)}${path.slice(path.lastIndexOf('.'))}`;
    copies.set(path, copy);
    result.set(copy, body);
    return copy;
  };

  for (const [path, body] of tree) {
    // Scripts and style sheets under their own names keep the names that they were written with.
    const isPage = path.endsWith('.html');
    result.set(
      path,
      isPage
        ? rewrite(body)
        : bodies.of(body.name, body.text, body.bytes, body.type, () => body.references),
    );
  }
  return result;
}
