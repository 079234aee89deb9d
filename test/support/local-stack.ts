import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CloudFrontKeyValueStoreClient } from '@aws-sdk/client-cloudfront-keyvaluestore';
import { S3Client } from '@aws-sdk/client-s3';
import { App } from 'aws-cdk-lib';
import { keyValueStore } from '../../lambda/shared/key-value-store.ts';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { resolveConfigs, type SiteConfig } from '../../lib/config.ts';
import { LIVE_KEY, type Pointer } from '../../lib/release/contract.ts';
import { SiteStack } from '../../lib/site-stack.ts';
import { LocalStack, type LocalStackOptions } from '../../local/stack.ts';
import { toLoopback } from './local-aws.ts';
import { cdkJson } from './synth.ts';

const run = promisify(execFile);
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

/** Removed at the end of the test file that asked for them. */
const temporary: string[] = [];
let synthesised: string | undefined;

export async function aDirectory(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  temporary.push(directory);
  return directory;
}

export async function removeDirectories(): Promise<void> {
  synthesised = undefined;
  await Promise.all(temporary.splice(0).map((path) => rm(path, { recursive: true, force: true })));
}

/** A cloud assembly of any config, functions bundled, made in this process. */
export async function anAssembly(config: SiteConfig): Promise<string> {
  // Always the same folder: CDK then remembers the functions that it has bundled for an earlier config.
  if (synthesised === undefined) {
    synthesised = mkdtempSync(join(tmpdir(), 'synthesised-'));
    temporary.push(synthesised);
  }
  const app = new App({ outdir: synthesised, context: cdkJson.context });
  for (const resolved of resolveConfigs(config)) {
    new SiteStack(app, resolved.name, { config: resolved, env: { region: 'us-east-1' } });
  }
  app.synth();
  const assembly = mkdtempSync(join(tmpdir(), 'assembly-'));
  temporary.push(assembly);
  // At once, before another test makes its own there.
  cpSync(synthesised, assembly, { recursive: true });
  return assembly;
}

/** The same with a change of the synthesised templates, as a fork might make one in `lib/`. */
export async function changed(
  assembly: string,
  change: (resources: Record<string, any>) => void,
): Promise<string> {
  const copy = await aDirectory('assembly');
  await cp(assembly, copy, { recursive: true });
  for (const name of await readdir(copy)) {
    if (!name.endsWith('.template.json')) continue;
    const file = join(copy, name);
    const template = JSON.parse(await readFile(file, 'utf8'));
    change(template.Resources);
    await writeFile(file, JSON.stringify(template));
  }
  return copy;
}

export interface StartedStack {
  readonly stack: LocalStack;
  /** What the stack logged. */
  readonly logged: string[];
}

export async function aLocalStack(
  assembly: string,
  options: Partial<LocalStackOptions> = {},
): Promise<StartedStack> {
  const logged: string[] = [];
  const stack = await LocalStack.start({
    assembly,
    state: options.state ?? (await aDirectory('state')),
    port: 0,
    log: (line) => logged.push(line),
    ...options,
  });
  return { stack, logged };
}

/** A client for the content bucket of a stack. */
export function contentOf(stack: LocalStack): { readonly s3: S3Client; readonly Bucket: string } {
  const environment = stack.environmentFor('a test');
  const s3 = new S3Client({
    endpoint: environment.AWS_ENDPOINT_URL_S3 as string,
    region: environment.AWS_REGION as string,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID as string,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY as string,
    },
  });
  return { s3, Bucket: String(stack.assembly.outputs.ContentBucket) };
}

/** Makes a release live as a promotion would: the store has that pointer. */
export async function pointTo(stack: LocalStack, pointer: Pointer): Promise<void> {
  const environment = stack.environmentFor('a test');
  const store = keyValueStore(
    String(stack.assembly.outputs.KeyValueStore),
    new CloudFrontKeyValueStoreClient({
      endpoint: environment.AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE as string,
      region: 'us-east-1',
      credentials: {
        accessKeyId: environment.AWS_ACCESS_KEY_ID as string,
        secretAccessKey: environment.AWS_SECRET_ACCESS_KEY as string,
        sessionToken: environment.AWS_SESSION_TOKEN as string,
      },
      requestHandler: { httpAgent: new Agent({ lookup: toLoopback }) },
    }),
  );
  const { signal } = new AbortController();
  const value = pointerText(pointer);
  await store.put(new Map([[LIVE_KEY, value]]), await store.version(signal), signal);
}

/** A person's clone: files, commits and real pushes into the stack's repository. */
export class Clone {
  private constructor(
    readonly directory: string,
    private readonly stack: LocalStack,
  ) {}

  static async of(stack: LocalStack): Promise<Clone> {
    const directory = await aDirectory('clone');
    const clone = new Clone(directory, stack);
    await clone.git('init', '--quiet', '--initial-branch', 'main');
    await clone.git('config', 'user.name', 'A person');
    await clone.git('config', 'user.email', 'person@example.com');
    return clone;
  }

  /** Brings the sample site in as it stands in this checkout. */
  async addSampleSite(): Promise<void> {
    await cp(join(CHECKOUT, 'site'), join(this.directory, 'site'), {
      recursive: true,
      filter: (source) => !/\/site\/(node_modules|dist)(\/|$)/.test(source),
    });
    await this.write('.gitignore', 'node_modules/\ndist/\n');
  }

  async write(path: string, content: string | Buffer): Promise<void> {
    const file = join(this.directory, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }

  async edit(path: string, change: (content: string) => string): Promise<void> {
    const content = await readFile(join(this.directory, path), 'utf8');
    const changed = change(content);
    if (changed === content) throw new Error(`${path}: the edit changed nothing`);
    await this.write(path, changed);
  }

  /** Commits everything and returns the commit's id. */
  async commit(message: string): Promise<string> {
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--message', message);
    return (await this.git('rev-parse', 'HEAD')).trim();
  }

  /** What the person who pushes reads, without git's `remote: `. */
  async push(branch = this.stack.branch): Promise<string> {
    const { stderr } = await run('git', ['push', this.stack.repository, `HEAD:${branch}`], {
      cwd: this.directory,
      encoding: 'utf8',
    });
    return stderr.replace(/^remote: ?/gm, '').replace(/ +$/gm, '');
  }

  /** The files of a folder with their bytes, by path relative to it. */
  async files(folder: string): Promise<Map<string, Buffer>> {
    const root = join(this.directory, folder);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    return new Map(
      await Promise.all(
        files.map(
          async (file): Promise<[string, Buffer]> => [
            file.slice(root.length + 1),
            await readFile(file),
          ],
        ),
      ),
    );
  }

  async shell(command: string): Promise<void> {
    await run('sh', ['-c', command], { cwd: this.directory });
  }

  private async git(...args: string[]): Promise<string> {
    return (await run('git', args, { cwd: this.directory, encoding: 'utf8' })).stdout;
  }
}
