import { Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { stacksOf, text } from '../support/synth.ts';

const templatesOf = (...args: Parameters<typeof stacksOf>) =>
  stacksOf(...args).map((stack) => Template.fromStack(stack));

const CONFIG = {
  name: 'shop',
  environments: { staging: { source: { branch: 'develop' }, retention: { newest: 2 } } },
} as const;

const [production, staging] = templatesOf(CONFIG) as [Template, Template];

const ofType = (type: string, of: Template): [string, any][] =>
  Object.entries(of.findResources(type)).map(([id, { Properties }]) => [id, Properties]);
const sourceOf = (of: Template) =>
  ofType('AWS::CodePipeline::Pipeline', of)[0]?.[1].Stages[0].Actions[0].Configuration;

test('production is the stack that it is without environments', () => {
  const [alone] = templatesOf({ name: 'shop' }) as [Template];
  expect(production.toJSON()).toEqual(alone.toJSON());
});

test('the repository is created and deleted by production alone, and the others follow its branches', () => {
  production.hasResource('AWS::CodeCommit::Repository', {
    Properties: { RepositoryName: 'shop' },
    DeletionPolicy: 'Delete',
  });
  staging.resourceCountIs('AWS::CodeCommit::Repository', 0);
  expect(sourceOf(staging)).toEqual({
    RepositoryName: 'shop',
    BranchName: 'develop',
    PollForSourceChanges: false,
  });
  const rules = ofType('AWS::Events::Rule', staging).filter(([, { EventPattern }]) => EventPattern);
  expect(rules).toHaveLength(1);
  expect(rules[0]?.[1].EventPattern.detail.referenceName).toEqual(['develop']);
  expect(text(rules[0]?.[1].EventPattern.resources[0])).toMatch(/:codecommit:eu-west-1:.*:shop$/);
});

test('where people push is the shared repository', () => {
  const [{ Value }] = Object.values(staging.findOutputs('PushTo')) as [{ Value: unknown }];
  expect(text(Value)).toMatch(/\/v1\/repos\/shop$/);
});

test('no stack refers to another: each is deployed and destroyed by itself', () => {
  for (const stack of stacksOf(CONFIG)) {
    expect(stack.dependencies).toEqual([]);
    expect(JSON.stringify(Template.fromStack(stack).toJSON())).not.toContain('Fn::ImportValue');
  }
});

test('what CloudFront names in the whole account is named by the stack, and short enough', () => {
  const longest = templatesOf({ name: 'a'.repeat(22), environments: { staging: {}, qa: {} } });
  const names = longest.flatMap((template) => [
    ...ofType('AWS::CloudFront::KeyValueStore', template).map(([, { Name }]) => Name),
    ...ofType('AWS::CloudFront::Function', template).map(([, { Name }]) => Name),
    ...ofType('AWS::CloudFront::ResponseHeadersPolicy', template).map(
      ([, { ResponseHeadersPolicyConfig }]) => ResponseHeadersPolicyConfig.Name,
    ),
    ...ofType('AWS::CloudFront::OriginAccessControl', template).map(
      ([, { OriginAccessControlConfig }]) => OriginAccessControlConfig.Name,
    ),
  ]);
  expect(names.length).toBeGreaterThanOrEqual(3 * 4);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name.length, name).toBeLessThanOrEqual(64);
});
