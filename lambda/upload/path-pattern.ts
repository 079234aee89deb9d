/** A run of characters, as a regular expression that is tried at one place; or what stands for a run of any length. */
type Piece = RegExp | 'star' | 'placeholder';

/** To the parser they are a regular expression where a `*` stands in the same part of the path, and nowhere else. */
const SPECIAL = /[\\^$+?()[\]{}|]/;

/** What is no character to a `.` of a regular expression. */
const LINE_END = /[\n\r\u2028\u2029]/;

/** The first character beside a `*` that would make a regular expression of it. */
export function specialIn(path: string): string | undefined {
  const parts = partsOf(path).filter((part) => part.includes('*') && !part.startsWith(':'));
  return parts.map((part) => SPECIAL.exec(part)?.[0]).find((found) => found !== undefined);
}

/**
 * Whether an address matches a path of `_headers` that has nothing `specialIn` it: the same answer as the regular expression that
 * Netlify's parser makes of the path, in a time that grows with the length of the two at most.
 *
 * The expression itself tries every way to deal out an address to its stars: `/*a*a*a*a*a*a*a*z` takes a minute for a name of 60
 * times `a`, in which no timer fires.
 */
export function matcherOf(path: string, regExp: RegExp): (address: string) => boolean {
  const pieces = piecesOf(path);
  const stars = path.split('*').length - 1;
  // Most are so, and there is one way to deal out the address, or one for each place where the star may end.
  if (stars === 0 || (stars === 1 && !pieces.includes('placeholder'))) {
    return (address) => regExp.test(address);
  }
  return (address) => {
    /** Where what was read of the path may end in the address; ascending. */
    let places: readonly number[] = [0];
    for (const piece of pieces) {
      if (piece === 'star') places = placesBehind(LINE_END, 0, address, places);
      else if (piece === 'placeholder') places = placesBehind(/\//, 1, address, places);
      else places = places.flatMap((place) => endOf(piece, address, place) ?? []);
      if (places.length === 0) return false;
    }
    const rest = places.map((place) => address.slice(place, place + 2));
    return rest.some((text) => text === '' || text === '/');
  };
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const partsOf = (path: string): string[] =>
  path
    .split('/')
    .map((part) => part.trimEnd())
    .filter(Boolean);

function piecesOf(path: string): Piece[] {
  const pieces: Piece[] = [];
  let run = '';
  const add = (piece: 'star' | 'placeholder') => {
    if (run !== '') pieces.push(new RegExp(run, 'iuy'));
    // Two stars in a row say no more than one.
    if (run !== '' || piece !== 'star' || pieces.at(-1) !== 'star') pieces.push(piece);
    run = '';
  };
  for (const part of partsOf(path)) {
    // The slash before it is optional, and a star may stand for it.
    if (part === '*') {
      add('star');
      continue;
    }
    run += '/';
    if (part.startsWith(':')) add('placeholder');
    else if (!part.includes('*')) run += escaped(part);
    else {
      // Not escaped by the parser, so that a dot is any character.
      for (const [index, text] of part.split('*').entries()) {
        if (index > 0) add('star');
        run += text;
      }
    }
  }
  if (pieces.length === 0 && run === '') run = '/';
  if (run !== '') pieces.push(new RegExp(run, 'iuy'));
  return pieces;
}

function endOf(run: RegExp, address: string, place: number): number | undefined {
  run.lastIndex = place;
  return run.test(address) ? run.lastIndex : undefined;
}

/** Where a run of at least so many characters can end that begins at one of the places and has no `stop` in it. */
function placesBehind(
  stop: RegExp,
  least: 0 | 1,
  address: string,
  places: readonly number[],
): number[] {
  const found: number[] = [];
  let end = -1;
  for (const place of places) {
    // The run that passed here came to the same end.
    if (place <= end) continue;
    for (end = place; ; end += 1) {
      if (end >= place + least && !isInsideCharacter(address, end)) found.push(end);
      if (end === address.length || stop.test(address.charAt(end))) break;
    }
  }
  return found;
}

/** A character beyond U+FFFF takes two places in a string. */
const isInsideCharacter = (text: string, place: number): boolean =>
  place > 0 && (text.codePointAt(place - 1) as number) > 0xffff;
