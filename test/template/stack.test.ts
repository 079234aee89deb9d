import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { resolveConfig, type SiteConfig } from '../../lib/config.ts';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import {
  aConfig,
  aTemplate,
  cdkJson,
  EVERY_BUILD_OPTION,
  list,
  type Statement,
  text,
  withoutHash,
} from '../support/synth.ts';

const CONNECTION = {
  kind: 'connection',
  connectionArn:
    'arn:aws:codeconnections:eu-west-1:123456789012:connection/0f1e2d3c-0000-4000-8000-000000000000',
  repository: 'group/team/shop',
} as const;

const template = () => aTemplate({ immutable: ['assets/*'] });
const resources = (type: string, of = template()) => Object.entries(of.findResources(type));
const properties = (type: string, of = template()): any[] =>
  resources(type, of).map(([, { Properties }]) => Properties);
const theOnly = (type: string, of = template()) => {
  const all = properties(type, of);
  expect(all).toHaveLength(1);
  return all[0];
};

test('cdk.json carries every flag that this CDK version recommends', () => {
  const recommended = JSON.parse(
    readFileSync(
      new URL('../../node_modules/aws-cdk-lib/recommended-feature-flags.json', import.meta.url),
      'utf8',
    ),
  );
  expect(cdkJson.context).toEqual(recommended);
});

describe('the content bucket', () => {
  const content = (of = template()) =>
    resources('AWS::S3::Bucket', of).find(([id]) => id.startsWith('HostingContent')) as [
      string,
      Record<string, unknown>,
    ];

  test('every bucket is private, encrypted by S3, and talks TLS only', () => {
    const buckets = resources('AWS::S3::Bucket');
    expect(buckets).toHaveLength(2);
    for (const [id, { Properties }] of buckets) {
      expect(Properties.PublicAccessBlockConfiguration, id).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(Properties.BucketEncryption.ServerSideEncryptionConfiguration, id).toEqual([
        { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
      ]);
      const policies = properties('AWS::S3::BucketPolicy').filter(
        ({ Bucket }) => Bucket.Ref === id,
      );
      const denied = policies
        .flatMap(({ PolicyDocument }) => PolicyDocument.Statement as Statement[])
        .filter(({ Effect }) => Effect === 'Deny');
      expect(denied, id).toEqual([
        {
          Effect: 'Deny',
          Principal: { AWS: '*' },
          Action: 's3:*',
          Resource: [
            { 'Fn::GetAtt': [id, 'Arn'] },
            { 'Fn::Join': ['', [{ 'Fn::GetAtt': [id, 'Arn'] }, '/*']] },
          ],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ]);
    }
  });

  test('nobody reads it from outside except this distribution, and a missing object is a 404', () => {
    const [id] = content();
    const [distribution] = resources('AWS::CloudFront::Distribution')[0] as [string, unknown];
    const allowed = properties('AWS::S3::BucketPolicy')
      .filter(({ Bucket }) => Bucket.Ref === id)
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement as Statement[])
      .filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toHaveLength(1);
    expect(allowed[0]?.Principal).toEqual({ Service: 'cloudfront.amazonaws.com' });
    // Without ListBucket S3 answers 403 for what is missing.
    expect(allowed[0]?.Action).toEqual(['s3:GetObject', 's3:ListBucket']);
    const condition = allowed[0]?.Condition as { StringEquals: Record<string, unknown> };
    expect(text(condition.StringEquals['AWS:SourceArn'])).toBe(
      `arn:{AWS::Partition}:cloudfront::{AWS::AccountId}:distribution/{${distribution}}`,
    );
  });

  test('it outlives the stack unless the config says otherwise; everything else goes with the stack', () => {
    const retained = Object.entries(
      template().toJSON().Resources as Record<string, { DeletionPolicy?: string }>,
    )
      .filter(([, { DeletionPolicy }]) => DeletionPolicy && DeletionPolicy !== 'Delete')
      .map(([id]) => id);
    expect(retained).toEqual([content()[0]]);

    const deleted = aTemplate({ contentOnDestroy: 'delete' });
    expect(content(deleted)[1].DeletionPolicy).toBe('Delete');
    deleted.hasResourceProperties('Custom::S3AutoDeleteObjects', {
      BucketName: { Ref: content(deleted)[0] },
    });
  });

  test('nothing in it expires but the claims of jobs, which are of use for an hour', () => {
    const [, bucket] = content() as [string, { Properties: any }];
    expect(bucket.Properties.LifecycleConfiguration.Rules).toEqual([
      { Id: 'job-claims', Prefix: '_site/jobs/', ExpirationInDays: 1, Status: 'Enabled' },
    ]);
  });

  test('every log group ends: with the stack, and its lines after a month', () => {
    const groups = resources('AWS::Logs::LogGroup');
    expect(groups.length).toBeGreaterThan(4);
    for (const [id, group] of groups) {
      expect(group.DeletionPolicy, id).toBe('Delete');
      expect(group.Properties.RetentionInDays, id).toBe(30);
    }
  });
});

describe('the distribution', () => {
  const config = (of = template()) =>
    theOnly('AWS::CloudFront::Distribution', of).DistributionConfig;
  const behaviors = (of = template()) => [
    config(of).DefaultCacheBehavior,
    ...config(of).CacheBehaviors,
  ];

  test('speaks HTTP/2 and 3 over IPv4 and IPv6', () => {
    expect(config()).toMatchObject({ Enabled: true, HttpVersion: 'http2and3', IPV6Enabled: true });
  });

  test('every behavior sends visitors to HTTPS, takes GET and HEAD only, and really compresses', () => {
    expect(behaviors()).toHaveLength(3);
    for (const behavior of behaviors()) {
      expect(behavior).toMatchObject({
        ViewerProtocolPolicy: 'redirect-to-https',
        AllowedMethods: ['GET', 'HEAD'],
        Compress: true,
        // CachingOptimized: the managed policy that has gzip and Brotli in its cache key.
        CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6',
      });
    }
  });

  test('the router runs for pages and for nothing else', () => {
    const withFunction = behaviors().filter(({ FunctionAssociations }) => FunctionAssociations);
    expect(withFunction).toEqual([config().DefaultCacheBehavior]);
    expect(withFunction[0].FunctionAssociations).toEqual([
      {
        EventType: 'viewer-request',
        FunctionARN: { 'Fn::GetAtt': [expect.any(String), 'FunctionARN'] },
      },
    ]);
  });

  test('only the error page and the pool can be asked for by their key: no manifest, no other release', () => {
    expect(
      config().CacheBehaviors.map(({ PathPattern }: { PathPattern: string }) => PathPattern),
    ).toEqual(['/_site/404.html', '/assets/*']);
    expect(config(aTemplate()).CacheBehaviors).toHaveLength(1);
  });

  test('browsers ask again for every page and keep pool files for ever', () => {
    const [pages] = resources('AWS::CloudFront::ResponseHeadersPolicy');
    const [id, { Properties }] = pages as [string, { Properties: Record<string, any> }];
    expect(Properties.ResponseHeadersPolicyConfig.CustomHeadersConfig.Items).toEqual([
      { Header: 'Cache-Control', Override: true, Value: 'public, max-age=0, must-revalidate' },
    ]);
    const [errorPage, pool] = config().CacheBehaviors;
    expect(config().DefaultCacheBehavior.ResponseHeadersPolicyId).toEqual({ Ref: id });
    expect(errorPage.ResponseHeadersPolicyId).toEqual({ Ref: id });
    // The managed SecurityHeadersPolicy leaves the stored Cache-Control alone.
    expect(pool.ResponseHeadersPolicyId).toBe('67f7725c-6f97-4210-82d7-5512b31e9d03');
  });

  test('pages carry the security headers, and the config can replace the content security policy', () => {
    const headers = (of = template()) =>
      theOnly('AWS::CloudFront::ResponseHeadersPolicy', of).ResponseHeadersPolicyConfig
        .SecurityHeadersConfig;
    expect(headers()).toEqual({
      ContentSecurityPolicy: {
        ContentSecurityPolicy:
          "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
        Override: true,
      },
      ContentTypeOptions: { Override: true },
      FrameOptions: { FrameOption: 'SAMEORIGIN', Override: true },
      ReferrerPolicy: { Override: true, ReferrerPolicy: 'strict-origin-when-cross-origin' },
      StrictTransportSecurity: {
        AccessControlMaxAgeSec: 31536000,
        IncludeSubdomains: false,
        Override: true,
      },
    });
    const own = aTemplate({
      headers: {
        contentSecurityPolicy: "default-src 'none'",
        frameOptions: 'off',
        referrerPolicy: 'no-referrer',
        strictTransportSecurity: { days: 730, includeSubdomains: true, preload: true },
      },
    });
    expect(headers(own)).toEqual({
      ContentSecurityPolicy: { ContentSecurityPolicy: "default-src 'none'", Override: true },
      ContentTypeOptions: { Override: true },
      ReferrerPolicy: { Override: true, ReferrerPolicy: 'no-referrer' },
      StrictTransportSecurity: {
        AccessControlMaxAgeSec: 63072000,
        IncludeSubdomains: true,
        Preload: true,
        Override: true,
      },
    });
  });

  test("a missing page is the site's own 404 page with status 404, asked for again after ten seconds", () => {
    expect(config().CustomErrorResponses).toEqual(
      // S3 answers 400 to what cannot be a key.
      [400, 404].map((ErrorCode) => ({
        ErrorCode,
        ResponseCode: 404,
        ResponsePagePath: '/_site/404.html',
        ErrorCachingMinTTL: 10,
      })),
    );
  });

  test('the router is the one that the tests run, with the settings of the site, and small', () => {
    const { FunctionCode, FunctionConfig } = theOnly('AWS::CloudFront::Function');
    expect(FunctionCode).toBe(routerCode(resolveConfig(aConfig())));
    expect(FunctionCode).toContain('push to the branch main');
    const source = { kind: 's3' } as const;
    expect(routerCode(resolveConfig(aConfig({ source })))).toContain('upload site.zip and watch');
    const [store] = resources('AWS::CloudFront::KeyValueStore')[0] as [string, unknown];
    expect(FunctionConfig).toMatchObject({
      Runtime: 'cloudfront-js-2.0',
      KeyValueStoreAssociations: [{ KeyValueStoreARN: { 'Fn::GetAtt': [store, 'Arn'] } }],
    });
    const longest = resolveConfig(
      aConfig({ name: 'a'.repeat(30), source: { kind: 'codecommit', branch: 'b'.repeat(255) } }),
    );
    expect(Buffer.byteLength(routerCode(longest))).toBeLessThanOrEqual(4096);
  });

  test('URL styles change the router, the default root object and what Upload is told, and nothing else', () => {
    const of = (over: Partial<SiteConfig>) => aTemplate({ immutable: ['assets/*'], ...over });
    const off = { style: 'any', fallback: 'none' } as const;
    expect(of({ urls: off }).toJSON()).toEqual(template().toJSON());

    const urls = { style: 'file', fallback: 'single-page' } as const;
    const changed = structuredClone(of({ urls }).toJSON());
    const [plain] = resources('AWS::CloudFront::Function')[0] as [string, unknown];
    const resource = (type: string, id: RegExp) =>
      Object.entries<any>(changed.Resources).find(
        ([name, { Type }]) => Type === type && id.test(name),
      )?.[1].Properties;
    const { Variables } = resource('AWS::Lambda::Function', /^Upload/).Environment;
    expect(JSON.parse(Variables.URLS)).toEqual(urls);
    delete Variables.URLS;
    const distribution = resource('AWS::CloudFront::Distribution', /^/).DistributionConfig;
    // With `index.html`, a redirect from there to `/` might lead in a circle.
    expect(distribution.DefaultRootObject).toBe('_site/start');
    distribution.DefaultRootObject = 'index.html';
    const router = resource('AWS::CloudFront::Function', /^/);
    expect(Buffer.byteLength(router.FunctionCode)).toBeLessThanOrEqual(5_120);
    router.FunctionCode = template().toJSON().Resources[plain].Properties.FunctionCode;
    expect(changed).toEqual(template().toJSON());
  });

  test('a deployment never moves the pointer: the store is not seeded', () => {
    expect(theOnly('AWS::CloudFront::KeyValueStore')).not.toHaveProperty('ImportSource');
  });
});

describe('the pipeline', () => {
  const stages = (of = template()): any[] => theOnly('AWS::CodePipeline::Pipeline', of).Stages;
  const action = (name: string, of = template()) =>
    stages(of)
      .flatMap(({ Actions }) => Actions)
      .find(({ Name }) => Name === name);

  test('goes from the source through the build to an upload, its promotion and the invalidation', () => {
    const order = stages().map(({ Name, Actions }) => [
      Name,
      Actions.map((a: any) => `${a.RunOrder} ${a.Name}`),
    ]);
    expect(order).toEqual([
      ['Source', ['1 Source']],
      ['Build', ['1 Build']],
      ['Deploy', ['1 Upload', '2 Promote']],
      ['Invalidate', ['1 Invalidate']],
    ]);
  });

  test('an older push never goes live after a newer one', () => {
    expect(theOnly('AWS::CodePipeline::Pipeline')).toMatchObject({
      PipelineType: 'V2',
      ExecutionMode: 'SUPERSEDED',
      RestartExecutionOnUpdate: false,
    });
  });

  test('the promotion is told the release that the upload made, and the upload the commit alone; both the execution', () => {
    expect(action('Upload').Configuration.UserParameters).toBe(
      '{"revision":"#{Source.CommitId}","execution":"#{codepipeline.PipelineExecutionId}"}',
    );
    expect(action('Upload').InputArtifacts).toEqual(action('Build').OutputArtifacts);
    expect(action('Promote').Configuration.UserParameters).toBe(
      '{"releaseId":"#{Upload.releaseId}","execution":"#{codepipeline.PipelineExecutionId}"}',
    );
  });

  test('the invalidation is for the one object that is ever overwritten', () => {
    const [distribution] = resources('AWS::CloudFront::Distribution')[0] as [string, unknown];
    expect(text(action('Invalidate').Configuration.UserParameters)).toBe(
      `{"distributionId":"{${distribution}}","objectPaths":["/_site/*"]}`,
    );
  });

  test('a push to the branch starts it, from either kind of repository', () => {
    const [rule, more] = properties('AWS::Events::Rule').filter(({ EventPattern }) => EventPattern);
    expect(more).toBeUndefined();
    expect(rule.EventPattern.detail).toEqual({
      event: ['referenceCreated', 'referenceUpdated'],
      referenceName: ['main'],
    });
    const connected = aTemplate({ source: { ...CONNECTION, branch: 'live' } });
    expect(action('Source', connected)).toMatchObject({
      Namespace: 'Source',
      ActionTypeId: { Provider: 'CodeStarSourceConnection' },
      Configuration: {
        ConnectionArn: CONNECTION.connectionArn,
        FullRepositoryId: 'group/team/shop',
        BranchName: 'live',
      },
    });
    connected.resourceCountIs('AWS::CodeCommit::Repository', 0);
    expect(theOnly('AWS::CodePipeline::Pipeline', connected)).not.toHaveProperty('Triggers');
    expect(action('Source', connected).Configuration).not.toHaveProperty('DetectChanges');
  });

  test('of a repository that holds more, only a push to the branch that changes such files does', () => {
    const paths = { include: ['site/**', 'shared/**'], exclude: ['site/drafts/**'] };
    const of = (over: object) => aTemplate({ source: { ...CONNECTION, branch: 'live', ...over } });
    const push = (FilePaths: object) => [
      {
        ProviderType: 'CodeStarSourceConnection',
        GitConfiguration: {
          SourceActionName: 'Source',
          Push: [{ Branches: { Includes: ['live'] }, FilePaths }],
        },
      },
    ];
    const filtered = of({ paths });
    expect(theOnly('AWS::CodePipeline::Pipeline', filtered).Triggers).toEqual(
      push({ Includes: paths.include, Excludes: paths.exclude }),
    );
    // Otherwise every push would start it as well.
    expect(action('Source', filtered).Configuration.DetectChanges).toBe(false);
    const excluding = of({ paths: { exclude: ['docs/**'] } });
    expect(theOnly('AWS::CodePipeline::Pipeline', excluding).Triggers).toEqual(
      push({ Excludes: ['docs/**'] }),
    );
  });

  test('of an uploaded zip, only that key in the bucket of uploads does, by an event of S3 itself', () => {
    const uploaded = aTemplate({ source: { kind: 's3', key: 'ci/site.zip' } });
    const [bucket] = resources('AWS::S3::Bucket', uploaded).find(([id]) =>
      id.startsWith('PipelineUploads'),
    ) as [string, unknown];
    expect(action('Source', uploaded)).toMatchObject({
      Namespace: 'Source',
      ActionTypeId: { Provider: 'S3' },
      Configuration: {
        S3Bucket: { Ref: bucket },
        S3ObjectKey: 'ci/site.zip',
        PollForSourceChanges: false,
      },
    });
    const [rule, more] = properties('AWS::Events::Rule', uploaded).filter(
      ({ EventPattern }) => EventPattern,
    );
    expect(more).toBeUndefined();
    expect(rule.EventPattern).toEqual({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: [{ Ref: bucket }] }, object: { key: ['ci/site.zip'] } },
    });
    expect(withoutHash(text(rule.Targets[0].Arn))).toBe(
      'arn:aws:codepipeline:eu-west-1:{AWS::AccountId}:{Pipeline}',
    );
    uploaded.resourceCountIs('AWS::CodeCommit::Repository', 0);
    uploaded.resourceCountIs('AWS::CloudTrail::Trail', 0);
    uploaded.resourceCountIs('Custom::S3BucketNotifications', 0);
    expect(action('Upload', uploaded).Configuration.UserParameters).toBe(
      '{"revision":"#{Source.VersionId}","execution":"#{codepipeline.PipelineExecutionId}"}',
    );
  });

  test('the bucket of uploads is private, keeps versions for a month and goes with the stack', () => {
    const uploaded = aTemplate({ source: { kind: 's3' } });
    const [id, bucket] = resources('AWS::S3::Bucket', uploaded).find(([name]) =>
      name.startsWith('PipelineUploads'),
    ) as [string, any];
    const [, artifacts] = resources('AWS::S3::Bucket', uploaded).find(([name]) =>
      name.startsWith('PipelineArtifacts'),
    ) as [string, any];
    for (const property of [
      'PublicAccessBlockConfiguration',
      'BucketEncryption',
      'OwnershipControls',
    ]) {
      expect(bucket.Properties[property]).toEqual(artifacts.Properties[property]);
    }
    expect(bucket.DeletionPolicy).toBe('Delete');
    uploaded.hasResourceProperties('Custom::S3AutoDeleteObjects', { BucketName: { Ref: id } });
    expect(bucket.Properties).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
    expect(bucket.Properties.LifecycleConfiguration.Rules).toEqual([
      {
        Id: 'old-uploads',
        Status: 'Enabled',
        NoncurrentVersionExpiration: { NoncurrentDays: 30 },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
    ]);
    const denied = properties('AWS::S3::BucketPolicy', uploaded)
      .filter(({ Bucket }) => Bucket.Ref === id)
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement as Statement[])
      .filter(({ Effect }) => Effect === 'Deny');
    expect(denied.map(({ Condition }) => Condition)).toEqual([
      { Bool: { 'aws:SecureTransport': 'false' } },
    ]);
  });

  test('a connection may be used under both names of the permission', () => {
    const statements = properties(
      'AWS::IAM::Policy',
      aTemplate({ source: { ...CONNECTION, branch: 'live' } }),
    )
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement as Statement[])
      .filter(({ Resource }) => Resource === CONNECTION.connectionArn);
    expect(statements.flatMap(({ Action }) => list(Action)).sort()).toEqual([
      'codeconnections:UseConnection',
      'codestar-connections:UseConnection',
    ]);
  });

  test.each([
    [
      'commands',
      {
        kind: 'commands',
        directory: 'site',
        commands: ['npm ci', 'npm run build'],
        nodeVersion: 22,
      } as const,
      'version: "0.2"\nphases:\n  install:\n    runtime-versions:\n      nodejs: 22\n  build:\n    commands:\n      - cd \'site\'\n      - npm ci\n      - npm run build\nartifacts:\n  base-directory: site/dist\n  files:\n    - "**/*"\n',
    ],
    [
      'a folder',
      { kind: 'folder', directory: 'public' } as const,
      'version: "0.2"\nphases:\n  build:\n    commands:\n      - \'echo "Nothing to build: the files are published as they are."\'\nartifacts:\n  base-directory: public\n  files:\n    - "**/*"\n',
    ],
    [
      'a buildspec of the repository',
      { kind: 'buildspec', file: 'ci/build.yml' } as const,
      'ci/build.yml',
    ],
  ])('the build does what the config says: %s', (_, build, expected) => {
    expect(theOnly('AWS::CodeBuild::Project', aTemplate({ build })).Source.BuildSpec).toBe(
      expected,
    );
  });
});

describe('the build project', () => {
  const project = (build: SiteConfig['build']) =>
    theOnly('AWS::CodeBuild::Project', aTemplate({ build }));

  test('is small, on Arm, has half an hour, no variables and no cache, unless the config says otherwise', () => {
    for (const build of [
      { kind: 'folder' },
      { kind: 'commands', commands: ['make'] },
      { kind: 'buildspec' },
    ] as const) {
      const { Environment, Cache, TimeoutInMinutes } = project(build);
      expect(Environment).toEqual({
        Type: 'ARM_CONTAINER',
        Image: 'aws/codebuild/amazonlinux-aarch64-standard:4.0',
        ComputeType: 'BUILD_GENERAL1_SMALL',
        ImagePullCredentialsType: 'CODEBUILD',
        PrivilegedMode: false,
      });
      expect(Cache).toEqual({ Type: 'NO_CACHE' });
      expect(TimeoutInMinutes).toBe(30);
    }
  });

  test('has the image, size, time and variables of the config', () => {
    const { Environment, TimeoutInMinutes } = project(EVERY_BUILD_OPTION);
    expect(Environment).toMatchObject({
      Type: 'LINUX_CONTAINER',
      Image: 'aws/codebuild/amazonlinux-x86_64-standard:5.0',
      ComputeType: 'BUILD_GENERAL1_LARGE',
      PrivilegedMode: false,
    });
    expect(TimeoutInMinutes).toBe(45);
    expect(Environment.EnvironmentVariables).toEqual([
      { Name: 'PUBLIC_ORIGIN', Type: 'PLAINTEXT', Value: 'https://example.com' },
      { Name: 'ANALYTICS_ID', Type: 'PARAMETER_STORE', Value: '/site/analytics-id' },
      { Name: 'TOKEN', Type: 'SECRETS_MANAGER', Value: 'site/token' },
      {
        Name: 'CMS_TOKEN',
        Type: 'SECRETS_MANAGER',
        Value: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:cms-AbCdEf:token',
      },
    ]);
  });

  test('keeps downloads below a prefix of their own in the artifact bucket, where the same lifetime ends them', () => {
    const of = aTemplate({ build: EVERY_BUILD_OPTION });
    const { Cache, Source } = theOnly('AWS::CodeBuild::Project', of);
    const [artifacts, { Properties }] = resources('AWS::S3::Bucket', of).find(([id]) =>
      id.startsWith('PipelineArtifacts'),
    ) as [string, any];
    expect(Cache.Type).toBe('S3');
    expect(text(Cache.Location)).toBe(`{${artifacts}}/build-cache`);
    expect(Properties.LifecycleConfiguration.Rules).toEqual([
      { Id: 'old-artifacts', Status: 'Enabled', ExpirationInDays: 30 },
    ]);
    expect(parse(Source.BuildSpec).cache.paths).toContain('/root/.npm/_cacache/**/*');
  });

  test('installs before the commands and where they run', () => {
    const { commands } = parse(project(EVERY_BUILD_OPTION).Source.BuildSpec).phases.build;
    expect(commands.map((command: string) => command.split('\n')[0])).toEqual([
      "cd 'site'",
      "# build.install: 'auto'",
      'npm run build',
    ]);
  });

  test('adds no resource, whatever a build asks for', () => {
    const types = (of: Template) =>
      Object.values(of.toJSON().Resources as object).map(({ Type }) => Type);
    expect(types(aTemplate({ build: EVERY_BUILD_OPTION })).sort()).toEqual(
      types(aTemplate({})).sort(),
    );
  });
});

describe('the functions', () => {
  const functions = () => resources('AWS::Lambda::Function');
  const jobs = () => functions().filter(([id]) => /^(Upload|Promote|Invalidate)/.test(id));
  /** All but the one of CDK that empties buckets. */
  const own = () => [...jobs(), prune()];
  const prune = (of = template()) =>
    resources('AWS::Lambda::Function', of).find(([id]) => id.startsWith('Prune')) as [string, any];

  test('run on nodejs24.x and arm64 and log to a group that ends', () => {
    expect(own()).toHaveLength(4);
    for (const [id, { Properties }] of functions()) {
      expect(Properties.Runtime, id).toBe('nodejs24.x');
      expect(Properties.Architectures, id).toEqual(['arm64']);
      expect(
        resources('AWS::Logs::LogGroup').map(([group]) => group),
        id,
      ).toContain(Properties.LoggingConfig.LogGroup.Ref);
    }
  });

  test('are never run again by Lambda itself, when things have moved on', () => {
    const configured = properties('AWS::Lambda::EventInvokeConfig');
    expect(configured.map(({ FunctionName }) => FunctionName.Ref).sort()).toEqual(
      own()
        .map(([id]) => id)
        .sort(),
    );
    for (const { MaximumRetryAttempts } of configured) expect(MaximumRetryAttempts).toBe(0);
  });

  test('the promotion watches the site at its public address, as the config says', () => {
    const variables = (of = template()) =>
      resources('AWS::Lambda::Function', of).find(([id]) => id.startsWith('Promote'))?.[1]
        .Properties.Environment.Variables;
    const [distribution] = resources('AWS::CloudFront::Distribution')[0] as [string, unknown];
    expect(text(variables().SITE_URL)).toBe(`https://{${distribution}.DomainName}`);
    expect(variables()).toMatchObject({ HEALTH_PATH: '/', HEALTH_DEADLINE_SECONDS: '120' });
    const own = aTemplate({ health: { path: '/status?full', deadlineSeconds: 60 } });
    expect(variables(own)).toMatchObject({
      HEALTH_PATH: '/status?full',
      HEALTH_DEADLINE_SECONDS: '60',
    });
  });

  test('the upload applies the gates of the config, all of them', () => {
    const gates = { massLoss: 0.9, links: 'strict' } as const;
    const upload = resources('AWS::Lambda::Function', aTemplate({ gates })).find(([id]) =>
      id.startsWith('Upload'),
    );
    expect(JSON.parse(upload?.[1].Properties.Environment.Variables.GATES)).toEqual(
      resolveConfig(aConfig({ gates })).gates,
    );
  });

  test('the clean-up runs once a day, and keeps what the config says', () => {
    const [[, rule], ...more] = resources('AWS::Events::Rule').filter(
      ([, { Properties }]) => Properties.ScheduleExpression,
    ) as [[string, any]];
    expect(more).toEqual([]);
    const [id] = prune();
    expect(rule.Properties).toMatchObject({
      ScheduleExpression: 'cron(17 3 * * ? *)',
      State: 'ENABLED',
      Targets: [{ Arn: { 'Fn::GetAtt': [id, 'Arn'] }, RetryPolicy: { MaximumRetryAttempts: 0 } }],
    });
    const of = aTemplate({ immutable: ['assets/*'], retention: { newest: 3 } });
    const { IMMUTABLE_PATTERNS, RETENTION } = prune(of)[1].Properties.Environment.Variables;
    expect(JSON.parse(IMMUTABLE_PATTERNS)).toEqual(['assets/*']);
    expect(JSON.parse(RETENTION)).toEqual({ newest: 3, days: 30 });
  });

  test('only the rule of the schedule may invoke the clean-up, and nobody a job but its pipeline', () => {
    const [id] = prune();
    const permissions = properties('AWS::Lambda::Permission');
    expect(permissions).toHaveLength(1);
    expect(permissions[0]).toMatchObject({
      Action: 'lambda:InvokeFunction',
      FunctionName: { 'Fn::GetAtt': [id, 'Arn'] },
      Principal: 'events.amazonaws.com',
    });
    expect(text(permissions[0].SourceArn)).toMatch(/^\{PruneSchedule\w+\.Arn\}$/);
  });

  test('end before CodePipeline stops waiting for them', () => {
    // A Lambda action without an answer for 20 minutes has failed (aws-facts: action-reference-Lambda).
    for (const [id, { Properties }] of jobs()) expect(Properties.Timeout, id).toBeLessThan(20 * 60);
  });
});

test('the outputs are what a person needs next', () => {
  const outputs = (of = template()) =>
    Object.fromEntries(
      Object.entries(of.toJSON().Outputs as Record<string, { Value: unknown }>).map(
        ([name, { Value }]) => [name, withoutHash(text(Value))],
      ),
    );
  expect(outputs()).toEqual({
    SiteUrl: 'https://{HostingDeliveryDistribution.DomainName}',
    PushTo: '{PipelineRepository.CloneUrlHttp}',
    PipelineUrl:
      'https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/{Pipeline}/view?region=eu-west-1',
    DistributionId: '{HostingDeliveryDistribution}',
    ContentBucket: '{HostingContentBucket}',
    KeyValueStore: '{HostingRouterKeyValueStore.Arn}',
  });
  const connected = aTemplate({ source: { ...CONNECTION, branch: 'live' } });
  expect(outputs(connected).PushTo).toBe('group/team/shop, branch live');
});

test('nothing in the template changes unnoticed', () => {
  const redacted = JSON.stringify(template().toJSON(), null, 2)
    .replace(/[0-9a-f]{64}/g, '<asset>')
    .replace(/"FunctionCode": ".*"/, '"FunctionCode": "<viewer-request.js>"');
  expect(redacted).toMatchSnapshot();
});

test('logical ids are as published: renaming one would replace what somebody keeps in it', () => {
  const ids = Object.keys(template().toJSON().Resources).map((id) => withoutHash(`${id} `).trim());
  expect(ids).toContain('HostingContentBucket');
  expect(ids).toContain('HostingRouterKeyValueStore');
  expect(ids).toContain('HostingDeliveryDistribution');
});
