import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts findings of a rule pack (cdk-nag) on a construct, each with the reason why it is right here. */
export function acknowledge(
  construct: IConstruct,
  reasons: Readonly<Record<string, string>>,
): void {
  for (const [id, reason] of Object.entries(reasons)) {
    Validations.of(construct).acknowledge({ id, reason });
  }
}

/**
 * Accepts wildcards in the policies below a construct: ARNs of resources (`arn:…/releases/*`, or `*`) and
 * actions (`s3:List*`). cdk-nag wants every single one of them named.
 */
export function acknowledgeWildcards(
  construct: IConstruct,
  wildcards: readonly string[],
  reason: string,
): void {
  for (const wildcard of wildcards) {
    const kind = /^[a-z0-9-]+:[A-Za-z]*\*$/.test(wildcard) ? 'Action' : 'Resource';
    const finding = flatten(Stack.of(construct).resolve(wildcard));
    acknowledge(construct, { [`AwsSolutions-IAM5[${kind}::${finding}]`]: reason });
  }
}

/** As cdk-nag spells a resource whose name is known only after deployment: `<Content.Arn>/releases/*`. */
function flatten(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [name, argument] = Object.entries(value)[0] as [string, unknown];
  if (name === 'Ref') return `<${String(argument)}>`;
  if (name === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  return (argument as [string, unknown[]])[1].map(flatten).join('');
}
