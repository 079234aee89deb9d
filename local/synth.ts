import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, signalGroup } from './process-group.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Synthesises the app with the CDK command line, flags and all: what lies in `output` afterwards is
 * what `cdk deploy` would deploy.
 *
 * @param directory of the app: where its `cdk.json` is. @default this checkout
 * @throws Error with what the command said, which for a mistake in `site.config.ts` is the list of mistakes
 */
export async function synthesize(
  output: string,
  signal?: AbortSignal,
  directory = ROOT,
): Promise<void> {
  const cdk = createRequire(import.meta.url).resolve('aws-cdk/package.json');
  const child = spawn(
    process.execPath,
    [join(dirname(cdk), 'bin', 'cdk'), 'synth', '--quiet', '--output', output],
    {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...withoutAws(process.env),
        // `tsx`, which cdk.json names, is a local command.
        PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH}`,
        // Not the Region of a profile: here everything is in one stack (lib/us-east-1.ts).
        AWS_REGION: 'us-east-1',
        // No credentials are wanted: do not look for a machine's role on the network.
        AWS_EC2_METADATA_DISABLED: 'true',
        FORCE_COLOR: '0',
      },
      // A group of its own, so that the app that the command starts ends with it.
      detached: true,
    },
  );
  const end = () => signalGroup(child, 'SIGKILL');
  signal?.addEventListener('abort', end, { once: true });
  endWithThisProcess(child, end);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  signal?.removeEventListener('abort', end);
  signal?.throwIfAborted();
  if (status !== 0) throw new Error(`cdk synth ended with exit status ${status}\n${reason(said)}`);
}

/** The local run must come out the same whichever account a person happens to be logged in to. */
function withoutAws(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(AWS_|CDK_DEFAULT_)/.test(name)),
  );
}

/** The stack trace below an error tells nothing to the author of a config. */
const reason = (said: string): string =>
  said
    .split('\n')
    .filter(
      (line) => !/^\s+at |^npm warn|^Node\.js v|^Bundling asset/.test(line) && line.trim() !== '',
    )
    .join('\n');
