import { createHash } from 'node:crypto';
import { addressFor, fileFor, type UrlStyle } from '../../../lib/release/addresses.ts';
import {
  ERROR_PAGE_KEY,
  matchesPattern,
  RELEASE_PROBE_PATH,
} from '../../../lib/release/contract.ts';
import { decoded } from '../../../lib/release/redirects.ts';
import { VALUE_BYTES } from '../../shared/store.ts';
import { addressesOf } from '../addressing.ts';
import { shortened } from '../words.ts';
import { REDIRECTS_FILE, type Redirect } from './read.ts';
import { type Alike, exampleOf, MOST_STEPS, Ruling } from './ruling.ts';

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

  const refusal = refusalOf(redirects, isFile);
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
    // Of rules that are refused all together nobody has to follow each one.
    const loop = refusal.length > 0 ? undefined : ruling.loopFrom(rule);
    if (loop !== undefined) {
      const way = loop.way.map(shortened).join(' to ');
      const what = loop.isRound
        ? `visitors are sent round for ever (${way})`
        : `visitors are sent on more than ${MOST_STEPS} times, or to longer and longer addresses (${way}); lead to the last one at once`;
      say(problems, rule, `got ${rule.from} to ${rule.to}; ${what}`);
    }
  }
  if (refusal.length > 0) {
    return { program: undefined, ruling, problems: [...problems, ...refusal], findings };
  }

  const exact: string[] = [];
  const patterns: string[] = [];
  const before = filesBefore(redirects, ruling, files);
  for (const [number, rule] of redirects.entries()) {
    if (isPattern(rule)) {
      patterns.push(lineOf(number, rule, !before.rules.has(rule)));
    } else if (!rule.force && isFile(rule.from)) {
      say(
        findings,
        rule,
        `${rule.from} is a file of the release, which goes before the rule; write ${rule.status}! to turn that round`,
      );
      // The file goes before what comes later as well, which has to be said only where something does.
      if (ruling.after(number, rule.from)) exact.push(`${number} ${rule.from} / -`);
    } else exact.push(lineOf(number, rule, true));
  }
  for (const problem of tooLong([...exact, ...patterns], redirects)) problems.push(problem);
  if (problems.length > 0 || exact.length + patterns.length === 0) {
    return { program: undefined, ruling, problems, findings };
  }

  const values = {
    x: exactValues(exact),
    p: patternValues(patterns),
    f: intoBuckets(
      [...before.hidden].map((path) => ({ place: placeOf(path), text: fingerprintOf(path) })),
    ),
  };
  problems.push(...tooMany(values, redirects.length, patterns.length, before.hidden.size));
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

/**
 * Why so many rules can never go live, whatever else is wrong with them: by the lines that they take at least. What has to be
 * looked at with each rule is looked at for as many only as have room.
 */
function refusalOf(
  redirects: readonly Redirect[],
  isFile: (address: string) => boolean,
): readonly string[] {
  const exact: string[] = [];
  const patterns: string[] = [];
  for (const [number, rule] of redirects.entries()) {
    if (isPattern(rule)) patterns.push(lineOf(number, rule, false));
    else if (rule.force || !isFile(rule.from)) exact.push(lineOf(number, rule, true));
  }
  const values = {
    x: exactValues(exact.filter(fits)),
    p: patternValues(patterns.filter(fits)),
    f: [],
  };
  const many = tooMany(values, redirects.length, patterns.length, 0);
  return many.length === 0 ? [] : [...tooLong([...exact, ...patterns], redirects), ...many];
}

/** With the end of its line. */
const fits = (line: string): boolean => line.length < VALUE_BYTES;

function tooLong(lines: readonly string[], redirects: readonly Redirect[]): string[] {
  return lines
    .filter((line) => !fits(line))
    .map((line) => {
      const { line: place } = redirects[Number.parseInt(line, 10)] as Redirect;
      return `${REDIRECTS_FILE}, line ${place}: got a rule of ${line.length.toLocaleString('en')} characters, its number included; the key-value store takes ${(VALUE_BYTES - 1).toLocaleString('en')}`;
    });
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

const lineOf = (number: number, { from, to, status }: Redirect, force: boolean): string =>
  `${number} ${from} ${to} ${status === 404 ? '-' : `${status}${force ? '!' : ''}`}`;

/**
 * Which files have an address that a rule with a placeholder or * matches, though they go before it: all of them, and the rules.
 */
function filesBefore(redirects: readonly Redirect[], ruling: Ruling, files: ReadonlySet<string>) {
  const hidden = new Set<string>();
  const rules = new Set<Redirect>();
  const isAsked = (rule: Redirect) => isPattern(rule) && !rule.force && rule.status !== 404;
  if (!redirects.some(isAsked)) return { hidden, rules };
  /** Of those that match the same, what is asked of all. */
  const asked = new Map<Alike, readonly Redirect[]>();
  for (const path of files) {
    for (const address of addressesOf(path)) {
      for (const alike of ruling.matching(encodeURI(address))) {
        let found = asked.get(alike);
        if (found === undefined) {
          found = alike.numbers.map((number) => redirects[number] as Redirect).filter(isAsked);
          asked.set(alike, found);
          for (const rule of found) rules.add(rule);
        }
        if (found.length > 0) hidden.add(path);
      }
    }
  }
  return { hidden, rules };
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

const exactValues = (lines: readonly string[]): string[] =>
  intoBuckets(
    lines.map((line) => ({ place: line.split(' ')[1]?.slice(1) ?? '', text: `${line}\n` })),
  );

const patternValues = (lines: readonly string[]): string[] =>
  inOrder(lines.map((line) => `${line}\n`));

function inOrder(lines: readonly string[]): string[] {
  const values: string[] = [];
  for (const line of lines) {
    const last = values.at(-1);
    if (last === undefined || last.length + line.length > VALUE_BYTES) values.push(line);
    else values[values.length - 1] = last + line;
  }
  return values;
}
