import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { UrlRules } from '../../lib/release/addresses.ts';
import { type GateLimits, type Manifest, permitKey } from '../../lib/release/contract.ts';
import type { Clock } from '../shared/clock.ts';
import { placementFor } from './addressing.ts';
import { isPage } from './content-type.ts';
import { checkLinks, type LinkReport } from './links.ts';
import type { ArtifactFile } from './plan.ts';
import { count, listed, shortened } from './words.ts';

/** What an operator lets through by hand: objects that only a person writes. */
export interface Permits {
  /** Whether there is an object of that key. */
  isGiven(key: string): Promise<boolean>;
  /** The command that writes it. */
  command(key: string): string;
}

export interface GateInput {
  readonly files: readonly ArtifactFile[];
  /** What visitors get now; nothing before the first release. */
  readonly live: Manifest | undefined;
  readonly limits: GateLimits;
  /** Path patterns of the files that all releases share. */
  readonly immutable: readonly string[];
  /** Which addresses its pages have. */
  readonly urls: UrlRules;
  /** Whether a rule of the release says what visitors get at an address. */
  isRuled(address: string): boolean;
  /** Whether files with fixed names get copies under other ones. */
  readonly fingerprint: boolean;
  /** The bytes of a file, from the beginning. */
  open(path: string): Promise<Readable>;
  readonly permits: Permits;
  /** When this invocation has to be over, in milliseconds since 1970. */
  readonly endAt: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Inspection {
  /** Reasons to write nothing at all. */
  readonly problems: readonly string[];
  /** What a person should know, and what stops nothing. Bounded, since it goes on record. */
  readonly findings: readonly string[];
}

/** Of a live release with fewer pages, one renamed folder is most of the site. */
const SMALLEST_LIVE_PAGES = 10;

const SHOWN_NAMES = 20;
export const KEPT_FINDINGS = 50;

/** The rest of the invocation is for the files, or a release that takes several would never end. */
const SHARE_FOR_LINKS = 1 / 4;

/**
 * Whether an artifact is fit to be a release, before anything of it is written: judged by what it
 * holds, what visitors get now and what its pages refer to.
 */
export async function inspect(input: GateInput): Promise<Inspection> {
  const { files, limits } = input;
  const findings: string[] = [];
  const problems: string[] = [
    ...(await massLoss(input, findings)),
    ...emptiness(files, findings),
    ...excess(files, limits),
  ];
  findings.push(...onlyCaseApart(files));
  // Findings about a site that is refused anyway are not worth minutes of reading.
  if (limits.links === 'strict' || (limits.links === 'report' && problems.length === 0)) {
    const now = input.clock.now();
    const { broken, notLookedAt, fixedNames } = await checkLinks({
      ...input,
      until: now + (input.endAt - now) * SHARE_FOR_LINKS,
    });
    findings.push(...notLookedAt);
    if (limits.links === 'report') findings.push(...broken);
    else if (broken.length > 0) problems.push(strictly(broken.length), ...broken);
    if (fixedNames.files > 0 && !input.fingerprint) findings.push(mayMix(fixedNames));
  }
  return { problems, findings: atMost(KEPT_FINDINGS, findings) };
}

const mayMix = ({ files, pages }: LinkReport['fixedNames']): string =>
  `${count(pages, 'page')} load${pages === 1 ? 's' : ''} ${count(files, 'style sheet or script').replace(/sheet or scripts$/, 'sheets or scripts')} by names that stay the same when the content changes, and may get those of another release while one goes live: let the build hash the names and list them under immutable, or set fingerprint: true in site.config.ts and deploy`;

const strictly = (broken: number): string =>
  `${count(broken, 'link target')} lead${broken === 1 ? 's' : ''} nowhere, and gates.links is 'strict': mend what refers to ${broken === 1 ? 'it' : 'them'}, or add what is missing`;

/**
 * A build that lost most of the site is far more often a broken build than somebody's wish. Paths,
 * not contents: a page that moved is gone for whoever has its old address.
 */
async function massLoss(
  { files, live, limits, permits, urls, immutable }: GateInput,
  findings: string[],
): Promise<string[]> {
  const pages = live?.files.filter(isPage) ?? [];
  if (live === undefined || pages.length < SMALLEST_LIVE_PAGES) return [];
  const paths = new Set(files.map(({ path }) => path));
  // A page that was `about.html` before the site took up a style is redirected, not lost.
  const placeOf = placementFor(urls, immutable);
  const gone = pages
    .map(({ path }) => path)
    .filter((path) => !paths.has(path) && !paths.has(placeOf(path)));
  if (gone.length <= limits.massLoss * pages.length) return [];

  const loss = `${gone.length.toLocaleString('en')} of the ${count(pages.length, 'page')} of release ${live.id}, which is live,`;
  // Names the loss itself, so that it counts for no other one: neither for the next live release
  // nor for one page more.
  const digest = createHash('sha256').update(gone.sort().join('\n')).digest('hex').slice(0, 12);
  const key = permitKey(`allow-loss-${live.id}-${digest}`);
  if (await permits.isGiven(key)) {
    findings.push(`${loss} are gone, as somebody allowed with ${key}`);
    return [];
  }
  return [
    `${loss} would be gone, and gates.massLoss is ${limits.massLoss}. If that is meant, allow exactly this loss with \`${permits.command(key)}\` and retry the stage. Gone: ${listed(gone, SHOWN_NAMES)}`,
  ];
}

function emptiness(files: readonly ArtifactFile[], findings: string[]): string[] {
  const empty = files.filter((file) => file.size === 0 && isPage(file)).map(({ path }) => path);
  const others = empty.filter((path) => path !== 'index.html');
  if (others.length > 0) {
    findings.push(`${count(others.length, 'page')} without a byte: ${listed(others, 3)}`);
  }
  return empty.length > others.length
    ? ['index.html: has no byte; visitors would see a blank start page']
    : [];
}

function excess(files: readonly ArtifactFile[], limits: GateLimits): string[] {
  const problems: string[] = [];
  const judge = (what: string, is: number, most: number, unit: string, option: string) => {
    if (is <= most) return;
    const [got, allowed] = [is, most].map((number) => number.toLocaleString('en'));
    problems.push(
      `${what}: got ${got} ${unit}; publish at most ${allowed}, or raise gates.${option} in site.config.ts and deploy`,
    );
  };
  const total = files.reduce((sum, { size }) => sum + size, 0);
  judge('all files together', files.length, limits.maxFiles, 'files', 'maxFiles');
  judge('all files together', total, limits.maxTotalMegabytes * 1e6, 'bytes', 'maxTotalMegabytes');
  for (const { path, size } of files) {
    judge(shortened(path), size, limits.maxFileMegabytes * 1e6, 'bytes', 'maxFileMegabytes');
  }
  return problems;
}

/**
 * Two addresses here, one file on the disk of most Windows and macOS machines: what one person
 * sees at home is then not what visitors get.
 */
function onlyCaseApart(files: readonly ArtifactFile[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { path } of files) {
    const folded = path.normalize().toLowerCase();
    const group = groups.get(folded);
    if (group) group.push(path);
    else groups.set(folded, [path]);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => `${listed(group.sort(), 3)} differ only in case, and are different addresses`);
}

/** The first of them, and how many more there are. */
export function atMost(most: number, texts: readonly string[]): string[] {
  if (texts.length <= most) return [...texts];
  return [
    ...texts.slice(0, most - 1),
    `and ${(texts.length - most + 1).toLocaleString('en')} findings more`,
  ];
}
