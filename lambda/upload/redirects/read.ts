import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllRedirects } from '@netlify/redirect-parser';
import { ERROR_PAGE_PATH } from '../../../lib/release/contract.ts';
import { spelled } from '../../../lib/release/redirects.ts';
import { eachLine, LINE_CHARACTERS, problemInLength } from '../lines.ts';
import { beginningOf } from '../words.ts';

/** In Netlify's syntax, at the top of the built site. It is read, and not published. */
export const REDIRECTS_FILE = '_redirects';

/** One line of the file that can be honoured. */
export interface Redirect {
  /** In the file, from 1. */
  readonly line: number;
  /**
   * In the spelling that the router compares: percent-encoded as `encodeURIComponent` does, without a slash at its end, with
   * `:name` and, last, `*` for what may stand there.
   */
  readonly from: string;
  /** An address of this site, or a whole one; `:name` and `:splat` are replaced. */
  readonly to: string;
  /** 200: served from `to`. 404: not there, as without the rule, and no later rule is asked. */
  readonly status: 200 | 301 | 302 | 303 | 307 | 308 | 404;
  /** Whether it goes before a file of the release at that address. */
  readonly force: boolean;
}

/** What the published parser makes of a line. */
interface Parsed {
  readonly from: string;
  readonly host?: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly to: string;
  readonly status?: number;
  readonly force: boolean;
  readonly conditions: Readonly<Record<string, unknown>>;
  readonly signed?: string;
}

/** Of those that are wrong for the same reason in one line. */
const SHOWN_NAMES = 10;

const STATUSES = [301, 302, 303, 307, 308, 200, 404] as const;
const PLACEHOLDER = /:([A-Za-z_]\w*)/g;

/**
 * Reads the file with Netlify's own parser, and refuses what it allows and this hosting cannot do exactly. Says all that is
 * wrong, each with its line.
 *
 * @param folder for temporary files
 * @param check called before every line; throws to give up
 */
export async function readRedirects(
  text: string,
  folder: string,
  check: () => void = () => {},
): Promise<{ readonly redirects: readonly Redirect[]; readonly problems: readonly string[] }> {
  const redirects: Redirect[] = [];
  const problems: string[] = [];
  const lines = text.split('\n');
  const parsed = await eachLine(lines, join(folder, REDIRECTS_FILE), parseLine, check);
  for (const [index, { rule, error }] of parsed.entries()) {
    const content = beginningOf(lines[index] as string, LINE_CHARACTERS);
    const wrong = error === undefined ? (rule ? problemsWith(rule) : []) : [error];
    for (const problem of wrong) problems.push(problemAt(index + 1, content, problem));
    if (rule === undefined || wrong.length > 0) continue;
    redirects.push({
      line: index + 1,
      from: spelledRule(rule.path),
      to: ascii(rule.to),
      status: (rule.status ?? 301) as Redirect['status'],
      force: rule.force,
    });
  }
  return { redirects, problems };
}

/** `_redirects, line 3: got "/a"; what to write instead`. */
export const problemAt = (line: number, content: string, problem: string): string =>
  `${REDIRECTS_FILE}, line ${line}: got ${JSON.stringify(content.trim().replace(/\s+/g, ' '))}; ${problem}`;

async function parseLine(
  line: string,
  /** Written for the parser, which insists on a file. */
  file: string,
): Promise<{ readonly rule?: Parsed; readonly error?: string }> {
  if (line.trim() === '') return {};
  const tooLong = problemInLength(line);
  if (tooLong) return { error: tooLong };
  await writeFile(file, line);
  const { redirects, errors } = await parseAllRedirects({
    redirectsFiles: [file],
    configRedirects: [],
    minimal: false,
  });
  const [error] = errors as Error[];
  // Its last line says what is wrong; the others where, in a file of one line.
  if (error) return { error: lowerFirst(error.message.split('\n').at(-1) ?? '') };
  const [rule] = redirects as Parsed[];
  return rule ? { rule } : {};
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** What of a well-formed rule cannot be honoured. */
function problemsWith({ host, path, query, to, status = 301, force, conditions, signed }: Parsed) {
  const isAbsolute = /^https?:/.test(to);
  const problems: string[] = [];
  if (host !== undefined) {
    problems.push('a rule cannot ask for a host; begin the address with a slash');
  } else if (!path.startsWith('/')) {
    problems.push('begin the address with a slash');
  }
  if (/[?#]/.test(path)) problems.push('leave out the query and what follows #');
  if (Object.keys(query).length > 0) {
    problems.push(
      `query parameters (${Object.keys(query).join(', ')}) are not matched; leave them out`,
    );
  }
  const names = Object.keys(conditions);
  if (signed !== undefined) names.push('Sign');
  if (names.length > 0) {
    problems.push(
      `conditions (${names.join(', ')}) cannot be honoured; leave them out, or decide in a script on the page`,
    );
  }
  problems.push(...problemsInPattern(path));
  if (!(STATUSES as readonly number[]).includes(status)) {
    problems.push(`use one of the status codes ${STATUSES.join(', ')}`);
  } else if (status === 404) {
    if (!['/404', '/404/', `/${ERROR_PAGE_PATH}`].includes(to) || force) {
      problems.push(
        `the only page with status 404 is /${ERROR_PAGE_PATH}, and only where there is no file; use /${ERROR_PAGE_PATH} 404`,
      );
    }
  } else if (status === 200 && isAbsolute) {
    problems.push(
      'files of other hosts cannot be served from here; use 302 to send visitors there',
    );
  } else if (status === 200 && /[?#]/.test(to)) {
    problems.push('a file has no query; leave out ? and # and what follows them');
  }
  problems.push(...problemsInTarget(to, path, isAbsolute));
  return problems;
}

function problemsInPattern(path: string): string[] {
  const parts = path.split('/').slice(1);
  const problems: string[] = [];
  if (parts.slice(0, -1).some((part) => part.includes('*')) || /.\*|\*./.test(parts.at(-1) ?? '')) {
    problems.push('* stands for all that follows; use it once, after the last slash');
  }
  const placeholders = parts.filter((part) => part.startsWith(':'));
  const odd = placeholders.find((part) => !/^:[A-Za-z_]\w*$/.test(part));
  if (odd !== undefined) {
    problems.push(
      `${odd} is no placeholder; one is a colon and a name, and stands between two slashes`,
    );
  }
  const named = [...placeholders, ...(parts.at(-1) === '*' ? [':splat'] : [])];
  const twice = named.find((name, index) => named.indexOf(name) < index);
  if (twice !== undefined)
    problems.push(`${twice} is in the address twice; give each its own name`);
  return problems;
}

function problemsInTarget(to: string, path: string, isAbsolute: boolean): string[] {
  const parts = path.split('/').slice(1);
  const known = new Set(parts.filter((part) => part.startsWith(':')).map((part) => part.slice(1)));
  if (parts.at(-1) === '*') known.add('splat');
  const [, authority = ''] = /^https?:\/\/([^/?#]*)/.exec(to) ?? [];
  // Everywhere else it means another host, of the protocol that the visitor came with.
  if (/^[/\\]{2}/.test(to))
    return [`name the protocol of another host: https:${to.replaceAll('\\', '/')}`];
  if (isAbsolute && (authority === '' || /[:@]\D/.test(authority))) {
    return ['name the host of the target, without a placeholder or a password'];
  }
  const unknown = [
    ...to.slice(isAbsolute ? to.indexOf(authority) + authority.length : 0).matchAll(PLACEHOLDER),
  ]
    .map(([, name = '']) => name)
    .filter((name) => !known.has(name));
  return [...new Set(unknown)]
    .slice(0, SHOWN_NAMES)
    .map((name) => `nothing in the address is called :${name}; write %3A for a colon that is one`);
}

/** As the router spells what visitors ask for; placeholders stay. */
function spelledRule(path: string): string {
  const parts = path.slice(1).split('/');
  const spelt = spelled(parts);
  return `/${spelt.map((part, index) => (parts[index]?.startsWith(':') ? parts[index] : part)).join('/')}`;
}

/** What a header holds, and a line of the program. */
const ascii = (to: string): string => to.replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
