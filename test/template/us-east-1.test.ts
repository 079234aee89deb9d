import { App, type Environment, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CfnDeliveryDestination } from 'aws-cdk-lib/aws-logs';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { expect, test } from 'vitest';
import { inUsEast1 } from '../../lib/us-east-1.ts';
import { Assembly } from '../../local/assembly/assembly.ts';
import { aStack, cdkJson } from '../support/synth.ts';

function aSite(env?: Environment) {
  const app = new App({ context: cdkJson.context });
  const site = new Stack(app, 'a-site', { env });
  return { app, site };
}

/** CDK's own check of the bootstrap version left out. */
function rules(stack: Stack): object {
  const { CheckBootstrapVersion: _, ...others } = Template.fromStack(stack).toJSON().Rules;
  return others;
}

test('in us-east-1 there is one stack, and nothing to check', () => {
  const { app, site } = aSite({ region: 'us-east-1' });
  expect(inUsEast1(site)).toBe(site);
  expect(app.node.children).toEqual([site]);
  expect(rules(site)).toEqual({});
});

test('elsewhere there is one more stack, in us-east-1 and the same account, however often it is asked for', () => {
  const { app, site } = aSite({ region: 'eu-west-1', account: '123456789012' });
  const there = inUsEast1(site);
  expect(inUsEast1(new Bucket(site, 'Bucket'))).toBe(there);
  expect(there.stackName).toBe('a-site-us-east-1');
  expect([there.region, there.account]).toEqual(['us-east-1', '123456789012']);
  expect(app.synth().stacks.map(({ stackName }) => stackName)).toEqual([
    'a-site',
    'a-site-us-east-1',
  ]);
  expect(rules(site)).toEqual({});
});

test('it refers to the site by outputs, adds no resource to it, and is deployed after it', () => {
  const { app, site } = aSite({ region: 'eu-west-1' });
  const bucket = new Bucket(site, 'Bucket');
  const there = inUsEast1(site);
  new CfnDeliveryDestination(there, 'Destination', {
    name: 'a-name',
    destinationResourceArn: bucket.bucketArn,
  });

  const own = Template.fromStack(site).toJSON();
  expect(Object.values<{ Type: string }>(own.Resources).map(({ Type }) => Type)).toEqual([
    'AWS::S3::Bucket',
  ]);
  const [output] = Object.keys(own.Outputs);
  expect(Object.values(own.Outputs)).toEqual([
    { Value: { 'Fn::GetAtt': [expect.stringMatching(/^Bucket/), 'Arn'] } },
  ]);
  Template.fromStack(there).hasResourceProperties('AWS::Logs::DeliveryDestination', {
    DestinationResourceArn: {
      'Fn::GetStackOutput': { StackName: 'a-site', OutputName: output, Region: 'eu-west-1' },
    },
  });
  const { directory, stacks } = app.synth();
  expect(stacks[1]?.dependencies.map(({ id }) => id)).toContain('a-site');
  expect(() => new Assembly(directory), 'the local run').toThrow(
    `${directory}: got a-site-us-east-1 as a part of another stack; the local run takes a site that is one stack: synthesise with AWS_REGION=us-east-1`,
  );
});

test('without a Region it is the stack itself, with one rule that refuses others', () => {
  const { app, site } = aSite();
  expect(inUsEast1(site)).toBe(site);
  expect(inUsEast1(new Bucket(site, 'Bucket'))).toBe(site);
  expect(app.node.children).toEqual([site]);
  expect(rules(site)).toEqual({
    InUsEast1: {
      Assertions: [
        {
          Assert: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] },
          AssertDescription:
            'This template was made without knowing its Region and holds what AWS takes in us-east-1 only. Deploy it there, or synthesise it again with the Region in CDK_DEFAULT_REGION, as the cdk command does by itself: then a second stack holds that part.',
        },
      ],
    },
  });
});

test('a site that needs nothing there is one stack', () => {
  const stack = aStack();
  expect(stack.node.root.node.children).toEqual([stack]);
});
