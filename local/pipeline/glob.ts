/**
 * A matcher for the patterns of a pipeline's trigger (CodePipeline user guide, "Working with glob patterns in
 * syntax"), against a whole path.
 *
 * No library of the registry speaks this language: it is the one of Java's `PathMatcher`, where `**` crosses folders
 * wherever it stands (`a/**.js`), a leading dot is a character like all others, and `(`, `!`, `+` and `@` mean
 * nothing, which matters for folders such as `app/(shop)`.
 *
 * @throws Error for a `[` or `{` that is not closed, a `{` within another, a backslash at the end
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  let expression = '';
  let group = false;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character === '\\') {
      at += 1;
      if (at === pattern.length) throw malformed(pattern, 'a backslash has nothing after it');
      expression += literal(pattern[at] as string);
    } else if (character === '*') {
      const crossing = pattern[at + 1] === '*';
      if (crossing) at += 1;
      expression += crossing ? '.*' : '[^/]*';
    } else if (character === '?') {
      expression += '[^/]';
    } else if (character === '[') {
      const [set, body] = /^\[(!?\]?[^\]/]*)\]/.exec(pattern.slice(at)) ?? [];
      if (set === undefined || body === undefined) throw malformed(pattern, 'a [ is not closed');
      at += set.length - 1;
      expression += `(?!/)[${body.replace(/[\\\][^]/g, '\\$&').replace(/^!/, '^')}]`;
    } else if (character === '{') {
      if (group) throw malformed(pattern, 'a { stands within another');
      group = true;
      expression += '(?:';
    } else if (character === '}' && group) {
      group = false;
      expression += ')';
    } else if (character === ',' && group) {
      expression += '|';
    } else {
      expression += literal(character);
    }
  }
  if (group) throw malformed(pattern, 'a { is not closed');
  const whole = new RegExp(`^${expression}$`, 's');
  return (path) => whole.test(path);
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');

const malformed = (pattern: string, reason: string): Error =>
  new Error(`${JSON.stringify(pattern)}: ${reason}`);
