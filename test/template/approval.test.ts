import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import type { SiteConfig } from '../../lib/config.ts';
import { aTemplate, list, text, withoutHash } from '../support/synth.ts';

const pipelineOf = (of: Template): any =>
  Object.values(of.findResources('AWS::CodePipeline::Pipeline'))[0]?.Properties;
const orderOf = (over: Partial<SiteConfig>) =>
  pipelineOf(aTemplate(over)).Stages.map(({ Name, Actions }: any) => [
    Name,
    Actions.map((action: any) => `${action.RunOrder} ${action.Name}`).sort(),
  ]);
const actionIn = (name: string, over: Partial<SiteConfig>) =>
  pipelineOf(aTemplate(over))
    .Stages.flatMap(({ Actions }: any) => Actions)
    .find(({ Name }: any) => Name === name);

const WINDOW = { cron: '* * 9-16 ? * MON-THU', timeZone: 'Europe/Berlin' };

describe('an approval', () => {
  test('comes after the upload and before the promotion', () => {
    expect(orderOf({ approval: true })).toEqual([
      ['Source', ['1 Source']],
      ['Build', ['1 Build']],
      ['Deploy', ['1 Upload', '2 Approve', '3 Promote']],
      ['Invalidate', ['1 Invalidate']],
    ]);
  });

  test('says which release waits, what to look at, and until when', () => {
    const action = actionIn('Approve', {
      approval: { message: 'Look at /prices/.', timeoutMinutes: 60 },
    });
    expect(action.ActionTypeId).toEqual({
      Category: 'Approval',
      Owner: 'AWS',
      Provider: 'Manual',
      Version: '1',
    });
    expect(action.TimeoutInMinutes).toBe(60);
    expect(action.Configuration.CustomData).toBe(
      'Release #{Upload.releaseId} is uploaded and waits to go live. Look at /prices/.',
    );
    expect(withoutHash(text(action.Configuration.ExternalEntityLink))).toMatch(
      /^https:\/\/\{HostingDeliveryDistribution.*\.DomainName\}$/,
    );
    expect(actionIn('Approve', { approval: true }).TimeoutInMinutes).toBe(7 * 24 * 60);
  });

  test('gives nobody a permission: whoever approves has it from elsewhere', () => {
    const grants = (of: Template) =>
      Object.values(of.findResources('AWS::IAM::Policy')).flatMap(({ Properties }) =>
        Properties.PolicyDocument.Statement.flatMap(({ Action }: any) => list(Action)),
      );
    expect(grants(aTemplate({ approval: true }))).not.toContain('codepipeline:PutApprovalResult');
    const role = actionIn('Approve', { approval: true }).RoleArn['Fn::GetAtt'][0];
    const policies = Object.values(aTemplate({ approval: true }).findResources('AWS::IAM::Policy'));
    expect(
      policies.filter(({ Properties }) => JSON.stringify(Properties.Roles).includes(role)),
    ).toEqual([]);
  });

  test('names the pipeline for those who answer from a terminal', () => {
    expect(Object.keys(aTemplate({ approval: true }).findOutputs('PipelineName'))).toHaveLength(1);
    expect(Object.keys(aTemplate().findOutputs('PipelineName'))).toEqual([]);
  });
});

describe('a deployment window', () => {
  test('holds the promotion, and nothing before it', () => {
    expect(orderOf({ deploymentWindow: WINDOW })).toEqual([
      ['Source', ['1 Source']],
      ['Build', ['1 Build']],
      ['Deploy', ['1 Upload']],
      ['Promote', ['1 Promote']],
      ['Invalidate', ['1 Invalidate']],
    ]);
    const stages = pipelineOf(aTemplate({ deploymentWindow: WINDOW })).Stages;
    expect(stages.filter(({ BeforeEntry }: any) => BeforeEntry)).toHaveLength(1);
    expect(stages.find(({ Name }: any) => Name === 'Promote').BeforeEntry).toEqual({
      Conditions: [
        {
          Result: 'FAIL',
          Rules: [
            {
              Name: 'DeploymentWindow',
              RuleTypeId: {
                Category: 'Rule',
                Owner: 'AWS',
                Provider: 'DeploymentWindow',
                Version: '1',
              },
              Configuration: { Cron: '* * 9-16 ? * MON-THU', TimeZone: 'Europe/Berlin' },
            },
          ],
        },
      ],
    });
  });

  test('is looked at after the approval, so that a late one does not go live outside it', () => {
    expect(orderOf({ approval: true, deploymentWindow: WINDOW }).slice(2, 4)).toEqual([
      ['Deploy', ['1 Upload', '2 Approve']],
      ['Promote', ['1 Promote']],
    ]);
  });

  test('the promotion still gets the release that this execution has uploaded', () => {
    const plain = actionIn('Promote', {});
    const windowed = actionIn('Promote', { deploymentWindow: WINDOW });
    expect(windowed.Configuration).toEqual(plain.Configuration);
    expect(windowed.Configuration.UserParameters).toContain('#{Upload.releaseId}');
  });

  test('needs no permission', () => {
    const allowed = (over: Partial<SiteConfig>) =>
      Object.values(aTemplate(over).findResources('AWS::IAM::Policy'))
        .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
        .flatMap(({ Action }) => list(Action))
        .sort();
    expect(allowed({ deploymentWindow: WINDOW })).toEqual(allowed({}));
  });
});
