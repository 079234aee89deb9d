import { execFileSync, spawnSync } from 'node:child_process';
import type { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, expect, test } from 'vitest';
import { aStack, aTemplate } from '../support/synth.ts';

/** A site in eu-west-1 with logs of IP addresses, kept for a week. */
let app: App;
let site: Template;
let there: Template;
beforeAll(() => {
  const stack = aStack({ accessLogs: { days: 7, ipAddresses: true } });
  app = stack.node.root as App;
  site = Template.fromStack(stack);
  there = Template.fromStack(app.node.findChild('a-site-us-east-1') as Stack);
});

const fieldsOf = (template: Template): string[] =>
  Object.values(template.findResources('AWS::Logs::Delivery'))[0]?.Properties.RecordFields;

test('the logs stay in the Region of the site: private, encrypted, over TLS, and no longer than said', () => {
  const [id] = Object.keys(site.findResources('AWS::S3::Bucket')).filter((one) =>
    one.startsWith('HostingAccessLogs'),
  );
  expect(site.findResources('AWS::S3::Bucket')[String(id)]).toMatchObject({
    DeletionPolicy: 'Delete',
    Properties: {
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: 7, Status: 'Enabled' }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    },
  });
  site.hasResourceProperties('AWS::S3::BucketPolicy', {
    Bucket: { Ref: id },
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Effect: 'Deny',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      ]),
    },
  });
  site.hasOutput('AccessLogBucket', { Value: { Ref: id } });
  site.resourceCountIs('AWS::Logs::Delivery', 0);
});

test('the delivery is in us-east-1: of this distribution, as JSON, a folder for each day', () => {
  const types = Object.values<{ Type: string }>(there.toJSON().Resources).map(({ Type }) => Type);
  expect(types).toEqual([
    'AWS::Logs::DeliverySource',
    'AWS::Logs::DeliveryDestination',
    'AWS::Logs::Delivery',
  ]);
  const [source] = Object.keys(there.findResources('AWS::Logs::DeliverySource'));
  const [destination] = Object.keys(there.findResources('AWS::Logs::DeliveryDestination'));
  there.hasResourceProperties('AWS::Logs::DeliverySource', {
    Name: 'a-site-access-logs',
    LogType: 'ACCESS_LOGS',
    ResourceArn: {
      'Fn::Join': [
        '',
        Match.arrayWith([
          ':distribution/',
          {
            'Fn::GetStackOutput': Match.objectLike({
              OutputName: Match.stringLikeRegexp('Distribution'),
            }),
          },
        ]),
      ],
    },
  });
  there.hasResourceProperties('AWS::Logs::DeliveryDestination', {
    Name: 'a-site-access-logs',
    OutputFormat: 'json',
    DestinationResourceArn: {
      'Fn::Join': [
        '',
        [
          {
            'Fn::GetStackOutput': Match.objectLike({
              OutputName: Match.stringLikeRegexp('AccessLogs'),
            }),
          },
          '/cloudfront',
        ],
      ],
    },
  });
  there.hasResourceProperties('AWS::Logs::Delivery', {
    DeliverySourceName: { Ref: source },
    DeliveryDestinationArn: { 'Fn::GetAtt': [destination, 'Arn'] },
    S3SuffixPath: '{yyyy}/{MM}/{dd}',
  });
});

test('in us-east-1 there is one stack, and AWS finds its right to write before it looks for it', () => {
  const stack = aStack({ accessLogs: {} }, 'us-east-1');
  expect(stack.node.root.node.children).toEqual([stack]);
  const [delivery] = Object.values(Template.fromStack(stack).findResources('AWS::Logs::Delivery'));
  expect(delivery?.DependsOn).toEqual([expect.stringMatching(/^HostingAccessLogsBucketPolicy/)]);
});

test('addresses of visitors are in the lines only where the config says so; cookies and queries never', () => {
  const fields = fieldsOf(Template.fromStack(aStack({ accessLogs: {} }, 'us-east-1')));
  expect(fieldsOf(there)).toEqual([...fields, 'c-ip', 'x-forwarded-for']);
  for (const all of [fields, fieldsOf(there)]) {
    expect(all).toContain('viewer-request-log-data');
    expect(all).not.toContain('cs(Cookie)');
    expect(all).not.toContain('cs-uri-query');
  }
});

test('the router says which release is live only where somebody writes it down', () => {
  const codeOf = (template: Template): string =>
    Object.values(template.findResources('AWS::CloudFront::Function'))[0]?.Properties.FunctionCode;
  expect(codeOf(site)).toContain('logCustomData');
  expect(codeOf(aTemplate())).not.toContain('logCustomData');
});

test.runIf(spawnSync('cfn-lint', ['--version']).status === 0)('both stacks pass cfn-lint', () => {
  const files = app.synth().stacks.map(({ templateFullPath }) => templateFullPath);
  expect(files).toHaveLength(2);
  execFileSync('cfn-lint', ['--non-zero-exit-code', 'error', '--format', 'parseable', ...files]);
});
