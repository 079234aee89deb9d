import { expect, test } from 'vitest';
import { readProject } from '../../local/pipeline/codebuild.ts';
import { type PipelineProperties, readDefinition } from '../../local/pipeline/definition.ts';
import { aPipeline, aProject, invokeAction } from '../support/pipeline.ts';

const read = (properties: unknown, project: ReturnType<typeof aProject> = aProject()) =>
  readDefinition({
    logicalId: 'Pipeline',
    properties: properties as PipelineProperties,
    projects: new Map([['site-build', project]]),
    region: 'eu-central-1',
  });

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

test('a pipeline as CDK writes it is understood, actions in their run order', () => {
  const definition = read(
    aPipeline([invokeAction('Promote', '{}', 2), invokeAction('Upload', '{}', 1)]),
  );
  expect(definition.mode).toBe('SUPERSEDED');
  expect(definition.artifactBucket).toBe('artifact-bucket');
  expect(
    definition.stages.map(({ name, groups }) => [
      name,
      groups.map((group) => group.map((action) => `${action.kind} ${action.name}`)),
    ]),
  ).toEqual([
    ['Source', [['source Source']]],
    ['Build', [['build Build']]],
    ['Deploy', [['invoke Upload'], ['invoke Promote']]],
  ]);
});

type Edit = (pipeline: ReturnType<typeof aPipeline>) => void;
const configuration = (pipeline: ReturnType<typeof aPipeline>, stage: number) =>
  pipeline.Stages[stage]?.Actions[0] as { Configuration: Record<string, unknown> } & Record<
    string,
    unknown
  >;

test.each<[string, Edit, string]>([
  [
    'a pipeline of the old type',
    (p) => Object.assign(p, { PipelineType: 'V1' }),
    'PipelineType: got "V1"; the local run knows V2',
  ],
  [
    'executions side by side',
    (p) => Object.assign(p, { ExecutionMode: 'PARALLEL' }),
    'ExecutionMode: got "PARALLEL"; the local run knows SUPERSEDED and QUEUED, which lock their stages',
  ],
  [
    'a trigger of an action that is no connection',
    (p) =>
      Object.assign(p, {
        Triggers: [
          {
            ProviderType: 'CodeStarSourceConnection',
            GitConfiguration: {
              SourceActionName: 'Source',
              Push: [{ Branches: { Includes: ['main'] } }],
            },
          },
        ],
      }),
    'Triggers[0].GitConfiguration.SourceActionName: got "Source"; the local run knows the connections of the pipeline: none',
  ],
  [
    'a connection that nothing tells of a push',
    (p) =>
      Object.assign(configuration(p, 0), {
        ActionTypeId: {
          Category: 'Source',
          Owner: 'AWS',
          Provider: 'CodeStarSourceConnection',
          Version: '1',
        },
        Configuration: {
          ConnectionArn: 'arn:connection',
          FullRepositoryId: 'a/b',
          BranchName: 'main',
          DetectChanges: false,
        },
      }),
    'Triggers: got none for Source, which has DetectChanges false: nothing starts the pipeline',
  ],
  [
    'an object that is polled',
    (p) =>
      Object.assign(configuration(p, 0), {
        ActionTypeId: { Category: 'Source', Owner: 'AWS', Provider: 'S3', Version: '1' },
        Configuration: { S3Bucket: 'b', S3ObjectKey: 'k.zip', PollForSourceChanges: true },
      }),
    'Stages[0].Actions[0].Configuration.PollForSourceChanges: got true; the local run knows false',
  ],
  [
    'an action that nobody plays here',
    (p) => Object.assign(configuration(p, 2).ActionTypeId as object, { Provider: 'StepFunctions' }),
    'Stages[2].Actions[0].ActionTypeId: got "Invoke/AWS/StepFunctions/1"; the local run knows ' +
      'Source/AWS/CodeCommit/1, Source/AWS/CodeStarSourceConnection/1, Source/AWS/S3/1, Build/AWS/CodeBuild/1, Invoke/AWS/Lambda/1, Approval/AWS/Manual/1',
  ],
  [
    'a configuration key that is not honoured',
    (p) => Object.assign(configuration(p, 1).Configuration, { CombineArtifacts: true }),
    'Stages[1].Actions[0].Configuration.CombineArtifacts: got true; the local run knows ' +
      'ProjectName, PrimarySource, EnvironmentVariables, BatchEnabled',
  ],
  [
    'a value that is not honoured',
    (p) =>
      Object.assign(configuration(p, 0).Configuration, {
        OutputArtifactFormat: 'CODEBUILD_CLONE_REF',
      }),
    'Stages[0].Actions[0].Configuration.OutputArtifactFormat: got "CODEBUILD_CLONE_REF"; the local run knows CODE_ZIP',
  ],
  [
    'an action without what it needs',
    (p) => delete configuration(p, 2).Configuration.FunctionName,
    'Stages[2].Actions[0].Configuration.FunctionName: got nothing; this action needs it',
  ],
  [
    'a project that the template does not have',
    (p) => Object.assign(configuration(p, 1).Configuration, { ProjectName: 'other' }),
    'Stages[1].Actions[0].Configuration.ProjectName: got "other"; the local run knows the template\'s projects: site-build',
  ],
  [
    'an action in another Region',
    (p) => Object.assign(configuration(p, 2), { Region: 'us-east-1' }),
    'Stages[2].Actions[0].Region: got "us-east-1"; the local run knows the stack\'s own Region, eu-central-1',
  ],
  [
    'a second output artifact',
    (p) => Object.assign(configuration(p, 1), { OutputArtifacts: [{ Name: 'A' }, { Name: 'B' }] }),
    'Stages[1].Actions[0].OutputArtifacts: got ["A","B"]; the local run knows 0 to 1 for this action\n' +
      'Pipeline (AWS::CodePipeline::Pipeline): Stages[2].Actions[0].InputArtifacts: got "BuildArtifact"; no earlier action has it as output',
  ],
  [
    'a variable of an action that comes later',
    (p) =>
      Object.assign(configuration(p, 1).Configuration, {
        EnvironmentVariables: '[{"name":"A","value":"#{UploadVariables.x}"}]',
      }),
    'Stages[1].Actions[0].Configuration.EnvironmentVariables: got the namespace UploadVariables; no earlier action has it',
  ],
  [
    'a variable that is none',
    (p) => Object.assign(configuration(p, 2).Configuration, { UserParameters: '#{oops}' }),
    'Stages[2].Actions[0].Configuration.UserParameters: got #{oops}; write #{Namespace.key}',
  ],
])('%s is refused by name', (_, edit, message) => {
  const pipeline = aPipeline();
  edit(pipeline);
  expect(messageOf(() => read(pipeline))).toBe(
    `Pipeline (AWS::CodePipeline::Pipeline): ${message}`,
  );
});

test.each([
  [1000, 'accepted'],
  [1001, 'the local run knows texts of 1 to 1000 characters (1001 characters)'],
])('user parameters of %d characters, variables not filled in: %s', (length, ending) => {
  const parameters = `#{SourceVariables.CommitId}${'x'.repeat(length - 27)}`;
  expect(messageOf(() => read(aPipeline([invokeAction('Upload', parameters)])))).toMatch(ending);
});

test('actions that run side by side cannot use what the other makes', () => {
  const message = messageOf(() =>
    read(aPipeline([invokeAction('One'), invokeAction('Two', '#{OneVariables.x}')])),
  );
  expect(message).toMatch('got the namespace OneVariables; no earlier action has it');
});

test.each<[string, object, string]>([
  [
    'a source of its own',
    { Source: { Type: 'GITHUB' } },
    'Source.Type: got "GITHUB"; the local run knows CODEPIPELINE',
  ],
  [
    'a variable of a kind that CodeBuild does not have',
    { Environment: { EnvironmentVariables: [{ Name: 'A', Value: 'b', Type: 'VAULT' }] } },
    'Environment.EnvironmentVariables[0].Type: got "VAULT"; the local run knows PLAINTEXT, PARAMETER_STORE and SECRETS_MANAGER',
  ],
  [
    'a cache on the build host',
    { Cache: { Type: 'LOCAL', Modes: ['LOCAL_CUSTOM_CACHE'] } },
    'Cache.Type: got "LOCAL"; the local run knows NO_CACHE and S3',
  ],
  [
    'a timeout of no length',
    { TimeoutInMinutes: 1 },
    'TimeoutInMinutes: got 1; the local run knows 5 to 2160',
  ],
])('a build project with %s is refused by name', (_, extra, message) => {
  expect(messageOf(() => read(aPipeline(), aProject(undefined, extra)))).toBe(
    `BuildProject (AWS::CodeBuild::Project): ${message}`,
  );
});

const approval = (extra: object = {}) => ({
  Name: 'Approve',
  ActionTypeId: { Category: 'Approval', Owner: 'AWS', Provider: 'Manual', Version: '1' },
  Configuration: { CustomData: '#{UploadVariables.releaseId}' },
  RunOrder: 2,
  ...extra,
});

/** A pipeline whose last stage has this entry condition. */
const gated = (rule: object | object[], result = 'FAIL') => {
  const pipeline = aPipeline();
  Object.assign(pipeline.Stages[2] as object, {
    BeforeEntry: { Conditions: [{ Result: result, Rules: [rule].flat() }] },
  });
  return pipeline;
};
const window = (Configuration: object, Provider = 'DeploymentWindow') => ({
  Name: 'DeploymentWindow',
  RuleTypeId: { Category: 'Rule', Owner: 'AWS', Provider, Version: '1' },
  Configuration,
});

test('an approval is understood, and waits seven days unless it says how long', () => {
  const timeoutOf = (extra?: object) =>
    read(aPipeline([invokeAction('Upload'), approval(extra)])).stages[2]?.groups[1]?.[0];
  expect(timeoutOf()).toMatchObject({ kind: 'approval', timeoutMinutes: 10_080 });
  expect(timeoutOf({ TimeoutInMinutes: 60 })).toMatchObject({ timeoutMinutes: 60 });
  expect(messageOf(() => timeoutOf({ TimeoutInMinutes: 4 }))).toBe(
    'Pipeline (AWS::CodePipeline::Pipeline): Stages[2].Actions[1].TimeoutInMinutes: got 4; the local run knows 5 to 86400',
  );
});

test('a deployment window is understood, and is on the clock of UTC unless it says whose', () => {
  const read9 = read(gated(window({ Cron: '* * 9-16 ? * MON-THU *' }))).stages[2]?.window;
  expect(read9).toMatchObject({ cron: '* * 9-16 ? * MON-THU *', timeZone: 'UTC' });
});

test.each<[string, ReturnType<typeof aPipeline>, RegExp]>([
  [
    'another rule',
    gated(window({ AlarmName: 'a' }, 'CloudWatchAlarm')),
    /\.Conditions: got \["Rule\/AWS\/CloudWatchAlarm\/1"\]; the local run knows one rule, Rule\/AWS\/DeploymentWindow\/1$/,
  ],
  [
    'a second rule',
    gated([window({ Cron: '* * 9 ? * *' }), window({ Cron: '* * 10 ? * *' })]),
    /\.Conditions: got \["Rule\/AWS\/DeploymentWindow\/1","Rule\/AWS\/DeploymentWindow\/1"\]; /,
  ],
  [
    'another result',
    gated(window({ Cron: '* * 9 ? * *' }), 'SKIP'),
    /\.Conditions\[0\]\.Result: got "SKIP"; the local run knows FAIL$/,
  ],
  [
    'an expression that nobody reads here',
    gated(window({ Cron: '* * 9 L-3 * ?' })),
    /\.Rules\[0\]\.Configuration: got \{"Cron":"\* \* 9 L-3 \* \?","TimeZone":"UTC"\}; the local run knows /,
  ],
  [
    'a time zone that nobody knows here',
    gated(window({ Cron: '* * 9 ? * *', TimeZone: 'UTC+05:30' })),
    /"TimeZone":"UTC\+05:30"\}; the local run knows .* zones by name /,
  ],
  [
    'an option of the window that nobody knows',
    gated(window({ Cron: '* * 9 ? * *', Days: '1' })),
    /\.Configuration\.Days: got "1"; the local run knows Cron, TimeZone$/,
  ],
])('an entry condition with %s is refused by name', (_, pipeline, message) => {
  expect(messageOf(() => read(pipeline))).toMatch(message);
});

test('variables are told apart: those with a value, and those whose value AWS keeps', () => {
  const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:site/token-AbCdEf';
  const variables = [
    { Name: 'PLAIN', Value: 'x' },
    { Name: 'PARAMETER', Value: '/site/id', Type: 'PARAMETER_STORE' },
    { Name: 'WHOLE', Value: 'site/token', Type: 'SECRETS_MANAGER' },
    { Name: 'PART', Value: 'site/token:key', Type: 'SECRETS_MANAGER' },
    { Name: 'BY_ARN', Value: ARN, Type: 'SECRETS_MANAGER' },
    { Name: 'PART_BY_ARN', Value: `${ARN}:key`, Type: 'SECRETS_MANAGER' },
  ];
  const { properties, logicalId } = aProject(undefined, {
    Environment: { EnvironmentVariables: variables },
    Cache: { Type: 'S3' },
  });
  const project = readProject('site-build', { logicalId, properties });
  expect(project.environment).toEqual({ PLAIN: 'x' });
  expect(project.stored).toMatchObject([
    { name: 'PARAMETER', standsFor: 'the parameter /site/id of Parameter Store' },
    { name: 'WHOLE', standsFor: 'the secret site/token of Secrets Manager' },
    { name: 'PART', standsFor: 'the key key of the secret site/token of Secrets Manager' },
    { name: 'BY_ARN', standsFor: `the secret ${ARN} of Secrets Manager` },
    { name: 'PART_BY_ARN', standsFor: `the key key of the secret ${ARN} of Secrets Manager` },
  ]);
  expect(project.caches).toBe(true);
});

test('every honoured property is read, and none that is not', () => {
  const reads = new Set<string>();
  const track = <T>(value: T, path: string): T => {
    if (typeof value !== 'object' || value === null) return value;
    return new Proxy(value, {
      get(target, key, receiver) {
        const inner = Reflect.get(target, key, receiver) as unknown;
        if (typeof key === 'symbol' || typeof inner === 'function') return inner;
        reads.add(`${path}.${key}`);
        return track(inner, `${path}.${key}`);
      },
    }) as T;
  };
  const pipeline = {
    ...aPipeline(),
    RoleArn: 'arn:role',
    RestartExecutionOnUpdate: true,
    ExecutionMode: 'QUEUED',
    Variables: [{ Name: 'A', DefaultValue: 'b', Description: 'c' }],
  };
  read(
    track(pipeline, 'P'),
    track(aProject(undefined, { ServiceRole: 'r', Description: 'd' }), 'B'),
  );
  const seen = [...reads];
  expect(seen).toEqual(
    expect.arrayContaining([
      'P.PipelineType',
      'P.ExecutionMode',
      'P.ArtifactStore.Location',
      'P.Variables.0.DefaultValue',
      'P.Stages.0.Actions.0.Configuration.PollForSourceChanges',
      'P.Stages.1.Actions.0.OutputArtifacts.0.Name',
      'P.Stages.2.Actions.0.ActionTypeId.Version',
      'P.Stages.2.Actions.0.Configuration.UserParameters',
      'P.Stages.2.Actions.0.Namespace',
      'P.Stages.2.Actions.0.RunOrder',
      'P.RoleArn',
      'B.properties.Source.BuildSpec',
      'B.properties.ServiceRole',
    ]),
  );
  expect(seen).not.toContain('P.RestartExecutionOnUpdate');
  expect(seen).not.toContain('P.Variables.0.Description');
  expect(seen).not.toContain('B.properties.Description');
});
