import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { ResolvedConfig } from '../../config.ts';

/** What of the configuration the functions depend on; what is missing is off. */
export type EdgeConfig = Pick<ResolvedConfig, 'name' | 'source'> &
  Partial<Pick<ResolvedConfig, 'domain'>>;

/** The viewer-request function of the pages as it is deployed. */
export const routerCode = (config: EdgeConfig): string =>
  edgeCode('viewer-request.js', settings(config));

/** That of the pool, which has one only where the site has a domain. */
export const poolCode = (config: EdgeConfig): string =>
  edgeCode('pool-request.js', settings(config));

const settings = ({ name, source, domain }: EdgeConfig) => ({
  name,
  toPublish: source.kind === 's3' ? `upload ${source.key}` : `push to the branch ${source.branch}`,
  canonicalHost: domain?.name,
});

/**
 * A file of this folder as one CloudFront function: what it imports is put in, its `SETTINGS.x` become these values,
 * and what no setting asks for is left out. So a feature that is off is not in the template.
 *
 * esbuild may rewrite what it puts together, but not into what cloudfront-js-2.0 does not document: a test
 * holds every function against that list.
 *
 * @throws Error naming the file and line that do not parse
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
  // Exported for the sake of the bundler. CloudFront calls the global function of that name and knows no exports.
  return (outputFiles[0]?.text ?? '').replace(/^export \{\n\s*handler\n\};\n/m, '');
}
