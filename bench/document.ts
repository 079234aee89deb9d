/** What `npm run bench -- --write` may replace, by name. */
export type Block = 'table' | 'scale';

const beginOf = (block: Block): string => `<!-- ${block}: written by npm run bench -- --write -->`;
const endOf = (block: Block): string => `<!-- end of ${block} -->`;

/**
 * The document with a new text between the two markers of a block. Whatever stands outside them stays as it is.
 *
 * @throws Error naming the marker that is not there exactly once, or not before the other
 */
export function withBlock(document: string, block: Block, text: string): string {
  const [begin, end] = [beginOf(block), endOf(block)];
  for (const marker of [begin, end]) {
    const times = document.split(marker).length - 1;
    if (times !== 1) {
      throw new Error(`${marker}: got it ${times} times; write it once, on a line of its own`);
    }
  }
  const from = document.indexOf(begin) + begin.length;
  const to = document.indexOf(end);
  if (to < from) throw new Error(`${end}: got it before ${begin}; write it after that`);
  return `${document.slice(0, from)}\n\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n\n${document.slice(to)}`;
}
