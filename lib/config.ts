import { inspect } from 'node:util';
import * as v from 'valibot';
import { type AccessLogsConfig, accessLogs } from './options/access-logs.ts';
import { type ApprovalConfig, approval } from './options/approval.ts';
import { type BuildConfig, build } from './options/build.ts';
import { atLeastOne, options, text, wholeNumber } from './options/checks.ts';
import { type DeploymentWindowConfig, deploymentWindow } from './options/deployment-window.ts';
import { type DomainConfig, domain } from './options/domain.ts';
import { type EnvironmentConfig, environments, withOverrides } from './options/environments.ts';
import { fingerprint, withCopies } from './options/fingerprint.ts';
import { type HeadersConfig, headers } from './options/headers.ts';
import { type NotificationsConfig, notifications } from './options/notifications.ts';
import { rulesFile } from './options/rules-files.ts';
import { type SourceConfig, source } from './options/source.ts';
import { healthHasNoRedirect, type UrlsConfig, urls } from './options/urls.ts';
import {
  matchesPattern,
  RELEASE_PROBE_PATH,
  RELEASES_PREFIX,
  SITE_PREFIX,
} from './release/contract.ts';

/** What a fork decides, in `site.config.ts`. Everything but the name has a default. */
export interface SiteConfig {
  /**
   * Names the CloudFormation stack and, with the CodeCommit source, the repository.
   *
   * Up to 30 lower-case letters, digits and hyphens, starting with a letter. Unique in the account,
   * all Regions together, because CloudFront's names are. Changing it later makes a second stack;
   * the first one stays until it is destroyed.
   */
  readonly name: string;

  /**
   * Where the site's source comes from. A push to its branch publishes.
   *
   * @default { kind: 'codecommit', branch: 'main' }
   */
  readonly source?: SourceConfig;

  /**
   * How the source becomes the files that visitors get.
   *
   * @default { kind: 'folder', directory: '.' }
   */
  readonly build?: BuildConfig;

  /**
   * The site's own names, and how they come to it: docs/domain.md.
   *
   * @default - the site is at the distribution's own name, `d111111abcdef8.cloudfront.net`
   */
  readonly domain?: DomainConfig;

  /**
   * Files whose name changes whenever their content does, as CloudFront path patterns that begin
   * with a folder: `assets/*`.
   *
   * They are shared by all releases at their public address, so a tab opened before a release
   * still finds the scripts it was loaded with. Never list files without a content hash in the
   * name: the upload stops when a known name comes with other bytes. `*` crosses folders.
   *
   * @default []
   */
  readonly immutable?: readonly string[];

  /**
   * Whether files with fixed names, such as `style.css`, get a copy under a name that changes with their bytes,
   * `style.pinned-3f9a1c2b7d04.css`, and the pages, style sheets and modules that refer to them name the copy: for sites
   * whose build does not hash names. Then a page never gets another release's styles, scripts, images or fonts, however
   * late it asks. Nothing else changes in the files. What scripts ask for by a fixed name stays: docs/fingerprint.md.
   *
   * A site whose files are all under `immutable` is published byte for byte as without it. Every file that is
   * referred to is stored twice, and changes of a style sheet or module upload the pages that name it as well.
   *
   * To turn it off, set `'serve'` first: no more copies are made, and those of the releases that have some are still served.
   * `false` leads nowhere what the live release refers to, so set it when no release that may go live has copies any more.
   *
   * @default false
   */
  readonly fingerprint?: boolean | 'serve';

  /**
   * What happens to the published files when the stack is destroyed. `retain` leaves the content
   * bucket, and what it costs, in the account; `delete` removes it with every release in it.
   *
   * @default 'retain'
   */
  readonly contentOnDestroy?: 'retain' | 'delete';

  /**
   * The headers that CloudFront adds to every answer: content security policy, permissions policy, frames,
   * referrer, TLS, search engines, and the site's own.
   *
   * @default - the defaults of each
   */
  readonly headers?: HeadersConfig;

  /**
   * The share of the site, from 0 to 1, that may have changed or gone since all of it was written last.
   * Above it a release brings all its files to its own place, copied within the bucket.
   *
   * With 1 that happens only where it takes fewer requests in the long run. Less only costs more requests and
   * leaves more of the site cold at the edge; what it gains is that older releases can be deleted
   * sooner. 0 makes every release that changes anything stand alone.
   *
   * @default 1
   */
  readonly rebaseShare?: number;

  /**
   * What a built site must keep to before anything of it is written. A site that does not is no
   * release, and visitors keep the one they have.
   *
   * @default - the defaults of each gate
   */
  readonly gates?: GatesConfig;

  /**
   * When a release that has gone live is up. One that does not come up is taken back, and visitors get
   * the release before it again.
   *
   * @default { path: '/', deadlineSeconds: 120 }
   */
  readonly health?: HealthConfig;

  /**
   * Which releases can be gone back to: how long the daily clean-up leaves them. The live release, the one
   * before it, pinned ones, all newer than the live one, and what any of these is based on always stay.
   *
   * Less saves storage and nothing else: what is kept costs 0.023 US dollars for each GB and month.
   *
   * @default { newest: 10, days: 30 }
   */
  readonly retention?: RetentionConfig;

  /**
   * Which addresses a page has, and what is shown where there is none.
   *
   * @default { style: 'any', fallback: 'none' }
   */
  readonly urls?: UrlsConfig;

  /**
   * Keeps a line about every request in a bucket of its own: address, status, time, cache hit or miss, and which
   * release was live. Delivery is free; storage costs 0.023 US dollars for each GB and month.
   *
   * Outside us-east-1 it needs a second stack, there: `cdk deploy --all`.
   *
   * @default - off: no logs
   */
  readonly accessLogs?: AccessLogsConfig;

  /**
   * Whether somebody has to approve a release in CodePipeline before it goes live. It is built and uploaded by
   * then; a release that is rejected, or that nobody approves in time, does not go live.
   *
   * @default false
   */
  readonly approval?: boolean | ApprovalConfig;

  /**
   * When releases may go live. One that is uploaded at another time waits for the window, and a newer one
   * takes its place. `npm run releases -- promote` and `rollback` do not wait.
   *
   * @default - always
   */
  readonly deploymentWindow?: DeploymentWindowConfig;

  /**
   * More environments of the same site by name, each with what differs from this config, which is
   * production: `{ staging: { source: { branch: 'develop' } } }`. Each is a stack of its own, `NAME-staging`, with
   * its own address, bucket, pipeline and releases.
   *
   * With the CodeCommit source all of them follow branches of the one repository, which production's stack
   * creates and deletes. None takes over `domain`, and search engines are kept away (`headers.robots`) unless it says
   * otherwise. A stack's name has up to 30 characters.
   *
   * @default {}
   */
  readonly environments?: Readonly<Record<string, EnvironmentConfig>>;

  /**
   * Whether a `_redirects` file in the built site, in Netlify's syntax, says which addresses are redirected or served
   * from elsewhere in the release. Its rules go live and back with the release.
   *
   * A release with rules costs two to four reads of the key-value store more for each page request, 0.03 US dollars per
   * million each; one without costs nothing. While it is off, a release with such a file is refused.
   * What of the syntax is honoured: docs/routing.md.
   *
   * @default false
   */
  readonly redirectsFile?: boolean;

  /**
   * Whether a `_headers` file in the built site, in Netlify's syntax, says which headers answers get besides, or in place of,
   * those of this hosting. They are stored with each file, and so go live and back with it.
   *
   * Adds a second CloudFront function to every answer, 0.10 US dollars per million. While it is off, a release with such a
   * file is refused. Answers of 400 and above get none of them. What else there is to know: docs/routing.md.
   *
   * @default false
   */
  readonly headersFile?: boolean;

  /**
   * Who is told when a release is published, failed or rolled back, waits for an approval, or an alarm goes off.
   *
   * @default - nobody
   */
  readonly notifications?: NotificationsConfig;
}

/** Which releases the daily clean-up leaves, besides those that it never deletes. */
export interface RetentionConfig {
  /**
   * So many of the newest releases, from 1 to 10,000, however old they are.
   *
   * @default 10
   */
  readonly newest?: number;

  /**
   * All releases that are younger than so many days, from 0 to 3,650. A file of the pool that no release
   * which is kept has any more stays as long after its upload, for tabs that are still open.
   *
   * @default 30
   */
  readonly days?: number;
}

/** What the promotion looks at through CloudFront, as a visitor without cookies would. */
export interface HealthConfig {
  /**
   * The address that has to answer 200 besides `/.well-known/release`, which has to name the new release.
   * Without a host; a redirect is no 200.
   *
   * @default '/'
   */
  readonly path?: string;

  /**
   * How long after it went live a release may take to be up, from 30 to 3,600 seconds.
   *
   * An edge knows of a new release after a few seconds. Longer than the default only delays the way back
   * from a release that does not work.
   *
   * @default 120
   */
  readonly deadlineSeconds?: number;
}

/** Against broken builds, not against people: every gate can be opened. */
export interface GatesConfig {
  /**
   * The most files in one release.
   *
   * Their names, sizes and hashes are in the function's memory and in the release's manifest, some
   * 250 bytes each.
   *
   * @default 100_000
   */
  readonly maxFiles?: number;

  /**
   * The largest file, in units of 1,000,000 bytes; 5,368 (5 GiB) is the most that S3 takes in one request.
   *
   * Guards against what was published by accident, such as a database or a raw recording.
   *
   * @default 1_000
   */
  readonly maxFileMegabytes?: number;

  /**
   * The size of all files together, in units of 1,000,000 bytes.
   *
   * By default what fits on the 10 GiB disk of the upload function even uncompressed. A larger site has to
   * be small enough as a zip; the function says so if it is not.
   *
   * @default 10_000
   */
  readonly maxTotalMegabytes?: number;

  /**
   * The share of the live release's pages that one release may lose, from 0 to 1. Losing more stops it,
   * and the message holds the command that lets exactly this loss through: no deployment, and nothing to
   * switch back afterwards.
   *
   * A page is an HTML file; one that moved is lost for whoever has its address. 0 stops at any page,
   * 1 at none. A live release of fewer than 10 pages is never compared.
   *
   * @default 0.5
   */
  readonly massLoss?: number;

  /**
   * What happens when the release's HTML refers to pages or files of its own that the release does not
   * have. `report` publishes and names them in the job's summary; `strict` stops the release; `off` does
   * not look.
   *
   * Addresses that begin with a host, the site's own included, fragments, style sheets and scripts are
   * not looked into. Reading takes up to a quarter of an invocation, less than four minutes; what was not
   * read by then is said, and stops nothing.
   *
   * @default 'report'
   */
  readonly links?: 'report' | 'strict' | 'off';
}

/** A `SiteConfig` with every gap filled and every value checked: nothing is left to guess. */
export type ResolvedConfig = Readonly<Omit<v.InferOutput<typeof siteConfig>, 'environments'>> & {
  /** The name of the environment; nothing for production. */
  readonly environment: string | undefined;
  /** Whether this is what the public is meant to find. */
  readonly production: boolean;
  /** The name of production's stack, and of the CodeCommit repository that all environments share. */
  readonly siteName: string;
};

/**
 * Production's config: fills every default and checks every value, those of all environments too.
 *
 * @throws Error naming every mistake at once: the option, the value received, what to write instead.
 */
export const resolveConfig = (config: SiteConfig, file?: string): ResolvedConfig =>
  resolveConfigs(config, file)[0];

/**
 * Every environment's config: production's first, then the others in the order of the file.
 *
 * @throws Error as `resolveConfig`
 */
export function resolveConfigs(
  config: SiteConfig,
  file = 'site.config.ts',
): [ResolvedConfig, ...ResolvedConfig[]] {
  const checked = v.safeParse(v.pipe(siteConfig, healthHasNoRedirect()), config);
  const problems = checked.issues?.map(problem) ?? [];
  const others = Object.entries(config?.environments ?? {})
    // Another shape has been told by now.
    .filter(([, overrides]) => typeof overrides === 'object' && overrides !== null)
    .flatMap(([name, overrides]) => environmentOf(config, name, overrides, problems) ?? []);
  if (checked.success) problems.push(...sharedNames([checked.output, ...others]));
  if (!checked.success || problems.length > 0) {
    throw new Error([`${file}:`, ...problems.map((text) => `  - ${text}`)].join('\n'));
  }
  const { environments: _, ...rest } = checked.output;
  const siteName = rest.name;
  const production = {
    domain: undefined,
    notifications: undefined,
    ...withCopies(rest),
    environment: undefined,
    production: true,
    siteName,
  };
  return [production, ...others];
}

/** An environment put together with production; nothing if it has mistakes, which become problems. */
function environmentOf(
  { name: siteName, environments: _, ...production }: SiteConfig,
  environment: string,
  overrides: EnvironmentConfig,
  problems: string[],
): ResolvedConfig | undefined {
  const place = `environments.${environment}`;
  const before = problems.length;
  // A name leads to one stack. What is not the public's has no place in a search engine.
  const own = { domain: undefined, headers: { robots: 'noindex' } };
  // An environment may also differ from a default.
  const base = withOverrides({ ...v.getDefaults(environmentConfig), ...production }, own);
  const checked = v.safeParse(
    v.pipe(environmentConfig, healthHasNoRedirect()),
    withOverrides(base, overrides),
  );
  for (const issue of checked.issues ?? []) {
    const text = problem(issue);
    // What production has wrong, and this environment only takes over, is told once. An option that does not exist is
    // told with those that do, and these are others here.
    const [option] = text.split(':');
    const known = problems.some((told) => told.startsWith(`${option}:`));
    if (!known || sets(overrides, issue)) problems.push(`${place}.${text}`);
  }
  const name = `${siteName}-${environment}`;
  if (name.length > MAX_NAME && siteName?.length <= MAX_NAME) {
    problems.push(
      `${place}: got "${environment}"; use a shorter name: the stack ${name} would have ${name.length} characters, and a stack's name has up to ${MAX_NAME}`,
    );
  }
  if (!checked.success) return undefined;
  const kind = base.source?.kind;
  if (checked.output.source.kind === 'codecommit' && (kind === 'connection' || kind === 's3')) {
    problems.push(
      `${place}.source.kind: got "codecommit"; use '${kind}' as production does, whose stack would have to create the repository`,
    );
  }
  if (problems.length > before) return undefined;
  return {
    domain: undefined,
    notifications: undefined,
    ...withCopies(checked.output),
    name,
    environment,
    production: false,
    siteName,
  };
}

/** CloudFront gives a host name to one distribution only. */
function sharedNames(
  configs: readonly (Pick<ResolvedConfig, 'domain'> & { readonly environment?: string })[],
): string[] {
  const owners = new Map<string, string>();
  return configs.flatMap(({ environment = 'production', domain }) =>
    [domain?.name ?? [], domain?.aliases ?? []].flat().flatMap((name) => {
      const owner = owners.get(name);
      owners.set(name, environment);
      if (owner === undefined) return [];
      return `environments.${environment}.domain: got "${name}"; use another name: ${owner} has this one`;
    }),
  );
}

/** Whether the mistake is in what the environment itself says. */
function sets(overrides: object, { path }: v.BaseIssue<unknown>): boolean {
  let value: unknown = overrides;
  for (const { key } of path ?? []) value = Object(value)[key as string];
  return value !== undefined;
}

function problem(issue: v.BaseIssue<unknown>): string {
  const option = v.getDotPath(issue) ?? 'config';
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return `${option}: no such option; ${issue.message}`;
  }
  return `${option}: got ${shown(issue.input)}; ${issue.message}`;
}

/** As JSON, where it has that: a bigint has none, nor what leads back to itself. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  try {
    return JSON.stringify(value) ?? inspect(value);
  } catch {
    return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  }
}

/**
 * These folders belong to the releases and to the hosting. A pool pattern over them would serve old releases
 * and manifests to anybody who knows their key.
 */
const TAKEN = [RELEASES_PREFIX, SITE_PREFIX];

const immutable = v.pipe(
  v.array(
    v.pipe(
      // Begins with a folder, because the upload's role may write whatever a pattern covers. The
      // characters are those that mean the same in CloudFront, IAM and S3; CloudFront takes 255.
      text(
        /^(?!.{256})(?!.*\/\/)(?!.*(?:^|\/)\.\.?\/)[\w.$~@+-]+\/[\w.$~@+/*?-]{1,200}$/,
        "use a path pattern that begins with a folder and has no leading slash, such as 'assets/*'",
      ),
      v.check(
        (pattern) =>
          // What has too many is told above.
          pattern.length > 255 ||
          // The first folder has no wildcard, so comparing beginnings is enough.
          (!TAKEN.some((folder) => pattern.startsWith(folder)) &&
            !matchesPattern(pattern, RELEASE_PROBE_PATH)),
        `choose another folder: ${TAKEN.join(', ')} and /${RELEASE_PROBE_PATH} are taken`,
      ),
    ),
    "use a list of path patterns, such as ['assets/*']",
  ),
  // CloudFront allows 75 behaviors a distribution; 20 leaves room and is more than any generator needs.
  v.maxLength(20, 'use at most 20 patterns'),
  v.check((patterns) => new Set(patterns).size === patterns.length, 'name every pattern once'),
  v.readonly(),
);

const REBASE_SHARE = 'use a share from 0 to 1';

const SHARE = 'use a share from 0 (no page may go) to 1 (all may)';

const gates = options({
  maxFiles: atLeastOne(100_000, 'use a whole number of at least 1'),
  // PutObject's limit of 5 GiB; the upload does not split files.
  maxFileMegabytes: atLeastOne(
    1_000,
    'use a whole number from 1 to 5368, the most that S3 takes in one request',
    5_368,
  ),
  maxTotalMegabytes: atLeastOne(10_000, 'use a whole number of at least 1'),
  massLoss: v.optional(v.pipe(v.number(SHARE), v.minValue(0, SHARE), v.maxValue(1, SHARE)), 0.5),
  links: v.optional(
    v.picklist(['report', 'strict', 'off'], "use 'report', 'strict' or 'off'"),
    'report',
  ),
});

const DEADLINE = 'use a whole number of seconds from 30 to 3600';

const health = options({
  path: v.optional(
    // What an address may hold as it is (RFC 3986), so that nothing needs to be encoded.
    text(
      /^\/(?!\/)[\w.~!$&'()*+,;=:@%/?-]{0,254}$/,
      "use an address of the site without its host, such as '/' or '/about/'",
    ),
    '/',
  ),
  // Less is over before every edge knows the release; more is not watching any more.
  deadlineSeconds: wholeNumber(30, 3_600, 120, DEADLINE),
});

const NEWEST = 'use a whole number from 1 to 10000';
const DAYS = 'use a whole number of days from 0 to 3650';

const retention = options({
  newest: wholeNumber(1, 10_000, 10, NEWEST),
  days: wholeNumber(0, 3_650, 30, DAYS),
});

/** CDK makes CloudFront's names of it, which have 64 characters. */
const MAX_NAME = 30;

const siteConfig = options({
  name: text(
    /^[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?$/,
    'use up to 30 lower-case letters, digits and hyphens, starting with a letter and not ending in a hyphen',
  ),
  source: v.optional(source, { kind: 'codecommit' }),
  build: v.optional(build, { kind: 'folder' }),
  domain: v.optional(domain),
  immutable: v.optional(immutable, []),
  fingerprint,
  rebaseShare: v.optional(
    v.pipe(v.number(REBASE_SHARE), v.minValue(0, REBASE_SHARE), v.maxValue(1, REBASE_SHARE)),
    1,
  ),
  contentOnDestroy: v.optional(
    v.picklist(['retain', 'delete'], "use 'retain' or 'delete'"),
    'retain',
  ),
  headers: v.optional(headers, {}),
  gates: v.optional(gates, {}),
  health: v.optional(health, {}),
  retention: v.optional(retention, {}),
  urls: v.optional(urls, {}),
  accessLogs: v.optional(accessLogs),
  redirectsFile: rulesFile,
  headersFile: rulesFile,
  approval,
  deploymentWindow,
  environments,
  notifications: v.optional(notifications),
});

const { name: _name, environments: _environments, ...shared } = siteConfig.entries;

const environmentConfig = options(shared);
