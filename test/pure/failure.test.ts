import { describe, expect, test } from 'vitest';
import {
  classify,
  describeError,
  Failure,
  failureFrom,
  isBusy,
  UnexpectedAnswer,
} from '../../lambda/shared/failure.ts';
import { anAwsError } from '../support/job.ts';

const nodeError = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe('the failure type follows from what AWS called the error', () => {
  test.each([
    ['AccessDenied', 403, 'PermissionError'],
    ['AccessDeniedException', 400, 'PermissionError'],
    ['ExpiredToken', 400, 'PermissionError'],
    ['ExpiredTokenException', 400, 'PermissionError'],
    ['InvalidAccessKeyId', 403, 'PermissionError'],
    ['UnrecognizedClientException', 400, 'PermissionError'],
    ['CredentialsProviderError', undefined, 'PermissionError'],
    ['UnknownError', 403, 'PermissionError'],
    ['NoSuchDistribution', 404, 'ConfigurationError'],
    ['NoSuchBucket', 404, 'ConfigurationError'],
    ['InvalidArgument', 400, 'ConfigurationError'],
    ['BatchTooLarge', 413, 'ConfigurationError'],
    ['ValidationException', 400, 'ConfigurationError'],
    ['ResourceNotFoundException', 404, 'ConfigurationError'],
    ['TooManyInvalidationsInProgress', 400, 'SystemUnavailable'],
    ['Throttling', 400, 'SystemUnavailable'],
    ['ThrottlingException', 400, 'SystemUnavailable'],
    ['ThrottledException', 429, 'SystemUnavailable'],
    ['TooManyRequestsException', 429, 'SystemUnavailable'],
    ['RequestLimitExceeded', 503, 'SystemUnavailable'],
    ['SlowDown', 503, 'SystemUnavailable'],
    ['InternalError', 500, 'SystemUnavailable'],
    ['SyntaxError', 502, 'SystemUnavailable'],
    ['TimeoutError', undefined, 'SystemUnavailable'],
    ['TypeError', undefined, 'JobFailed'],
    ['NoSuchInvalidation', 404, 'JobFailed'],
  ] as const)('%s with status %s is a %s', (name, status, type) => {
    expect(classify(anAwsError(name, status))).toBe(type);
  });

  test.each(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT'])(
    'a connection that fails with %s is the system being unavailable',
    (code) => {
      expect(classify(nodeError(code))).toBe('SystemUnavailable');
      expect(isBusy(new Error('request failed', { cause: nodeError(code) }))).toBe(true);
    },
  );

  test('throttling is recognised by its words where its name is unknown', () => {
    expect(classify(anAwsError('ClientError', 400, 'Rate exceeded'))).toBe('SystemUnavailable');
  });

  test('an answer that is none is worth another try, and the SDK’s words for programmers are left out', () => {
    const unreadable = anAwsError(
      'SyntaxError',
      200,
      'Unexpected token\n  Deserialization error: to see the raw response, inspect the hidden field {error}.$response on this object.',
    );
    expect(describeError(unreadable)).toBe('UnexpectedAnswer (200): Unexpected token');
    expect(classify(unreadable)).toBe('SystemUnavailable');
    expect(isBusy(new UnexpectedAnswer('GetKey answered without a value'))).toBe(true);
    expect(isBusy(new Error('Checksum mismatch: expected "a" but received "b"'))).toBe(true);
  });

  test('a refusal in somebody else’s words is still a refusal', () => {
    const message = 'x\n  Deserialization error: to see the raw response, inspect it.';
    expect(classify(anAwsError('SyntaxError', 403, message))).toBe('PermissionError');
  });

  test('a full disk is not taken for a busy service', () => {
    expect(isBusy(nodeError('ENOSPC'))).toBe(false);
  });
});

test.each([
  [
    anAwsError('AccessDenied', 403, 'User is not authorized'),
    'AccessDenied (403): User is not authorized',
  ],
  [anAwsError('SlowDown', 503, 'SlowDown'), 'SlowDown (503)'],
  [anAwsError('Odd', undefined, ''), 'Odd'],
  [nodeError('ECONNRESET'), 'ECONNRESET: connect ECONNRESET'],
  ['a text', 'Error: a text'],
])('the operator reads what AWS called it: %s', (error, text) => {
  expect(describeError(error)).toBe(text);
});

test('an unforeseen error says what was being done, what AWS called it and what visitors see', () => {
  const failure = failureFrom(
    anAwsError('AccessDenied', 403, 'Not allowed.'),
    'The pointer cannot be read',
    'Visitors see A.',
  );
  expect(failure.type).toBe('PermissionError');
  expect(failure.message).toBe(
    'The pointer cannot be read: AccessDenied (403): Not allowed. Visitors see A.',
  );
});

test('a failure that is understood already keeps its words', () => {
  const failure = new Failure('JobFailed', 'So it is.');
  expect(failureFrom(failure, 'Something', 'Somebody')).toBe(failure);
});
