/** The failure types of CodePipeline that our functions tell apart. */
export type FailureType =
  | 'ConfigurationError'
  | 'PermissionError'
  | 'SystemUnavailable'
  | 'JobFailed';

/** An end of the job that is understood: its message is written for the operator. */
export class Failure extends Error {
  readonly type: FailureType;
  /** What AWS calls the thing that failed, such as the id of an invalidation. */
  readonly externalExecutionId: string | undefined;

  constructor(
    type: FailureType,
    message: string,
    options: { readonly cause?: unknown; readonly externalExecutionId?: string | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.name = 'Failure';
    this.type = type;
    this.externalExecutionId = options.externalExecutionId;
  }
}

/**
 * An answer with a status of success that is not what the service documents: of a proxy on the way, or without what it
 * always has. Whether the call was carried out nobody knows.
 */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}

/**
 * What an answer always has, if it is the service's own.
 *
 * @throws UnexpectedAnswer with that text where it is missing or empty
 */
export function required<Value>(value: Value | undefined, without: string): Value {
  if (value === undefined || value === '') throw new UnexpectedAnswer(without);
  return value;
}

/** Said by the SDK, to programmers, of an answer that it could not read. */
const SDK_HINT = /\s*Deserialization error: to see the raw response, .*$/s;

/** What an AWS error, or any other, says about itself. */
export interface ErrorFacts {
  readonly name: string;
  readonly message: string;
  readonly status?: number;
  /** By which AWS Support finds the call. */
  readonly requestId?: string;
}

export function factsOf(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number; requestId?: string } };
  const code = (error as NodeJS.ErrnoException).code;
  // Node's own errors are all called "Error": their code says more.
  const isNodes = error.name === 'Error' && typeof code === 'string';
  const isUnreadable = !isNodes && SDK_HINT.test(error.message);
  return {
    name: isNodes ? code : isUnreadable ? 'UnexpectedAnswer' : error.name,
    message: error.message.replace(SDK_HINT, ''),
    ...($metadata?.httpStatusCode !== undefined && { status: $metadata.httpStatusCode }),
    ...($metadata?.requestId !== undefined && { requestId: $metadata.requestId }),
  };
}

/** What AWS called it, in a few words: `AccessDenied (403): User … is not authorized to …`. */
export function describeError(error: unknown): string {
  const { name, message, status } = factsOf(error);
  const said = message.trim() === name ? '' : message.trim();
  return `${name}${status === undefined ? '' : ` (${status})`}${said ? `: ${said}` : ''}`;
}

/** `describeError`, closed with a full stop so that another sentence can follow. */
export const sentenceOf = (error: unknown): string => describeError(error).replace(/\.*$/, '.');

const BUSY =
  /^(throttl\w*|\w*throttled?exception|toomany(requests\w*|invalidationsinprogress)|requestlimitexceeded|limitexceededexception|slowdown|bandwidthlimitexceeded|priorrequestnotcomplete|requesttimeout(exception)?|timeouterror|serviceunavailable(exception)?|internal(error|failure|serverexception|servererror)|e(connreset|connrefused|connaborted|pipe|timedout|hostunreach|netunreach|notfound)|eai_again)$/i;

/**
 * Whether the same call may well succeed a little later: throttling, 5xx, timeouts, a lost connection, an answer that is
 * none.
 */
export function isBusy(error: unknown): boolean {
  const { name, message, status } = factsOf(error);
  // Of its own, the SDK says only in words that bytes were damaged on their way.
  if (BUSY.test(name) || /rate exceeded|^checksum mismatch/i.test(message)) return true;
  if (status !== undefined && status >= 500) return true;
  if (status === 429) return true;
  // Of a refusal the status says enough.
  if (name === 'UnexpectedAnswer' && (status ?? 200) < 400) return true;
  // Some errors of the SDK wrap the one of Node that says what happened.
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error && isBusy(cause);
}

const DENIED =
  /^(accessdenied\w*|unauthorized\w*|forbidden|notauthorized\w*|authorizationerror\w*|invalidaccesskeyid|signaturedoesnotmatch|invalidsignature\w*|expiredtoken\w*|invalidtoken\w*|unrecognizedclient\w*|invalidclienttokenid|missingauthenticationtoken\w*|credentialsprovidererror|allaccessdisabled|kms\.\w*)$/i;

const MISCONFIGURED =
  /^(nosuch(distribution|bucket|key|resource)|notfound|resourcenotfound\w*|invalid(argument|parameter\w*|bucketname|arn)|validation\w*|malformed\w*|batchtoolarge|inconsistentquantities|missingbody|keytoolong\w*|permanentredirect|authorizationheadermalformed)$/i;

/** One rule for all functions, from AWS's error name and status to CodePipeline's failure type. */
export function classify(error: unknown): FailureType {
  if (error instanceof Failure) return error.type;
  // Before the status: throttling comes as 400, 403 and 503, depending on the service.
  if (isBusy(error)) return 'SystemUnavailable';
  const { name, status } = factsOf(error);
  if (DENIED.test(name) || status === 401 || status === 403) return 'PermissionError';
  if (MISCONFIGURED.test(name)) return 'ConfigurationError';
  return 'JobFailed';
}

/**
 * The failure to report for an error nobody foresaw: what was being done, what AWS called it, and
 * what visitors see now. A `Failure` is passed on as it is.
 */
export function failureFrom(error: unknown, doing: string, visitors: string): Failure {
  if (error instanceof Failure) return error;
  return new Failure(classify(error), `${doing}: ${sentenceOf(error)} ${visitors}`, {
    cause: error,
  });
}
