import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFor } from '../local/lambda/functions.ts';

/**
 * Runs a command of this project's packages with the Node.js of the Lambda runtime, as `npm run node24` has installed it:
 * the command itself and, by the PATH, whatever it starts with `node` or `npm`.
 */
const [command, ...args] = process.argv.slice(2);
const node = nodeFor('nodejs24.x') ?? '';
const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
if (!stdout?.startsWith('v24.')) {
  // On other platforms the package has nothing to install, which npm does not say.
  process.stderr.write(
    `Node.js 24: got ${stdout?.trim() || 'none'}; npm run node24 brings it on Linux x64, elsewhere run this with a Node.js 24 of your own\n`,
  );
  process.exitCode = 1;
} else {
  const bin = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));
  const { status } = spawnSync(node, [join(bin, command ?? ''), ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: [dirname(node), bin, process.env.PATH].join(delimiter) },
  });
  process.exitCode = status ?? 1;
}
