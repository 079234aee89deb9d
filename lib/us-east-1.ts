import { CfnRule, Fn, Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** CloudFront is a global service: what AWS keeps about it elsewhere, it keeps in this one Region. */
const US_EAST_1 = 'us-east-1';

/**
 * The stack for what AWS takes in us-east-1 only: deliveries of CloudFront's logs, alarms on its metrics.
 *
 * That is the stack of `scope`, where it is in us-east-1 itself. Elsewhere it is one more stack of the same account,
 * `NAME-us-east-1`, made when first asked for; `cdk deploy --all` deploys it after the other and `cdk destroy --all`
 * destroys it before. What is in it may refer to the other, never the other to it. CDK makes such a reference
 * from an output and `Fn::GetStackOutput` (the flag `defaultCrossStackReferences` in cdk.json), which follows
 * a change with the next deployment.
 *
 * Where the Region is not known when the app is synthesised, it is the stack of `scope`, with a rule that makes
 * CloudFormation refuse any other Region before it creates anything.
 */
export function inUsEast1(scope: Construct): Stack {
  const own = Stack.of(scope);
  const { region, account } = own;
  if (region === US_EAST_1) return own;
  if (Token.isUnresolved(region)) {
    assertUsEast1(own);
    return own;
  }
  const id = `${own.stackName}-${US_EAST_1}`;
  const parent = own.node.scope as Construct;
  return (
    (parent.node.tryFindChild(id) as Stack | undefined) ??
    new Stack(parent, id, {
      env: { region: US_EAST_1, ...(!Token.isUnresolved(account) && { account }) },
      // Else CDK wants physical names for whatever is referred to.
      crossRegionReferences: true,
      description: `${own.stackName}: what AWS takes in ${US_EAST_1} only`,
    })
  );
}

function assertUsEast1(stack: Stack): void {
  const id = 'InUsEast1';
  if (stack.node.tryFindChild(id)) return;
  new CfnRule(stack, id, {
    assertions: [
      {
        assert: Fn.conditionEquals(stack.region, US_EAST_1),
        assertDescription: `This template was made without knowing its Region and holds what AWS takes in ${US_EAST_1} only. Deploy it there, or synthesise it again with the Region in CDK_DEFAULT_REGION, as the cdk command does by itself: then a second stack holds that part.`,
      },
    ],
  });
}
