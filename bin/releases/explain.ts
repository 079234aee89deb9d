import { PruneRefused } from '../../lambda/prune/prune.ts';
import { describeError, Failure, factsOf, isBusy } from '../../lambda/shared/failure.ts';
import { callOf } from './calls.ts';
import { Refused, UsageError } from './errors.ts';

/** What the command was told about where the stack is. */
export interface About {
  readonly local: boolean;
  readonly profile: string | undefined;
}

/** What a person reads about an error, whoever made it: what is wrong, and what to do about it. */
export function explain(error: unknown, about: About): string {
  if (error instanceof UsageError || error instanceof Refused) return error.message;
  if (error instanceof Failure || error instanceof PruneRefused) {
    const remedy = remedyFor(error.cause, about);
    return remedy === undefined ? error.message : `${error.message}\n${remedy}`;
  }
  const call = callOf(error);
  const { name, message, requestId } = factsOf(error);
  // An error of the cores that they wrote for a person.
  const words = name === 'Error' ? message : describeError(error);
  const said = `${words}${requestId === undefined ? '' : ` (request id ${requestId})`}`;
  const remedy = remedyFor(error, about);
  if (remedy !== undefined) return `${remedy}\n${call === undefined ? '' : `${call}: `}${said}`;
  return call === undefined ? said : `${call} failed: ${said}`;
}

const EXPIRED = /^(ExpiredToken\w*|RequestExpired|TokenExpired\w*)$/;
const UNKNOWN_KEY =
  /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|InvalidToken\w*|SignatureDoesNotMatch|InvalidSignature\w*|IncompleteSignature\w*|AuthFailure|MissingAuthenticationToken\w*)$/;
const DENIED = /^(AccessDenied\w*|Unauthorized\w*|NotAuthorized\w*|Forbidden|403)$/;
const CLOCK = /RequestTimeTooSkewed|Signature (expired|not yet current)/i;
const UNREACHED =
  /^(E(CONNREFUSED|CONNRESET|CONNABORTED|NOTFOUND|TIMEDOUT|HOSTUNREACH|NETUNREACH|PIPE)|EAI_AGAIN|TimeoutError)$/;

/** What to do about an error that people meet; nothing if it is none of these. */
function remedyFor(error: unknown, { local, profile }: About): string | undefined {
  if (error === undefined) return undefined;
  const { name, message } = factsOf(error);
  const login = `aws sso login${profile === undefined ? '' : ` --profile ${profile}`}`;

  if (/Region is missing|region=""/.test(message)) {
    return 'No Region is set: write --region REGION, or set AWS_REGION or "region" of the profile.';
  }
  if (/Could not resolve credentials using profile/.test(message)) {
    return 'There is no such profile with credentials: write another with --profile or AWS_PROFILE.';
  }
  // SSO's own errors have the name of a missing credential, and only their text says more.
  if (EXPIRED.test(name) || /\bexpired\b|SSO session/.test(message)) {
    if (CLOCK.test(message)) return 'The clock of this machine is wrong: set it, and try again.';
    return `The login has expired. Log in again (${login}), or set new temporary credentials.`;
  }
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    const of = profile === undefined ? '' : ` in profile "${profile}", if there is one`;
    return `There are no AWS credentials${of}. Log in (${login}), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. For the stack of npm start: --local.`;
  }
  if (CLOCK.test(`${name} ${message}`)) {
    return 'The clock of this machine is wrong: set it, and try again.';
  }
  if (UNKNOWN_KEY.test(name)) {
    if (callOf(error)?.startsWith('CloudFrontKeyValueStore')) {
      return 'The key-value store does not accept this session, which other services do: it wants a session token of version 2. Get one from a regional STS endpoint (AWS_STS_REGIONAL_ENDPOINTS=regional).';
    }
    return `AWS does not know these credentials: they were deleted, mistyped, or belong to another partition. Log in again (${login}), or name a profile with --profile.`;
  }
  if (DENIED.test(name)) {
    const action = /perform: ([\w-]+:\w+)/.exec(message)?.[1];
    return `These credentials may not do this${action === undefined ? '' : `: they lack ${action}`}. docs/runbook.md has the policy that an operator needs.`;
  }
  if (name === 'NoSuchBucket') {
    return 'The content bucket is gone. Without it there is no release: deploy the stack again, then push.';
  }
  if (UNREACHED.test(name)) {
    return local
      ? 'What npm start runs does not answer any more: start it again.'
      : 'AWS could not be reached: look at the network and its proxy, and at the name of the Region.';
  }
  if (isBusy(error)) return 'AWS is busy or in trouble: try again a little later.';
  return undefined;
}
