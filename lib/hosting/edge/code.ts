import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { ResolvedConfig } from '../../config.ts';
import { START_PAGE_KEY } from '../../release/contract.ts';

/** Quota "Maximum size of a function", which cannot be raised. */
const MAX_BYTES = 10 * 1024;

/** What of the configuration the functions depend on; what is missing is off. */
export type EdgeConfig = Pick<ResolvedConfig, 'name' | 'source'> &
  Partial<Pick<ResolvedConfig, 'domain' | 'urls' | 'accessLogs' | 'redirectsFile'>>;

/** The viewer-request function of the pages as it is deployed. */
export const routerCode = (config: EdgeConfig): string =>
  edgeCode('viewer-request.js', settings(config));

/** That of the pool, which has one only where the site has a domain. */
export const poolCode = (config: EdgeConfig): string =>
  edgeCode('pool-request.js', settings(config));

const settings = ({
  name,
  source,
  domain,
  urls,
  accessLogs,
  redirectsFile = false,
}: EdgeConfig) => ({
  name,
  toPublish:
    source.kind === 's3'
      ? `upload ${shortOr(source.key, "the source's zip")}`
      : `push to ${shortOr(`the branch ${source.branch}`, 'its branch')}`,
  canonicalHost: domain?.name,
  styles: urls !== undefined && urls.style !== 'any',
  startPage: `/${START_PAGE_KEY}`,
  singlePage: urls?.fallback === 'single-page',
  accessLogs: accessLogs !== undefined,
  redirects: redirectsFile,
});

/** A function has little room, and a long name here says no more. */
const shortOr = (name: string, instead: string): string => (name.length <= 60 ? name : instead);

/** The viewer-response function as it is deployed. It knows what the response headers policies may set. */
export const storedHeadersCode = ({ headers }: Pick<ResolvedConfig, 'headers'>): string =>
  edgeCode('viewer-response.js', {
    policyHeaders: [
      'cache-control',
      'content-security-policy',
      'permissions-policy',
      'referrer-policy',
      'strict-transport-security',
      'x-content-type-options',
      'x-frame-options',
      'x-robots-tag',
      ...Object.keys(headers.custom).map((name) => name.toLowerCase()),
    ],
  });

/**
 * A file of this folder as one CloudFront function: what it imports is put in, its `SETTINGS.x` become these values,
 * and what no setting asks for is left out. So a feature that is off is not in the template.
 *
 * esbuild may rewrite what it puts together, but not into what cloudfront-js-2.0 does not document: a test
 * holds every function against that list.
 *
 * @throws Error naming the file and line that do not parse, or the size if CloudFront would not take it
 */
export function edgeCode(file: string, settings: Readonly<Record<string, unknown>>): string {
  const { outputFiles } = buildSync({
    // Fixed, because esbuild writes the names of files relative to it.
    absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
    entryPoints: [file],
    bundle: true,
    write: false,
    format: 'esm',
    external: ['cloudfront', 'crypto'],
    charset: 'utf8',
    treeShaking: true,
    minifySyntax: true,
    supported: {
      'object-extensions': false,
      'optional-catch-binding': false,
      'optional-chain': false,
      'nullish-coalescing': false,
      'logical-assignment': false,
      destructuring: false,
      'default-argument': false,
      'for-of': false,
    },
    define: Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [
        `SETTINGS.${name}`,
        value === undefined ? 'undefined' : JSON.stringify(value),
      ]),
    ),
    logLevel: 'silent',
  });
  const code = (outputFiles[0]?.text ?? '')
    // Exported for the sake of the bundler. CloudFront calls the global function of that name and knows no exports.
    .replace(/^export \{\n\s*handler\n\};\n/m, '')
    // Where each part began, which nobody at the edge can look up.
    .replace(/^\n?\/\/ \S+\.(?:js|ts)\n/gm, '');
  if (Buffer.byteLength(code) <= MAX_BYTES) return code;
  // With all options together there is no room for what only a reader needs.
  const dense = code.replace(/^ +/gm, '');
  const bytes = Buffer.byteLength(dense);
  if (bytes > MAX_BYTES) {
    throw new Error(
      `${file}: the function has ${bytes} bytes and CloudFront takes ${MAX_BYTES}; shorten it, or leave out one of the options domain, urls, redirectsFile, accessLogs and headers.custom`,
    );
  }
  return dense;
}
