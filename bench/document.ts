import { withText } from '../proof/markdown.ts';

/** What `npm run bench -- --write` may replace, by name. */
export type Block = 'table' | 'scale';

/**
 * The document with a new text in a block.
 *
 * @throws Error as `withText` does
 */
export const withBlock = (document: string, block: Block, text: string): string =>
  withText(
    document,
    [`<!-- ${block}: written by npm run bench -- --write -->`, `<!-- end of ${block} -->`],
    `\`\`\`\n${text.trimEnd()}\n\`\`\``,
  );
