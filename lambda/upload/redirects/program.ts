import { createHash } from 'node:crypto';
import { addressFor, fileFor, type UrlStyle } from '../../../lib/release/addresses.ts';
import {
  ERROR_PAGE_KEY,
  matchesPattern,
  RELEASE_PROBE_PATH,
} from '../../../lib/release/contract.ts';
import { decoded, filled, spelled, takenBy } from '../../../lib/release/redirects.ts';
import { VALUE_BYTES } from '../../shared/store.ts';
import { addressesOf } from '../addressing.ts';
import { REDIRECTS_FILE, type Redirect } from './read.ts';

/** Rules as the router reads them, cut into values of the key-value store. */
export interface Program {
  /** As in `Pointer.rules`. */
  readonly rules: string;
  /** As in `Manifest.rules`. */
  readonly values: Readonly<Record<string, string>>;
}

export interface Compiled {
  /** Nothing, if no rule does anything. */
  readonly program: Program | undefined;
  /** What visitors get at an address by the rules alone: of two, the first that matches. */
  readonly ruling: Ruling;
  readonly problems: readonly string[];
  readonly findings: readonly string[];
}

/** A flip changes 50 keys at most, `live`, `previous` and `frozen` among them. */
export const MOST_VALUES = 40;

/** A value without a rule in it, should the store not take an empty one. */
const NOTHING = '-';

/** Of these a request may read all, one after the other; of the others it reads one of a kind. */
export const MOST_PATTERN_VALUES = 8;

/** Of a file's name. Another one that is not there is taken for it once in a thousand million times. */
const FINGERPRINT = 5;

/**
 * What becomes of the rules at the edge.
 *
 * Which file is at an address is known here and not there. So an exact rule that a file of the release goes before is left
 * out, and the files that a pattern would hide are put into the program by a fingerprint of their names.
 */
export function compile(
  redirects: readonly Redirect[],
  /** All of the release, the pool included. */
  paths: readonly string[],
  immutable: readonly string[],
  /** Of the addresses of pages. */
  style: UrlStyle,
): Compiled {
  const isPooled = (path: string) => immutable.some((pattern) => matchesPattern(pattern, path));
  const files = new Set(paths.filter((path) => !isPooled(path)));
  const isFile = (address: string) =>
    files.has(decoded(fileFor(addressFor(address, style)).slice(1)));
  const ruling = new Ruling(redirects, isFile);
  const problems: string[] = [];
  const findings: string[] = [];
  const say = (to: string[], { line }: Redirect, text: string) =>
    to.push(`${REDIRECTS_FILE}, line ${line}: ${text}`);

  for (const rule of redirects) {
    const path = decoded(exampleOf(rule).slice(1));
    if (isPooled(path)) {
      say(
        problems,
        rule,
        `got ${rule.from}; rules do not reach files under the immutable patterns (${immutable.join(', ')}): their addresses never change`,
      );
    } else if ([RELEASE_PROBE_PATH, ERROR_PAGE_KEY].includes(path)) {
      say(problems, rule, `got ${rule.from}; the hosting itself answers this address`);
    }
    if (rule.status === 200 && !/:[A-Za-z_]/.test(rule.to) && !isFile(rule.to)) {
      const pooled = isPooled(decoded(rule.to.slice(1)));
      say(
        problems,
        rule,
        `got ${rule.to}; ${pooled ? 'a file under the immutable patterns is only served from its own address, use 302' : 'the release has no such file'}`,
      );
    }
    const loop = ruling.loopFrom(rule);
    if (loop !== undefined)
      say(
        problems,
        rule,
        `got ${rule.from} to ${rule.to}; visitors are sent round for ever (${loop.join(' to ')})`,
      );
  }

  const exact: string[] = [];
  const patterns: string[] = [];
  const hidden = new Set<string>();
  for (const [number, rule] of redirects.entries()) {
    if (isPattern(rule)) {
      const among = rule.force || rule.status === 404 ? [] : filesUnder(rule, files);
      for (const path of among) hidden.add(path);
      const status = rule.status === 404 ? '-' : `${rule.status}${among.length > 0 ? '' : '!'}`;
      patterns.push(`${number} ${rule.from} ${rule.to} ${status}`);
      continue;
    }
    if (!rule.force && isFile(rule.from)) {
      say(
        findings,
        rule,
        `${rule.from} is a file of the release, which goes before the rule; write ${rule.status}! to turn that round`,
      );
      // The file goes before what comes later as well, which has to be said only where something does.
      if (ruling.after(number, rule.from)) exact.push(`${number} ${rule.from} / -`);
    } else {
      exact.push(
        `${number} ${rule.from} ${rule.to} ${rule.status === 404 ? '-' : `${rule.status}!`}`,
      );
    }
  }

  for (const line of [...exact, ...patterns]) {
    // With the end of its line it has to fit.
    if (line.length < VALUE_BYTES) continue;
    say(
      problems,
      redirects[Number.parseInt(line, 10)] as Redirect,
      `got a rule of ${line.length.toLocaleString('en')} characters, its number included; the key-value store takes ${(VALUE_BYTES - 1).toLocaleString('en')}`,
    );
  }
  if (problems.length > 0 || exact.length + patterns.length === 0) {
    return { program: undefined, ruling, problems, findings };
  }

  const values = {
    x: intoBuckets(
      exact.map((line) => ({ place: line.split(' ')[1]?.slice(1) ?? '', text: `${line}\n` })),
    ),
    p: inOrder(patterns.map((line) => `${line}\n`)),
    f: intoBuckets(
      [...hidden].map((path) => ({ place: placeOf(path), text: fingerprintOf(path) })),
    ),
  };
  problems.push(...tooMany(values, redirects.length, patterns.length, hidden.size));
  if (problems.length > 0) return { program: undefined, ruling, problems, findings };
  const named = Object.fromEntries(
    Object.entries(values).flatMap(([kind, texts]) =>
      texts.map((text, index) => [`${kind}${index}`, text.replace(/\n$/, '') || NOTHING]),
    ),
  );
  const hash = createHash('sha256').update(JSON.stringify(named)).digest('hex').slice(0, 16);
  const counts = Object.values(values).map(({ length }) => length);
  return {
    program: { rules: [hash, ...counts].join(' '), values: named },
    ruling,
    problems,
    findings,
  };
}

function tooMany(
  { x, p, f }: Readonly<Record<'x' | 'p' | 'f', readonly string[]>>,
  rules: number,
  patterns: number,
  hidden: number,
): string[] {
  const number = (value: number) => value.toLocaleString('en');
  if (p.length > MOST_PATTERN_VALUES) {
    return [
      `${REDIRECTS_FILE}: got ${number(patterns)} rules with a placeholder or *, which take ${number(p.length)} values of the key-value store; a request can read ${MOST_PATTERN_VALUES}, so use fewer or shorter ones`,
    ];
  }
  const all = x.length + p.length + f.length;
  if (all <= MOST_VALUES) return [];
  const files =
    hidden > 0
      ? ` (${number(f.length)} of them for the ${number(hidden)} files that go before rules with a placeholder or *: with ! after the status, or an address that covers fewer of them, those are not needed)`
      : '';
  return [
    `${REDIRECTS_FILE}: got ${number(rules)} rules, which take ${number(all)} values of the key-value store${files}; one release goes live with ${MOST_VALUES} at most, so use fewer or shorter rules`,
  ];
}

const isPattern = ({ from }: Redirect): boolean => /\/(?::|\*$)/.test(from);

/** An address that the rule matches. */
const exampleOf = ({ from }: Redirect): string => from.replace(/\/(?::\w+|\*$)/g, '/x');

const filesUnder = (rule: Redirect, files: ReadonlySet<string>): string[] =>
  [...files].filter((path) => addressesOf(path).some((address) => taken(rule, encodeURI(address))));

function taken({ from }: Redirect, address: string) {
  const parts = address.slice(1).split('/');
  return takenBy(from.slice(1).split('/'), parts, spelled(parts));
}

/** What rules say, in the order of the file. */
export class Ruling {
  readonly #redirects: readonly Redirect[];
  readonly #isFile: (address: string) => boolean;

  constructor(redirects: readonly Redirect[], isFile: (address: string) => boolean) {
    this.#redirects = redirects;
    this.#isFile = isFile;
  }

  /** The rule that decides about an address, and where it leads; nothing if the address is served as it is. */
  at(address: string): { readonly rule: Redirect; readonly to: string } | undefined {
    for (const rule of this.#redirects) {
      const found = taken(rule, address);
      if (found === undefined) continue;
      if (rule.status === 404 || (!rule.force && this.#isFile(address))) return undefined;
      return { rule, to: filled(rule.to, found) };
    }
    return undefined;
  }

  /** Whether a rule behind that one would decide about the address although there is a file. */
  after(number: number, address: string): boolean {
    return this.#redirects
      .slice(number + 1)
      .some((rule) => rule.force && taken(rule, address) !== undefined);
  }

  /** The addresses that a visitor is sent to again and again; nothing if it comes to an end. */
  loopFrom(rule: Redirect): string[] | undefined {
    const way = [exampleOf(rule)];
    let found = this.at(way[0] as string);
    // Another rule goes before this one there, and is looked at itself.
    if (found?.rule !== rule) return undefined;
    while (found !== undefined && found.rule.status !== 200 && found.to.startsWith('/')) {
      const next = found.to.replace(/[?#].*$/s, '');
      if (way.includes(next) || way.length > 10) return [...way.slice(0, 3), next];
      way.push(next);
      found = this.at(next);
    }
    return undefined;
  }
}

/** `+` counts as a space, as in `placesOf`. */
const placeOf = (path: string): string => path.replaceAll('+', ' ');

const fingerprintOf = (path: string): string =>
  createHash('sha256')
    .update(placeOf(path))
    .digest('base64url')
    .slice(10, 10 + FINGERPRINT);

/** As few as hold them: each text in the one that the hash of its place names. */
function intoBuckets(
  items: readonly { readonly place: string; readonly text: string }[],
): string[] {
  if (items.length === 0) return [];
  const placed = items.map(({ place, text }) => ({
    text,
    at: createHash('sha256').update(place).digest().readUInt32BE(0),
  }));
  const bytes = items.reduce((sum, { text }) => sum + text.length, 0);
  for (let count = Math.ceil(bytes / (VALUE_BYTES + 1)); ; count += 1) {
    const buckets = Array.from({ length: count }, () => '');
    for (const { at, text } of placed) buckets[at % count] += text;
    // The last line ends without a line break.
    if (count > 2 * MOST_VALUES || buckets.every((text) => text.length <= VALUE_BYTES))
      return buckets;
  }
}

function inOrder(lines: readonly string[]): string[] {
  const values: string[] = [];
  for (const line of lines) {
    const last = values.at(-1);
    if (last === undefined || last.length + line.length > VALUE_BYTES) values.push(line);
    else values[values.length - 1] = last + line;
  }
  return values;
}
