import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Access } from './access.ts';
import { Assembly, type Resource } from './assembly/assembly.ts';
import { LocalCloudFrontApi } from './aws/cloudfront-api.ts';
import { LocalKeyValueStore, type ReaderOptions } from './aws/key-value-store.ts';
import { LocalQueryApi } from './aws/query-api.ts';
import { LocalS3 } from './aws/s3.ts';
import { accessKeyIdOf, type ServiceOptions } from './aws/service.ts';
import { Topics } from './aws/topics.ts';
import { Deliveries, functionIn } from './deliveries.ts';
import { accessLogFormat } from './edge/access-log.ts';
import { Edge } from './edge/edge.ts';
import { edgeResources } from './edge/edge-resources.ts';
import type { EdgeInput } from './edge/types.ts';
import { type BusEvent, EventRules } from './event-rules.ts';
import { Account } from './iam/account.ts';
import { CallRecord } from './iam/call-record.ts';
import { type Caller, nameOf } from './iam/callers.ts';
import { LocalFunctions } from './lambda/functions.ts';
import { appendTo } from './log-file.ts';
import type { Approvals } from './pipeline/approvals.ts';
import { busEventOf } from './pipeline/bus-events.ts';
import type { Clock } from './pipeline/clock.ts';
import { type ControlFile, ControlServer, type RefUpdate } from './pipeline/control.ts';
import { type ExecutionHandle, LocalPipeline, type ObjectVersion } from './pipeline/engine.ts';
import { type PipelineEvent, PipelineEvents } from './pipeline/events.ts';
import { ApiError } from './pipeline/jobs.ts';
import { linesFor } from './pipeline/lines.ts';
import { answerPush } from './pipeline/push.ts';
import type { ExecutionRecord } from './pipeline/records.ts';
import {
  changedFiles,
  ensureRepository,
  headOf,
  importHead,
  installHook,
} from './pipeline/source.ts';
import { startedBy } from './pipeline/triggers.ts';
import { Uploads } from './uploads.ts';

const HOOK = fileURLToPath(new URL('./pipeline/post-receive.mjs', import.meta.url));

export interface LocalStackOptions {
  /** The folder that `cdk synth` wrote. */
  readonly assembly: string;
  /** Which of its stacks: the name of an environment. @default production's */
  readonly environment?: string | undefined;
  /** Keeps buckets, pointer, executions and repository from one start to the next. */
  readonly state: string;
  /** Where the site is served on 127.0.0.1; 0 picks a free port. */
  readonly port: number;
  /** What AWS would write to a log, and what no log of AWS has: calls that are not known here. */
  log(line: string): void;
  /** `false` takes a right away that the template gives. @default - takes none */
  readonly allow?: ServiceOptions['allow'];
  /**
   * The folder that gets a file with the calls that IAM has decided, for `npm run grants`.
   *
   * @default the environment variable ATOMIC_SITE_RECORD_CALLS; without it they are in `calls.jsonl` of `state`
   */
  readonly recordCalls?: string;
  /** How much later than the write an edge sees a new pointer. @default no delay */
  readonly propagation?: ReaderOptions;
  /** What deployment windows and approvals go by. @default - the clock of this machine */
  readonly clock?: Clock;
  /** Which stack the operator's command is to talk to. @default '--local' */
  readonly commandOptions?: string;
}

/** The stack of a cloud assembly, up and running on this machine. */
export class LocalStack {
  readonly events: PipelineEvents;
  /** `http://127.0.0.1:8080` */
  readonly siteUrl: string;
  /** The bare repository that publishes what is pushed to its branch. There is none for a source in S3. */
  readonly repository: string;
  /** The branch that the pipeline follows. */
  readonly branch: string;
  /** The object whose upload publishes, for a source in S3. */
  readonly uploads: { readonly bucket: string; readonly key: string } | undefined;
  readonly edge: Edge;
  readonly assembly: Assembly;
  /** The file that has the calls which IAM has decided. */
  readonly callRecord: string;

  private constructor(
    private readonly parts: Parts,
    private readonly closers: readonly (() => Promise<void>)[],
  ) {
    this.events = parts.events;
    this.edge = parts.edge;
    this.assembly = parts.assembly;
    this.callRecord = parts.callRecord;
    this.repository = parts.repository;
    this.branch = parts.pipeline.branch;
    this.uploads = parts.pipeline.uploads;
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
   * Brings a checkout's current commit to the pipeline's branch; for a source in S3, uploads it as a zip, unless it
   * has been uploaded before.
   *
   * @throws Error where the branch has commits that the checkout does not
   */
  async importHead(checkout: string): Promise<void> {
    const { uploads } = this.parts;
    if (uploads) await uploads.putHead(checkout);
    else await importHead(this.repository, checkout, this.branch);
  }

  /** The newest commit of the branch, or version of the object, unless visitors have it already. */
  async unpublishedCommit(): Promise<string | undefined> {
    const { pipeline, uploads, startsPipeline } = this.parts;
    const head = uploads ? uploads.newest() : await headOf(this.repository, this.branch);
    const published = pipeline.lastPublishedCommit();
    if (head === undefined || published === undefined || !(await this.liveRelease())) return head;
    if (head === published) return undefined;
    if (startsPipeline === undefined) return head;
    try {
      // What a push would not have published is not published by a start either.
      const update = { old: published, new: head, ref: `refs/heads/${this.branch}` };
      return startsPipeline(update) === true ? head : undefined;
    } catch {
      // After a forced push the published commit may be gone: nobody knows what has changed since.
      return head;
    }
  }

  publish(commit: string, trigger: string): ExecutionHandle {
    const { pipeline, uploads } = this.parts;
    // An upload has started the pipeline by itself.
    const started = uploads?.startedFor(commit);
    return started ?? pipeline.start({ trigger, commit, branch: this.uploads?.key ?? this.branch });
  }

  /** What an AWS SDK in another process needs to talk to this stack, as a user of that name, who may do everything. */
  environmentFor(caller: string): Readonly<Record<string, string>> {
    return this.parts.environmentFor(caller);
  }

  /** The access key that a function signs with. */
  accessKeyOf(functionName: string): string | undefined {
    const [found] = this.assembly
      .ofType('AWS::Lambda::Function')
      .filter(({ ref }) => ref === functionName);
    if (!found) return undefined;
    const caller = { name: functionName, role: String(found.properties.Role) };
    const { access } = this.parts;
    return access.environmentOf(access.functionCaller(caller)).AWS_ACCESS_KEY_ID;
  }

  /** The approvals that the pipeline waits for. */
  get approvals(): Approvals {
    return this.parts.pipeline.approvals;
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

  /** The names of the functions that `runSchedules` invokes. @throws Error for another target of a schedule, or one that may not be called */
  scheduledFunctions(): string[] {
    return this.parts.rules.scheduledTargets().map((target) => {
      const name = functionIn(target.arn);
      if (name === undefined) {
        throw new Error(`${target.arn}: the local run knows schedules of Lambda functions`);
      }
      const refusal = this.parts.access.targetRefusal(target);
      if (refusal === undefined) return name;
      throw new Error(refusal);
    });
  }

  /** Puts an event of a service that does not run here on the bus, an alarm for one, for the functions to be told. */
  tell(event: BusEvent): void {
    this.parts.deliveries.deliver(event, Date.now());
  }

  /** Resolves when what EventBridge would have delivered by now is done with. */
  async delivered(): Promise<void> {
    await this.parts.deliveries.settled();
  }

  /** Ends everything, processes included. Executions on their way end as stopped. */
  async stop(): Promise<void> {
    await closeAll(this.closers);
  }
}

interface Parts {
  readonly callRecord: string;
  readonly access: Access;
  readonly events: PipelineEvents;
  readonly functions: LocalFunctions;
  readonly rules: EventRules;
  readonly deliveries: Deliveries;
  readonly pipeline: LocalPipeline;
  readonly edge: Edge;
  readonly assembly: Assembly;
  readonly repository: string;
  readonly port: number;
  readonly uploads: Uploads | undefined;
  readonly startsPipeline: PushRule | undefined;
  environmentFor(user: string): Readonly<Record<string, string>>;
}

type PushRule = (update: RefUpdate) => boolean | string;

/** In the order of who needs whom; each part that holds something open leaves its closer behind. */
async function bringUp(
  options: LocalStackOptions,
  closers: (() => Promise<void>)[],
): Promise<Parts> {
  await assertNotRunning(options.state);
  const state = resolve(options.state);
  const controlFile = controlFileOf(state);

  const assembly = new Assembly(options.assembly, options.environment);
  const { recordCalls = process.env.ATOMIC_SITE_RECORD_CALLS } = options;
  const callRecord = recordCalls
    ? join(recordCalls, `${assembly.stackName}-${randomUUID()}.jsonl`)
    : join(state, 'calls.jsonl');
  const account = new Account(assembly, new CallRecord(callRecord));
  const { credentials } = account;
  const onUnknown = (what: string) => options.log(`not known to the local run: ${what}`);
  const service = {
    credentials,
    authority: account,
    onUnknown,
    stateDir: join(state, 'aws'),
    ...(options.allow && { allow: options.allow }),
  };

  const s3 = new LocalS3({
    ...service,
    stateDir: join(state, 's3'),
    region: assembly.environment.region,
    onEvent: (event) => onEvent(event),
    buckets: assembly.ofType('AWS::S3::Bucket').map(named),
    policies: assembly.ofType('AWS::S3::BucketPolicy').map(({ logicalId, properties }) => ({
      logicalId,
      bucket: properties.Bucket,
      policyDocument: properties.PolicyDocument,
    })),
  });
  closers.push(() => s3.close());
  account.alsoGranted(s3.grants());
  const stores = new LocalKeyValueStore({
    ...service,
    stores: assembly.ofType('AWS::CloudFront::KeyValueStore').map((resource) => ({
      ...named(resource),
      arn: String(resource.attributes.Arn),
    })),
  });
  closers.push(() => stores.close());

  const { ref: distributionId } = assembly.theOnly('AWS::CloudFront::Distribution');
  const distributionArn = `arn:aws:cloudfront::${assembly.environment.accountId}:distribution/${distributionId}`;
  const accessLog = accessLogOf(assembly, distributionArn, s3, join(state, 'logs', 'access.log'));
  const edge = new Edge({
    ...edgeResources(assembly),
    keyValueStores: new Map(
      assembly.ofType('AWS::CloudFront::KeyValueStore').map(({ attributes }) => {
        const arn = String(attributes.Arn);
        return [arn, stores.reader(arn, options.propagation)];
      }),
    ),
    origin: s3.originReader(distributionArn),
    log: options.log,
    ...(accessLog && { accessLog }),
  });
  const cloudFront = new LocalCloudFrontApi({
    ...service,
    distributions: [{ id: distributionId, arn: distributionArn }],
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
    topics: topicsOf(assembly, join(state, 'messages'), options.log),
  });
  closers.push(() => queries.close());

  const endpoints: Record<string, string> = {};
  const { allow } = options;
  const access = new Access({ assembly, account, endpoints: () => endpoints, allow });
  access.assertTrusted();
  const environmentFor = (caller: Caller) => ({ ...endpoints, ...access.environmentOf(caller) });
  const functions = new LocalFunctions({
    assembly,
    logDirectory: join(state, 'logs'),
    environment: (of) => environmentFor(access.functionCaller(of)),
    logRefusal: (of, stream) => access.logRefusal(of, stream),
    log: options.log,
  });
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
    onUpload: (file) => answerUpload(file, uploads, events),
    environmentFor: (user) => environmentFor({ user }),
  });
  closers.push(() => control.close());
  const pipeline = new LocalPipeline({
    pipeline: { ...named(resource), arn: pipelineArn },
    artifacts: {
      put: (...input) => s3.putFile(...input),
      get: (...input) => s3.getFile(...input),
    },
    fetchObject: async (...input): Promise<ObjectVersion> => {
      const { version = 'null', etag } = await s3.getFile(...input);
      return { version, etag: etag.replaceAll('"', '') };
    },
    functions,
    projects: new Map(
      assembly.ofType('AWS::CodeBuild::Project').map((project) => [project.ref, project]),
    ),
    repository: { path: repository },
    access,
    accountId: assembly.environment.accountId,
    region: assembly.environment.region,
    stateDir: state,
    report: events.report,
    onUnknownOperation: (operation) => onUnknown(`CodePipeline: ${operation}`),
    authorise: (request, action, resource) => {
      const caller = credentials.callerOf(accessKeyIdOf(request) ?? '');
      if (caller === undefined) {
        throw new ApiError(
          'UnrecognizedClientException',
          'The security token included in the request is invalid.',
        );
      }
      const refusal = access.refusal(caller, action, resource);
      if (refusal === undefined) return nameOf(caller);
      throw new ApiError('AccessDeniedException', refusal);
    },
    ...(options.clock && { clock: options.clock }),
    ...(options.commandOptions !== undefined && { commandOptions: options.commandOptions }),
  });
  closers.push(() => pipeline.stop());
  const rules = new EventRules(assembly);
  const startsPipeline =
    pushTrigger(rules, assembly, pipeline.codeCommitRepository, pipelineArn, access) ??
    pathTrigger(pipeline, repository);
  const uploads = pipeline.uploads && new Uploads(pipeline.uploads, s3, pipeline);
  const deliveries = new Deliveries({
    ...{ environment: assembly.environment, rules, log: options.log },
    refusal: (target) => access.targetRefusal(target),
    invoke: (name, event, invocation) => functions.invoke(name, event, invocation),
  });
  closers.push(() => deliveries.stop());
  events.listen((event) => {
    const told = busEventOf(event, { name: resource.ref, arn: pipelineArn });
    if (told) deliveries.deliver(told, event.time);
  });
  const onEvent = (event: BusEvent) => {
    const target = rules.targetsOf(event).find(({ arn }) => arn === pipelineArn);
    if (!target) return;
    const refusal = access.targetRefusal(target);
    if (refusal === undefined) uploads?.onCreated(event);
    else options.log(refusal);
  };

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
    AWS_ENDPOINT_URL_SNS: queryUrl,
    AWS_ENDPOINT_URL_STS: queryUrl,
  });
  const { port } = await edge.listen(options.port);
  closers.push(() => edge.close());
  // What a function asks one of the site's public addresses for reaches the edge here.
  endpoints.LOCAL_ADDRESSES = JSON.stringify(
    Object.fromEntries(edge.hosts.map((host) => [`https://${host}`, `http://127.0.0.1:${port}`])),
  );

  if (!uploads) {
    await ensureRepository(repository, pipeline.branch);
    await installHook(repository, [process.execPath, HOOK, controlFile]);
  }
  await control.listen();

  return {
    callRecord,
    access,
    events,
    functions,
    rules,
    deliveries,
    pipeline,
    edge,
    assembly,
    repository,
    port,
    uploads,
    startsPipeline,
    environmentFor: (user) => environmentFor({ user }),
  };
}

/** Answers an upload with its progress, as a push is answered. */
async function* answerUpload(
  file: string,
  uploads: Uploads | undefined,
  events: PipelineEvents,
): AsyncGenerator<string> {
  if (!uploads) {
    yield 'FAILED: nothing is uploaded for this source; push to its repository';
    return;
  }
  const { version, execution } = await uploads.put(file);
  if (!execution) {
    yield `FAILED: no rule of the template starts the pipeline for this object; its version is ${version}`;
    return;
  }
  for await (const event of events.follow(execution.id)) yield* linesFor(event);
}

/** Whether the files of a push start the pipeline; `undefined` where every push to the branch does. */
function pathTrigger(pipeline: LocalPipeline, repository: string): PushRule | undefined {
  const { trigger } = pipeline;
  if (!trigger) return undefined;
  return ({ old, new: fresh, ref }) => {
    if (!ref.startsWith('refs/heads/')) return false;
    const branch = ref.slice('refs/heads/'.length);
    return startedBy(trigger, branch, () => changedFiles(repository, old, fresh));
  };
}

/**
 * Whether a change of the repository starts the pipeline, by the template's rules; `undefined` for a connection,
 * which tells CodePipeline itself, and for what is no repository.
 */
function pushTrigger(
  rules: EventRules,
  { environment: { region, accountId } }: Assembly,
  repository: string | undefined,
  pipelineArn: string,
  access: Access,
): PushRule | undefined {
  if (repository === undefined) return undefined;
  // The stack's own, or one that another stack has created.
  const repositoryArn = `arn:aws:codecommit:${region}:${accountId}:${repository}`;
  return ({ old, ref }) => {
    const target = rules
      .targetsOf({
        source: 'aws.codecommit',
        'detail-type': 'CodeCommit Repository State Change',
        resources: [repositoryArn],
        detail: {
          event: /^0+$/.test(old) ? 'referenceCreated' : 'referenceUpdated',
          referenceType: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
          referenceName: ref.replace(/^refs\/(heads|tags)\//, ''),
        },
      })
      .find(({ arn }) => arn === pipelineArn);
    if (!target) return false;
    const refusal = access.targetRefusal(target);
    return refusal === undefined || `nothing is published: ${refusal}`;
  };
}

/** The template's topics, and one that notifications name and that is another's. */
function topicsOf(assembly: Assembly, folder: string, log: (line: string) => void): Topics {
  const { NotificationsTopic: other } = assembly.outputs;
  const topics = new Map<string, string[]>(
    [
      ...assembly.ofType('AWS::SNS::Topic').map(({ ref }) => ref),
      ...(other ? [String(other)] : []),
    ].map((arn) => [arn, []]),
  );
  for (const { logicalId, type, properties } of assembly.ofType('AWS::SNS::Subscription')) {
    const { Protocol, TopicArn, Endpoint } = properties;
    if (Protocol !== 'email') {
      throw new Error(
        `${logicalId} (${type}): Protocol: got ${Protocol}; the local run knows email`,
      );
    }
    topics.get(TopicArn)?.push(Endpoint);
  }
  return new Topics({ topics, folder, log });
}

const named = ({ logicalId, ref, properties }: Resource) => ({ logicalId, name: ref, properties });

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

/**
 * Where the template has the access log delivered: one file here, a line as soon as an answer has left. `undefined` where
 * it asks for none.
 */
function accessLogOf(
  assembly: Assembly,
  distributionArn: string,
  s3: LocalS3,
  file: string,
): EdgeInput['accessLog'] {
  if (assembly.ofType('AWS::Logs::Delivery').length === 0) return undefined;
  const lineOf = accessLogFormat({
    distributionArn,
    source: assembly.theOnly('AWS::Logs::DeliverySource'),
    destination: assembly.theOnly('AWS::Logs::DeliveryDestination'),
    delivery: assembly.theOnly('AWS::Logs::Delivery'),
    mayPut: (bucket, key, sourceArn) => {
      const service = 'delivery.logs.amazonaws.com';
      return s3.mayPut({ service, sourceArn, acl: 'bucket-owner-full-control' }, bucket, key);
    },
  });
  mkdirSync(dirname(file), { recursive: true });
  const append = appendTo(file);
  return (exchange) => append(`${lineOf(exchange)}\n`);
}

/** What CloudWatch keeps of a build: its output, one file an action. */
function buildLog(folder: string): (event: PipelineEvent) => void {
  mkdirSync(folder, { recursive: true });
  const logs = new Map<string, (text: string) => void>();
  return (event) => {
    if (event.type !== 'action-output') return;
    const file = join(folder, `${event.stage}-${event.action}.log`);
    const append = logs.get(file) ?? appendTo(file);
    logs.set(file, append);
    append(`${new Date(event.time).toISOString()} ${event.line}\n`);
  };
}

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
