import type { Answered, Asked } from '../exploration/exchange.ts';

export type Service = 's3' | 'store' | 'cloudfront' | 'pipeline' | 'sns' | 'site' | 'artifact';

const XML = { 'content-type': 'application/xml' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** Invalidations by the time of the test: in progress for so long. */
export class Invalidations {
  readonly #byReference = new Map<string, { readonly id: string; readonly at: number }>();
  readonly #takeMs: number;

  constructor(takeMs: number) {
    this.#takeMs = takeMs;
  }

  get count(): number {
    return this.#byReference.size;
  }

  answer({ method, url, body }: Asked, now: number): Answered {
    const reference = /<CallerReference>(.*?)<\/CallerReference>/.exec(body.toString())?.[1];
    if (method === 'POST' && reference !== undefined) {
      const known = this.#byReference.get(reference);
      const one = known ?? { id: `I${this.#byReference.size + 1}`, at: now };
      this.#byReference.set(reference, one);
      return this.#told(201, one, now);
    }
    const id = url.split('/').at(-1);
    const one = [...this.#byReference.values()].find((other) => other.id === id);
    return one ? this.#told(200, one, now) : errorOf('cloudfront', 404, 'NoSuchInvalidation');
  }

  #told(status: number, { id, at }: { id: string; at: number }, now: number): Answered {
    const isOver = now - at >= this.#takeMs;
    const body = `<Invalidation><Id>${id}</Id><Status>${isOver ? 'Completed' : 'InProgress'}</Status></Invalidation>`;
    return { status, headers: XML, body: Buffer.from(body) };
  }
}

export interface Result {
  readonly operation: 'PutJobSuccessResult' | 'PutJobFailureResult';
  readonly jobId: string;
  readonly continuationToken?: string;
  readonly executionDetails?: { readonly summary?: string };
  readonly outputVariables?: Readonly<Record<string, string>>;
  readonly failureDetails?: { readonly type: string; readonly message: string };
}

/** CodePipeline's side of jobs: one result each, and none beyond its limits. */
export class Jobs {
  readonly results = new Map<string, Result>();
  readonly #offered = new Map<object, Result[]>();

  /** Whether a request is about a job at all: notifications ask CodePipeline other things. */
  static isResult({ headers }: Pick<Asked, 'headers'>): boolean {
    return /\.PutJob\w+Result$/.test(String(headers['x-amz-target']));
  }

  /** What a process says on its way here, whether it arrives or not. */
  offer(process: object, asked: Asked): void {
    this.#offered.set(process, [...(this.#offered.get(process) ?? []), resultOf(asked)]);
  }

  /** Of a process that says one thing and then another about the same job: both. The same thing twice is well. */
  contradiction(): string | undefined {
    for (const offered of this.#offered.values()) {
      const problem = contradictionIn(offered);
      if (problem) return problem;
    }
    return undefined;
  }

  answer(asked: Asked): Answered {
    const result = resultOf(asked);
    const { jobId, continuationToken, outputVariables, failureDetails } = result;
    if (this.results.has(jobId)) return errorOf('pipeline', 400, 'InvalidJobStateException');
    const isWithin = (text: string | undefined, most: number) =>
      text === undefined || (text.length > 0 && text.length <= most);
    const fits =
      isWithin(failureDetails?.message, 5_000) &&
      isWithin(result.executionDetails?.summary, 2_048) &&
      isWithin(continuationToken, 2_048) &&
      !(continuationToken !== undefined && outputVariables !== undefined);
    if (!fits) return errorOf('pipeline', 400, 'ValidationException');
    this.results.set(jobId, result);
    return { status: 200, headers: JSON_TYPE, body: Buffer.from('{}') };
  }
}

export const resultOf = ({ headers, body }: Pick<Asked, 'headers' | 'body'>): Result => ({
  operation: String(headers['x-amz-target']).replace(/^.*\./, ''),
  ...JSON.parse(body.toString()),
});

/** @param deliveries how often the event of a job was delivered: each may come to an end of its own. */
export function contradictionIn(offered: readonly Result[], deliveries = 1): string | undefined {
  const byJob = new Map<string, Set<string>>();
  for (const result of offered) {
    const said = byJob.get(result.jobId) ?? new Set();
    byJob.set(result.jobId, said.add(JSON.stringify(result)));
  }
  const [both] = [...byJob.values()].filter((said) => said.size > deliveries);
  return both && `one job, and two results: ${[...both].join(' and ')}`;
}

/** What each service calls an error of that status. */
const CODES: Readonly<Record<Service, Readonly<Record<number, string>>>> = {
  s3: {
    400: 'InvalidRequest',
    403: 'AccessDenied',
    409: 'ConditionalRequestConflict',
    412: 'PreconditionFailed',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'SlowDown',
  },
  store: {
    400: 'ValidationException',
    403: 'AccessDeniedException',
    409: 'ConflictException',
    412: 'PreconditionFailedException',
    429: 'ThrottlingException',
    500: 'InternalServerException',
    503: 'ServiceUnavailableException',
  },
  cloudfront: {
    400: 'TooManyInvalidationsInProgress',
    403: 'AccessDenied',
    409: 'InvalidationBatchAlreadyExists',
    412: 'PreconditionFailed',
    429: 'Throttling',
    500: 'InternalError',
    503: 'ServiceUnavailable',
  },
  pipeline: {
    400: 'ValidationException',
    403: 'AccessDeniedException',
    409: 'ConcurrentModificationException',
    412: 'PreconditionFailedException',
    429: 'ThrottlingException',
    500: 'InternalFailure',
    503: 'ServiceUnavailable',
  },
  sns: {
    400: 'InvalidParameter',
    403: 'AuthorizationError',
    409: 'ConcurrentAccess',
    412: 'PreconditionFailed',
    429: 'Throttled',
    500: 'InternalError',
    503: 'ServiceUnavailable',
  },
  site: {},
  artifact: {
    400: 'InvalidRequest',
    403: 'AccessDenied',
    409: 'OperationAborted',
    412: 'PreconditionFailed',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'SlowDown',
  },
};

const OTHER_DOCUMENT = Buffer.from('<html><body><h1>Welcome to the proxy</h1></body></html>');

export const notTheServices = (status: number): Answered => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: OTHER_DOCUMENT,
});

/** An error as the service words it. Each one is an object of its own. */
export function errorOf(
  service: Service,
  status: number,
  code = CODES[service][status] ?? 'Error',
): Answered {
  const message = `${code} says AWS`;
  if (service === 's3' || service === 'artifact') {
    const body = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
    return { status, headers: XML, body: Buffer.from(body) };
  }
  if (service === 'cloudfront' || service === 'sns') {
    const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`;
    return { status, headers: XML, body: Buffer.from(body) };
  }
  const headers = { ...JSON_TYPE, 'x-amzn-errortype': code };
  return { status, headers, body: Buffer.from(JSON.stringify({ __type: code, message })) };
}

/** Something else than the answer, with its status. */
export function garbled(
  { status, headers, body }: Answered,
  how: 'other' | 'empty' | 'half' | 'hollow',
): Answered {
  const { etag: _, ...without } = headers;
  if (how === 'other') return { ...notTheServices(status) };
  if (how === 'empty') return { status, headers: without, body: Buffer.alloc(0) };
  if (how === 'half') {
    return { status, headers, body: body.subarray(0, body.length >> 1), breaks: true };
  }
  const isXml = body.subarray(0, 1).toString() === '<';
  const root = /<([A-Za-z]+)[ >]/.exec(body.toString().replace(/<\?.*?\?>/, ''))?.[1];
  const hollow = isXml && root ? `<${root}></${root}>` : '{}';
  return { status, headers: without, body: Buffer.from(hollow) };
}
