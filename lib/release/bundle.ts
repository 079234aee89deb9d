import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';

const LAMBDA = fileURLToPath(new URL('../../lambda', import.meta.url));

/**
 * A function's code, bundled while the stack is synthesised.
 *
 * With esbuild's own interface and not NodejsFunction, which starts npx and esbuild anew for each function:
 * that was a third of the time of a synthesis.
 *
 * @param entry the file below `lambda/` that exports `handler`
 * @throws Error of esbuild with the file and line that it could not put in
 */
export const bundledCode = (entry: string): Code =>
  Code.fromAsset(LAMBDA, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Asked for by the type and never used: no container is needed here.
      image: DockerImage.fromRegistry('none'),
      // Tells the bundles apart, which CDK makes once and remembers.
      command: [entry],
      local: {
        tryBundle(folder) {
          bundle(entry, join(folder, 'index.js'));
          return true;
        },
      },
    },
  });

/** One file with everything that the entry imports, the SDK it was tested with included. */
export function bundle(entry: string, file: string): void {
  buildSync({
    entryPoints: [join(LAMBDA, entry)],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    // The SDK's ES modules let esbuild drop what is unused: half the start-up time.
    mainFields: ['module', 'main'],
    alias: {
      '@aws-sdk/credential-provider-node': join(LAMBDA, 'shared/environment-credentials.ts'),
      '@iarna/toml': join(LAMBDA, 'upload/no-toml.ts'),
    },
    logLevel: 'silent',
  });
}
