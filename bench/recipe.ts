import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { bundle } from '../lib/release/bundle.ts';
import { type Manifest, manifestKey, releasePrefix } from '../lib/release/contract.ts';
import type { Assembly } from '../local/assembly/assembly.ts';
import type { LocalStack } from '../local/stack.ts';
import { handlersOf, LAMBDA_ENVIRONMENT } from './bundles.ts';
import type { Copied, Recipe as Input } from './copy-and-invalidate.ts';
import { outputOf } from './processes.ts';

/** In milliseconds from the start of its process. */
export interface Copy {
  /** Until every file is there. */
  readonly copied: number;
  /** Until the invalidation is completed. */
  readonly invalidated: number;
}

/** Copying the files of the live release into the same bucket and invalidating everything, as if that were the pipeline. */
export class Recipe {
  #turn = 0;

  private constructor(
    private readonly node: string,
    private readonly program: string,
    private readonly env: Readonly<Record<string, string>>,
    private readonly input: Omit<Input, 'prefix'>,
    private readonly signal: AbortSignal,
  ) {}

  static async of(stack: LocalStack, folder: string, signal: AbortSignal): Promise<Recipe> {
    const handlers = handlersOf(stack.assembly);
    const handler = (action: string) => {
      const found = handlers.find(({ name }) => name === action);
      if (!found) throw new Error(`the pipeline has no action ${action}`);
      return found;
    };
    // Who may write where releases are, and who may invalidate.
    const [upload, invalidate] = [handler('Upload'), handler('Invalidate')];
    const env = { ...LAMBDA_ENVIRONMENT, ...stack.environmentFor(upload.functionName) };
    const invalidating = stack.environmentFor(invalidate.functionName);
    const program = join(folder, 'copy-and-invalidate.js');
    bundle('../bench/copy-and-invalidate.ts', program);
    const bucket = contentBucket(stack.assembly, upload.functionName);
    return new Recipe(
      upload.node,
      program,
      env,
      {
        bucket,
        distributionId: stack.assembly.theOnly('AWS::CloudFront::Distribution').ref,
        files: await filesOf(stack, bucket, env, folder, signal),
        invalidating: {
          accessKeyId: String(invalidating.AWS_ACCESS_KEY_ID),
          secretAccessKey: String(invalidating.AWS_SECRET_ACCESS_KEY),
          sessionToken: String(invalidating.AWS_SESSION_TOKEN),
        },
      },
      signal,
    );
  }

  get files(): number {
    return this.input.files.length;
  }

  /** Each time to a place that no release has. */
  async run(): Promise<Copy> {
    this.#turn += 1;
    const prefix = releasePrefix(`00000000T000000Z-${this.#turn}`);
    const input = JSON.stringify({ ...this.input, prefix } satisfies Input);
    const command = { file: this.node, args: [this.program], env: this.env, input };
    const began = Date.now();
    const { copied, invalidated }: Copied = JSON.parse(await outputOf(command, this.signal));
    return { copied: copied - began, invalidated: invalidated - began };
  }
}

function contentBucket(assembly: Assembly, functionName: string): string {
  const upload = assembly
    .ofType('AWS::Lambda::Function')
    .find(({ ref }) => ref === functionName)?.properties;
  return upload?.Environment.Variables.CONTENT_BUCKET;
}

/** What visitors have now, written to the folder. */
async function filesOf(
  stack: LocalStack,
  Bucket: string,
  env: Readonly<Record<string, string>>,
  folder: string,
  abortSignal: AbortSignal,
): Promise<Input['files']> {
  const s3 = new S3Client({
    endpoint: String(env.AWS_ENDPOINT_URL_S3),
    region: String(env.AWS_REGION),
    forcePathStyle: true,
    credentials: {
      accessKeyId: String(env.AWS_ACCESS_KEY_ID),
      secretAccessKey: String(env.AWS_SECRET_ACCESS_KEY),
      sessionToken: String(env.AWS_SESSION_TOKEN),
    },
  });
  const bodyOf = async (Key: string) => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  try {
    const id = await stack.liveRelease();
    if (id === undefined) throw new Error('no release is live');
    const manifest: Manifest = JSON.parse((await bodyOf(manifestKey(id))).toString());
    const files: Input['files'][number][] = [];
    for (const { path, key, type } of manifest.files) {
      const file = join(folder, 'site', path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, await bodyOf(key));
      files.push({ path, file, type });
    }
    return files;
  } finally {
    s3.destroy();
  }
}
