import { appendFileSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Assembly, type Resource } from './assembly/assembly.ts';
import { LocalCloudFrontApi } from './aws/cloudfront-api.ts';
import { LocalKeyValueStore, type ReaderOptions } from './aws/key-value-store.ts';
import { LocalQueryApi } from './aws/query-api.ts';
import { LocalS3 } from './aws/s3.ts';
import { Credentials, type ServiceOptions } from './aws/service.ts';
import { Edge } from './edge/edge.ts';
import { EventRules } from './event-rules.ts';
import { LocalFunctions } from './lambda/functions.ts';
import { type ControlFile, ControlServer, type RefUpdate } from './pipeline/control.ts';
import { type ExecutionHandle, LocalPipeline } from './pipeline/engine.ts';
import { type PipelineEvent, PipelineEvents } from './pipeline/events.ts';
import { answerPush } from './pipeline/push.ts';
import type { ExecutionRecord } from './pipeline/records.ts';
import { ensureRepository, headOf, importHead, installHook } from './pipeline/source.ts';

const HOOK = fileURLToPath(new URL('./pipeline/post-receive.mjs', import.meta.url));

export interface LocalStackOptions {
  /** The folder that `cdk synth` wrote. */
  readonly assembly: string;
  /** Keeps buckets, pointer, executions and repository from one start to the next. */
  readonly state: string;
  /** Where the site is served on 127.0.0.1; 0 picks a free port. */
  readonly port: number;
  /** What AWS would write to a log, and what no log of AWS has: calls that are not known here. */
  log(line: string): void;
  /** Stands for the callers' IAM policies: `false` answers the service's access-denied error. @default everything */
  readonly allow?: ServiceOptions['allow'];
  /** How much later than the write an edge sees a new pointer. @default no delay */
  readonly propagation?: ReaderOptions;
}

/** The stack of a cloud assembly, up and running on this machine. */
export class LocalStack {
  readonly events: PipelineEvents;
  /** `http://127.0.0.1:8080` */
  readonly siteUrl: string;
  /** The bare repository that publishes what is pushed to its branch. */
  readonly repository: string;
  /** The branch that the pipeline follows. */
  readonly branch: string;
  readonly edge: Edge;
  readonly assembly: Assembly;

  private constructor(
    private readonly parts: Parts,
    private readonly closers: readonly (() => Promise<void>)[],
  ) {
    this.events = parts.events;
    this.edge = parts.edge;
    this.assembly = parts.assembly;
    this.repository = parts.repository;
    this.branch = parts.pipeline.branch;
    this.siteUrl = `http://127.0.0.1:${parts.port}`;
  }

  /**
   * Brings the stack up from its kept state.
   *
   * @throws Error naming what the template asks for and this machine does not do, or a taken port
   */
  static async start(options: LocalStackOptions): Promise<LocalStack> {
    const closers: (() => Promise<void>)[] = [];
    try {
      return new LocalStack(await bringUp(options, closers), closers);
    } catch (error) {
      await closeAll(closers);
      throw error;
    }
  }

  /** The id of the release that visitors get; `undefined` before the first one. */
  async liveRelease(): Promise<string | undefined> {
    const answer = await fetch(`${this.siteUrl}/.well-known/release`);
    return answer.ok ? (await answer.text()).trim() : undefined;
  }

  /**
   * Brings a checkout's current commit to the pipeline's branch.
   *
   * @throws Error where the branch has commits that the checkout does not
   */
  importHead(checkout: string): Promise<string> {
    return importHead(this.repository, checkout, this.branch);
  }

  /** The newest commit of the branch, unless visitors have it already. */
  async unpublishedCommit(): Promise<string | undefined> {
    const head = await headOf(this.repository, this.branch);
    const published = this.parts.pipeline.lastPublishedCommit();
    return head === published && (await this.liveRelease()) ? undefined : head;
  }

  publish(commit: string, trigger: string): ExecutionHandle {
    return this.parts.pipeline.start({ trigger, commit, branch: this.branch });
  }

  /** What an AWS SDK in another process needs to talk to this stack, as a caller of that name. */
  environmentFor(caller: string): Readonly<Record<string, string>> {
    return this.parts.environmentFor(caller);
  }

  /** Every execution that is known, oldest first. */
  executions(): readonly ExecutionRecord[] {
    return this.parts.pipeline.executions();
  }

  /** The console's button on a failed stage. @throws Error where CodePipeline refuses */
  retryStage(executionId: string, stage: string): ExecutionHandle {
    return this.parts.pipeline.retryStage(executionId, stage);
  }

  /** The console's "Start rollback" of a stage. @throws Error where CodePipeline refuses */
  rollbackStage(stage: string, toExecutionId: string): ExecutionHandle {
    return this.parts.pipeline.rollbackStage(stage, toExecutionId);
  }

  /**
   * What the clock does on AWS: invokes every function that a schedule of the template names, once.
   *
   * @throws Error where one fails, with what it said last
   */
  async runSchedules(): Promise<void> {
    for (const name of this.scheduledFunctions()) {
      await this.parts.functions.invoke(name, {
        source: 'aws.events',
        'detail-type': 'Scheduled Event',
        time: new Date().toISOString(),
        detail: {},
      });
    }
  }

  /** The names of the functions that `runSchedules` invokes. @throws Error for another target of a schedule */
  scheduledFunctions(): string[] {
    return this.parts.rules.scheduledTargets().map((target) => {
      const name = /:function:([^:]+)$/.exec(target)?.[1];
      if (name !== undefined) return name;
      throw new Error(`${target}: the local run knows schedules of Lambda functions`);
    });
  }

  /** Ends everything, processes included. Executions on their way end as stopped. */
  async stop(): Promise<void> {
    await closeAll(this.closers);
  }
}

interface Parts {
  readonly events: PipelineEvents;
  readonly functions: LocalFunctions;
  readonly rules: EventRules;
  readonly pipeline: LocalPipeline;
  readonly edge: Edge;
  readonly assembly: Assembly;
  readonly repository: string;
  readonly port: number;
  environmentFor(caller: string): Readonly<Record<string, string>>;
}

/** In the order of who needs whom; each part that holds something open leaves its closer behind. */
async function bringUp(
  options: LocalStackOptions,
  closers: (() => Promise<void>)[],
): Promise<Parts> {
  await assertNotRunning(options.state);
  const state = resolve(options.state);
  const controlFile = controlFileOf(state);

  const assembly = new Assembly(options.assembly);
  const credentials = new Credentials();
  const onUnknown = (what: string) => options.log(`not known to the local run: ${what}`);
  const service = {
    credentials,
    onUnknown,
    stateDir: join(state, 'aws'),
    ...(options.allow && { allow: options.allow }),
  };

  const s3 = new LocalS3({
    ...service,
    stateDir: join(state, 's3'),
    region: assembly.environment.region,
    buckets: assembly.ofType('AWS::S3::Bucket').map(named),
    policies: assembly.ofType('AWS::S3::BucketPolicy').map(({ logicalId, properties }) => ({
      logicalId,
      bucket: properties.Bucket,
      policyDocument: properties.PolicyDocument,
    })),
  });
  closers.push(() => s3.close());
  const stores = new LocalKeyValueStore({
    ...service,
    stores: assembly.ofType('AWS::CloudFront::KeyValueStore').map((resource) => ({
      ...named(resource),
      arn: String(resource.attributes.Arn),
    })),
  });
  closers.push(() => stores.close());

  const distribution = assembly.theOnly('AWS::CloudFront::Distribution');
  const distributionArn = `arn:aws:cloudfront::${assembly.environment.accountId}:distribution/${distribution.ref}`;
  const edge = new Edge({
    distribution: {
      logicalId: distribution.logicalId,
      id: distribution.ref,
      domainName: String(distribution.attributes.DomainName),
      properties: distribution.properties,
    },
    cachePolicies: byRef(assembly.ofType('AWS::CloudFront::CachePolicy')),
    responseHeadersPolicies: byRef(assembly.ofType('AWS::CloudFront::ResponseHeadersPolicy')),
    functions: new Map(
      assembly.ofType('AWS::CloudFront::Function').map((resource) => [resource.ref, resource]),
    ),
    keyValueStores: new Map(
      assembly.ofType('AWS::CloudFront::KeyValueStore').map(({ attributes }) => {
        const arn = String(attributes.Arn);
        return [arn, stores.reader(arn, options.propagation)];
      }),
    ),
    origin: s3.originReader(distributionArn),
    log: options.log,
  });
  const cloudFront = new LocalCloudFrontApi({
    ...service,
    distributions: [{ id: distribution.ref, arn: distributionArn }],
    onInvalidate: (_, paths) => edge.invalidate(paths),
  });
  closers.push(() => cloudFront.close());
  const queries = new LocalQueryApi({
    ...service,
    ...assembly.environment,
    stack: {
      name: assembly.stackName,
      outputs: Object.fromEntries(
        Object.entries(assembly.outputs).map(([name, value]) => [name, String(value)]),
      ),
    },
  });
  closers.push(() => queries.close());

  const endpoints: Record<string, string> = {};
  const functions = new LocalFunctions({
    assembly,
    logDirectory: join(state, 'logs'),
    environment: (name) => environmentFor(name),
  });
  const environmentFor = (caller: string) => ({ ...endpoints, ...credentialsFor(caller) });
  const credentialsFor = (caller: string) => {
    const key = accessKey(caller);
    credentials.register(key, caller);
    return {
      AWS_REGION: assembly.environment.region,
      AWS_ACCESS_KEY_ID: key,
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_SESSION_TOKEN: 'local',
    };
  };
  closers.push(() => functions.stop());

  const events = new PipelineEvents();
  events.listen(buildLog(join(state, 'logs')));
  const runtime = functions.otherRuntime();
  if (runtime) options.log(runtime);
  const repository = join(state, 'source.git');
  const resource = assembly.theOnly('AWS::CodePipeline::Pipeline');
  const pipelineArn = `arn:aws:codepipeline:${assembly.environment.region}:${assembly.environment.accountId}:${resource.ref}`;
  // Closed after the pipeline has stopped: who pushes meanwhile still reads how it ended.
  const control = new ControlServer({
    file: controlFile,
    onPush: (updates) => answerPush(updates, { events, pipeline, startsPipeline }),
    environmentFor: (caller) => environmentFor(caller),
  });
  closers.push(() => control.close());
  const pipeline = new LocalPipeline({
    pipeline: { ...named(resource), arn: pipelineArn },
    artifacts: {
      put: (bucket, key, file) => s3.putFile(bucket, key, file),
      get: (bucket, key, toFile) => s3.getFile(bucket, key, toFile),
    },
    functions,
    projects: new Map(
      assembly.ofType('AWS::CodeBuild::Project').map((project) => [project.ref, project]),
    ),
    repository: { path: repository },
    credentials: ({ bucket }) => {
      const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = credentialsFor(
        `artifacts of ${bucket}`,
      );
      return {
        accessKeyId: AWS_ACCESS_KEY_ID,
        secretAccessKey: AWS_SECRET_ACCESS_KEY,
        sessionToken: AWS_SESSION_TOKEN,
      };
    },
    accountId: assembly.environment.accountId,
    region: assembly.environment.region,
    stateDir: state,
    report: events.report,
    onUnknownOperation: (operation) => onUnknown(`CodePipeline: ${operation}`),
  });
  closers.push(() => pipeline.stop());
  const rules = new EventRules(assembly);
  const startsPipeline = pushTrigger(rules, assembly, pipelineArn);

  assertSignedOrigins(assembly);
  // Everything has been read by now that ever will be.
  assembly.assertAllHonoured();

  const [s3Url, storeUrl, cloudFrontUrl, codePipelineUrl, queryUrl] = await Promise.all([
    s3.listen(),
    stores.listen(),
    cloudFront.listen(),
    pipeline.listen(),
    queries.listen(),
  ]);
  Object.assign(endpoints, {
    AWS_ENDPOINT_URL_S3: s3Url,
    AWS_ENDPOINT_URL_CLOUDFRONT: cloudFrontUrl,
    AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE: storeUrl,
    AWS_ENDPOINT_URL_CODEPIPELINE: codePipelineUrl,
    AWS_ENDPOINT_URL_CLOUDFORMATION: queryUrl,
    AWS_ENDPOINT_URL_STS: queryUrl,
  });
  const { port } = await edge.listen(options.port);
  closers.push(() => edge.close());
  // What a function asks one of the site's public addresses for reaches the edge here.
  endpoints.LOCAL_ADDRESSES = JSON.stringify(
    Object.fromEntries(edge.hosts.map((host) => [`https://${host}`, `http://127.0.0.1:${port}`])),
  );

  await ensureRepository(repository, pipeline.branch);
  await installHook(repository, [process.execPath, HOOK, controlFile]);
  await control.listen();

  return { events, functions, rules, pipeline, edge, assembly, repository, port, environmentFor };
}

/**
 * Whether a change of the repository starts the pipeline, by the template's rules; `undefined` for a connection,
 * which tells CodePipeline itself.
 */
function pushTrigger(
  rules: EventRules,
  assembly: Assembly,
  pipelineArn: string,
): ((update: RefUpdate) => boolean) | undefined {
  const [repository] = assembly.ofType('AWS::CodeCommit::Repository');
  if (!repository) return undefined;
  return ({ old, ref }) =>
    rules
      .targetsOf({
        source: 'aws.codecommit',
        'detail-type': 'CodeCommit Repository State Change',
        resources: [String(repository.attributes.Arn)],
        detail: {
          event: /^0+$/.test(old) ? 'referenceCreated' : 'referenceUpdated',
          referenceType: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
          referenceName: ref.replace(/^refs\/(heads|tags)\//, ''),
        },
      })
      .includes(pipelineArn);
}

const named = ({ logicalId, ref, properties }: Resource) => ({ logicalId, name: ref, properties });

// biome-ignore lint/suspicious/noExplicitAny: the shape is CloudFormation's, a different one for each type
const byRef = (resources: readonly Resource[]): Map<string, any> =>
  new Map(resources.map(({ ref, properties }) => [ref, properties]));

/** The bucket is private: a request that CloudFront does not sign would be refused there, though not here. */
function assertSignedOrigins(assembly: Assembly): void {
  for (const { logicalId, type, properties } of assembly.ofType(
    'AWS::CloudFront::OriginAccessControl',
  )) {
    const wanted = {
      OriginAccessControlOriginType: 's3',
      SigningBehavior: 'always',
      SigningProtocol: 'sigv4',
    };
    for (const [option, value] of Object.entries(wanted)) {
      const got = properties.OriginAccessControlConfig[option];
      if (got === value) continue;
      throw new Error(
        `${logicalId} (${type}): OriginAccessControlConfig.${option}: got ${got}; the local edge knows ${value}`,
      );
    }
  }
}

/** What CloudWatch keeps of a build: its output, one file an action. */
function buildLog(folder: string): (event: PipelineEvent) => void {
  mkdirSync(folder, { recursive: true });
  return (event) => {
    if (event.type !== 'action-output') return;
    const time = new Date(event.time).toISOString();
    appendFileSync(join(folder, `${event.stage}-${event.action}.log`), `${time} ${event.line}\n`);
  };
}

/** In the form of an access key id, which the SDK does not check and a person may recognise. */
const accessKey = (caller: string): string =>
  `LOCAL-${caller.replace(/[^A-Za-z0-9]/g, '-').slice(0, 100)}`;

const controlFileOf = (state: string): string => join(resolve(state), 'control.json');

/**
 * Two stacks on one state directory would overwrite each other's files.
 *
 * @throws Error where another process serves this state
 */
export async function assertNotRunning(state: string): Promise<void> {
  const text = await readFile(controlFileOf(state), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const control = controlFrom(text);
  if (!control) return;
  const { port, pid, token } = control;
  // With the right token an address that does not exist is "not found", and only to the one who made the token.
  const running = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { authorization: `Bearer ${token}` },
  }).then(
    ({ status }) => status === 404,
    () => false,
  );
  if (running) {
    throw new Error(
      `${state}: another \`npm start\` (process ${pid}) runs on this state; stop it, or use another with --state DIR`,
    );
  }
}

/** Half a file is what a power cut leaves: then nothing runs. */
function controlFrom(text: string): ControlFile | undefined {
  try {
    return JSON.parse(text) as ControlFile;
  } catch {
    return undefined;
  }
}

/** In reverse, so that nobody is left calling a part that is gone. One that fails keeps no other open. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  for (const close of [...closers].reverse()) {
    await close().catch((error: Error) => process.stderr.write(`${error.message}\n`));
  }
}
