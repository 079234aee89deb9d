import pMap from 'p-map';

const LINES_AT_ONCE = 8;

/**
 * Twice what S3 stores of headers with a file, and four times what a redirect can have, so that there is room for a comment behind
 * it. Netlify's parsers take minutes for a line of a megabyte, in which no timer fires.
 */
export const LINE_CHARACTERS = 4_096;

/** Why a line is not given to a parser, or nothing if it is. */
export const problemInLength = (line: string): string | undefined =>
  line.trim().length > LINE_CHARACTERS
    ? `a line can have ${LINE_CHARACTERS.toLocaleString('en')} characters`
    : undefined;

/**
 * What each line of a file is by itself: Netlify's parsers do not say which line something comes from.
 *
 * @param file each line is given to `parse` with a name of its own that begins so, since the parsers insist on files
 * @param check called before every line; throws to give up
 */
export async function eachLine<Parsed>(
  lines: readonly string[],
  file: string,
  parse: (line: string, file: string) => Promise<Parsed>,
  check: () => void,
): Promise<Parsed[]> {
  try {
    return await pMap(
      lines,
      (line, index) => {
        check();
        return parse(line, `${file}-${index}`);
      },
      // Those that are under way still write into the folder, which the caller removes after an error.
      { concurrency: LINES_AT_ONCE, stopOnError: false },
    );
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}
