import type { Assembly, Resource } from '../assembly/assembly.ts';
import { type Grant, Policy } from './policy.ts';
import { listOf, textsAt, unknown } from './values.ts';

/** A role of the template with all that it may do. */
export interface Role {
  readonly logicalId: string;
  /** `arn:aws:iam::123456789012:role/NAME` */
  readonly arn: string;
  /** Who may be it. */
  readonly trust: Policy;
  readonly identity: readonly Policy[];
}

/** AWS's own policies, as far as the stack's roles have them. */
const OF_AWS: Readonly<Record<string, object>> = {
  'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole': {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: '*',
      },
    ],
  },
};

/**
 * Every role of the template by its ARN, with its inline policies, those of `AWS::IAM::Policy`, and managed ones.
 *
 * @throws Error naming the resource and the property that are not understood
 */
export function rolesOf(assembly: Assembly): Map<string, Role> {
  const roles = assembly.ofType('AWS::IAM::Role').map((resource) => roleOf(resource, assembly));
  return new Map(roles.map((role) => [role.arn, role]));
}

function roleOf(
  { logicalId, type, ref, attributes, properties }: Resource,
  assembly: Assembly,
): Role {
  const place = `${logicalId} (${type})`;
  const { AssumeRolePolicyDocument, Policies = [], ManagedPolicyArns = [] } = properties;
  const identity = (where: string, document: unknown) =>
    new Policy(where, document, 'identity', logicalId);
  return {
    logicalId,
    arn: String(attributes.Arn),
    trust: new Policy(
      `${place}: AssumeRolePolicyDocument`,
      AssumeRolePolicyDocument,
      'trust',
      logicalId,
    ),
    identity: [
      ...listOf(Policies).map((policy, index) =>
        identity(
          `${place}: Policies[${index}].PolicyDocument`,
          (policy as { PolicyDocument: unknown }).PolicyDocument,
        ),
      ),
      ...['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']
        .flatMap((kind) => assembly.ofType(kind))
        .filter((policy) => listOf(policy.properties.Roles ?? []).includes(ref))
        .map((policy) => identity(documentPlace(policy), policy.properties.PolicyDocument)),
      ...textsAt(`${place}: ManagedPolicyArns`, ManagedPolicyArns).map((arn) => {
        const own = assembly.ofType('AWS::IAM::ManagedPolicy').find((policy) => policy.ref === arn);
        if (own) return identity(documentPlace(own), own.properties.PolicyDocument);
        const document = OF_AWS[arn];
        if (document) return identity(arn, document);
        throw unknown(`${place}: ManagedPolicyArns`, arn, Object.keys(OF_AWS).join(', '));
      }),
    ],
  };
}

const documentPlace = ({ logicalId, type }: Resource): string =>
  `${logicalId} (${type}): PolicyDocument`;

/**
 * The policies of topics and functions by the ARN of these. Those of buckets S3 reads itself.
 *
 * @throws Error naming the resource and the property that are not understood
 */
export function resourcePoliciesOf(assembly: Assembly): Map<string, Policy[]> {
  const policies = new Map<string, Policy[]>();
  for (const resource of assembly.ofType('AWS::SNS::TopicPolicy')) {
    const { logicalId, type, properties } = resource;
    for (const topic of textsAt(`${logicalId} (${type}): Topics`, properties.Topics)) {
      const place = documentPlace(resource);
      if (policies.has(topic)) throw new Error(`${place}: ${topic} has a policy already`);
      policies.set(topic, [new Policy(place, properties.PolicyDocument, 'resource', logicalId)]);
    }
  }
  // Each of them a statement of the function's one policy.
  for (const permission of assembly.ofType('AWS::Lambda::Permission')) {
    const functionArn = String(permission.properties.FunctionName);
    policies.set(functionArn, [...(policies.get(functionArn) ?? []), permissionPolicy(permission)]);
  }
  return policies;
}

function permissionPolicy({ logicalId, type, properties }: Resource): Policy {
  const { Action, FunctionName, Principal, SourceArn, SourceAccount } = properties;
  const Condition = {
    ...(SourceArn !== undefined && { ArnLike: { 'aws:SourceArn': SourceArn } }),
    ...(SourceAccount !== undefined && { StringEquals: { 'aws:SourceAccount': SourceAccount } }),
  };
  const statement = {
    Effect: 'Allow',
    Principal: /^arn:/.test(Principal) ? { AWS: Principal } : { Service: Principal },
    Action,
    Resource: FunctionName,
    Condition,
  };
  const document = { Version: '2012-10-17', Statement: [statement] };
  // Its logical id has the name of the stack in it.
  const owner = `permission of ${SourceArn ?? Principal}`;
  return new Policy(`${logicalId} (${type})`, document, 'resource', owner);
}

/** A grant with logical ids in place of what only this one stack is called: `{ContentBucket.Arn}/releases/*`. */
export function withLogicalIds(assembly: Assembly): (grant: Grant) => Grant {
  const names = assembly.resources
    .flatMap(({ logicalId, ref, attributes }): [string, string][] => [
      ...Object.entries(attributes).map(([name, value]): [string, string] => [
        value,
        `{${logicalId}.${name}}`,
      ]),
      [ref, `{${logicalId}}`],
    ])
    // The longest first: an ARN has a name in it.
    .sort(([a], [b]) => b.length - a.length);
  const { region, accountId } = assembly.environment;
  const logical = (text: string) =>
    names
      .reduce((changed, [name, id]) => changed.replaceAll(name, id), text)
      .replaceAll(`:${region}:${accountId}:`, ':{AWS::Region}:{AWS::AccountId}:');
  return ({ owner, action, resource }) => ({
    owner: logical(owner),
    action,
    resource: logical(resource),
  });
}
