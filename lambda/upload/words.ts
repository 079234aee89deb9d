/** `1 file`, `2,000 files`. */
export const count = (number: number, noun: string): string =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

/** In the unit that reads best: `1.2 MB`. */
export function size(bytes: number): string {
  const power = bytes === 0 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${['B', 'kB', 'MB', 'GB'][power]}`;
}

/** A path or address as far as a message needs it: a key may have a thousand bytes. */
export const shortened = (text: string): string => text.replace(/^(.{60}).{2,}(.{60})$/su, '$1…$2');

/** A line as far as a message needs it. */
export const beginningOf = (text: string, most: number): string => {
  const line = text.trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
};

/** The first of them by name, and how many more. */
export function listed(names: readonly string[], most: number): string {
  const more = names.length - most;
  return [
    ...names.slice(0, most).map(shortened),
    ...(more > 0 ? [`${more.toLocaleString('en')} more`] : []),
  ].join(', ');
}
