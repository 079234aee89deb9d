import { describe, expect, test } from 'vitest';
import { type Caller, nameOf } from '../../local/iam/callers.ts';
import { decide, messageOf, type Policies } from '../../local/iam/decision.ts';
import { Policy, type PolicyKind } from '../../local/iam/policy.ts';

const ACCOUNT = '123456789012';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/a-site-Uploader`;
const role: Caller = { role: ROLE, session: 'a-site-Upload' };
const user: Caller = { user: 'jo' };
const DISTRIBUTION = `arn:aws:cloudfront::${ACCOUNT}:distribution/E1`;
const edge: Caller = { service: 'cloudfront.amazonaws.com', sourceArn: DISTRIBUTION };
const BUCKET = 'arn:aws:s3:::content';

const document = (...Statement: unknown[]) => ({ Version: '2012-10-17', Statement });
const policy = (kind: PolicyKind, ...statements: unknown[]) =>
  new Policy('P', document(...statements), kind);
const allow = (Action: string | string[], Resource: string | string[]) => ({
  Effect: 'Allow',
  Action,
  Resource,
});
const deny = (Action: string | string[], Resource: string | string[]) => ({
  ...allow(Action, Resource),
  Effect: 'Deny',
});

/** `allowed`, or why not. */
function verdict(caller: Caller, action: string, resource: string, policies: Policies): string {
  const decision = decide({ caller, action, resource }, policies);
  return decision.allowed ? 'allowed' : decision.because;
}

const NOT_GRANTED = (action: string) =>
  `because no identity-based policy allows the ${action} action`;

describe("a role's own policies", () => {
  test.each<[string, object[], string, string, string]>([
    [
      'allow what they name',
      [allow('s3:PutObject', `${BUCKET}/a`)],
      's3:PutObject',
      '/a',
      'allowed',
    ],
    ['and no other key', [allow('s3:PutObject', `${BUCKET}/a`)], 's3:PutObject', '/ab', ''],
    ['and no other action', [allow('s3:PutObject', `${BUCKET}/*`)], 's3:PutObjectAcl', '/a', ''],
    [
      'any keys below a prefix',
      [allow('s3:PutObject', `${BUCKET}/a/*`)],
      's3:PutObject',
      '/a/b/c',
      'allowed',
    ],
    ['not beside it', [allow('s3:PutObject', `${BUCKET}/a/*`)], 's3:PutObject', '/a', ''],
    [
      'a wildcard in the middle',
      [allow('s3:GetObject', `${BUCKET}/r/*/404.html`)],
      's3:GetObject',
      '/r/1/404.html',
      'allowed',
    ],
    [
      'of which the end counts, too',
      [allow('s3:GetObject', `${BUCKET}/r/*/404.html`)],
      's3:GetObject',
      '/r/1/index.html',
      '',
    ],
    ['one character', [allow('s3:GetObject', `${BUCKET}/a?`)], 's3:GetObject', '/ab', 'allowed'],
    ['and not two', [allow('s3:GetObject', `${BUCKET}/a?`)], 's3:GetObject', '/abc', ''],
    ['a dot is a dot', [allow('s3:GetObject', `${BUCKET}/a.b`)], 's3:GetObject', '/axb', ''],
    [
      'a wildcard in the action',
      [allow('s3:Get*', `${BUCKET}/*`)],
      's3:GetObject',
      '/a',
      'allowed',
    ],
    ['which does not reach another service', [allow('s3:*', '*')], 'sns:Publish', '/a', ''],
    [
      'an action in another case',
      [allow('S3:putobject', `${BUCKET}/*`)],
      's3:PutObject',
      '/a',
      'allowed',
    ],
    [
      'never a resource in another case',
      [allow('s3:PutObject', `${BUCKET}/A`)],
      's3:PutObject',
      '/a',
      '',
    ],
    [
      'the bucket is not its keys',
      [allow('s3:ListBucket', `${BUCKET}/*`)],
      's3:ListBucket',
      '',
      '',
    ],
    ['nor are these the bucket', [allow('s3:GetObject', BUCKET)], 's3:GetObject', '/a', ''],
    ['one of several', [allow(['s3:A', 's3:GetObject'], ['*'])], 's3:GetObject', '/a', 'allowed'],
    ['nothing', [], 's3:GetObject', '/a', ''],
    [
      'a deny goes before an allow, in whatever order',
      [deny('s3:*', `${BUCKET}/no/*`), allow('s3:*', '*')],
      's3:GetObject',
      '/no/a',
      'with an explicit deny in an identity-based policy',
    ],
    [
      'where it speaks of the call',
      [allow('s3:*', '*'), deny('s3:*', `${BUCKET}/no/*`)],
      's3:GetObject',
      '/a',
      'allowed',
    ],
  ])('%s', (_, statements, action, key, expected) => {
    const identity = [policy('identity', ...statements)];
    expect(verdict(role, action, `${BUCKET}${key}`, { identity })).toBe(
      expected || NOT_GRANTED(action),
    );
  });

  test('are read together', () => {
    const identity = [
      policy('identity', allow('s3:GetObject', '*')),
      policy('identity', allow('s3:PutObject', '*')),
    ];
    expect(verdict(role, 's3:GetObject', BUCKET, { identity })).toBe('allowed');
    expect(verdict(role, 's3:PutObject', BUCKET, { identity })).toBe('allowed');
  });

  test('a refusal is told in the words of AWS', () => {
    const question = { caller: role, action: 's3:PutObject', resource: `${BUCKET}/a` };
    expect(messageOf(question, NOT_GRANTED('s3:PutObject'))).toBe(
      `User: arn:aws:sts::${ACCOUNT}:assumed-role/a-site-Uploader/a-site-Upload is not authorized to perform: s3:PutObject on resource: ${BUCKET}/a because no identity-based policy allows the s3:PutObject action`,
    );
  });

  test('of an allowed call every statement is told that allows it, as it is written', () => {
    const granting = new Policy(
      'P',
      document(allow('s3:Get*', `${BUCKET}/*`), allow('s3:GetObject', '*'), allow('s3:Put*', '*')),
      'identity',
      'Uploader',
    );
    const decision = decide(
      { caller: role, action: 's3:GetObject', resource: `${BUCKET}/a` },
      { identity: [granting] },
    );
    expect(decision.allowed && decision.by.map(({ grant }) => grant)).toEqual([
      { owner: 'Uploader', action: 's3:Get*', resource: `${BUCKET}/*` },
      { owner: 'Uploader', action: 's3:GetObject', resource: '*' },
    ]);
  });
});

describe('who may what, within one account', () => {
  const nothing = [policy('identity', allow('sns:Publish', '*'))];
  const everything = [policy('identity', allow('s3:*', '*'))];
  const forRole = (effect: object, principal: unknown = { AWS: ROLE }) => [
    policy('resource', { ...effect, Principal: principal }),
  ];
  const get = allow('s3:GetObject', `${BUCKET}/*`);
  const noGet = deny('s3:GetObject', `${BUCKET}/*`);

  test.each<[string, Caller, Policies, string]>([
    ['the resource allows a role', role, { identity: nothing, resource: forRole(get) }, 'allowed'],
    [
      'it allows its session',
      role,
      { identity: nothing, resource: forRole(get, { AWS: [nameOf(role)] }) },
      'allowed',
    ],
    [
      'it allows another role',
      role,
      { identity: nothing, resource: forRole(get, { AWS: `${ROLE}2` }) },
      NOT_GRANTED('s3:GetObject'),
    ],
    [
      'it denies everybody',
      role,
      { identity: everything, resource: forRole(noGet, '*') },
      'with an explicit deny in a resource-based policy',
    ],
    [
      'it denies another role',
      role,
      { identity: everything, resource: forRole(noGet, { AWS: `${ROLE}2` }) },
      'allowed',
    ],
    ['a user may everything', user, {}, 'allowed'],
    [
      'but what is denied',
      user,
      { resource: forRole(noGet, { AWS: '*' }) },
      'with an explicit deny in a resource-based policy',
    ],
    [
      'a service has nothing but what the resource allows it',
      edge,
      {},
      'because no resource-based policy allows the s3:GetObject action',
    ],
    [
      'which it may',
      edge,
      { resource: forRole(get, { Service: 'cloudfront.amazonaws.com' }) },
      'allowed',
    ],
    [
      'and no other',
      edge,
      { resource: forRole(get, { Service: 's3.amazonaws.com' }) },
      'because no resource-based policy allows the s3:GetObject action',
    ],
    [
      'nobody is a service by name',
      { user: 'cloudfront.amazonaws.com' },
      { identity: nothing, resource: forRole(get, { Service: 'cloudfront.amazonaws.com' }) },
      NOT_GRANTED('s3:GetObject'),
    ],
    [
      'a narrowed session',
      role,
      { identity: everything, session: policy('identity', get) },
      'allowed',
    ],
    [
      'that is narrowed to something else',
      role,
      {
        identity: everything,
        session: policy('identity', allow('s3:GetObject', 'arn:aws:s3:::b/*')),
      },
      'because no session policy allows the s3:GetObject action',
    ],
    [
      'narrowing gives nothing',
      role,
      { identity: nothing, session: policy('identity', get) },
      NOT_GRANTED('s3:GetObject'),
    ],
  ])('%s', (_, caller, policies, expected) => {
    expect(verdict(caller, 's3:GetObject', `${BUCKET}/a`, policies)).toBe(expected);
  });
});

describe('a condition', () => {
  const SOURCE = `arn:aws:logs:us-east-1:${ACCOUNT}:delivery-source:logs`;
  const delivery = {
    service: 'delivery.logs.amazonaws.com',
    sourceArn: SOURCE,
    acl: 'bucket-owner-full-control',
  };
  const STRICT = {
    StringEquals: { 's3:x-amz-acl': 'bucket-owner-full-control', 'aws:SourceAccount': ACCOUNT },
    ArnLike: { 'aws:SourceArn': `arn:aws:logs:*:*:delivery-source:logs` },
  };
  const given = (Condition: object) =>
    policy('resource', {
      ...allow('s3:PutObject', '*'),
      Principal: { Service: delivery.service, AWS: ROLE },
      Condition,
    });

  test.each<[string, Caller, object, boolean]>([
    ['the source that it names', delivery, STRICT, true],
    ['another source', { ...delivery, sourceArn: `${SOURCE}2` }, STRICT, false],
    ['another account', { ...delivery, sourceArn: SOURCE.replace(ACCOUNT, '1') }, STRICT, false],
    ['another ACL', { ...delivery, acl: 'private' }, STRICT, false],
    ['no ACL', { service: delivery.service, sourceArn: SOURCE }, STRICT, false],
    ['no source', { service: delivery.service, acl: delivery.acl }, STRICT, false],
    ['a role, which has no source', role, STRICT, false],
    ['one of several values', delivery, { StringEquals: { 'aws:SourceArn': ['x', SOURCE] } }, true],
    ['none of them', delivery, { StringEquals: { 'aws:SourceArn': ['x', 'y'] } }, false],
    ['a key in another case', delivery, { StringEquals: { 'AWS:sourcearn': SOURCE } }, true],
    ['a pattern in a comparison', delivery, { StringEquals: { 'aws:SourceArn': 'arn:*' } }, false],
    [
      'ArnEquals, which is the same as ArnLike',
      delivery,
      { ArnEquals: { 'aws:SourceArn': 'arn:aws:logs:*:*:*:logs' } },
      true,
    ],
    [
      'a pattern of fewer parts',
      delivery,
      { ArnLike: { 'aws:SourceArn': 'arn:aws:logs:*:*' } },
      false,
    ],
    [
      'a wildcard that would reach over a part',
      delivery,
      { ArnLike: { 'aws:SourceArn': 'arn:aws:*:delivery-source:logs' } },
      false,
    ],
    [
      'encryption in transit, which there is',
      delivery,
      { Bool: { 'aws:SecureTransport': true } },
      true,
    ],
    ['none', delivery, { Bool: { 'aws:SecureTransport': 'false' } }, false],
  ])('on %s', (_, caller, Condition, holds) => {
    const found = given(Condition).matches({ caller, action: 's3:PutObject', resource: BUCKET });
    expect(found.length).toBe(holds ? 1 : 0);
  });
});

describe('what is not understood is an error that names the place', () => {
  const KNOWN = 'the local IAM knows';
  const own = allow('s3:GetObject', '*');
  const theirs = { ...own, Principal: { Service: 'cloudfront.amazonaws.com' } };
  const CONDITIONS =
    'StringEquals aws:SourceArn, aws:SourceAccount and s3:x-amz-acl, ArnLike and ArnEquals aws:SourceArn and Bool aws:SecureTransport';

  test.each<[PolicyKind, object, string]>([
    [
      'identity',
      { ...own, NotAction: 's3:*' },
      `.NotAction: got "s3:*"; ${KNOWN} Sid, Effect, Action, Resource and Condition`,
    ],
    [
      'identity',
      { ...own, NotResource: '*' },
      `.NotResource: got "*"; ${KNOWN} Sid, Effect, Action, Resource and Condition`,
    ],
    [
      'identity',
      { ...own, Principal: '*' },
      `.Principal: got "*"; ${KNOWN} Sid, Effect, Action, Resource and Condition`,
    ],
    [
      'resource',
      { ...theirs, NotPrincipal: '*' },
      `.NotPrincipal: got "*"; ${KNOWN} Sid, Effect, Principal, Action, Resource and Condition`,
    ],
    ['trust', theirs, `.Resource: got "*"; ${KNOWN} Sid, Effect, Principal, Action and Condition`],
    [
      'identity',
      { ...own, Effect: 'Perhaps' },
      `.Effect: got "Perhaps"; ${KNOWN} "Allow" and "Deny"`,
    ],
    [
      'resource',
      { ...theirs, Principal: '*' },
      `.Principal: got "*"; ${KNOWN} private resources: allow one principal`,
    ],
    [
      'resource',
      { ...theirs, Principal: { AWS: ACCOUNT } },
      `.Principal.AWS: got "${ACCOUNT}"; ${KNOWN} "*" and the ARNs of roles, not whole accounts`,
    ],
    ...(['Allow', 'Deny'] as const).flatMap((Effect) =>
      [
        ['AWS', `arn:aws:iam::${ACCOUNT}:role/*`],
        ['AWS', `${ROLE}?`],
        ['Service', '*.amazonaws.com'],
      ].map(([key = '', name = '']): [PolicyKind, object, string] => [
        'resource',
        { ...theirs, Effect, Principal: { [key]: name } },
        `.Principal.${key}: got "${name}"; ${KNOWN} principals without a wildcard in their name`,
      ]),
    ),
    [
      'resource',
      { ...theirs, Principal: { Federated: 'x' } },
      `.Principal.Federated: got "x"; ${KNOWN} "*", AWS and Service`,
    ],
    ['resource', own, `.Principal: got undefined; ${KNOWN} an object`],
    [
      'identity',
      { ...own, Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
      `.Condition.NumericLessThan.s3:TlsVersion: got 1.2; ${KNOWN} ${CONDITIONS}`,
    ],
    [
      'identity',
      { ...own, Condition: { StringEquals: { 'aws:SourceOrgID': 'o-1' } } },
      `.Condition.StringEquals.aws:SourceOrgID: got "o-1"; ${KNOWN} ${CONDITIONS}`,
    ],
    [
      'identity',
      { ...own, Condition: { 'ForAllValues:StringEquals': { 'aws:SourceArn': 'a' } } },
      `.Condition.ForAllValues:StringEquals.aws:SourceArn: got "a"; ${KNOWN} ${CONDITIONS}`,
    ],
    ['identity', { ...own, Action: 1 }, `.Action: got 1; ${KNOWN} strings`],
    [
      'identity',
      { ...own, Action: 'GetObject' },
      `.Action: got "GetObject"; ${KNOWN} service:Action`,
    ],
    ['identity', { ...own, Resource: undefined }, `.Resource: got undefined; ${KNOWN} strings`],
    [
      'identity',
      { ...own, Resource: 'content/*' },
      `.Resource: got "content/*"; ${KNOWN} ARNs and "*"`,
    ],
    [
      'identity',
      { ...own, Resource: `arn:aws:s3:::b/\${aws:username}/*` },
      `.Resource: got "arn:aws:s3:::b/\${aws:username}/*"; ${KNOWN} text without policy variables`,
    ],
  ])('%s %#', (kind, statement, message) => {
    expect(() => policy(kind, statement)).toThrow(new Error(`P.Statement[0]${message}`));
  });

  test('a document of another version, or with more to it', () => {
    expect(() => new Policy('P', { ...document(own), Version: '2008-10-17' }, 'identity')).toThrow(
      new Error('P.Version: got "2008-10-17"; the local IAM knows "2012-10-17"'),
    );
    expect(() => new Policy('P', { ...document(own), Extra: 1 }, 'identity')).toThrow(
      new Error('P.Extra: got 1; the local IAM knows Version, Id and Statement'),
    );
  });
});
