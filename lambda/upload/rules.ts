import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { UrlStyle } from '../../lib/release/addresses.ts';
import {
  HEADERS_FILE,
  type ResolvedHeaders,
  readHeaders,
  resolveHeaders,
  withHeaders,
} from './headers.ts';
import type { ArtifactFile } from './plan.ts';
import { type Compiled, compile } from './redirects/program.ts';
import { REDIRECTS_FILE, readRedirects } from './redirects/read.ts';

/** Which of the files with rules are honoured, as in the configuration. */
export interface RulesFiles {
  readonly redirects: boolean;
  readonly headers: boolean;
}

export interface Rules {
  /** What is published: without the files with rules, each with the name of its set of headers. */
  readonly files: readonly ArtifactFile[];
  /** Nothing without the file. */
  readonly redirects: Compiled | undefined;
  /** Nothing without the file. */
  readonly headers: ResolvedHeaders | undefined;
  /** Of all files with rules. */
  readonly problems: readonly string[];
  readonly findings: readonly string[];
}

/** Some hundred times what fits into the key-value store; more was not meant. */
const MOST_BYTES = 1_000_000;

/**
 * Takes the files with rules out of the built site and makes of them what the release goes live with.
 *
 * @param folder for temporary files
 * @param check called now and then; throws to give up
 */
export async function readRules(
  files: readonly ArtifactFile[],
  open: (path: string) => Promise<Readable>,
  folder: string,
  on: RulesFiles,
  immutable: readonly string[],
  style: UrlStyle,
  check: () => void,
): Promise<Rules> {
  const published = files.filter(({ path }) => ![REDIRECTS_FILE, HEADERS_FILE].includes(path));
  const paths = published.map(({ path }) => path);
  const problems: (readonly string[])[] = [];

  async function contentOf(name: string, option: string, isOn: boolean) {
    const file = files.find(({ path }) => path === name);
    if (file === undefined) return undefined;
    if (!isOn) {
      problems.push([
        `${name}: would do nothing, because ${option} is off; set ${option}: true in site.config.ts and deploy, or leave the file out of the site`,
      ]);
    } else if (file.size > MOST_BYTES) {
      problems.push([
        `${name}: got ${file.size.toLocaleString('en')} bytes; use at most ${MOST_BYTES.toLocaleString('en')}`,
      ]);
    } else return text(await open(name));
    return undefined;
  }

  let redirects: Compiled | undefined;
  const content = await contentOf(REDIRECTS_FILE, 'redirectsFile', on.redirects);
  if (content !== undefined) {
    const read = await readRedirects(content, folder, check);
    redirects = compile(read.redirects, paths, immutable, style);
    problems.push(read.problems, redirects.problems);
  }
  let headers: ResolvedHeaders | undefined;
  const headersContent = await contentOf(HEADERS_FILE, 'headersFile', on.headers);
  if (headersContent !== undefined) {
    const read = await readHeaders(headersContent, folder, check);
    headers = resolveHeaders(read.rules, paths, check);
    problems.push(read.problems, headers.problems);
  }
  return {
    files: headers ? withHeaders(published, headers) : published,
    redirects,
    headers,
    problems: problems.flat(),
    findings: [...(redirects?.findings ?? []), ...(headers?.findings ?? [])],
  };
}
