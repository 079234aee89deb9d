import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as v from 'valibot';
import { MAX_OUTPUT_VARIABLES_BYTES, OUTPUT_VARIABLE_KEY, variablesSize } from './variables.ts';

/** What a function told CodePipeline about one job. */
export type JobResult =
  | {
      readonly type: 'succeeded';
      readonly summary?: string;
      readonly externalExecutionId?: string;
      readonly variables: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'continued';
      readonly token: string;
      readonly summary?: string;
      readonly externalExecutionId?: string;
      /** 0 to 100. */
      readonly percent?: number;
    }
  | {
      readonly type: 'failed';
      /** One of CodePipeline's failure types, such as `ConfigurationError`. */
      readonly failureType: string;
      readonly message: string;
      readonly externalExecutionId?: string;
    };

export interface OpenJob {
  readonly id: string;
  /** Settles with the first result that is reported; never rejects. */
  readonly result: Promise<JobResult>;
  /** From now on a result is refused, as for any job that is over. */
  close(): void;
}

const TARGET = 'CodePipeline_20150709.';
// CodePipeline's own requests stay far below: 120 KB of variables and a few KB around them.
const MAX_BODY_BYTES = 1024 * 1024;
/** A function that reports late does so within the minutes that it has. */
const OVER_KEPT = 1000;

/** Another call of CodePipeline's API: gets the parsed body and who sent it, and throws an `ApiError`. */
export type Operation = (body: unknown, request: IncomingMessage) => unknown;

/** Says who sent a request. @throws ApiError if they may not do that */
export type Authorise = (request: IncomingMessage, action: string, resource: string) => string;

/**
 * The two calls of CodePipeline's API that a job's function makes, over HTTP as the AWS SDK speaks
 * it (JSON 1.1), with the limits of the service's API model (codepipeline 2015-07-09) enforced.
 *
 * Signatures are not verified: the server listens on the loopback interface only.
 */
export class JobApi {
  /** Those that nobody has reported on yet, by id. */
  readonly #open = new Map<string, (result: JobResult) => void>();
  /** The ids of those that are over, oldest first: who reports on one is told so. */
  readonly #over = new Set<string>();
  readonly #server: Server;
  readonly #onUnknown: (operation: string) => void;
  readonly #others: Readonly<Record<string, Operation>>;
  readonly #authorise: Authorise;

  /**
   * @param onUnknown called with every operation that was asked for and is not known here.
   * @param others what else is known here, by the operation's name.
   * @param authorise asked before a result is taken; without it everybody may report.
   */
  constructor(
    onUnknown: (operation: string) => void = () => {},
    others: Readonly<Record<string, Operation>> = {},
    authorise: Authorise = () => 'somebody',
  ) {
    this.#onUnknown = onUnknown;
    this.#others = others;
    this.#authorise = authorise;
    this.#server = createServer((request, response) => {
      this.#answer(request).then(
        (body) => send(response, 200, body),
        (error: unknown) => {
          if (error instanceof ApiError) return send(response, error.status, error.body());
          send(response, 500, new ApiError('InternalFailure', String(error), 500).body());
        },
      );
    });
  }

  /** Starts on a free port of 127.0.0.1 and returns the endpoint's URL for the SDK. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Creates a job that a function can report on. */
  open(): OpenJob {
    const id = randomUUID();
    let finish: (result: JobResult) => void = () => {};
    const result = new Promise<JobResult>((resolve) => {
      finish = resolve;
    });
    this.#open.set(id, finish);
    return { id, result, close: () => this.#close(id) };
  }

  #close(id: string): void {
    if (!this.#open.delete(id)) return;
    this.#over.add(id);
    for (const oldest of this.#over) {
      if (this.#over.size <= OVER_KEPT) break;
      this.#over.delete(oldest);
    }
  }

  async #answer(request: IncomingMessage): Promise<unknown> {
    const target = request.headers['x-amz-target'];
    const operation = String(target ?? `${request.method} ${request.url}`).replace(TARGET, '');
    const text = await readBody(request);
    if (/^PutJob(Success|Failure)Result$/.test(operation)) {
      // AWS knows no resource for the two.
      this.#authorise(request, `codepipeline:${operation}`, '*');
    }
    if (operation === 'PutJobSuccessResult') {
      this.#finish(readInput(SUCCESS, parsed(text)));
    } else if (operation === 'PutJobFailureResult') {
      this.#finish(readInput(FAILURE, parsed(text)));
    } else {
      const other = Object.hasOwn(this.#others, operation) ? this.#others[operation] : undefined;
      if (other) return other(parsed(text), request);
      this.#onUnknown(operation);
      const known = ['PutJobSuccessResult', 'PutJobFailureResult', ...Object.keys(this.#others)];
      throw new ApiError(
        'UnknownOperationException',
        `${operation} is not known here; the local run knows ${known.join(', ')}`,
      );
    }
    return {};
  }

  #finish({ jobId, result }: { jobId: string; result: JobResult }): void {
    if (this.#over.has(jobId)) {
      throw new ApiError('InvalidJobStateException', `The job ${jobId} is already over`);
    }
    const finish = this.#open.get(jobId);
    if (!finish) throw new ApiError('JobNotFoundException', `No job found for ID ${jobId}`);
    if (result.type === 'succeeded') {
      const size = variablesSize(result.variables);
      if (size > MAX_OUTPUT_VARIABLES_BYTES) {
        throw new ApiError(
          'OutputVariablesSizeExceededException',
          `The output variables have ${size} bytes; at most ${MAX_OUTPUT_VARIABLES_BYTES} are allowed`,
        );
      }
    }
    this.#close(jobId);
    finish(result);
  }
}

/** An error in the form that the SDK turns into an exception of this name. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }

  body(): unknown {
    return { __type: this.code, message: this.message };
  }
}

const bounded = (max: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(max));
const JOB_ID = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
);

const SUCCESS = v.pipe(
  v.object({
    jobId: JOB_ID,
    currentRevision: v.optional(
      v.object({
        revision: bounded(1500),
        changeIdentifier: bounded(100),
        created: v.optional(v.number()),
        revisionSummary: v.optional(bounded(2048)),
      }),
    ),
    continuationToken: v.optional(bounded(2048)),
    executionDetails: v.optional(
      v.object({
        summary: v.optional(bounded(2048)),
        externalExecutionId: v.optional(bounded(1500)),
        percentComplete: v.optional(
          v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100)),
        ),
      }),
    ),
    outputVariables: v.optional(
      v.record(v.pipe(v.string(), v.regex(OUTPUT_VARIABLE_KEY)), v.string()),
    ),
  }),
  v.check(
    ({ continuationToken, outputVariables }) =>
      continuationToken === undefined || outputVariables === undefined,
    'outputVariables can be included only when there is no continuation token on the request',
  ),
  v.transform(
    ({ jobId, continuationToken, executionDetails = {}, outputVariables = {} }): Report => {
      const { summary, externalExecutionId, percentComplete: percent } = executionDetails;
      const details = {
        ...(summary !== undefined && { summary }),
        ...(externalExecutionId !== undefined && { externalExecutionId }),
      };
      if (continuationToken === undefined) {
        return { jobId, result: { type: 'succeeded', ...details, variables: outputVariables } };
      }
      return {
        jobId,
        result: {
          type: 'continued',
          token: continuationToken,
          ...details,
          ...(percent !== undefined && { percent }),
        },
      };
    },
  ),
);

const FAILURE = v.pipe(
  v.object({
    jobId: JOB_ID,
    failureDetails: v.object({
      type: v.picklist([
        'JobFailed',
        'ConfigurationError',
        'PermissionError',
        'RevisionOutOfSync',
        'RevisionUnavailable',
        'SystemUnavailable',
      ]),
      message: bounded(5000),
      externalExecutionId: v.optional(bounded(1500)),
    }),
  }),
  v.transform(
    ({ jobId, failureDetails: { type, message, externalExecutionId } }): Report => ({
      jobId,
      result: {
        type: 'failed',
        failureType: type,
        message,
        ...(externalExecutionId !== undefined && { externalExecutionId }),
      },
    }),
  ),
);

interface Report {
  readonly jobId: string;
  readonly result: JobResult;
}

/** @throws ApiError for what does not fit the schema, as the service words it */
export function readInput<T>(schema: v.GenericSchema<unknown, T>, input: unknown): T {
  const parsed = v.safeParse(schema, input);
  if (parsed.success) return parsed.output;
  // Like the service: how many, then each. The values stay out, a token may say more than it should.
  const details = parsed.issues.map((issue) => {
    const member = v.getDotPath(issue);
    const message = issue.message.replace(/(but received) .*$/s, '$1 something else');
    return member ? `at '${member}': ${message}` : message;
  });
  throw new ApiError(
    'ValidationException',
    `${details.length} validation error${details.length === 1 ? '' : 's'} detected: ${details.join('; ')}`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('SerializationException', 'The body is not valid JSON');
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new ApiError('RequestEntityTooLarge', `at most ${MAX_BODY_BYTES} bytes`, 413);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body));
}
