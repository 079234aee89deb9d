import { type BuildProject, type ProjectProperties, readProject } from './codebuild.ts';
import { DeploymentWindow } from './deployment-window.ts';
import { type PushTrigger, readTriggers, type TriggerProperties } from './triggers.ts';
import { variableReferences } from './variables.ts';

/** An `AWS::CodePipeline::Pipeline`, as far as the local run honours it. */
export interface PipelineDefinition {
  readonly mode: 'SUPERSEDED' | 'QUEUED';
  readonly artifactBucket: string;
  /** The ARN of the role that CodePipeline acts in. */
  readonly roleArn?: string;
  /** Pipeline variables and their defaults; `undefined` must be given at the start. */
  readonly variables: ReadonlyMap<string, string | undefined>;
  readonly triggers: readonly PushTrigger[];
  readonly stages: readonly StageDefinition[];
}

export interface StageDefinition {
  readonly name: string;
  /** Actions that run side by side, group after group. */
  readonly groups: readonly (readonly ActionDefinition[])[];
  /** Executions wait before the stage until it is open. */
  readonly window?: DeploymentWindow;
}

interface CommonAction {
  readonly name: string;
  readonly provider: string;
  readonly runOrder: number;
  readonly namespace?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Before variables are filled in. */
  readonly configuration: Readonly<Record<string, string>>;
  /** The ARN of the role that it acts in; without one it acts in the pipeline's. */
  readonly roleArn?: string;
}

export type ActionDefinition =
  | (CommonAction & { readonly kind: 'source' })
  | (CommonAction & { readonly kind: 'build'; readonly project: BuildProject })
  | (CommonAction & { readonly kind: 'invoke' })
  | (CommonAction & { readonly kind: 'approval'; readonly timeoutMinutes: number });

/** The resource's properties as they stand in the template, all references resolved. */
export interface PipelineProperties {
  readonly RoleArn?: unknown;
  readonly PipelineType?: unknown;
  readonly ExecutionMode?: unknown;
  readonly ArtifactStore?: { readonly Type?: unknown; readonly Location?: unknown };
  readonly Triggers?: readonly TriggerProperties[];
  readonly Variables?: readonly { readonly Name: string; readonly DefaultValue?: unknown }[];
  readonly Stages?: readonly {
    readonly Name: string;
    readonly Actions: readonly ActionProperties[];
    readonly BeforeEntry?: { readonly Conditions?: readonly ConditionProperties[] };
  }[];
}

interface ConditionProperties {
  readonly Result?: unknown;
  readonly Rules?: readonly {
    readonly Name?: unknown;
    readonly RuleTypeId?: TypeId;
    readonly Configuration?: Readonly<Record<string, unknown>>;
  }[];
}

interface TypeId {
  readonly Category: string;
  readonly Owner: string;
  readonly Provider: string;
  readonly Version: string;
}

interface ActionProperties {
  readonly Name: string;
  readonly ActionTypeId: TypeId;
  readonly Configuration?: Readonly<Record<string, unknown>>;
  readonly InputArtifacts?: readonly { readonly Name: string }[];
  readonly OutputArtifacts?: readonly { readonly Name: string }[];
  readonly Namespace?: string;
  readonly RunOrder?: unknown;
  readonly TimeoutInMinutes?: unknown;
  readonly Region?: string;
  readonly RoleArn?: unknown;
}

export interface DefinitionInput {
  readonly logicalId: string;
  readonly properties: PipelineProperties;
  readonly projects: ReadonlyMap<string, { logicalId: string; properties: ProjectProperties }>;
  readonly region: string;
}

/** One action's configuration value, before its variables are filled in (CodePipeline API model). */
const MAX_CONFIGURATION_VALUE = 1000;

/** Collects what is wrong, so that all of it is told at once. */
class Problems {
  readonly lines: string[] = [];
  readonly #logicalId: string;

  constructor(logicalId: string) {
    this.#logicalId = logicalId;
  }

  say(path: string, text: string): void {
    this.lines.push(`${this.#logicalId} (AWS::CodePipeline::Pipeline): ${path}: ${text}`);
  }

  /** A value that may be right in AWS, but that the local run does not honour. */
  wrong(path: string, value: unknown, known: string): void {
    const got = value === undefined ? 'nothing' : JSON.stringify(value);
    this.say(path, `got ${got}; the local run knows ${known}`);
  }
}

interface ActionKind {
  readonly kind: ActionDefinition['kind'];
  readonly inputs: readonly [min: number, max: number];
  readonly outputs: readonly [min: number, max: number];
  /** Each known key: which values the local run honours. */
  readonly keys: Readonly<Record<string, RegExp | 'required' | 'optional'>>;
}

// Keys, and how many artifacts, as in the CodePipeline user guide's action references.
const KINDS: Readonly<Record<string, ActionKind>> = {
  'Source/AWS/CodeCommit/1': {
    kind: 'source',
    inputs: [0, 0],
    outputs: [1, 1],
    keys: {
      RepositoryName: 'required',
      BranchName: 'required',
      // Who notices a push differs (polling or an event rule); here it is the repository's hook.
      PollForSourceChanges: /^(true|false)$/i,
      OutputArtifactFormat: /^CODE_ZIP$/,
    },
  },
  'Source/AWS/CodeStarSourceConnection/1': {
    kind: 'source',
    inputs: [0, 0],
    outputs: [1, 1],
    keys: {
      ConnectionArn: 'required',
      FullRepositoryId: 'required',
      BranchName: 'required',
      OutputArtifactFormat: /^CODE_ZIP$/,
      // `false` where a trigger does it.
      DetectChanges: /^(true|false)$/i,
    },
  },
  'Source/AWS/S3/1': {
    kind: 'source',
    inputs: [0, 0],
    outputs: [1, 1],
    keys: {
      S3Bucket: 'required',
      S3ObjectKey: 'required',
      // Nobody polls here: an event rule notices the upload.
      PollForSourceChanges: /^false$/i,
    },
  },
  'Build/AWS/CodeBuild/1': {
    kind: 'build',
    inputs: [1, 1],
    outputs: [0, 1],
    keys: {
      ProjectName: 'required',
      PrimarySource: 'optional',
      EnvironmentVariables: 'optional',
      BatchEnabled: /^false$/i,
    },
  },
  'Invoke/AWS/Lambda/1': {
    kind: 'invoke',
    inputs: [0, 5],
    outputs: [0, 0],
    keys: { FunctionName: 'required', UserParameters: 'optional' },
  },
  'Approval/AWS/Manual/1': {
    kind: 'approval',
    inputs: [0, 0],
    outputs: [0, 0],
    keys: { CustomData: 'optional', ExternalEntityLink: 'optional' },
  },
};

/** The account's default, in minutes: seven days (CodePipeline quotas). */
const APPROVAL_TIMEOUT = 7 * 24 * 60;

/**
 * Reads a pipeline out of the template, every honoured property and no other, so that whoever
 * hands in the properties can tell which ones nobody honours.
 *
 * @throws Error with everything about the pipeline that the local run does not know.
 */
export function readDefinition(input: DefinitionInput): PipelineDefinition {
  const problems = new Problems(input.logicalId);
  const { PipelineType, ExecutionMode, ArtifactStore, Triggers, Variables, Stages, RoleArn } =
    input.properties;

  if (PipelineType !== 'V2') problems.wrong('PipelineType', PipelineType, 'V2');
  const mode = ExecutionMode ?? 'SUPERSEDED';
  if (mode !== 'SUPERSEDED' && mode !== 'QUEUED') {
    problems.wrong('ExecutionMode', mode, 'SUPERSEDED and QUEUED, which lock their stages');
  }
  const { Type, Location } = ArtifactStore ?? {};
  if (Type !== 'S3') problems.wrong('ArtifactStore.Type', Type, 'S3');
  if (typeof Location !== 'string')
    problems.wrong('ArtifactStore.Location', Location, 'a bucket name');
  const triggers = readTriggers(Triggers ?? [], (path, value, known) =>
    problems.wrong(path, value, known),
  );
  const variables = new Map<string, string | undefined>();
  for (const { Name, DefaultValue } of Variables ?? []) {
    variables.set(Name, DefaultValue === undefined ? undefined : String(DefaultValue));
  }

  const known: Known = {
    namespaces: new Set(['codepipeline', 'variables']),
    artifacts: new Set<string>(),
  };
  const stages = [...(Stages ?? [])].map((stage, stageIndex): StageDefinition => {
    const actions = [...stage.Actions].map((action, index) => ({
      path: `Stages[${stageIndex}].Actions[${index}]`,
      definition: readAction(`Stages[${stageIndex}].Actions[${index}]`, action, input, problems),
    }));
    const groups = new Map<number, typeof actions>();
    for (const action of actions) {
      const order = action.definition?.runOrder ?? 1;
      groups.set(order, [...(groups.get(order) ?? []), action]);
    }
    const ordered = [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
    for (const group of ordered) checkReferences(group, known, problems);
    const { Conditions } = stage.BeforeEntry ?? {};
    const window = readWindow(`Stages[${stageIndex}].BeforeEntry`, Conditions ?? [], problems);
    return {
      name: stage.Name,
      groups: ordered.map((group) => group.flatMap(({ definition }) => definition ?? [])),
      ...(window && { window }),
    };
  });
  checkTriggers(stages, triggers, problems);
  if (stages.length < 2) problems.wrong('Stages', stages.length, 'pipelines of at least 2 stages');
  if (problems.lines.length > 0) throw new Error(problems.lines.join('\n'));
  return {
    mode: mode as PipelineDefinition['mode'],
    artifactBucket: Location as string,
    ...(RoleArn !== undefined && { roleArn: String(RoleArn) }),
    variables,
    triggers,
    stages,
  };
}

/** A trigger belongs to an action, and an action that detects no changes needs one. */
function checkTriggers(
  stages: readonly StageDefinition[],
  triggers: readonly PushTrigger[],
  problems: Problems,
): void {
  const connections = stages
    .flatMap(({ groups }) => groups.flat())
    .filter(({ provider }) => provider === 'CodeStarSourceConnection');
  const names = connections.map(({ name }) => name);
  for (const [index, { sourceAction }] of triggers.entries()) {
    if (names.includes(sourceAction)) continue;
    problems.wrong(
      `Triggers[${index}].GitConfiguration.SourceActionName`,
      sourceAction,
      `the connections of the pipeline: ${names.join(', ') || 'none'}`,
    );
  }
  for (const { name, configuration } of connections) {
    if (!/^false$/i.test(configuration.DetectChanges ?? 'true')) continue;
    if (triggers.some(({ sourceAction }) => sourceAction === name)) continue;
    problems.say(
      'Triggers',
      `got none for ${name}, which has DetectChanges false: nothing starts the pipeline`,
    );
  }
}

const typeOf = ({ Category, Owner, Provider, Version }: TypeId): string =>
  `${Category}/${Owner}/${Provider}/${Version}`;

/** The one entry condition of a stage, if it has any. */
function readWindow(
  path: string,
  conditions: readonly ConditionProperties[],
  problems: Problems,
): DeploymentWindow | undefined {
  const [condition] = conditions;
  if (!condition) return undefined;
  const [rule] = condition.Rules ?? [];
  const rules = conditions.flatMap(({ Rules }) => Rules ?? []);
  const type = rule?.RuleTypeId && typeOf(rule.RuleTypeId);
  if (!rule || rules.length !== 1 || type !== 'Rule/AWS/DeploymentWindow/1') {
    const types = rules.map(({ RuleTypeId }) => RuleTypeId && typeOf(RuleTypeId));
    problems.wrong(`${path}.Conditions`, types, 'one rule, Rule/AWS/DeploymentWindow/1');
    return undefined;
  }
  // What a rule that fails would do; here it waits until it succeeds.
  if (condition.Result !== 'FAIL') {
    problems.wrong(`${path}.Conditions[0].Result`, condition.Result, 'FAIL');
  }
  const place = `${path}.Conditions[0].Rules[0].Configuration`;
  const { Cron, TimeZone = 'UTC', ...others } = rule.Configuration ?? {};
  for (const [key, value] of Object.entries(others)) {
    problems.wrong(`${place}.${key}`, value, 'Cron, TimeZone');
  }
  try {
    return new DeploymentWindow(String(Cron), String(TimeZone));
  } catch (error) {
    problems.wrong(
      place,
      { Cron, TimeZone },
      `expressions without L-3 or ranges over the end, and zones by name (${(error as Error).message})`,
    );
    return undefined;
  }
}

function readAction(
  path: string,
  action: ActionProperties,
  { projects, region }: DefinitionInput,
  problems: Problems,
): ActionDefinition | undefined {
  const { Provider } = action.ActionTypeId;
  const type = typeOf(action.ActionTypeId);
  const kind = KINDS[type];
  if (!kind) {
    problems.wrong(`${path}.ActionTypeId`, type, Object.keys(KINDS).join(', '));
    return undefined;
  }
  const inputs = (action.InputArtifacts ?? []).map(({ Name }) => Name);
  const outputs = (action.OutputArtifacts ?? []).map(({ Name }) => Name);
  checkCount(`${path}.InputArtifacts`, inputs, kind.inputs, problems);
  checkCount(`${path}.OutputArtifacts`, outputs, kind.outputs, problems);
  const runOrder = Number(action.RunOrder ?? 1);
  if (!Number.isInteger(runOrder) || runOrder < 1 || runOrder > 999) {
    problems.wrong(`${path}.RunOrder`, action.RunOrder, 'whole numbers from 1 to 999');
  }
  if (action.Region !== undefined && action.Region !== region) {
    problems.wrong(`${path}.Region`, action.Region, `the stack's own Region, ${region}`);
  }
  const configuration = readConfiguration(path, action.Configuration ?? {}, kind, problems);
  const common: CommonAction = {
    name: action.Name,
    provider: Provider,
    runOrder,
    inputs,
    outputs,
    configuration,
    ...(action.Namespace !== undefined && { namespace: action.Namespace }),
    ...(action.RoleArn !== undefined && { roleArn: String(action.RoleArn) }),
  };
  if (kind.kind === 'approval') {
    const timeoutMinutes = Number(action.TimeoutInMinutes ?? APPROVAL_TIMEOUT);
    if (!(timeoutMinutes >= 5 && timeoutMinutes <= 86_400)) {
      problems.wrong(`${path}.TimeoutInMinutes`, action.TimeoutInMinutes, '5 to 86400');
    }
    return { ...common, kind: 'approval', timeoutMinutes };
  }
  if (kind.kind !== 'build') return { ...common, kind: kind.kind };

  const { PrimarySource, ProjectName = '' } = configuration;
  if (PrimarySource !== undefined && PrimarySource !== inputs[0]) {
    problems.wrong(
      `${path}.Configuration.PrimarySource`,
      PrimarySource,
      `the input artifact, ${inputs[0]}`,
    );
  }
  const resource = projects.get(ProjectName);
  // Refused, but kept: its artifacts and variables should not be missed elsewhere as well.
  const refused: ActionDefinition = { ...common, kind: 'invoke' };
  if (!resource) {
    const names = [...projects.keys()].join(', ') || 'none';
    problems.wrong(
      `${path}.Configuration.ProjectName`,
      ProjectName,
      `the template's projects: ${names}`,
    );
    return refused;
  }
  try {
    return { ...common, kind: 'build', project: readProject(ProjectName, resource) };
  } catch (error) {
    problems.lines.push((error as Error).message);
    return refused;
  }
}

function readConfiguration(
  path: string,
  properties: Readonly<Record<string, unknown>>,
  { keys }: ActionKind,
  problems: Problems,
): Record<string, string> {
  const configuration: Record<string, string> = {};
  for (const [key, raw] of Object.entries(properties)) {
    const place = `${path}.Configuration.${key}`;
    const rule = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (rule === undefined) {
      problems.wrong(place, raw, Object.keys(keys).join(', '));
      continue;
    }
    // CloudFormation takes `false` where CodePipeline's API wants "false".
    const value = typeof raw === 'boolean' || typeof raw === 'number' ? String(raw) : raw;
    if (typeof value !== 'string' || value === '' || value.length > MAX_CONFIGURATION_VALUE) {
      const length = typeof value === 'string' ? ` (${value.length} characters)` : '';
      problems.wrong(place, raw, `texts of 1 to ${MAX_CONFIGURATION_VALUE} characters${length}`);
    } else if (rule instanceof RegExp && !rule.test(value)) {
      problems.wrong(place, raw, rule.source.replace(/[\^$()]/g, '').replace('|', ' and '));
    } else {
      configuration[key] = value;
    }
  }
  for (const [key, rule] of Object.entries(keys)) {
    if (rule === 'required' && !Object.hasOwn(properties, key)) {
      problems.say(`${path}.Configuration.${key}`, 'got nothing; this action needs it');
    }
  }
  return configuration;
}

function checkCount(
  path: string,
  names: readonly string[],
  [min, max]: readonly [number, number],
  problems: Problems,
): void {
  if (names.length >= min && names.length <= max) return;
  problems.wrong(path, names, `${min === max ? min : `${min} to ${max}`} for this action`);
}

interface Known {
  readonly namespaces: Set<string>;
  readonly artifacts: Set<string>;
}

/**
 * Artifacts and variables have to come from an action that is over when this one starts, as
 * CodePipeline checks when a pipeline is created: an earlier stage, or a lower run order.
 */
function checkReferences(
  group: readonly { path: string; definition: ActionDefinition | undefined }[],
  known: Known,
  problems: Problems,
): void {
  for (const { path, definition } of group) {
    if (!definition) continue;
    for (const artifact of definition.inputs) {
      if (known.artifacts.has(artifact)) continue;
      problems.say(
        `${path}.InputArtifacts`,
        `got "${artifact}"; no earlier action has it as output`,
      );
    }
    for (const [key, value] of Object.entries(definition.configuration)) {
      const { namespaces, malformed } = variableReferences(value);
      const place = `${path}.Configuration.${key}`;
      for (const reference of malformed) {
        problems.say(place, `got ${reference}; write #{Namespace.key}`);
      }
      for (const namespace of namespaces) {
        if (known.namespaces.has(namespace)) continue;
        problems.say(place, `got the namespace ${namespace}; no earlier action has it`);
      }
    }
  }
  for (const { definition } of group) {
    for (const artifact of definition?.outputs ?? []) known.artifacts.add(artifact);
    if (definition?.namespace !== undefined) known.namespaces.add(definition.namespace);
  }
}
