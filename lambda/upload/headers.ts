import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllHeaders } from '@netlify/headers-parser';
import { addressesOf } from './addressing.ts';
import { eachLine, LINE_CHARACTERS, problemInLength } from './lines.ts';
import { matcherOf, specialIn } from './path-pattern.ts';
import type { ArtifactFile } from './plan.ts';
import { beginningOf, count, listed } from './words.ts';

/** In Netlify's syntax, at the top of the built site. It is read, and not published. */
export const HEADERS_FILE = '_headers';

/** A path of the file, with the headers that answers under it get. */
export interface HeadersRule {
  /** In the file, from 1. */
  readonly line: number;
  readonly path: string;
  /** By Netlify's own reading of the path. */
  matches(address: string): boolean;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What files get, by the short name of a set of headers: many files have the same. */
export interface ResolvedHeaders {
  /** Of each file that gets any: the name of its set. */
  readonly sets: ReadonlyMap<string, string>;
  /** Of each set: the JSON text to store with a file. */
  readonly texts: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
  readonly findings: readonly string[];
}

/** Of user metadata with an object, names and values together ("Working with object metadata", S3 User Guide). */
const METADATA_BYTES = 2_048;

/** Under this name, as `x-amz-meta-headers`. The function at the edge takes it off again. */
export const METADATA_NAME = 'headers';

/**
 * What an answer's protocol, its body or CloudFront itself decides. CloudFront answers 502 to every request for which a function
 * adds some of these ("Restrictions on all edge functions", CloudFront Developer Guide); the rest would be untrue.
 */
const TAKEN = new Set(
  [
    'accept-ranges age allow alt-svc connection content-encoding content-length content-range date etag expect keep-alive',
    'last-modified location proxy-authenticate proxy-authorization proxy-connection server trailer transfer-encoding upgrade via',
    'warning x-cache x-forwarded-proto x-real-ip',
  ]
    .join(' ')
    .split(' '),
);
const TAKEN_FAMILY = /^x-(?:accel|amz|amzn|edge)-/;

/** Some hundred times what sites have. Each is held against every file, and the expressions of a million would fill the memory. */
const MOST_PATHS = 2_000;

/**
 * Reads the file with Netlify's own parser, and refuses what cannot be honoured. Says all that is wrong, each with its line.
 *
 * @param folder for temporary files
 * @param check called before every line; throws to give up
 */
export async function readHeaders(
  text: string,
  folder: string,
  check: () => void = () => {},
): Promise<{ readonly rules: readonly HeadersRule[]; readonly problems: readonly string[] }> {
  const lines = text.split('\n');
  const paths = lines.filter((line) => line.trimStart().startsWith('/')).length;
  if (paths > MOST_PATHS) {
    const [got, most] = [paths, MOST_PATHS].map((number) => number.toLocaleString('en'));
    const problem = `${HEADERS_FILE}: got ${got} paths; use at most ${most}, /images/* instead of one for each file`;
    return { rules: [], problems: [problem] };
  }
  const parsed = await eachLine(lines, join(folder, HEADERS_FILE), parseLine, check);
  const rules: (HeadersRule & { readonly headers: Map<string, string> })[] = [];
  const problems: string[] = [];
  for (const [index, one] of parsed.entries()) {
    const say = (problem: string) =>
      problems.push(
        `${HEADERS_FILE}, line ${index + 1}: got ${JSON.stringify(beginningOf(lines[index] as string, LINE_CHARACTERS))}; ${problem}`,
      );
    if (one.kind === 'wrong') say(one.problem);
    if (one.kind === 'path') rules.push({ line: index + 1, ...one, headers: new Map() });
    if (one.kind !== 'header') continue;
    const problem = problemWith(one.name.toLowerCase(), one.value);
    const headers = rules.at(-1)?.headers;
    if (problem !== undefined) say(problem);
    else if (headers === undefined) say('a line with a path has to come first');
    else {
      // Twice under one path is a list; the parser does the same.
      const name = one.name.toLowerCase();
      const before = headers.get(name);
      headers.set(name, before === undefined ? one.value : `${before}, ${one.value}`);
    }
  }
  return { rules, problems };
}

type Line =
  | { readonly kind: 'path'; readonly path: string; matches(address: string): boolean }
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  | { readonly kind: 'wrong'; readonly problem: string }
  | { readonly kind: 'nothing' };

const PROBE = 'x-probe';

/**
 * What the parser takes a line for, which it does not say of a whole file: by what becomes of a header behind it, under a path
 * that no line can be.
 */
async function parseLine(line: string, file: string): Promise<Line> {
  const content = line.trim();
  if (content === '') return { kind: 'nothing' };
  const tooLong = problemInLength(line);
  if (tooLong) return { kind: 'wrong', problem: tooLong };
  const before = `/${'-'.repeat(content.length)}`;
  await writeFile(file, `${before}\n${line}\n${PROBE}: 1`);
  const { headers, errors } = await parseAllHeaders({
    headersFiles: [file],
    configHeaders: [],
    minimal: false,
  });
  const [error] = errors;
  if (error) {
    const problem = error.message.split('\n').at(-1) ?? '';
    return { kind: 'wrong', problem: problem.charAt(0).toLowerCase() + problem.slice(1) };
  }
  const last = headers.at(-1) as { for: string; values: Record<string, string>; forRegExp: RegExp };
  if (last.for !== before) {
    const special = specialIn(last.for);
    return special === undefined
      ? { kind: 'path', path: last.for, matches: await matcherOf(last.for, last.forRegExp) }
      : {
          kind: 'wrong',
          problem: `beside a *, ${special} is part of a regular expression; let the * stand for it as well`,
        };
  }
  const found = Object.entries(last.values).find(
    ([name, value]) => name !== PROBE || value !== '1',
  );
  if (found !== undefined) {
    const [name, value] = found;
    return { kind: 'header', name, value: name === PROBE ? value.slice(0, -', 1'.length) : value };
  }
  return content.startsWith('#')
    ? { kind: 'nothing' }
    : { kind: 'wrong', problem: 'write a path, or a name and a value with a colon between them' };
}

function problemWith(name: string, value: string): string | undefined {
  if (/^https?$/.test(name)) return 'a path cannot ask for a host; begin it with a slash';
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return 'this is no name of a header';
  if (!/^[\t\x20-\x7e]*$/.test(value)) return 'a value can hold ASCII characters only';
  if (TAKEN.has(name) || TAKEN_FAMILY.test(name)) {
    return 'CloudFront or the file itself decides this header; leave it out';
  }
  if (name === 'set-cookie') return 'cookies cannot be stored with a file; set them in a script';
  if (name === 'basic-auth') return 'passwords are not honoured here; leave it out';
  if (/^(?:netlify-|cdn-cache-control$|surrogate-)/.test(name)) {
    return 'CloudFront does not read this header; leave it out, Cache-Control is for browsers';
  }
  return undefined;
}

/**
 * Which headers each file gets. A path is meant for a file if it matches one of the file's addresses. Of the same header the
 * last one stands, as with Netlify.
 *
 * @param check called before every file; throws to give up
 */
export function resolveHeaders(
  rules: readonly HeadersRule[],
  paths: readonly string[],
  check: () => void = () => {},
): ResolvedHeaders {
  const sets = new Map<string, string>();
  const texts = new Map<string, string>();
  const problems: string[] = [];
  const used = new Set<HeadersRule>();
  const large: string[] = [];
  let most = 0;
  /** By the lines of the rules that many files have in common. */
  const known = new Map<string, { readonly text: string; readonly name: string } | undefined>();
  for (const path of paths) {
    check();
    const plain = addressesOf(path);
    const addresses = [...new Set([...plain, ...plain.map(encodeURI)])];
    const found = rules.filter(({ matches }) => addresses.some(matches));
    for (const rule of found) used.add(rule);
    const key = found.map(({ line }) => line).join();
    if (!known.has(key)) known.set(key, setOf(found));
    const set = known.get(key);
    if (set === undefined) continue;
    const bytes = METADATA_NAME.length + set.text.length;
    if (bytes > METADATA_BYTES) {
      large.push(path);
      most = Math.max(most, bytes);
      continue;
    }
    texts.set(set.name, set.text);
    sets.set(path, set.name);
  }
  if (large.length > 0) {
    problems.push(
      `${HEADERS_FILE}: got up to ${most.toLocaleString('en')} bytes of headers for ${count(large.length, 'file')} (${listed(large, 3)}); S3 stores ${METADATA_BYTES.toLocaleString('en')} with a file, so use fewer or shorter ones`,
    );
  }
  const findings = rules
    .filter((rule) => !used.has(rule) && rule.headers.size > 0)
    .map(
      ({ line, path }) =>
        `${HEADERS_FILE}, line ${line}: ${path} is no address of a file of the release`,
    );
  return { sets, texts, problems, findings };
}

/** What rules say together; nothing, if they name no header. */
function setOf(rules: readonly HeadersRule[]) {
  const headers = new Map(rules.flatMap((rule) => [...rule.headers]));
  if (headers.size === 0) return undefined;
  const text = JSON.stringify(Object.fromEntries([...headers].sort()));
  return { text, name: nameOf(text) };
}

const nameOf = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, 16);

/** A set of headers without one of them; nothing if there is no other. */
export function headersWithout(
  header: string,
  text: string,
): { readonly name: string; readonly text: string } | undefined {
  const { [header]: _, ...rest } = JSON.parse(text) as Record<string, string>;
  if (Object.keys(rest).length === 0) return undefined;
  const without = JSON.stringify(rest);
  return { name: nameOf(without), text: without };
}

/** With the name of the set of headers that each gets. */
export const withHeaders = (
  files: readonly ArtifactFile[],
  { sets }: ResolvedHeaders,
): ArtifactFile[] =>
  files.map((file) => {
    const headers = sets.get(file.path);
    return headers === undefined ? file : { ...file, headers };
  });
