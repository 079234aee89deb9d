import { execFile } from 'node:child_process';
import { readdir, realpath } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from './processes.ts';

/** A Python that has boto3. */
export interface Python {
  /** The interpreter itself, not a wrapper that chooses one: a wrapper's time would count. */
  readonly executable: string;
  readonly version: string;
  readonly boto3: string;
  /** Where its packages are. */
  readonly packages: readonly string[];
}

const PROBE = `
import json, os, platform, sys
import boto3
packages = [path for path in sys.path if path.endswith(('site-packages', 'dist-packages'))]
print(json.dumps({'executable': os.path.abspath(sys.executable), 'version': platform.python_version(),
                  'boto3': boto3.__version__, 'packages': packages}))
`;

/**
 * The first Python with boto3 1.28 or newer among those on the PATH and those that pyenv installed; `undefined`
 * where there is none.
 *
 * @throws Error where `wanted` is given and is no Python with boto3
 */
export async function findPython(wanted?: string): Promise<Python | undefined> {
  if (wanted !== undefined) {
    const python = await probe(wanted);
    if (!python) throw new Error(`--python: got ${wanted}; name a Python with boto3 1.28 or newer`);
    return python;
  }
  for (const candidate of await candidates()) {
    const python = await probe(candidate);
    if (python) return python;
  }
  return undefined;
}

async function candidates(): Promise<string[]> {
  const versions = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter).filter(Boolean),
    ...(await listing(versions)).map((version) => join(versions, version, 'bin')),
  ];
  const found = new Map<string, string>();
  for (const folder of folders) {
    for (const name of await listing(folder)) {
      if (!/^python(3(\.\d+)?)?$/.test(name)) continue;
      const file = join(folder, name);
      // One interpreter has several names. The name found is kept: in a virtual environment it is
      // what leads to the environment's packages.
      const key = `${folder} ${await realpath(file).catch(() => file)}`;
      if (!found.has(key)) found.set(key, file);
    }
  }
  return [...found.values()];
}

const listing = (folder: string): Promise<string[]> =>
  readdir(folder).then(
    (names) => names.sort(),
    () => [],
  );

async function probe(file: string): Promise<Python | undefined> {
  try {
    const python: Python = JSON.parse(await output(file, ['-c', PROBE]));
    const [major = 0, minor = 0] = python.boto3.split('.').map(Number);
    // Older ones pass over AWS_ENDPOINT_URL_…: the job would go to AWS.
    if (major < 1 || (major === 1 && minor < 28)) return undefined;
    // A package may be found by a .pth file alone, which does not count here.
    const { args, env } = pythonCommand(python, 'import boto3', tmpdir(), {});
    await output(python.executable, args, { ...env, PYTHONDONTWRITEBYTECODE: '1' });
    return python;
  } catch {
    return undefined;
  }
}

const LOADED = `
import json, os, sys
import invalidate
files = {getattr(module, '__file__', None) for name, module in list(sys.modules.items())
         if name.split('.')[0] in ('boto3', 'botocore', 's3transfer', 'jmespath', 'dateutil', 'urllib3', 'six')}
folder = os.path.join(os.path.dirname(sys.modules['botocore'].__file__), 'data')
models = [os.path.join(folder, name) for name in ('endpoints.json', 'partitions.json')]
for service in ('cloudfront', 'codepipeline'):
    newest = sorted(os.listdir(os.path.join(folder, service)))[-1]
    models += [os.path.join(folder, service, newest, name) for name in os.listdir(os.path.join(folder, service, newest))
               if name.startswith(('service-2', 'endpoint-rule-set'))]
print(sum(os.path.getsize(file) for file in [*files, *models] if file and os.path.exists(file)))
`;

/** Bytes of the modules of boto3 that the recipe loads, and of the models that its two clients read. */
export async function loadedBytes(python: Python): Promise<number> {
  const { args, env } = pythonCommand(python, LOADED, tmpdir(), {
    AWS_DEFAULT_REGION: 'us-east-1',
  });
  return Number(await output(python.executable, args, { ...env, PYTHONDONTWRITEBYTECODE: '1' }));
}

async function output(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const { stdout } = await promisify(execFile)(file, [...args], { timeout: 30_000, env });
  return stdout;
}

const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * Runs `code`, which may import `invalidate`.
 *
 * Without the `site` module: the .pth files that one machine or another has among its packages run code
 * at every start, which would count and which Lambda has none of. Compiled files go to `scratch`, so
 * that nothing is left in the checkout and only the first run compiles.
 */
export const pythonCommand = (
  { executable, packages }: Python,
  code: string,
  scratch: string,
  env: Readonly<Record<string, string>>,
): Command => ({
  file: executable,
  args: ['-S', '-c', code],
  env: {
    ...env,
    PYTHONPATH: [HERE, ...packages].join(delimiter),
    PYTHONPYCACHEPREFIX: join(scratch, 'python'),
  },
});
