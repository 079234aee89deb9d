import { STSClient } from '@aws-sdk/client-sts';
import { describe, expect, test } from 'vitest';
import { callOf, isWrite, traced } from '../../bin/releases/calls.ts';
import { Refused, UsageError } from '../../bin/releases/errors.ts';
import { explain } from '../../bin/releases/explain.ts';
import { interrupted } from '../../bin/releases/interrupted.ts';
import { main } from '../../bin/releases/main.ts';
import { PruneRefused } from '../../lambda/prune/prune.ts';
import { Failure } from '../../lambda/shared/failure.ts';
import { anAwsError } from '../support/job.ts';

const AWS = { local: false, profile: undefined };
const PROFILE = { local: false, profile: 'shop' };
const LOCAL = { local: true, profile: undefined };

/** As a library throws it, before any request was made. */
const anError = (name: string, message: string, more = {}) =>
  Object.assign(new Error(message), { name, ...more });

/** As one of our clients throws it: with the call that it came from. */
async function fromCall<E extends Error>(client: string, command: string, error: E): Promise<E> {
  let middleware:
    | undefined
    | ((next: () => Promise<never>, context: object) => () => Promise<never>);
  traced({
    middlewareStack: {
      add: (given: typeof middleware) => {
        middleware = given;
      },
    },
  });
  const send = middleware?.(() => Promise.reject(error), {
    clientName: `${client}Client`,
    commandName: `${command}Command`,
  });
  await expect(send?.()).rejects.toBe(error);
  return error;
}

test('an error of ours is its message, whole and alone', () => {
  for (const Kind of [UsageError, Refused]) expect(explain(new Kind('why.'), AWS)).toBe('why.');
  expect(explain(new Failure('JobFailed', 'Release x is gone.'), AWS)).toBe('Release x is gone.');
  expect(explain(new PruneRefused('no live.', 'Visitors get x.'), AWS)).toBe(
    'The clean-up stopped and deletes nothing: no live. Visitors get x.',
  );
});

test.each<[string, Error, string]>([
  [
    'no credentials',
    anError('CredentialsProviderError', 'Could not load credentials from any providers'),
    'There are no AWS credentials. Log in (aws sso login), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. For the stack of npm start: --local.\nCredentialsProviderError: Could not load credentials from any providers',
  ],
  [
    'a profile that is none',
    anError(
      'CredentialsProviderError',
      'Could not resolve credentials using profile: [x] in configuration/credentials file(s).',
    ),
    'There is no such profile with credentials: write another with --profile or AWS_PROFILE.\nCredentialsProviderError: Could not resolve credentials using profile: [x] in configuration/credentials file(s).',
  ],
  [
    'no Region',
    anError('Error', 'Region is missing'),
    'No Region is set: write --region REGION, or set AWS_REGION or "region" of the profile.\nRegion is missing',
  ],
  [
    'an expired session',
    anAwsError('ExpiredToken', 403, 'The security token included in the request is expired'),
    'The login has expired. Log in again (aws sso login), or set new temporary credentials.\nExpiredToken (403): The security token included in the request is expired (request id request-1)',
  ],
  [
    'an expired session of another service',
    anAwsError('ExpiredTokenException', 403),
    'The login has expired. Log in again (aws sso login), or set new temporary credentials.\nExpiredTokenException (403): ExpiredTokenException says AWS (request id request-1)',
  ],
  [
    'an SSO login that is over',
    anError(
      'CredentialsProviderError',
      'Token is expired. To refresh this SSO session run aws sso login with the corresponding profile.',
    ),
    'The login has expired. Log in again (aws sso login), or set new temporary credentials.\nCredentialsProviderError: Token is expired. To refresh this SSO session run aws sso login with the corresponding profile.',
  ],
  [
    'an SSO login that never was',
    anError(
      'CredentialsProviderError',
      'The SSO session associated with this profile is invalid. To refresh this SSO session run aws sso login with the corresponding profile.',
    ),
    'The login has expired. Log in again (aws sso login), or set new temporary credentials.\nCredentialsProviderError: The SSO session associated with this profile is invalid. To refresh this SSO session run aws sso login with the corresponding profile.',
  ],
  [
    'credentials that AWS does not know',
    anAwsError('InvalidClientTokenId', 403),
    'AWS does not know these credentials: they were deleted, mistyped, or belong to another partition. Log in again (aws sso login), or name a profile with --profile.\nInvalidClientTokenId (403): InvalidClientTokenId says AWS (request id request-1)',
  ],
  [
    'a clock that is wrong',
    anAwsError('SignatureDoesNotMatch', 403, 'Signature expired: 2026 is now earlier than 2027'),
    'The clock of this machine is wrong: set it, and try again.\nSignatureDoesNotMatch (403): Signature expired: 2026 is now earlier than 2027 (request id request-1)',
  ],
  [
    'a bucket that is gone',
    anAwsError('NoSuchBucket', 404),
    'The content bucket is gone. Without it there is no release: deploy the stack again, then push.\nNoSuchBucket (404): NoSuchBucket says AWS (request id request-1)',
  ],
  [
    'a network that does not answer',
    anError('Error', 'getaddrinfo ENOTFOUND sts.eu-wst-1.amazonaws.com', { code: 'ENOTFOUND' }),
    'AWS could not be reached: look at the network and its proxy, and at the name of the Region.\nENOTFOUND: getaddrinfo ENOTFOUND sts.eu-wst-1.amazonaws.com',
  ],
  [
    'throttling',
    anAwsError('ThrottlingException', 400, 'Rate exceeded'),
    'AWS is busy or in trouble: try again a little later.\nThrottlingException (400): Rate exceeded (request id request-1)',
  ],
  [
    'what nobody foresaw',
    anAwsError('StrangeException', 418),
    'StrangeException (418): StrangeException says AWS (request id request-1)',
  ],
])('%s', (_, error, message) => {
  expect(explain(error, AWS)).toBe(message);
});

test('a missing permission is named, as AWS names it, with the call and where the policy is', async () => {
  const error = await fromCall(
    'CloudFormation',
    'DescribeStacks',
    anAwsError(
      'AccessDenied',
      403,
      'User: arn:aws:iam::1:user/jo is not authorized to perform: cloudformation:DescribeStacks on resource: x',
    ),
  );
  expect(explain(error, AWS)).toBe(
    [
      'These credentials may not do this: they lack cloudformation:DescribeStacks. docs/runbook.md has the policy that an operator needs.',
      'CloudFormation DescribeStacks: AccessDenied (403): User: arn:aws:iam::1:user/jo is not authorized to perform: cloudformation:DescribeStacks on resource: x (request id request-1)',
    ].join('\n'),
  );
});

test('a session that only the key-value store refuses is one that it is too old for', async () => {
  const error = await fromCall(
    'CloudFrontKeyValueStore',
    'GetKey',
    anAwsError('UnrecognizedClientException', 403),
  );
  expect(explain(error, AWS)).toMatch(
    /^The key-value store does not accept this session, which other services do: it wants a session token of version 2\. .*\nCloudFrontKeyValueStore GetKey: UnrecognizedClientException/,
  );
});

test('the login that is recommended is that of the profile', () => {
  expect(explain(anAwsError('ExpiredToken', 403), PROFILE)).toMatch(
    /^The login has expired\. Log in again \(aws sso login --profile shop\)/,
  );
});

test('with --local nobody is sent to AWS', () => {
  const error = anError('Error', 'connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' });
  expect(explain(error, LOCAL)).toBe(
    'What npm start runs does not answer any more: start it again.\nECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1',
  );
});

test('a promotion that failed for a reason outside of it says what to do about that, too', () => {
  const cause = anAwsError('ExpiredToken', 400);
  const failure = new Failure('PermissionError', 'Release x was not made live: ExpiredToken.', {
    cause,
  });
  expect(explain(failure, AWS)).toBe(
    'Release x was not made live: ExpiredToken.\nThe login has expired. Log in again (aws sso login), or set new temporary credentials.',
  );
});

describe('Ctrl-C', () => {
  const abort = new DOMException('Request aborted', 'AbortError');
  const freeze = { command: 'freeze' } as const;
  const told = (error: unknown, wrote: boolean) => explain(interrupted(error, freeze, wrote), AWS);

  test('says that nothing was changed only where that is sure', () => {
    expect(told(abort, false)).toBe('Interrupted; nothing was changed.');
    expect(told(new Failure('JobFailed', 'was not made live'), false)).toBe(
      'Interrupted; nothing was changed.',
    );
    expect(told(abort, true)).toBe(
      'Interrupted. Whether freeze was carried out, "npm run releases -- list" shows.',
    );
  });

  test('leaves the word to what says how far the command came', () => {
    expect(told(new Refused('Interrupted. Release x is live.'), true)).toMatch(/Release x is live/);
    expect(told(new Failure('JobFailed', 'Release x is live.'), true)).toBe('Release x is live.');
  });

  test('before there is a connection has changed nothing', async () => {
    let err = '';
    const status = await main(['freeze', 'why', '--local', '--state', '/nowhere'], {
      here: '/',
      region: undefined,
      env: {},
      signal: AbortSignal.abort(),
      out: () => {},
      err: (text) => {
        err += text;
      },
      ask: undefined,
      elapsed: () => 0,
    });
    expect({ status, err }).toEqual({ status: 1, err: 'Interrupted; nothing was changed.\n' });
  });

  test.each([
    ['S3 GetObject', false],
    ['S3 ListObjectsV2', false],
    ['CloudFrontKeyValueStore DescribeKeyValueStore', false],
    ['CloudFrontKeyValueStore UpdateKeys', true],
    ['S3 PutObject', true],
    ['S3 DeleteObjects', true],
    ['CloudFront CreateInvalidation', true],
  ])('%s may change something: %s', (call, may) => {
    expect(isWrite(call)).toBe(may);
  });
});

test('an error of a real client tells its call', async () => {
  const begun: string[] = [];
  const client = traced(
    new STSClient({
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      maxAttempts: 1,
    }),
    (call) => begun.push(call),
  );
  const { GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
  const error = await client.send(new GetCallerIdentityCommand({})).catch((thrown) => thrown);
  expect(callOf(error)).toBe('STS GetCallerIdentity');
  expect(begun).toEqual(['STS GetCallerIdentity']);
});
