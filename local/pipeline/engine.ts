import { createHash, randomInt, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { Caller } from '../iam/callers.ts';
import { OPEN, type PipelineAccess, SOURCE_CALLS } from './access.ts';
import { approvalOperations } from './approval-api.ts';
import { Approvals } from './approvals.ts';
import { assertMayStart, transfer } from './build-access.ts';
import { type Clock, systemClock } from './clock.ts';
import { BuildFailure, type ProjectProperties, runBuild } from './codebuild.ts';
import {
  type ActionDefinition,
  type PipelineDefinition,
  type PipelineProperties,
  readDefinition,
  type StageDefinition,
} from './definition.ts';
import type { DeploymentWindow } from './deployment-window.ts';
import type { FinalStatus, PipelineEvent } from './events.ts';
import { executionOperations } from './execution-api.ts';
import { type Authorise, JobApi, type OpenJob } from './jobs.ts';
import {
  type ActionRecord,
  type ArtifactRecord,
  type ExecutionRecord,
  Records,
  type StageRecord,
} from './records.ts';
import { archiveCommit, commitDetails } from './source.ts';
import { StageLock } from './stage-lock.ts';
import type { PushTrigger } from './triggers.ts';
import {
  MAX_OUTPUT_VARIABLES_BYTES,
  MAX_RESOLVED_CONFIGURATION_BYTES,
  resolveVariables,
  variablesSize,
} from './variables.ts';

export interface PipelineInput {
  /** An `AWS::CodePipeline::Pipeline`; its properties are read once, in the constructor. */
  readonly pipeline: {
    readonly logicalId: string;
    readonly name: string;
    readonly arn: string;
    readonly properties: PipelineProperties;
  };
  /** The artifact store, which may refuse a caller. */
  readonly artifacts: {
    put(bucket: string, key: string, file: string, caller: Caller): Promise<unknown>;
    get(bucket: string, key: string, toFile: string, caller: Caller): Promise<unknown>;
  };
  /** Writes the newest version of an object to a file. @throws Error where there is none, or the caller may not */
  fetchObject(bucket: string, key: string, toFile: string, caller: Caller): Promise<ObjectVersion>;
  readonly functions: {
    /**
     * Invokes a function asynchronously. Resolves when its process ended, rejects with the reason
     * when it crashed or timed out; what became of the job is told through the job API only. The
     * signal ends a wait that nobody is interested in any more.
     */
    invoke(
      functionName: string,
      event: unknown,
      options?: { readonly signal: AbortSignal },
    ): Promise<void>;
  };
  /** `AWS::CodeBuild::Project` by project name. */
  readonly projects: ReadonlyMap<
    string,
    { readonly logicalId: string; readonly properties: ProjectProperties }
  >;
  /** The bare repository. */
  readonly repository: { readonly path: string };
  /** As whom the actions act. @default - nobody is asked */
  readonly access?: PipelineAccess;
  readonly accountId: string;
  readonly region: string;
  /** Holds the executions' records, the builds' caches and, if there is one, `build.env`. */
  readonly stateDir: string;
  report(event: PipelineEvent): void;
  /**
   * From a continuation token to the next invocation.
   *
   * CodePipeline takes about 30 seconds; nobody wants to wait for that on their own machine.
   *
   * @default 1000
   */
  readonly continuationDelayMs?: number;
  /**
   * How long a function may say nothing about its job.
   *
   * @default 1200000 (20 minutes, as in AWS)
   */
  readonly jobTimeoutMs?: number;
  /** Called with operations of CodePipeline's API that a function asked for and nobody knows here. */
  readonly onUnknownOperation?: (operation: string) => void;
  /**
   * Who calls CodePipeline's API, which `ApiError` may refuse them.
   *
   * @default - everybody may, and is called somebody
   */
  readonly authorise?: Authorise;
  /**
   * Which stack the operator's command is to talk to, for the command that is shown where an approval is needed.
   *
   * @default '--local'
   */
  readonly commandOptions?: string;
  /** What deployment windows and approvals go by. @default - the clock of this machine */
  readonly clock?: Clock;
}

export interface ObjectVersion {
  readonly version: string;
  /** Without quotation marks. */
  readonly etag: string;
}

export interface StartRequest {
  /** What a person reads as the reason: `push`, `upload`, `npm start`. */
  readonly trigger: string;
  /** The commit; for a source in S3 the version. */
  readonly commit: string;
  /** The branch; for a source in S3 the key. */
  readonly branch: string;
  /** Values for the pipeline's own variables. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface ExecutionHandle {
  readonly id: string;
  /**
   * The record as it is when the execution is over, however it ended. Rejects only when the record
   * itself cannot be written.
   */
  readonly result: Promise<ExecutionRecord>;
}

const DEFAULT_CONTINUATION_DELAY_MS = 1_000;
const DEFAULT_JOB_TIMEOUT_MS = 20 * 60_000;
/** A Lambda action as a whole, continuations included (CodePipeline quotas). */
const MAX_ACTION_MS = 24 * 60 * 60_000;
const CREDENTIALS_LIFETIME_MS = 60 * 60_000;

const STOPPED = new Error('the local pipeline was stopped');

/**
 * Runs a pipeline of the synthesised template on this machine: CodePipeline's stages, locks,
 * variables and job protocol, with CodeBuild and the sources behind its actions.
 */
export class LocalPipeline {
  readonly #input: PipelineInput;
  readonly #definition: PipelineDefinition;
  readonly #records: Records;
  readonly #jobs: JobApi;
  readonly #locks: ReadonlyMap<string, StageLock>;
  readonly #clock: Clock;
  readonly #access: PipelineAccess;
  /** The approval actions that wait for somebody. */
  readonly approvals = new Approvals();
  readonly #structure: string;
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, Promise<ExecutionRecord>>();

  /** @throws Error with everything in the template that the local run does not know. */
  constructor(input: PipelineInput) {
    this.#input = input;
    this.#definition = readDefinition({
      logicalId: input.pipeline.logicalId,
      properties: input.pipeline.properties,
      projects: input.projects,
      region: input.region,
    });
    this.#records = new Records(join(input.stateDir, 'executions'));
    const { stages, mode } = this.#definition;
    const records = () => this.#records.all();
    const { pipeline, authorise = () => 'somebody' } = input;
    const { approvals } = this;
    this.#jobs = new JobApi(
      input.onUnknownOperation,
      {
        ...approvalOperations({ pipeline, stages, approvals, records, authorise }),
        ...executionOperations({ pipeline, records, authorise }),
      },
      authorise,
    );
    this.#access = input.access ?? OPEN;
    this.#structure = structureOf(stages);
    this.#clock = input.clock ?? systemClock;
    this.#locks = new Map(
      stages.map(({ name, window }) => [
        name,
        new StageLock(mode, () => window?.isOpen(this.#clock.now()) ?? true),
      ]),
    );
  }

  /** The branch that the source action follows: a push to it starts the pipeline. */
  get branch(): string {
    return this.#source?.configuration.BranchName ?? 'main';
  }

  /** The object whose upload starts the pipeline; `undefined` for a source in git. */
  get uploads(): { readonly bucket: string; readonly key: string } | undefined {
    const { S3Bucket: bucket, S3ObjectKey: key } = this.#source?.configuration ?? {};
    return bucket === undefined || key === undefined ? undefined : { bucket, key };
  }

  /** The trigger that takes the place of the source's own change detection. */
  get trigger(): PushTrigger | undefined {
    return this.#definition.triggers.find(
      ({ sourceAction }) => sourceAction === this.#source?.name,
    );
  }

  /** The name of the CodeCommit repository that the source action reads, if it is one. */
  get codeCommitRepository(): string | undefined {
    const { provider, configuration } = this.#source ?? {};
    return provider === 'CodeCommit' ? configuration?.RepositoryName : undefined;
  }

  get #source(): ActionDefinition | undefined {
    const actions = this.#definition.stages.flatMap(({ groups }) => groups.flat());
    return actions.find(({ kind }) => kind === 'source');
  }

  /** Starts the job API and returns the endpoint that functions have to be given for CodePipeline. */
  listen(): Promise<string> {
    return this.#jobs.listen();
  }

  /** Every execution that is known, oldest first, those of earlier runs included. */
  executions(): readonly ExecutionRecord[] {
    return this.#records.all();
  }

  /** The commit of the last push that succeeded. Who rolls a stage back wants to stay there until the next. */
  lastPublishedCommit(): string | undefined {
    return this.#records
      .all()
      .findLast(({ status, rollback }) => status === 'Succeeded' && rollback === undefined)?.commit;
  }

  /** @throws Error when the pipeline was stopped, or a pipeline variable has no value. */
  start(request: StartRequest): ExecutionHandle {
    this.#stopping.signal.throwIfAborted();
    const { trigger, commit, branch } = request;
    const record: ExecutionRecord = {
      id: randomUUID(),
      pipeline: this.#input.pipeline.name,
      status: 'InProgress',
      trigger,
      commit,
      branch,
      startedAt: new Date().toISOString(),
      variables: this.#pipelineVariables(request.variables ?? {}),
      artifacts: {},
      structure: this.#structure,
      stages: [],
    };
    return this.#run(record, this.#definition.stages);
  }

  /**
   * Runs a failed stage's failed and missing actions again, and what comes after it, as part of
   * the same execution.
   *
   * @throws Error when there is nothing to retry, or a newer execution has been in the stage since.
   */
  retryStage(executionId: string, stageName: string): ExecutionHandle {
    this.#stopping.signal.throwIfAborted();
    const record = this.#records.get(executionId);
    const stage = record?.stages.at(-1);
    if (record?.status !== 'Failed' || stage?.name !== stageName) {
      throw new Error(`${executionId}: got no failed stage ${stageName} to retry`);
    }
    const newer = this.#records
      .all()
      .some(
        (other) =>
          other.startedAt > record.startedAt && other.stages.some(({ name }) => name === stageName),
      );
    if (newer) throw new Error(`${executionId}: a newer execution has entered ${stageName} since`);
    const index = this.#definition.stages.findIndex(({ name }) => name === stageName);
    if (index < 0) throw new Error(`${stageName}: the pipeline has no such stage any more`);
    record.status = 'InProgress';
    delete record.failure;
    return this.#run(record, this.#definition.stages.slice(index));
  }

  /**
   * Runs a stage and what comes after it again as it was in an older execution: with that one's artifacts
   * and variables, as an execution of its own with an id of its own (CodePipeline user guide, "Configuring
   * stage rollback").
   *
   * @throws Error where CodePipeline refuses: the first stage, a stage that is busy, an execution that did
   * not succeed in the stage, is a rollback itself, or ran in another version of the pipeline.
   */
  rollbackStage(stageName: string, targetExecutionId: string): ExecutionHandle {
    this.#stopping.signal.throwIfAborted();
    const { stages } = this.#definition;
    const index = stages.findIndex(({ name }) => name === stageName);
    const refused = (reason: string): Error =>
      new Error(`${stageName}: cannot be rolled back to ${targetExecutionId}: ${reason}`);
    if (index < 0) throw refused('the pipeline has no such stage');
    if (index === 0) throw refused('a source stage cannot be rolled back');
    const target = this.#records.get(targetExecutionId);
    if (!target) throw refused('there is no such execution');
    if (target.rollback) throw refused('that execution is a rollback itself');
    if (target.stages.find(({ name }) => name === stageName)?.status !== 'Succeeded') {
      throw refused('that execution did not succeed in the stage');
    }
    if (target.structure !== this.#structure) {
      throw refused('the pipeline has changed since that execution');
    }
    if (this.#locks.get(stageName)?.holder !== undefined) throw refused('the stage is busy');
    const { pipeline, commit, branch, variables } = target;
    const record: ExecutionRecord = {
      id: randomUUID(),
      pipeline,
      status: 'InProgress',
      trigger: `rollback of ${stageName}`,
      commit,
      branch,
      startedAt: new Date().toISOString(),
      variables,
      artifacts: { ...target.artifacts },
      structure: this.#structure,
      rollback: { stage: stageName, to: target.id },
      stages: [],
    };
    return this.#run(record, stages.slice(index));
  }

  /**
   * Ends everything that runs or waits, build processes included, and closes the job API. Resolves
   * when nothing is left. Executions on their way end as Stopped.
   */
  async stop(): Promise<void> {
    this.#stopping.abort(STOPPED);
    await Promise.allSettled(this.#running.values());
    await this.#jobs.close();
  }

  #run(record: ExecutionRecord, stages: readonly StageDefinition[]): ExecutionHandle {
    const { id } = record;
    this.#records.save(record);
    const result = this.#runStages(record, stages)
      .catch((error: Error) => {
        // The disk is full or the state is gone: an execution that cannot be recorded has failed, and says so.
        record.status = 'Failed';
        const failure = { stage: 'the pipeline', action: '', error: error.message };
        record.failure = failure;
        const { commit } = record;
        this.#report({
          type: 'execution-finished',
          executionId: id,
          status: 'Failed',
          durationMs: Date.now() - Date.parse(record.startedAt),
          commit,
          variables: {},
          failure,
          siteUntouched: false,
        });
        return record;
      })
      .finally(() => this.#running.delete(id));
    this.#running.set(id, result);
    return { id, result };
  }

  async #runStages(
    record: ExecutionRecord,
    stages: readonly StageDefinition[],
  ): Promise<ExecutionRecord> {
    const { id: executionId, commit, branch, trigger } = record;
    const began = Date.now();
    const pipeline = this.#input.pipeline.name;
    // One turn later, so that whoever started the execution knows its id before the first event.
    await Promise.resolve();
    this.#report({ type: 'execution-started', executionId, pipeline, trigger, commit, branch });
    let status: FinalStatus = 'Succeeded';
    for (const stage of stages) {
      status = await this.#runStage(record, stage);
      if (status !== 'Succeeded') break;
    }
    record.status = status;
    record.durationMs = Date.now() - began;
    this.#records.save(record);
    const actions = record.stages.flatMap((stage) => stage.actions);
    const { failure, supersededBy, rollback, durationMs } = record;
    this.#report({
      type: 'execution-finished',
      executionId,
      status,
      durationMs,
      commit,
      variables: Object.assign({}, ...actions.map((action) => action.variables)),
      ...(failure && { failure }),
      ...(supersededBy !== undefined && { supersededBy }),
      ...(rollback && { rolledBack: rollback.stage }),
      siteUntouched: !actions.some(({ provider }) => provider === 'Lambda'),
    });
    return record;
  }

  async #runStage(record: ExecutionRecord, stage: StageDefinition): Promise<FinalStatus> {
    const executionId = record.id;
    const lock = this.#locks.get(stage.name) as StageLock;
    if (lock.holder !== undefined) {
      const behind = lock.holder;
      this.#report({ type: 'execution-waiting', executionId, stage: stage.name, behind });
    }
    const waited = new AbortController();
    try {
      const entering = lock.enter(executionId, this.#stopping.signal);
      if (stage.window) this.#watchWindow(executionId, stage, stage.window, lock, waited.signal);
      const supersededBy = await entering;
      if (supersededBy !== undefined) {
        record.supersededBy = supersededBy;
        return 'Superseded';
      }
    } catch {
      return 'Stopped';
    } finally {
      waited.abort();
    }
    try {
      return await this.#runActions(record, stage);
    } finally {
      lock.leave();
    }
  }

  /** Says that the window is closed, and looks again each time it opens, until nobody waits any more. */
  #watchWindow(
    executionId: string,
    { name: stage }: StageDefinition,
    window: DeploymentWindow,
    lock: StageLock,
    waited: AbortSignal,
  ): void {
    const { timeZone } = window;
    if (!window.isOpen(this.#clock.now())) {
      const opensAt = window.opensAfter(this.#clock.now());
      const opens = opensAt === undefined ? {} : { opensAt };
      this.#report({ type: 'execution-outside-window', executionId, stage, ...opens, timeZone });
    }
    const look = async (): Promise<void> => {
      for (;;) {
        const opensAt = window.opensAfter(this.#clock.now());
        if (opensAt === undefined) return;
        await this.#clock.until(opensAt, waited);
        lock.admit();
      }
    };
    look().catch(() => {});
  }

  async #runActions(record: ExecutionRecord, stage: StageDefinition): Promise<FinalStatus> {
    const executionId = record.id;
    const began = Date.now();
    const stageRecord = this.#stageRecord(record, stage.name);
    this.#records.save(record);
    this.#report({ type: 'stage-started', executionId, stage: stage.name });
    let status: FinalStatus = 'Succeeded';
    for (const group of stage.groups) {
      // A retry leaves alone what has succeeded.
      const due = group.filter(
        ({ name }) => !stageRecord.actions.some((action) => action.name === name),
      );
      const ended = await Promise.all(
        due.map((action) => this.#runAction(record, stageRecord, action)),
      );
      if (ended.includes('Failed')) status = 'Failed';
      else if (ended.includes('Stopped')) status = 'Stopped';
      if (status !== 'Succeeded') break;
    }
    stageRecord.status = status;
    stageRecord.durationMs = Date.now() - began;
    this.#records.save(record);
    const { durationMs } = stageRecord;
    this.#report({ type: 'stage-finished', executionId, stage: stage.name, status, durationMs });
    return status;
  }

  /** A new entry; or, for a retry, the failed stage's with its successful actions kept. */
  #stageRecord(record: ExecutionRecord, name: string): StageRecord {
    const last = record.stages.at(-1);
    if (last?.name === name) {
      last.status = 'InProgress';
      last.actions = last.actions.filter(({ status }) => status === 'Succeeded');
      return last;
    }
    const startedAt = new Date().toISOString();
    const stage: StageRecord = { name, status: 'InProgress', startedAt, actions: [] };
    record.stages.push(stage);
    return stage;
  }

  async #runAction(
    record: ExecutionRecord,
    stage: StageRecord,
    action: ActionDefinition,
  ): Promise<FinalStatus> {
    const began = Date.now();
    const place = { executionId: record.id, stage: stage.name, action: action.name };
    const actionRecord: ActionRecord = {
      name: action.name,
      provider: action.provider,
      status: 'InProgress',
      startedAt: new Date(began).toISOString(),
      variables: {},
    };
    stage.actions.push(actionRecord);
    this.#records.save(record);
    this.#report({ type: 'action-started', ...place, provider: action.provider });
    let status: FinalStatus = 'Succeeded';
    try {
      this.#stopping.signal.throwIfAborted();
      const configuration = this.#resolve(record, action);
      const actor = this.#access.actor(action.roleArn);
      Object.assign(actionRecord, await this.#perform(record, place, action, configuration, actor));
    } catch (error) {
      status = error === STOPPED ? 'Stopped' : 'Failed';
      actionRecord.error = error instanceof Error ? error.message : String(error);
      if (error instanceof BuildFailure) actionRecord.lastLines = error.lastLines;
      if (status === 'Failed') {
        record.failure ??= { stage: stage.name, action: action.name, error: actionRecord.error };
      }
    }
    actionRecord.status = status;
    actionRecord.durationMs = Date.now() - began;
    this.#records.save(record);
    const { durationMs, summary, error, lastLines, variables } = actionRecord;
    this.#report({
      type: 'action-finished',
      ...place,
      status,
      durationMs,
      ...(summary !== undefined && { summary }),
      ...(error !== undefined && { error }),
      ...(lastLines && { lastLines }),
      variables,
    });
    return status;
  }

  #perform(
    record: ExecutionRecord,
    place: Place,
    action: ActionDefinition,
    configuration: Configuration,
    actor: Caller,
  ): Promise<ActionOutcome> {
    switch (action.kind) {
      case 'source':
        return action.provider === 'S3'
          ? this.#fetchUpload(record, action, configuration, actor)
          : this.#fetchSource(record, action, configuration, actor);
      case 'build':
        return this.#build(record, place, action, configuration, actor);
      case 'invoke':
        return this.#invoke(record, place, action, configuration, actor);
      case 'approval':
        return this.#awaitApproval(place, action, configuration);
    }
  }

  async #fetchSource(
    record: ExecutionRecord,
    action: ActionDefinition,
    configuration: Configuration,
    actor: Caller,
  ): Promise<ActionOutcome> {
    const { repository, region, accountId } = this.#input;
    const { path } = repository;
    const { signal } = this.#stopping;
    const calls = action.provider === 'CodeCommit' ? 'CodeCommit' : 'CodeStarSourceConnection';
    const resource =
      calls === 'CodeCommit'
        ? `arn:aws:codecommit:${region}:${accountId}:${configuration.RepositoryName}`
        : (configuration.ConnectionArn ?? '');
    for (const call of SOURCE_CALLS[calls]) this.#access.demand(actor, call, resource);
    const orStopped = (error: unknown): never => {
      signal.throwIfAborted();
      throw error;
    };
    const commit = await commitDetails(path, record.commit, signal).catch(orStopped);
    await withTemporaryFolder(async (folder) => {
      const file = join(folder, 'source.zip');
      await archiveCommit(path, commit.id, file, signal).catch(orStopped);
      await this.#putArtifact(record, action, file, actor, commit.id);
    });
    const common = {
      AuthorDate: commit.authorDate,
      BranchName: configuration.BranchName ?? record.branch,
      CommitId: commit.id,
      CommitMessage: commit.message,
    };
    const [firstLine = ''] = commit.message.split('\n');
    return {
      summary: `${commit.id.slice(0, 7)} ${firstLine}`.trim(),
      variables:
        action.provider === 'CodeCommit'
          ? {
              ...common,
              CommitterDate: commit.committerDate,
              RepositoryName: configuration.RepositoryName ?? '',
            }
          : {
              ...common,
              ConnectionArn: configuration.ConnectionArn ?? '',
              FullRepositoryName: configuration.FullRepositoryId ?? '',
            },
    };
  }

  async #fetchUpload(
    record: ExecutionRecord,
    action: ActionDefinition,
    { S3Bucket = '', S3ObjectKey = '' }: Configuration,
    actor: Caller,
  ): Promise<ActionOutcome> {
    // CodePipeline user guide, "Service role permissions: S3 source action".
    this.#access.demand(actor, 's3:GetBucketVersioning', `arn:aws:s3:::${S3Bucket}`);
    const object = `arn:aws:s3:::${S3Bucket}/${S3ObjectKey}`;
    this.#access.demand(actor, 's3:GetObjectVersion', object);
    return withTemporaryFolder(async (folder) => {
      const file = join(folder, 'source.zip');
      const { version, etag } = await this.#input.fetchObject(S3Bucket, S3ObjectKey, file, actor);
      record.commit = version;
      await this.#putArtifact(record, action, file, actor, version);
      return {
        summary: `Amazon S3 version id: ${version}`,
        variables: {
          BucketName: S3Bucket,
          ETag: etag,
          ObjectKey: S3ObjectKey,
          VersionId: version,
        },
      };
    });
  }

  async #build(
    record: ExecutionRecord,
    place: Place,
    action: Extract<ActionDefinition, { kind: 'build' }>,
    configuration: Configuration,
    actor: Caller,
  ): Promise<ActionOutcome> {
    const { pipeline, accountId, region, stateDir, artifacts } = this.#input;
    const { signal } = this.#stopping;
    const { project } = action;
    const access = this.#access;
    const projectArn = `arn:aws:codebuild:${region}:${accountId}:project/${project.name}`;
    // It starts a build, and looks at it until it is done.
    access.demand(actor, 'codebuild:StartBuild', projectArn, 'Error calling startBuild: ');
    access.demand(actor, 'codebuild:BatchGetBuilds', projectArn, 'Error calling batchGetBuilds: ');
    const uuid = randomUUID();
    const builder = access.builder(project.serviceRole, uuid);
    assertMayStart({ project, access, builder, uuid, region, accountId });
    return withTemporaryFolder(async (folder) => {
      const source = this.#artifact(record, action.inputs[0] ?? '');
      const sourceFile = join(folder, 'source.zip');
      const artifact = join(folder, 'artifact.zip');
      await transfer(
        `for primary source and source version arn:aws:s3:::${source.bucket}/${source.key}`,
        artifacts.get(source.bucket, source.key, sourceFile, builder),
      );
      const { buildId, variables } = await runBuild({
        project,
        uuid,
        credentials: access.environmentOf(builder),
        environment: actionEnvironment(configuration.EnvironmentVariables),
        source: sourceFile,
        sourceVersion: source.revision ?? record.commit,
        ...(action.outputs.length > 0 && { artifact }),
        pipelineName: pipeline.name,
        accountId,
        region,
        buildNumber: this.#nextBuildNumber(action.project.name),
        npmCache: join(stateDir, 'npm-cache'),
        cache: join(stateDir, 'build-cache', action.project.logicalId),
        storedValues: join(stateDir, 'build.env'),
        signal,
        output: (line) => this.#report({ type: 'action-output', ...place, line }),
      });
      const size = variablesSize(variables);
      if (size > MAX_OUTPUT_VARIABLES_BYTES) {
        throw new Error(
          `the exported variables have ${size} bytes; CodePipeline takes at most ${MAX_OUTPUT_VARIABLES_BYTES}`,
        );
      }
      if (action.outputs.length > 0) {
        const put = this.#putArtifact(record, action, artifact, builder);
        await transfer('while uploading artifacts', put);
      }
      return { externalExecutionId: buildId, variables };
    });
  }

  async #invoke(
    record: ExecutionRecord,
    place: Place,
    action: ActionDefinition,
    configuration: Configuration,
    actor: Caller,
  ): Promise<ActionOutcome> {
    const {
      functions,
      region,
      accountId,
      continuationDelayMs = DEFAULT_CONTINUATION_DELAY_MS,
    } = this.#input;
    const { signal } = this.#stopping;
    const functionName = configuration.FunctionName ?? '';
    const began = Date.now();
    let token: string | undefined;
    for (;;) {
      // A continued action is a new job with a new id, which gets the token of the one before.
      const functionArn = `arn:aws:lambda:${region}:${accountId}:function:${functionName}`;
      this.#access.demand(actor, 'lambda:InvokeFunction', functionArn);
      const job = this.#jobs.open();
      const event = this.#jobEvent(record, action, configuration, actor, job.id, token);
      const result = await this.#awaitJob(job, (jobSignal) =>
        functions.invoke(functionName, event, { signal: jobSignal }),
      );
      const details = {
        ...(result.summary !== undefined && { summary: result.summary }),
        ...(result.externalExecutionId !== undefined && {
          externalExecutionId: result.externalExecutionId,
        }),
      };
      if (result.type === 'succeeded') return { ...details, variables: result.variables };
      const percent = result.percent === undefined ? {} : { percent: result.percent };
      const { summary } = result;
      this.#report({
        type: 'action-progress',
        ...place,
        ...(summary !== undefined && { summary }),
        ...percent,
      });
      token = result.token;
      if (Date.now() - began + continuationDelayMs > MAX_ACTION_MS) {
        throw new Error(`${functionName} was still not done after 24 hours, CodePipeline's limit`);
      }
      await sleep(continuationDelayMs, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }

  /** Stops until somebody decides; the stage stays locked. What is rejected or comes too late fails. */
  async #awaitApproval(
    place: Place,
    { timeoutMinutes }: Extract<ActionDefinition, { kind: 'approval' }>,
    { CustomData: message, ExternalEntityLink: link }: Configuration,
  ): Promise<ActionOutcome> {
    const { commandOptions = '--local' } = this.#input;
    const { token, decision, close } = this.approvals.ask(place);
    const expiresAt = this.#clock.now() + timeoutMinutes * 60_000;
    this.#report({
      type: 'approval-needed',
      ...place,
      token,
      command: `npm run releases -- approve ${commandOptions}`,
      ...(message !== undefined && { message }),
      ...(link !== undefined && { link }),
      expiresAt,
    });
    const decided = new AbortController();
    try {
      const late = this.#clock
        .until(expiresAt, AbortSignal.any([this.#stopping.signal, decided.signal]))
        .then(() => undefined);
      const made = await Promise.race([decision, late]);
      if (made === undefined) {
        throw new Error(`nobody approved within ${timeoutMinutes} minutes`);
      }
      const { status, by, summary } = made;
      const said = `${status} by ${by}${summary === '' ? '' : `: ${summary}`}`;
      if (status === 'Rejected') throw new Error(said);
      return { summary: said, variables: {} };
    } finally {
      close();
      decided.abort();
    }
  }

  /**
   * Waits for the function's word on its job. The process ending without one is told at once; AWS
   * would notice nothing and wait.
   */
  async #awaitJob(job: OpenJob, invoke: (signal: AbortSignal) => Promise<void>) {
    const { jobTimeoutMs = DEFAULT_JOB_TIMEOUT_MS } = this.#input;
    const silence = new AbortController();
    const waiting = AbortSignal.any([this.#stopping.signal, silence.signal]);
    const minutes = Math.round(jobTimeoutMs / 60_000);
    const timer = setTimeout(() => {
      const text = `the function has said nothing about its job for ${minutes} min: CodePipeline gives up on it`;
      silence.abort(new Error(text));
    }, jobTimeoutMs);
    const abandoned = new Promise<never>((_, reject) => {
      waiting.addEventListener('abort', () => reject(waiting.reason), { once: true });
    });
    const silent = 'in AWS this action would have hung for 20 minutes before failing';
    const ended = invoke(waiting).then(
      () => Promise.reject(new Error(`the function ended without reporting a result; ${silent}`)),
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`the function crashed without reporting a result: ${reason}; ${silent}`);
      },
    );
    ended.catch(() => {});
    abandoned.catch(() => {});
    try {
      const result = await Promise.race([job.result, abandoned, ended]);
      if (result.type === 'failed') throw new Error(`${result.failureType}: ${result.message}`);
      return result;
    } finally {
      clearTimeout(timer);
      job.close();
    }
  }

  /** As CodePipeline sends it. Holds live credentials: it goes to the function and nowhere else. */
  #jobEvent(
    record: ExecutionRecord,
    action: ActionDefinition,
    configuration: Configuration,
    actor: Caller,
    jobId: string,
    continuationToken: string | undefined,
  ): unknown {
    const { accountId } = this.#input;
    const bucket = this.#definition.artifactBucket;
    return {
      'CodePipeline.job': {
        id: jobId,
        accountId,
        data: {
          actionConfiguration: { configuration },
          inputArtifacts: action.inputs.map((name) => {
            const { bucket: bucketName, key: objectKey, revision } = this.#artifact(record, name);
            return {
              name,
              revision: revision ?? null,
              location: { type: 'S3', s3Location: { bucketName, objectKey } },
            };
          }),
          outputArtifacts: [],
          artifactCredentials: {
            ...this.#access.artifactKeys(actor, bucket),
            expirationTime: Date.now() + CREDENTIALS_LIFETIME_MS,
          },
          ...(continuationToken !== undefined && { continuationToken }),
        },
      },
    };
  }

  #resolve(record: ExecutionRecord, action: ActionDefinition): Configuration {
    const scope = new Map<string, Readonly<Record<string, string>>>([
      ['codepipeline', { PipelineExecutionId: record.id }],
      ['variables', record.variables],
    ]);
    // What a rollback does not run again has the variables that it had then.
    const { stage: from, to } = record.rollback ?? {};
    const { stages } = this.#definition;
    const replayed = stages.slice(
      0,
      Math.max(
        0,
        stages.findIndex(({ name }) => name === from),
      ),
    );
    const then = to === undefined ? undefined : this.#records.get(to);
    for (const stage of stages) {
      for (const { name, namespace } of stage.groups.flat()) {
        const done = (replayed.includes(stage) && then ? then : record).stages
          .find((entered) => entered.name === stage.name)
          ?.actions.find((entered) => entered.name === name && entered.status === 'Succeeded');
        if (namespace !== undefined && done) scope.set(namespace, done.variables);
      }
    }
    const resolved = Object.fromEntries(
      Object.entries(action.configuration).map(([key, value]) => {
        try {
          return [key, resolveVariables(value, scope)];
        } catch (error) {
          throw new Error(`ConfigurationError: ${key}: ${(error as Error).message}`);
        }
      }),
    );
    const size = Buffer.byteLength(JSON.stringify(resolved));
    if (size > MAX_RESOLVED_CONFIGURATION_BYTES) {
      throw new Error(
        `ConfigurationError: the configuration has ${size} bytes with its variables; CodePipeline takes at most ${MAX_RESOLVED_CONFIGURATION_BYTES}`,
      );
    }
    return resolved;
  }

  async #putArtifact(
    record: ExecutionRecord,
    action: ActionDefinition,
    file: string,
    caller: Caller,
    revision?: string,
  ): Promise<void> {
    const [name = ''] = action.outputs;
    const bucket = this.#definition.artifactBucket;
    // CodePipeline's own key: 20 characters of the pipeline, 10 of the artifact, 7 at random.
    const random = Array.from({ length: 7 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
    const key = `${this.#input.pipeline.name.slice(0, 20)}/${name.slice(0, 10)}/${random}`;
    await this.#input.artifacts.put(bucket, key, file, caller);
    record.artifacts[name] = { bucket, key, ...(revision !== undefined && { revision }) };
  }

  #artifact(record: ExecutionRecord, name: string): ArtifactRecord {
    const artifact = record.artifacts[name];
    if (!artifact) throw new Error(`the artifact ${name} was not made by this execution`);
    return artifact;
  }

  #pipelineVariables(given: Readonly<Record<string, string>>): Record<string, string> {
    const known = this.#definition.variables;
    const problems = Object.keys(given)
      .filter((name) => !known.has(name))
      .map((name) => `variables.${name}: the pipeline has no such variable`);
    const values: Record<string, string> = {};
    for (const [name, fallback] of known) {
      const value = given[name] ?? fallback;
      if (value === undefined) problems.push(`variables.${name}: got no value, and has no default`);
      else values[name] = value;
    }
    if (problems.length > 0) throw new Error(problems.join('\n'));
    return values;
  }

  /** Counts on through later runs, like CodeBuild's. */
  #nextBuildNumber(project: string): number {
    const file = join(this.#input.stateDir, 'build-numbers.json');
    let numbers: Record<string, number> = {};
    try {
      numbers = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    } catch {
      // The first build; or a damaged file, of which nothing depends on the number.
    }
    const number = (numbers[project] ?? 0) + 1;
    mkdirSync(this.#input.stateDir, { recursive: true });
    writeFileSync(file, JSON.stringify({ ...numbers, [project]: number }));
    return number;
  }

  #report(event: WithoutTime<PipelineEvent>): void {
    this.#input.report({ ...event, time: Date.now() } as PipelineEvent);
  }
}

/** The same as long as the pipeline is. CodePipeline counts its own versions. */
function structureOf(stages: readonly StageDefinition[]): string {
  const parts = stages.map(({ name, groups, window }) => [
    name,
    ...(window ? [window.cron, window.timeZone] : []),
    // Not the build project: that one may change without the pipeline.
    groups.map((actions) =>
      actions.map((action) => [
        action.name,
        action.provider,
        action.namespace,
        action.inputs,
        action.outputs,
        action.configuration,
      ]),
    ),
  ]);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

type WithoutTime<T> = T extends unknown ? Omit<T, 'time'> : never;
type Configuration = Readonly<Record<string, string>>;
type Place = { readonly executionId: string; readonly stage: string; readonly action: string };
type ActionOutcome = Pick<ActionRecord, 'variables' | 'summary' | 'externalExecutionId'>;

const ENVIRONMENT = v.array(
  v.strictObject({
    name: v.string(),
    value: v.string(),
    type: v.optional(v.literal('PLAINTEXT')),
  }),
);

/** A build action's `EnvironmentVariables`: a JSON list, in which variables were filled in as text. */
function actionEnvironment(json: string | undefined): Record<string, string> {
  if (json === undefined) return {};
  const problem = (reason: string): Error =>
    new Error(
      `ConfigurationError: EnvironmentVariables: ${reason}; write a JSON list of {"name", "value", "type": "PLAINTEXT"}`,
    );
  let input: unknown;
  try {
    input = JSON.parse(json);
  } catch (error) {
    throw problem(`not valid JSON once its variables are filled in (${(error as Error).message})`);
  }
  const parsed = v.safeParse(ENVIRONMENT, input);
  if (!parsed.success) {
    throw problem(
      parsed.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`).join(', '),
    );
  }
  return Object.fromEntries(parsed.output.map(({ name, value }) => [name, value]));
}

async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'atomic-site-artifact-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
