import { join } from 'node:path';
import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront';
import { LocalCloudFrontApi } from '../local/aws/cloudfront-api.ts';
import { JobApi } from '../local/pipeline/jobs.ts';
import { type Handler, LAMBDA_ENVIRONMENT } from './bundles.ts';
import type { BenchContext } from './context.ts';
import { type Command, inTurn, start } from './processes.ts';
import { type Python, pythonCommand } from './python.ts';
import { ratioOf, spreadOf } from './statistics.ts';
import { cellsOf, milliseconds, type Section, times } from './table.ts';

/** What a runtime does for a function, and no more than that, in either language. */
const NODE_BOOTSTRAP = `
const event = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const [, file, name] = process.argv;
const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 120_000 };
require(file)[name](event, context);
`;
const PYTHON_BOOTSTRAP = `
import json, sys
event = json.load(sys.stdin)
from invalidate import handler
handler(event, None)
`;

interface Times {
  /** Milliseconds from process start to CreateInvalidation. */
  readonly requested: number;
  /** Milliseconds from process start to the job's result. */
  readonly reported: number;
}

/**
 * The same job, done by the bundle and by bench/invalidate.py, against the same local endpoints. Its
 * invalidation is completed already, as for a job that is delivered twice, so that neither waits.
 */
export async function compareInvalidate(
  handler: Handler,
  python: Python | undefined,
  { scratch, signal, progress }: BenchContext,
  runs: number,
): Promise<Section> {
  progress(`Doing the job of Invalidate ${runs} times${python ? ', in Python too' : ''}`);
  const account = await Account.open(handler, join(scratch, 'cloudfront'));
  try {
    const env = { ...LAMBDA_ENVIRONMENT, ...account.environment };
    const commands: Record<string, Command> = {
      'Node.js': {
        file: handler.node,
        args: ['-e', NODE_BOOTSTRAP, join(handler.folder, handler.file), handler.export],
        env,
      },
      ...(python && { Python: pythonCommand(python, PYTHON_BOOTSTRAP, scratch, env) }),
    };
    const measured = await inTurn(
      runs,
      Object.fromEntries(
        Object.entries(commands).map(([name, command]) => [
          name,
          () => account.job(command, signal),
        ]),
      ),
    );
    return {
      heading: [`Invalidate, one job: process start → …, ${runs} runs`, 'median', 'middle half'],
      rows: [
        ...rowsOf('CreateInvalidation', 'requested', measured),
        ...rowsOf('result reported', 'reported', measured),
      ],
      notes: [
        python
          ? 'both speak plain HTTP with the same local endpoints'
          : 'no Python with boto3 found: nothing to compare with',
      ],
    };
  } finally {
    await account.close();
  }
}

function rowsOf(
  what: string,
  which: keyof Times,
  measured: Readonly<Record<string, readonly Times[]>>,
): string[][] {
  const values = (name: string) => measured[name]?.map((one) => one[which]);
  const reference = values('Python');
  return Object.keys(measured).map((name) => {
    const own = values(name) ?? [];
    const row = [`${what}, ${name}`, ...cellsOf(spreadOf(own), milliseconds)];
    if (!reference || name === 'Python') return row;
    const ratio = ratioOf(own, reference);
    return [...row, `${times(ratio)} of Python`];
  });
}

/** CloudFront and CodePipeline on this machine, with one distribution. */
class Account {
  private constructor(
    private readonly parameters: Parameters,
    private readonly cloudFront: LocalCloudFrontApi,
    private readonly codePipeline: JobApi,
    private readonly client: CloudFrontClient,
    readonly environment: Readonly<Record<string, string>>,
    private readonly watch: { onCreate: () => void },
  ) {}

  static async open({ userParameters = '' }: Handler, stateDir: string): Promise<Account> {
    const parameters: Parameters = { text: userParameters, ...JSON.parse(userParameters) };
    const watch = { onCreate: () => {} };
    const cloudFront = new LocalCloudFrontApi({
      stateDir,
      distributions: [
        {
          id: parameters.distributionId,
          arn: `arn:aws:cloudfront::123456789012:distribution/${parameters.distributionId}`,
        },
      ],
      onInvalidate: () => {},
      completionDelayMs: 0,
      onCall: ({ action }) => {
        if (action === 'cloudfront:CreateInvalidation') watch.onCreate();
      },
    });
    cloudFront.registerCredentials(LAMBDA_ENVIRONMENT.AWS_ACCESS_KEY_ID, 'bench');
    const codePipeline = new JobApi();
    const endpoint = await cloudFront.listen();
    const client = new CloudFrontClient({
      endpoint,
      region: LAMBDA_ENVIRONMENT.AWS_REGION,
      credentials: {
        accessKeyId: LAMBDA_ENVIRONMENT.AWS_ACCESS_KEY_ID,
        secretAccessKey: LAMBDA_ENVIRONMENT.AWS_SECRET_ACCESS_KEY,
      },
    });
    const environment = {
      AWS_ENDPOINT_URL_CLOUDFRONT: endpoint,
      AWS_ENDPOINT_URL_CODEPIPELINE: await codePipeline.listen(),
    };
    return new Account(parameters, cloudFront, codePipeline, client, environment, watch);
  }

  async close(): Promise<void> {
    this.client.destroy();
    await Promise.all([this.cloudFront.close(), this.codePipeline.close()]);
  }

  /** @throws Error where the job is not reported as succeeded */
  async job(command: Command, signal: AbortSignal): Promise<Times> {
    const job = this.codePipeline.open();
    await this.invalidated(job.id);
    let requested: number | undefined;
    let reported: number | undefined;
    let outcome = 'no result';
    this.watch.onCreate = () => {
      requested ??= performance.now();
    };
    job.result.then((result) => {
      reported = performance.now();
      outcome = result.type === 'failed' ? result.message : result.type;
    });
    const { began, firstOutput: ended } = start(
      { ...command, input: JSON.stringify(this.event(job.id)) },
      signal,
    );
    await ended.finally(() => job.close());
    this.watch.onCreate = () => {};
    if (requested === undefined || reported === undefined || outcome !== 'succeeded') {
      throw new Error(`${command.file}: the job of Invalidate: got ${outcome}`);
    }
    return { requested: requested - began, reported: reported - began };
  }

  /** Creates the job's invalidation and waits for its end. */
  private async invalidated(reference: string): Promise<void> {
    const { distributionId: DistributionId, objectPaths } = this.parameters;
    const { Invalidation } = await this.client.send(
      new CreateInvalidationCommand({
        DistributionId,
        InvalidationBatch: {
          CallerReference: reference,
          Paths: { Quantity: objectPaths.length, Items: [...objectPaths] },
        },
      }),
    );
    for (let status = Invalidation?.Status; status !== 'Completed'; ) {
      const answer = await this.client.send(
        new GetInvalidationCommand({ DistributionId, Id: Invalidation?.Id }),
      );
      status = answer.Invalidation?.Status;
    }
  }

  /** As CodePipeline sends it. */
  private event(id: string): unknown {
    return {
      'CodePipeline.job': {
        id,
        accountId: '123456789012',
        data: {
          actionConfiguration: {
            configuration: { FunctionName: 'bench', UserParameters: this.parameters.text },
          },
          inputArtifacts: [],
          outputArtifacts: [],
          artifactCredentials: {
            accessKeyId: 'bench-artifacts',
            secretAccessKey: 'bench-artifacts',
            sessionToken: 'bench-artifacts',
            expirationTime: Date.now() + 3_600_000,
          },
        },
      },
    };
  }
}

interface Parameters {
  readonly text: string;
  readonly distributionId: string;
  readonly objectPaths: readonly string[];
}
