import { type CSSToken, tokenizer } from '@csstools/css-tokenizer';
import type { Piece, Role } from '../page-reader.ts';
import { partOf } from './places.ts';

export interface CssReference {
  readonly address: Piece;
  readonly role: Role;
  /**
   * Whether it stands in the value of a custom property. What a relative address means there is decided where
   * the property is used, which may be in another file.
   */
  readonly inVariable: boolean;
}

/** Without any of these there is nothing to look for. */
const MAY_REFER = /url\(|@import|image-set\(/i;

const IMAGE_SET = /^(?:-webkit-)?image-set$/;

/** Addresses in a style sheet, or in the declarations of a style attribute. */
export function referencesInCss(css: Piece): CssReference[] {
  if (!MAY_REFER.test(css.text)) return [];
  const found: CssReference[] = [];
  /** Of open brackets and functions; functions by name. */
  const open: string[] = [];
  /** The name of the rule whose prelude is being read. */
  let rule = '';
  /** What a custom property would begin with, while one may begin. */
  let name: 'may begin' | 'was read' | '' = 'may begin';
  /** How many brackets were open where the custom property began. */
  let variable: number | undefined;

  const find = (raw: string, start: number, value: string, isImport: boolean) => {
    // With an escape inside, the places are others.
    if (raw !== value || rule === 'namespace') return;
    const role: Role = isImport ? 'style' : 'part';
    found.push({
      address: partOf(css, raw, start),
      role,
      inVariable: variable !== undefined,
    });
  };

  const reader = tokenizer({ css: css.text });
  for (;;) {
    const token: CSSToken = reader.nextToken();
    const [type, raw, start, , data] = token;
    if (type === 'EOF-token') return found;
    if (type === 'whitespace-token' || type === 'comment') continue;

    if (type === 'url-token') {
      const before = /^[^(]*\(\s*/.exec(raw)?.[0].length ?? 0;
      const address = raw.slice(before).replace(/\s*\)?$/, '');
      find(address, start + before, data.value, rule === 'import');
    } else if (type === 'string-token') {
      const around = open.at(-1) ?? '';
      const isImport = rule === 'import' && (open.length === 0 || around === 'url');
      if (isImport || around === 'url' || IMAGE_SET.test(around)) {
        find(raw.replace(/^["']|["']$/g, ''), start + 1, data.value, isImport);
      }
      // What follows, such as `layer(x)` or a media query, names no file.
      if (isImport) rule = '';
    } else if (type === 'at-keyword-token') {
      rule = data.value.toLowerCase();
    }

    if (type === 'colon-token' && name === 'was read' && variable === undefined) {
      variable = open.length;
    }
    name = type === 'ident-token' && name === 'may begin' && raw.startsWith('--') ? 'was read' : '';
    if (type === 'semicolon-token' || type === '{-token' || type === '}-token') name = 'may begin';

    if (type === 'function-token') open.push(data.value.toLowerCase());
    else if (type === '(-token' || type === '[-token' || type === '{-token') open.push('');
    else if (type === ')-token' || type === ']-token' || type === '}-token') open.pop();
    if (type === 'semicolon-token' || type === '{-token') rule = '';
    const isOver =
      type === 'semicolon-token' ? variable === open.length : open.length < (variable ?? 0);
    if (isOver) variable = undefined;
  }
}
