import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Assembly } from '../../local/assembly/assembly.ts';
import { Account } from '../../local/iam/account.ts';
import { CallRecord } from '../../local/iam/call-record.ts';
import type { Caller } from '../../local/iam/callers.ts';
import { written } from '../support/written-assembly.ts';

const Version = '2012-10-17';
const allow = (Action: string, Resource: unknown) => ({ Effect: 'Allow', Action, Resource });
const trusting = (Principal: object) => ({
  Version,
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal }],
});
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const inBucket = (path: string) => ({ 'Fn::Join': ['', [arnOf('Content'), path]] });

/** A pipeline's role, an action's, a function's with every way to give it a policy, and what says itself who may. */
const RESOURCES: Record<string, { Type: string; Properties?: Record<string, unknown> }> = {
  Content: { Type: 'AWS::S3::Bucket' },
  Pipe: {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: trusting({ Service: 'codepipeline.amazonaws.com' }),
      Policies: [
        {
          PolicyName: 'inline',
          PolicyDocument: { Version, Statement: [allow('sts:AssumeRole', arnOf('Action'))] },
        },
      ],
    },
  },
  Action: {
    Type: 'AWS::IAM::Role',
    Properties: { AssumeRolePolicyDocument: trusting({ AWS: arnOf('Pipe') }) },
  },
  Worker: {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: trusting({ Service: 'lambda.amazonaws.com' }),
      ManagedPolicyArns: [
        { Ref: 'Managed' },
        'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole',
      ],
    },
  },
  Managed: {
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: {
      PolicyDocument: { Version, Statement: [allow('s3:ListBucket', arnOf('Content'))] },
    },
  },
  Attached: {
    Type: 'AWS::IAM::Policy',
    Properties: {
      PolicyDocument: { Version, Statement: [allow('s3:GetObject', inBucket('/a/*'))] },
      Roles: [{ Ref: 'Worker' }],
    },
  },
  Function: { Type: 'AWS::Lambda::Function' },
  Rule: { Type: 'AWS::Events::Rule' },
  Permission: {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      Action: 'lambda:InvokeFunction',
      FunctionName: arnOf('Function'),
      Principal: 'events.amazonaws.com',
      SourceArn: arnOf('Rule'),
    },
  },
  Topic: { Type: 'AWS::SNS::Topic' },
  TopicPolicy: {
    Type: 'AWS::SNS::TopicPolicy',
    Properties: {
      PolicyDocument: {
        Version,
        Statement: [{ ...allow('sns:Publish', { Ref: 'Topic' }), Effect: 'Deny', Principal: '*' }],
      },
      Topics: [{ Ref: 'Topic' }],
    },
  },
};

function anAccount(changes: Record<string, object> = {}, record?: CallRecord) {
  const resources = Object.entries(RESOURCES).map(([id, { Type, Properties }]) => [
    id,
    { Type, Properties: { ...Properties, ...changes[id] } },
  ]);
  const assembly = new Assembly(written({ Resources: Object.fromEntries(resources) }));
  const of = (id: string) => {
    const found = assembly.resources.find(({ logicalId }) => logicalId === id);
    return found?.attributes.Arn ?? found?.attributes.TopicArn ?? '';
  };
  return { account: new Account(assembly, record), of };
}

const service = (name: string): Caller => ({ service: `${name}.amazonaws.com` });

describe('the roles of a template', () => {
  test('have their inline, attached and managed policies', () => {
    const { account, of } = anAccount();
    const worker = account.assume(service('lambda'), of('Worker'), 'work');
    const may = (action: string, resource: string) =>
      account.decide({ caller: worker, action, resource }).allowed;
    expect(may('s3:GetObject', `${of('Content')}/a/b`)).toBe(true);
    expect(may('s3:GetObject', `${of('Content')}/b`)).toBe(false);
    expect(may('s3:ListBucket', of('Content'))).toBe(true);
    expect(may('logs:PutLogEvents', 'arn:aws:logs:eu-west-1:1:log-group:any')).toBe(true);
    expect(may('s3:PutObject', `${of('Content')}/a/b`)).toBe(false);
  });

  test('are assumed by whom they trust, and by nobody else', () => {
    const { account, of } = anAccount();
    expect(() => account.assume(service('codebuild'), of('Worker'), 'x')).toThrow(
      `User: codebuild.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: ${of('Worker')} because no resource-based policy allows the sts:AssumeRole action`,
    );
    expect(() => account.assume(service('lambda'), of('Rule'), 'x')).toThrow(
      `got ${of('Rule')}; the local IAM knows the template's roles`,
    );
  });

  test('are assumed by a role that both policies name', () => {
    const { account, of } = anAccount();
    const pipe = account.assume(service('codepipeline'), of('Pipe'), 'run');
    expect(account.assume(pipe, of('Action'), 'run')).toEqual({
      role: of('Action'),
      session: 'run',
    });
    const worker = account.assume(service('lambda'), of('Worker'), 'work');
    expect(() => account.assume(worker, of('Action'), 'x')).toThrow(
      'because no identity-based policy allows the sts:AssumeRole action',
    );
  });

  test('are not assumed where one of the two says nothing', () => {
    const forgotten = anAccount({ Pipe: { Policies: [] } });
    const pipe = forgotten.account.assume(service('codepipeline'), forgotten.of('Pipe'), 'run');
    expect(() => forgotten.account.assume(pipe, forgotten.of('Action'), 'run')).toThrow(
      /\/run is not authorized to perform: sts:AssumeRole .* because no identity-based policy allows/,
    );
    const distrusting = anAccount({
      Action: { AssumeRolePolicyDocument: trusting({ AWS: arnOf('Worker') }) },
    });
    const other = distrusting.account.assume(service('codepipeline'), distrusting.of('Pipe'), 'r');
    expect(() => distrusting.account.assume(other, distrusting.of('Action'), 'r')).toThrow(
      'because no resource-based policy allows the sts:AssumeRole action',
    );
  });

  test.each<[string, Record<string, object>, string]>([
    [
      'a policy of AWS that is not known here',
      { Worker: { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] } },
      'Worker (AWS::IAM::Role): ManagedPolicyArns: got "arn:aws:iam::aws:policy/AdministratorAccess"; the local IAM knows arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole',
    ],
    [
      'what a policy says and nobody understands',
      {
        Attached: {
          PolicyDocument: { Version, Statement: [{ ...allow('s3:*', '*'), NotAction: 'x' }] },
        },
      },
      'Attached (AWS::IAM::Policy): PolicyDocument.Statement[0].NotAction: got "x"; the local IAM knows Sid, Effect, Action, Resource and Condition',
    ],
    [
      'what a trust policy says and nobody understands',
      { Action: { AssumeRolePolicyDocument: trusting({ Federated: 'x' }) } },
      'Action (AWS::IAM::Role): AssumeRolePolicyDocument.Statement[0].Principal.Federated: got "x"; the local IAM knows "*", AWS and Service',
    ],
    [
      "a topic's policy",
      { TopicPolicy: { PolicyDocument: { Version: '2008-10-17', Statement: [] } } },
      'TopicPolicy (AWS::SNS::TopicPolicy): PolicyDocument.Version: got "2008-10-17"; the local IAM knows "2012-10-17"',
    ],
  ])('are refused by name: %s', (_, changes, message) => {
    expect(() => anAccount(changes)).toThrow(new Error(message));
  });
});

describe('the policies of resources', () => {
  test('a function is invoked by the rule that its permission names, and by no other', () => {
    const { account, of } = anAccount();
    const by = (sourceArn: string) =>
      account.decide({
        caller: { service: 'events.amazonaws.com', sourceArn },
        action: 'lambda:InvokeFunction',
        resource: of('Function'),
      });
    expect(by(of('Rule')).allowed).toBe(true);
    expect(by(`${of('Rule')}2`)).toEqual({
      allowed: false,
      because: 'because no resource-based policy allows the lambda:InvokeFunction action',
    });
  });

  test('what a topic denies not even the person at the machine may', () => {
    const { account, of } = anAccount();
    const publish = { caller: { user: 'jo' }, action: 'sns:Publish', resource: of('Topic') };
    expect(account.decide(publish)).toEqual({
      allowed: false,
      because: 'with an explicit deny in a resource-based policy',
    });
    expect(account.decide({ ...publish, action: 'sns:Subscribe' }).allowed).toBe(true);
  });
});

describe('keys', () => {
  test('lead to their caller, are the same each time, and cannot be guessed', () => {
    const { account, of } = anAccount();
    const worker = account.assume(service('lambda'), of('Worker'), 'work');
    const { accessKeyId } = account.keysOf(worker);
    expect(account.keysOf({ ...worker }).accessKeyId).toBe(accessKeyId);
    expect(account.credentials.callerOf(accessKeyId)).toEqual(worker);
    expect(anAccount().account.keysOf(worker).accessKeyId).not.toBe(accessKeyId);
    expect(account.keysOf({ user: 'jo' }).accessKeyId).toMatch(/^AKIA[0-9A-F]{16}$/);
  });

  test('of a narrowed session reach what both allow, and leave those of the role alone', () => {
    const { account, of } = anAccount();
    const worker = account.assume(service('lambda'), of('Worker'), 'work');
    const narrowed = account.narrowed(worker, {
      Version,
      Statement: [allow('s3:*', `${of('Content')}/a/one`)],
    });
    const caller = account.credentials.callerOf(account.keysOf(narrowed).accessKeyId) as Caller;
    const get = (by: Caller, key: string) =>
      account.decide({ caller: by, action: 's3:GetObject', resource: `${of('Content')}${key}` });
    expect(get(caller, '/a/one').allowed).toBe(true);
    expect(get(caller, '/a/two')).toEqual({
      allowed: false,
      because: 'because no session policy allows the s3:GetObject action',
    });
    expect(get(worker, '/a/two').allowed).toBe(true);
    expect(account.keysOf(worker).accessKeyId).not.toBe(account.keysOf(narrowed).accessKeyId);
  });
});

test('the record has every grant, and of alike calls the first, with logical ids', () => {
  const folder = mkdtempSync(join(tmpdir(), 'calls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'calls.jsonl');
  const { account, of } = anAccount({}, new CallRecord(file));
  const worker = account.assume(service('lambda'), of('Worker'), 'work');
  for (const key of ['a/1', 'a/2', 'b']) {
    account.decide({ caller: worker, action: 's3:GetObject', resource: `${of('Content')}/${key}` });
  }
  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const grant = { owner: 'Worker', action: 's3:GetObject', resource: '{Content.Arn}/a/*' };
  expect(lines).toContainEqual({ grant });
  expect(lines).toContainEqual({
    grant: {
      owner: 'permission of {Rule.Arn}',
      action: 'lambda:InvokeFunction',
      resource: '{Function.Arn}',
    },
  });
  expect(lines.filter(({ call }) => call)).toEqual([
    {
      call: {
        caller: 'Worker',
        action: 's3:GetObject',
        resource: `${of('Content')}/a/1`,
        by: grant,
      },
    },
    {
      call: {
        caller: 'Worker',
        action: 's3:GetObject',
        resource: `${of('Content')}/b`,
        denied: 'because no identity-based policy allows the s3:GetObject action',
      },
    },
  ]);
});
