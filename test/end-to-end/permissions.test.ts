import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeleteObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Assembly } from '../../local/assembly/assembly.ts';
import type { RecordLine } from '../../local/iam/call-record.ts';
import { decide } from '../../local/iam/decision.ts';
import { type Grant, Policy } from '../../local/iam/policy.ts';
import { type Role, rolesOf } from '../../local/iam/roles.ts';
import type { LocalStack } from '../../local/stack.ts';
import {
  aDirectory,
  aLocalStack,
  anAssembly,
  Clone,
  changed,
  contentOf,
  removeDirectories,
} from '../support/local-stack.ts';
import { list } from '../support/synth.ts';

const SDK = fileURLToPath(new URL('../../node_modules/@aws-sdk', import.meta.url));

/** What would change a resource of the stack, as far as it has an ARN of its own. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  'AWS::IAM::Role': ['iam:PassRole', 'iam:PutRolePolicy', 'iam:UpdateAssumeRolePolicy'],
  'AWS::Lambda::Function': ['lambda:UpdateFunctionCode', 'lambda:AddPermission'],
  'AWS::S3::Bucket': ['s3:PutBucketPolicy', 's3:DeleteBucket'],
  'AWS::CodeBuild::Project': ['codebuild:UpdateProject'],
};

type Call = Extract<RecordLine, { call: unknown }>['call'];

let assembly: string;
let state: string;
let clone: Clone;

const BUILDSPEC = `version: 0.2
phases:
  build:
    commands:
      - node reach.cjs
artifacts:
  base-directory: pages
  files: ['**/*']
`;

/** Stays the same from start to start, as the state does. */
async function withStack<T>(
  assemblyOf: string,
  work: (stack: LocalStack, logged: readonly string[]) => Promise<T>,
): Promise<T> {
  const { stack, logged } = await aLocalStack(assemblyOf, { state });
  try {
    return await work(stack, logged);
  } finally {
    await stack.stop();
  }
}

/** The calls of the first push. */
let calls: Call[];

beforeAll(async () => {
  assembly = await anAssembly({
    name: 'a-site',
    build: { kind: 'buildspec', file: 'build.yml' },
    immutable: ['assets/*'],
  });
  state = await aDirectory('state');
  await withStack(assembly, async (stack) => {
    clone = await Clone.of(stack);
    await clone.write('build.yml', BUILDSPEC);
    await clone.write('reach.cjs', '');
    await clone.write('pages/index.html', 'zero');
    await clone.write('pages/404.html', 'none');
    await clone.commit('zero');
    expect(await clone.push()).toMatch(/^published /m);
    calls = (await readFile(stack.callRecord, 'utf8'))
      .trimEnd()
      .split('\n')
      .flatMap((line) => JSON.parse(line).call ?? []);
  });
});

afterAll(removeDirectories);

/** Takes an action away from a role, or only its resources that are written like this. */
const without = (role: string, action: string, resource?: RegExp) =>
  changed(assembly, (resources) => {
    let taken = 0;
    for (const { Type, Properties } of Object.values(resources)) {
      if (Type !== 'AWS::IAM::Policy' || !Properties.Roles[0].Ref.startsWith(role)) continue;
      const { Statement } = Properties.PolicyDocument;
      for (const statement of [...Statement]) {
        const actions = list(statement.Action as string | string[]);
        const resourcesOf = list(statement.Resource as unknown[]);
        const gone = resourcesOf.filter((one) => !resource || resource.test(JSON.stringify(one)));
        if (!actions.includes(action) || gone.length === 0) continue;
        taken += 1;
        const others = actions.filter((one) => one !== action);
        const kept = resourcesOf.filter((one) => !gone.includes(one));
        Statement.splice(
          Statement.indexOf(statement),
          1,
          ...(others.length > 0 ? [{ ...statement, Action: others }] : []),
          ...(kept.length > 0 ? [{ ...statement, Action: action, Resource: kept }] : []),
        );
      }
    }
    if (taken === 0) throw new Error(`${role} has no ${action}`);
  });

const refused = (role: string, action: string) =>
  `User: arn:aws:sts::123456789012:assumed-role/a-site-${role}\\w+/\\S+ is not authorized to perform: ${action} on resource: "?[^ "]+"? because no identity-based policy allows the ${action} action`;

describe('a grant that the template lacks fails where it is needed, and the live site stays', () => {
  test.each<[role: string, action: string, resource: RegExp | undefined, where: string]>([
    ['PipelineRole', 'sts:AssumeRole', /SourceCodePipelineActionRole/, 'Source: '],
    ['PipelineSource', 'codecommit:GetCommit', undefined, 'Source: '],
    [
      'PipelineBuildCodePipelineActionRole',
      'codebuild:StartBuild',
      undefined,
      'Build: Error calling startBuild: ',
    ],
    [
      'PipelineBuildProjectRole',
      'logs:PutLogEvents',
      /BuildLogs/,
      'Build: ACCESS_DENIED: Service role \\S+ does not allow AWS CodeBuild .* Error message: ',
    ],
    ['PipelineBuildProjectRole', 's3:GetObject*', undefined, 'Build: CLIENT_ERROR: AccessDenied: '],
    ['PipelineBuildProjectRole', 's3:PutObject', undefined, 'Build: CLIENT_ERROR: AccessDenied: '],
    ['PipelineDeployUpload', 'lambda:InvokeFunction', undefined, 'Deploy · Upload: '],
    [
      'PipelineDeployUpload',
      's3:GetObject*',
      undefined,
      'Deploy · Upload: PermissionError: .*AccessDenied \\(403\\): ',
    ],
    [
      'UploadJobRole',
      's3:PutObject',
      /"\/releases\//,
      'Deploy · Upload: PermissionError: .*AccessDenied \\(403\\): ',
    ],
    [
      'PromoteJobRole',
      'cloudfront-keyvaluestore:UpdateKeys',
      undefined,
      'Deploy · Promote: PermissionError: .*AccessDeniedException \\(403\\): ',
    ],
  ])('%s without %s', async (role, action, resource, where) => {
    const name = action.replace('*', '');
    await withStack(await without(role, action, resource), async (stack) => {
      const live = await stack.liveRelease();
      await clone.write('pages/index.html', `${role} without ${action} ${resource}`);
      await clone.commit(role);
      const said = await clone.push();
      expect(said).toMatch(new RegExp(`^FAILED in ${where}${refused(role, name)}`, 'm'));
      expect(await stack.liveRelease()).toBe(live);
    });
  });

  test('without the right to report, the action fails', async () => {
    const lacking = await without('InvalidateJobRole', 'codepipeline:PutJobSuccessResult');
    await withStack(lacking, async () => {
      await clone.write('pages/index.html', 'unreported');
      await clone.commit('unreported');
      expect(await clone.push()).toMatch(
        /^FAILED in Invalidate: the function crashed without reporting a result: /m,
      );
    });
  });

  test('without the right to start the pipeline, a rule starts nothing and the push is told', async () => {
    const lacking = await without('PipelineEventsRole', 'codepipeline:StartPipelineExecution');
    await withStack(lacking, async (stack) => {
      const before = stack.executions().length;
      await clone.write('pages/index.html', 'unstarted');
      await clone.commit('unstarted');
      expect(await clone.push()).toMatch(
        new RegExp(
          `^main: nothing is published: \\w+: ${refused('PipelineEventsRole', 'codepipeline:StartPipelineExecution')}, the live site stays as it is$`,
          'm',
        ),
      );
      expect(stack.executions().length).toBe(before);
    });
  });

  test('a function that may not log loses what it logs, and does its work', async () => {
    const lacking = await without('InvalidateJobRole', 'logs:CreateLogStream');
    await withStack(lacking, async (stack, logged) => {
      const name = stack.assembly
        .ofType('AWS::Lambda::Function')
        .find(({ logicalId }) => logicalId.startsWith('InvalidateJobFunction'))?.ref;
      const log = () => readFile(join(state, 'logs', `${name}.log`), 'utf8');
      const before = await log();
      expect(before).toContain('REPORT');
      await clone.write('pages/index.html', 'unlogged');
      await clone.commit('unlogged');
      expect(await clone.push()).toMatch(/^published /m);
      expect(await log()).toBe(before);
      const reason = refused('InvalidateJobRole', 'logs:CreateLogStream');
      expect(logged.join('\n')).toMatch(new RegExp(`^${name} logs nothing: ${reason}$`, 'm'));
    });
  });

  test('a role that does not trust its service stops the start, by name', async () => {
    const distrusting = await changed(assembly, (resources) => {
      for (const [id, { Properties }] of Object.entries(resources)) {
        if (!/^(UploadJobRole|PipelineRole|PipelineBuildProjectRole)[0-9A-F]{8}$/.test(id))
          continue;
        const [statement] = Properties.AssumeRolePolicyDocument.Statement;
        statement.Principal = { Service: 'ec2.amazonaws.com' };
      }
    });
    const start = aLocalStack(distrusting, { state });
    for (const [property, service] of [
      ['Lambda::Function\\): Role', 'lambda'],
      ['CodeBuild::Project\\): ServiceRole', 'codebuild'],
      ['CodePipeline::Pipeline\\): RoleArn', 'codepipeline'],
    ]) {
      await expect(start).rejects.toThrow(
        new RegExp(
          `\\(AWS::${property}: User: ${service}\\.amazonaws\\.com is not authorized to perform: sts:AssumeRole on`,
        ),
      );
    }
  });
});

describe('what a role may only read in order to be told that it is not there', () => {
  test('a loss that nobody has allowed is told as such, not as a missing right', async () => {
    const many = Array.from({ length: 20 }, (_, at) => `pages/many/${at}.html`);
    await withStack(assembly, async () => {
      for (const path of many) await clone.write(path, path);
      await clone.commit('many');
      expect(await clone.push()).toMatch(/^published /m);
      await clone.shell('git rm -rq pages/many');
      await clone.commit('few');
      expect(await clone.push()).toMatch(/^ +- 20 of the 22 pages of release .* would be gone/m);
      for (const path of many) await clone.write(path, path);
      await clone.commit('many again');
    });
  });

  test('a page of the ledger that is gone is written anew when a promotion is tried again', async () => {
    let denied = true;
    const { stack } = await aLocalStack(assembly, {
      state,
      allow: ({ action }) => !(denied && action === 'cloudfront-keyvaluestore:UpdateKeys'),
    });
    const { s3, Bucket } = contentOf(stack);
    try {
      await clone.write('pages/index.html', 'again');
      await clone.commit('again');
      expect(await clone.push()).toMatch(/^FAILED in Deploy · Promote: /m);
      denied = false;
      const { id = '', stages } = stack.executions().at(-1) ?? {};
      const release = stages
        ?.flatMap(({ actions }) => actions)
        .find(({ name }) => name === 'Upload')?.variables.releaseId;
      const Key = `_site/ledger/${release}.json`;
      await s3.send(new DeleteObjectCommand({ Bucket, Key }));
      const { status } = await stack.retryStage(id, 'Deploy').result;
      expect(status).toBe('Succeeded');
      expect(await stack.liveRelease()).toBe(release);
      await s3.send(new HeadObjectCommand({ Bucket, Key }));
    } finally {
      s3.destroy();
      await stack.stop();
    }
  });
});

describe('every grant that a push uses is needed', () => {
  /** What is left of a document without one action on one resource, as it is written. */
  const documentWithout = ({ action, resource }: Grant, grants: readonly Grant[]) => ({
    Version: '2012-10-17',
    Statement: grants
      .filter((grant) => grant.action !== action || grant.resource !== resource)
      .map(({ action: Action, resource: Resource }) => ({ Effect: 'Allow', Action, Resource })),
  });

  test('taken out of its role alone, it leaves calls of the push without leave', () => {
    const roles = rolesOf(new Assembly(assembly));
    const needed = [...roles.values()].flatMap((role) => {
      const grants = role.identity.flatMap((policy) => policy.grants());
      const made = calls.filter(({ caller }) => caller === role.logicalId);
      return grants.flatMap((grant) => {
        const left = new Policy('P', documentWithout(grant, grants), 'identity');
        const lost = made.filter(({ action, resource }) => {
          const question = { caller: { role: role.arn, session: 's' }, action, resource };
          return !decide(question, { identity: [left] }).allowed;
        });
        return lost.length > 0 ? [{ role: role.logicalId, grant, lost }] : [];
      });
    });
    const whole = calls.filter(({ by }) => by).length;
    const lost = new Set(needed.flatMap((one) => one.lost));
    // All calls of roles hang on one grant each: none is allowed twice.
    const ofRoles = calls.filter(({ caller }) =>
      [...roles.values()].some((r) => r.logicalId === caller),
    );
    expect(ofRoles.length).toBeGreaterThan(25);
    expect(whole).toBeGreaterThanOrEqual(ofRoles.length);
    expect(ofRoles.filter((call) => !lost.has(call)).map((call) => JSON.stringify(call))).toEqual(
      [],
    );
  });
});

describe("the build, which runs the repository's code", () => {
  /** The real SDK, with whatever the build finds in its environment. */
  const reach = (Bucket: string, KvsARN: string, DistributionId: string, artifacts: string) => `
const { S3Client, DeleteObjectCommand, GetObjectCommand, PutObjectCommand, ListObjectsV2Command } = require('${SDK}/client-s3');
const { CloudFrontClient, CreateInvalidationCommand } = require('${SDK}/client-cloudfront');
const kvs = require('${SDK}/client-cloudfront-keyvaluestore');
require('${SDK}/signature-v4a');
const dns = require('node:dns');
const { lookup } = dns;
dns.lookup = (host, options, done) => lookup.call(dns, /localhost$/.test(host) ? '127.0.0.1' : host, options, done);
const { CodePipelineClient, PutJobSuccessResultCommand } = require('${SDK}/client-codepipeline');
const { STSClient, GetCallerIdentityCommand } = require('${SDK}/client-sts');
const s3 = new S3Client({});
const Bucket = '${Bucket}';
const Key = '_site/404.html';
const asked = {
  'read the content': () => s3.send(new GetObjectCommand({ Bucket, Key })),
  'list the content': () => s3.send(new ListObjectsV2Command({ Bucket })),
  'write the content': () => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' })),
  'delete the content': () => s3.send(new DeleteObjectCommand({ Bucket, Key })),
  'read the pointer': () => new kvs.CloudFrontKeyValueStoreClient({}).send(new kvs.GetKeyCommand({ KvsARN: '${KvsARN}', Key: 'live' })),
  'move the pointer': () => new kvs.CloudFrontKeyValueStoreClient({}).send(new kvs.UpdateKeysCommand({ KvsARN: '${KvsARN}', IfMatch: 'x', Puts: [{ Key: 'live', Value: '{}' }] })),
  'delete the pointer': () => new kvs.CloudFrontKeyValueStoreClient({}).send(new kvs.DeleteKeyCommand({ KvsARN: '${KvsARN}', IfMatch: 'x', Key: 'live' })),
  'clear the cache': () => new CloudFrontClient({}).send(new CreateInvalidationCommand({ DistributionId: '${DistributionId}', InvalidationBatch: { CallerReference: 'x', Paths: { Quantity: 1, Items: ['/*'] } } })),
  'answer for a job': () => new CodePipelineClient({}).send(new PutJobSuccessResultCommand({ jobId: '00000000-0000-4000-8000-000000000000' })),
  'list the artifacts': () => s3.send(new ListObjectsV2Command({ Bucket: '${artifacts}' })),
  'ask who it is': () => new STSClient({}).send(new GetCallerIdentityCommand({})),
};
(async () => {
  for (const [what, answer] of Object.entries(asked)) {
    await answer().then(({ Arn = '' }) => console.log('may', what, Arn), (error) => console.log('may not', what, error.name, error.message));
  }
})();
`;

  test('reaches artifacts and nothing that visitors get, as itself', async () => {
    await withStack(assembly, async (stack) => {
      const { ContentBucket, KeyValueStore, DistributionId } = stack.assembly.outputs;
      const { ArtifactStore } = stack.assembly.theOnly('AWS::CodePipeline::Pipeline').properties;
      const names = [ContentBucket, KeyValueStore, DistributionId, ArtifactStore.Location].map(
        String,
      );
      await clone.write('reach.cjs', reach(...(names as [string, string, string, string])));
      await clone.commit('reach');
      expect(await clone.push()).toMatch(/^published /m);
      const log = await readFile(join(state, 'logs', 'Build-Build.log'), 'utf8');
      const told = [...log.matchAll(/^\S+ (may .*)$/gm)].map(([, line = '']) => line);
      const denied = (what: string, error: string, action: string) =>
        expect.stringMatching(
          new RegExp(`^may not ${what} ${error} ${refused('PipelineBuildProjectRole', action)}$`),
        );
      expect(told).toEqual([
        denied('read the content', 'AccessDenied', 's3:GetObject'),
        denied('list the content', 'AccessDenied', 's3:ListBucket'),
        denied('write the content', 'AccessDenied', 's3:PutObject'),
        denied('delete the content', 'AccessDenied', 's3:DeleteObject'),
        denied('read the pointer', 'AccessDeniedException', 'cloudfront-keyvaluestore:GetKey'),
        denied('move the pointer', 'AccessDeniedException', 'cloudfront-keyvaluestore:UpdateKeys'),
        denied('delete the pointer', 'AccessDeniedException', 'cloudfront-keyvaluestore:DeleteKey'),
        denied('clear the cache', 'AccessDenied', 'cloudfront:CreateInvalidation'),
        denied('answer for a job', 'AccessDeniedException', 'codepipeline:PutJobSuccessResult'),
        'may list the artifacts ',
        expect.stringMatching(
          /^may ask who it is arn:aws:sts::\d+:assumed-role\/a-site-PipelineBuildProjectRole\w+\/AWSCodeBuild-[0-9a-f-]{36}$/,
        ),
      ]);
    });
  });

  test('may invoke no function, and be no other role', () => {
    const template = new Assembly(assembly);
    const roles = [...rolesOf(template).values()];
    const named = (start: string) => {
      const found = roles.find(({ logicalId }) => logicalId.startsWith(start));
      if (!found) throw new Error(`no role ${start}`);
      return found;
    };
    const functions = template.ofType('AWS::Lambda::Function');
    /** What of these a role may, by its own policies. */
    const may = (role: Role, action: string, resources: readonly string[]) =>
      resources.filter((resource) => {
        const question = { caller: { role: role.arn, session: 's' }, action, resource };
        return decide(question, { identity: role.identity }).allowed;
      });
    const arns = functions.map(({ attributes }) => String(attributes.Arn));
    const others = roles.map(({ arn }) => arn);
    const build = named('PipelineBuildProjectRole');
    expect(may(build, 'lambda:InvokeFunction', arns)).toEqual([]);
    expect(may(build, 'sts:AssumeRole', others)).toEqual([]);
    // And no role trusts it, which would do without its own policies.
    const trusting = roles.filter(({ arn, trust }) =>
      trust
        .matches({
          caller: { role: build.arn, session: 's' },
          action: 'sts:AssumeRole',
          resource: arn,
        })
        .some(({ effect }) => effect === 'Allow'),
    );
    expect(trusting).toEqual([]);
    // Those that may: otherwise nothing was asked.
    expect(may(named('PipelineDeployUpload'), 'lambda:InvokeFunction', arns)).toHaveLength(1);
    expect(may(named('PipelineRole'), 'sts:AssumeRole', others).length).toBeGreaterThan(3);
  });
});

test('no role of the stack may change what is deployed', () => {
  const template = new Assembly(assembly);
  const [account, region] = ['123456789012', 'us-east-1'];
  const changes: readonly (readonly [string, string])[] = [
    ...['CreateStack', 'UpdateStack', 'DeleteStack', 'CreateChangeSet', 'ExecuteChangeSet'].map(
      (action) =>
        [
          `cloudformation:${action}`,
          `arn:aws:cloudformation:${region}:${account}:stack/a-site/x`,
        ] as const,
    ),
    ...['deploy', 'cfn-exec', 'file-publishing'].map(
      (role) =>
        [
          'sts:AssumeRole',
          `arn:aws:iam::${account}:role/cdk-hnb659fds-${role}-role-${account}-${region}`,
        ] as const,
    ),
    ...Object.entries(CHANGES).flatMap(([type, actions]) =>
      template.ofType(type).flatMap(({ attributes }) => {
        const arn = attributes.Arn;
        if (arn === undefined) throw new Error(`${type} has no ARN here`);
        return actions.map((action) => [action, String(arn)] as const);
      }),
    ),
  ];
  expect(new Set(changes.map(([action]) => action)).size).toBeGreaterThan(12);
  const allowed = [...rolesOf(template).values()].flatMap((role) =>
    changes
      .filter(([action, resource]) => {
        const question = { caller: { role: role.arn, session: 's' }, action, resource };
        return decide(question, { identity: role.identity }).allowed;
      })
      .map(([action]) => `${role.logicalId} ${action}`),
  );
  expect(allowed).toEqual([]);
});
