import { describe, expect, test } from 'vitest';
import { grantsOf } from '../support/grants.ts';
import {
  aTemplate,
  EVERY_BUILD_OPTION,
  list,
  type Statement,
  text,
  withoutHash,
} from '../support/synth.ts';

const template = () => aTemplate({ immutable: ['assets/*'] });

/** Where else a permission could hide, and does not: every policy that counts is one that `grants` reads. */
test('roles have no policies but those that these tests read', () => {
  const roles = Object.values(template().findResources('AWS::IAM::Role'));
  expect(roles.filter(({ Properties }) => Properties.Policies)).toEqual([]);
  template().resourceCountIs('AWS::IAM::ManagedPolicy', 0);
});

const grants = () => grantsOf(template());

const of = (role: string): string[] => {
  const lines = grants().get(role);
  expect(lines, `${role}: no such role among ${[...grants().keys()].join(', ')}`).toBeDefined();
  return lines ?? [];
};

const reaches = (line: string, what: string) => line.includes(what);

const CONTENT = '{HostingContentBucket.Arn}';
const STORE = '{HostingRouterKeyValueStore.Arn}';
const JOB_RESULTS = [
  // No resource types and no conditions exist for these two (Service Authorization Reference).
  'codepipeline:PutJobFailureResult on *',
  'codepipeline:PutJobSuccessResult on *',
];
const log = (job: string) => [
  `logs:CreateLogStream on {${job}Logs.Arn}`,
  `logs:PutLogEvents on {${job}Logs.Arn}`,
];

describe('each function may do its own work and nothing else', () => {
  test('Upload puts and reads releases, pool, manifests and claims, opens pages of the ledger, and deletes nothing', () => {
    expect(of('UploadJobRole')).toEqual(
      [
        `cloudfront-keyvaluestore:GetKey on ${STORE}`,
        ...['_site/jobs/*', '_site/releases/*', 'assets/*', 'releases/*'].flatMap((keys) => [
          `s3:GetObject on ${CONTENT}/${keys}`,
          `s3:PutObject on ${CONTENT}/${keys}`,
        ]),
        `s3:GetObject on ${CONTENT}/_site/pool-sweep.json`,
        `s3:PutObject on ${CONTENT}/_site/ledger/*`,
        `s3:ListBucket on ${CONTENT}`,
        ...log('UploadJob'),
        ...JOB_RESULTS,
      ].sort(),
    );
  });

  test('Promote moves the pointer and the error page, writes the ledger, and no release', () => {
    expect(of('PromoteJobRole')).toEqual(
      [
        `cloudfront-keyvaluestore:DescribeKeyValueStore on ${STORE}`,
        `cloudfront-keyvaluestore:GetKey on ${STORE}`,
        `cloudfront-keyvaluestore:UpdateKeys on ${STORE}`,
        `s3:GetObject on ${CONTENT}/_site/ledger/*`,
        `s3:GetObject on ${CONTENT}/_site/releases/*`,
        `s3:GetObject on ${CONTENT}/releases/*/404.html`,
        `s3:ListBucket on ${CONTENT}`,
        `s3:PutObject on ${CONTENT}/_site/404.html`,
        `s3:PutObject on ${CONTENT}/_site/ledger/*`,
        ...log('PromoteJob'),
        ...JOB_RESULTS,
      ].sort(),
    );
  });

  test('Invalidate asks CloudFront about this one distribution', () => {
    const distribution =
      'arn:aws:cloudfront::{AWS::AccountId}:distribution/{HostingDeliveryDistribution}';
    const partition =
      'arn:{AWS::Partition}:cloudfront::{AWS::AccountId}:distribution/{HostingDeliveryDistribution}';
    expect(of('InvalidateJobRole').map((line) => line.replace(partition, distribution))).toEqual(
      [
        `cloudfront:CreateInvalidation on ${distribution}`,
        `cloudfront:GetInvalidation on ${distribution}`,
        ...log('InvalidateJob'),
        ...JOB_RESULTS,
      ].sort(),
    );
  });

  test('Prune deletes files of releases and of the pool, ends records, and makes promotions look again', () => {
    expect(of('PruneDailyRole')).toEqual(
      [
        `cloudfront-keyvaluestore:DescribeKeyValueStore on ${STORE}`,
        `cloudfront-keyvaluestore:GetKey on ${STORE}`,
        `cloudfront-keyvaluestore:UpdateKeys on ${STORE}`,
        `s3:DeleteObject on ${CONTENT}/assets/*`,
        `s3:DeleteObject on ${CONTENT}/releases/*`,
        ...['_site/ledger/*', '_site/pool-sweep.json', '_site/releases/*'].flatMap((keys) => [
          `s3:GetObject on ${CONTENT}/${keys}`,
          `s3:PutObject on ${CONTENT}/${keys}`,
        ]),
        `s3:ListBucket on ${CONTENT}`,
        ...log('PruneDaily'),
      ].sort(),
    );
  });
});

test('the build, which runs code from the repository, reaches artifacts and logs only', () => {
  const build = of('PipelineBuildProjectRole');
  expect(build.length).toBeGreaterThan(5);
  for (const line of build) {
    expect(line).toMatch(
      /^(s3:\S+ on \{PipelineArtifactsBucket\.Arn\}(\/\*)?|logs:\S+ on (\{PipelineBuildLogs\.Arn\}|arn:\S+:log-group:\/aws\/codebuild\/\{PipelineBuildProject\}(:\*)?))$/,
    );
  }
});

test('a build with variables from AWS may read these and no others; its cache and its machine give it nothing', () => {
  const granted = grantsOf(aTemplate({ immutable: ['assets/*'], build: EVERY_BUILD_OPTION }));
  const role = 'PipelineBuildProjectRole';
  expect(granted.get(role)?.filter((line) => !of(role).includes(line))).toEqual([
    'secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:123456789012:secret:cms-AbCdEf*',
    'secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:{AWS::AccountId}:secret:site/token-??????',
    'ssm:GetParameters on arn:aws:ssm:eu-west-1:{AWS::AccountId}:parameter/site/analytics-id',
  ]);
  granted.delete(role);
  expect([...granted]).toEqual([...grants()].filter(([name]) => name !== role));
});

test('only Promote and Prune may write to the store, only the functions touch the content, only Prune deletes', () => {
  const touching = (what: string, action: RegExp) =>
    [...grants()]
      .filter(([, lines]) => lines.some((line) => reaches(line, what) && action.test(line)))
      .map(([role]) => role);
  expect(touching(STORE, /UpdateKeys|PutKey|DeleteKey/)).toEqual([
    'PromoteJobRole',
    'PruneDailyRole',
  ]);
  expect(touching(CONTENT, /./).sort()).toEqual([
    'PromoteJobRole',
    'PruneDailyRole',
    'UploadJobRole',
  ]);
  expect(touching(CONTENT, /Delete/)).toEqual(['PruneDailyRole']);
});

test('no policy grants a whole service', () => {
  for (const [role, lines] of grants()) {
    for (const line of lines) expect(line, role).not.toMatch(/^(\*|[a-z0-9-]+:\*) on/);
  }
});

/** Adding a line here is signing for it. */
const WILDCARDS: Readonly<Record<string, string>> = {
  'codepipeline:PutJobFailureResult on *':
    'AWS knows no resource for job results; a job id is an unguessable UUID of this account.',
  'codepipeline:PutJobSuccessResult on *':
    'AWS knows no resource for job results; a job id is an unguessable UUID of this account.',
  'lambda:ListFunctions on *':
    "CDK's Lambda action asks for it, AWS knows no resource for it, and it only reads names.",
  'lambda:InvokeFunction on {…}:*': 'Any version of the one function that the action calls.',
  's3:… on {HostingContentBucket.Arn}/…*':
    'Keys below one prefix: the names of files are not known beforehand.',
  's3:…* on {PipelineArtifactsBucket.Arn}/*':
    "CDK's grants for the artifact bucket; keys are made up by CodePipeline, and no other bucket is reached.",
  'logs:… on arn:…:log-group:/aws/codebuild/{PipelineBuildProject}:*':
    'CDK grants every project its own default log group; ours logs elsewhere, so it is never made.',
};

test('every wildcard is on the list, with its reason', () => {
  const wild = new Set(
    [...grants().values()]
      .flat()
      .filter((line) => line.includes('*'))
      .map((line) =>
        line
          .replace(/^s3:\S+ on (\{PipelineArtifactsBucket\.Arn\}).*/, 's3:…* on $1/*')
          .replace(/^s3:\S+ on (\{HostingContentBucket\.Arn\}\/).*/, 's3:… on $1…*')
          .replace(/^logs:\S+ on arn:\S+(:log-group:\S+)$/, 'logs:… on arn:…$1')
          .replace(/^(lambda:InvokeFunction on )\{\S+\}:\*$/, '$1{…}:*'),
      ),
  );
  expect([...wild].sort()).toEqual(Object.keys(WILDCARDS).sort());
});

test('in the policies of buckets only the function that empties them on destroy gets a wildcard', () => {
  for (const contentOnDestroy of ['retain', 'delete'] as const) {
    const of = aTemplate({ immutable: ['assets/*'], contentOnDestroy });
    const emptied = Object.values(of.findResources('AWS::S3::BucketPolicy')).flatMap(
      ({ Properties }) =>
        (Properties.PolicyDocument.Statement as Statement[])
          .filter(({ Effect, Action }) => Effect === 'Allow' && list(Action).join().includes('*'))
          .map(({ Principal, Action }) => [
            withoutHash(text(Object.values(Principal as object)[0])),
            list(Action),
            withoutHash(text(Properties.Bucket)),
          ]),
    );
    const actions = ['s3:DeleteObject*', 's3:GetBucket*', 's3:List*', 's3:PutBucketPolicy'];
    const emptying = '{CustomS3AutoDeleteObjectsCustomResourceProviderRole.Arn}';
    const buckets = [
      ...(contentOnDestroy === 'delete' ? ['{HostingContentBucket}'] : []),
      '{PipelineArtifactsBucket}',
    ];
    expect(emptied).toEqual(buckets.map((bucket) => [emptying, actions, bucket]));
  }
});

test('the access logs take objects from the delivery of this one site, and give nothing to anybody', () => {
  const of = aTemplate({ accessLogs: {} });
  const statements = Object.entries(of.findResources('AWS::S3::BucketPolicy'))
    .filter(([id]) => id.startsWith('HostingAccessLogs'))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[]);
  expect(statements.map(({ Effect, Action }) => [Effect, list(Action)])).toEqual([
    ['Deny', ['s3:*']],
    ['Allow', ['s3:DeleteObject*', 's3:GetBucket*', 's3:List*', 's3:PutBucketPolicy']],
    ['Allow', ['s3:PutObject']],
  ]);
  const { Principal, Resource, Condition } = statements[2] as Statement;
  expect(Principal).toEqual({ Service: 'delivery.logs.amazonaws.com' });
  expect(withoutHash(text(Resource))).toBe('{HostingAccessLogsBucket.Arn}/cloudfront/*');
  const conditions = Condition as Record<string, Record<string, unknown>>;
  expect(conditions.StringEquals).toEqual({
    's3:x-amz-acl': 'bucket-owner-full-control',
    'aws:SourceAccount': { Ref: 'AWS::AccountId' },
  });
  expect(text(conditions.ArnLike?.['aws:SourceArn'])).toMatch(
    /^arn:(aws|\{AWS::Partition\}):logs:us-east-1:\{AWS::AccountId\}:delivery-source:a-site-access-logs$/,
  );
});

test('managed policies: none but that of the function that empties buckets on destroy', () => {
  const managed = Object.entries(template().findResources('AWS::IAM::Role')).flatMap(
    ([id, { Properties }]) =>
      list(Properties.ManagedPolicyArns as unknown[]).map(
        (arn) => `${withoutHash(`${id} `).trim()}: ${text(arn)}`,
      ),
  );
  expect(managed).toEqual([
    'CustomS3AutoDeleteObjectsCustomResourceProviderRole: arn:{AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole',
  ]);
});
