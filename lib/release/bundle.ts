import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';

const LAMBDA = fileURLToPath(new URL('../../lambda', import.meta.url));

/**
 * A function's code: one file with everything that it imports, the SDK it was tested with included.
 *
 * With esbuild's own interface and not NodejsFunction, which starts npx and esbuild anew for each function:
 * that was most of the time of a synthesis.
 *
 * @param entry the file below `lambda/` that exports `handler`
 * @throws Error of esbuild with the file and line that it could not put in
 */
export const bundle = (entry: string): Code =>
  Code.fromAsset(LAMBDA, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Asked for by the type, never used: what is bundled here needs no container.
      image: DockerImage.fromRegistry('none'),
      // Tells the bundles apart that CDK makes once and remembers.
      command: [entry],
      local: {
        tryBundle(folder) {
          buildSync({
            entryPoints: [join(LAMBDA, entry)],
            outfile: join(folder, 'index.js'),
            bundle: true,
            platform: 'node',
            target: 'node24',
            format: 'cjs',
            minify: true,
            // The SDK's ES modules let esbuild drop what is unused: half the start-up time.
            mainFields: ['module', 'main'],
            alias: {
              '@aws-sdk/credential-provider-node': join(
                LAMBDA,
                'shared/environment-credentials.ts',
              ),
            },
            logLevel: 'silent',
          });
          return true;
        },
      },
    },
  });
