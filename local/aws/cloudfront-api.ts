import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { readJson, writeJson } from './files.ts';
import { addressOf, LocalService, readBody, ServiceError, type ServiceOptions } from './service.ts';
import { fromXml, toXml } from './xml.ts';

export interface LocalCloudFrontApiOptions extends ServiceOptions {
  /** Kept between runs. Two runs must not share it at the same time. */
  readonly stateDir: string;
  readonly distributions: readonly {
    readonly id: string;
    /** `arn:aws:cloudfront::123456789012:distribution/<id>` */
    readonly arn: string;
  }[];
  /** Removes the paths from the edge's cache. Called once for each invalidation, when it completes. */
  readonly onInvalidate: (distributionId: string, paths: readonly string[]) => void;
  /**
   * How long an invalidation is `InProgress`, in milliseconds. In AWS most take effect within 5
   * seconds and say `Completed` within 25.
   *
   * @default 1000
   */
  readonly completionDelayMs?: number;
  /** @default DEFAULT_INVALIDATION_LIMITS */
  readonly limits?: InvalidationLimits;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/** What one distribution may have in progress before it answers TooManyInvalidationsInProgress. */
export interface InvalidationLimits {
  readonly paths: number;
  readonly wildcards: number;
}

/**
 * The documented quotas until early 2026. AWS now counts paths per second instead; a caller that
 * survives the one survives the other, and this one does not depend on how fast the machine is.
 */
export const DEFAULT_INVALIDATION_LIMITS: InvalidationLimits = { paths: 3000, wildcards: 15 };

interface Invalidation {
  readonly id: string;
  readonly distributionId: string;
  readonly callerReference: string;
  readonly paths: readonly string[];
  /** In milliseconds. */
  readonly created: number;
  readonly completed: boolean;
}

const VERSION = '2020-05-31';
const NAMESPACE = `http://cloudfront.amazonaws.com/doc/${VERSION}/`;
const MAX_BATCH_PATHS = 3000;
const MAX_PATH_LENGTH = 4000;
/** Enough for any redelivered job to find its own; one more is kept with every release. */
const KEPT = 1000;

/**
 * CloudFront's control plane, as far as the stack uses it: create and get invalidations. An
 * invalidation takes time, and the same CallerReference with the same paths is the same one.
 */
export class LocalCloudFrontApi extends LocalService {
  readonly #options: LocalCloudFrontApiOptions;
  readonly #file: string;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** By id, oldest first. */
  #invalidations: Map<string, Invalidation>;

  constructor(options: LocalCloudFrontApiOptions) {
    super(options);
    this.#options = options;
    this.#file = join(options.stateDir, 'invalidations.json');
    const kept = (readJson(this.#file) ?? []) as Invalidation[];
    this.#invalidations = new Map(kept.map((invalidation) => [invalidation.id, invalidation]));
  }

  /** What was in progress when the last run ended goes on. */
  override async listen(): Promise<string> {
    for (const { id, completed } of this.#invalidations.values()) {
      if (!completed) this.#completeLater(id);
    }
    return await super.listen();
  }

  override async close(): Promise<void> {
    await super.close();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  protected override async handle(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { path, query } = addressOf(request);
    const caller = this.callerOf(request);
    const match = /^\/2020-05-31\/distribution\/([^/]+)\/invalidation(?:\/([^/]+))?$/.exec(path);
    const [, distributionId = '', id] = match ?? [];
    const operation = `${request.method} ${id === undefined ? 'all' : 'one'}`;
    const creates = operation === 'POST all';
    if (match === null || !(creates || operation === 'GET one') || query.size > 0) {
      throw this.unknown(400, 'NotImplemented', `CloudFront ${request.method} ${request.url}`);
    }
    const distribution = this.#options.distributions.find((one) => one.id === distributionId);
    this.authorise(
      caller,
      creates ? 'cloudfront:CreateInvalidation' : 'cloudfront:GetInvalidation',
      distribution?.arn ?? `arn:aws:cloudfront:::distribution/${distributionId}`,
    );
    if (distribution === undefined) {
      throw new ServiceError(
        404,
        'NoSuchDistribution',
        'The specified distribution does not exist.',
      );
    }
    if (creates) {
      const batch = await readBatch(request, (what) =>
        this.unknown(400, 'NotImplemented', `CloudFront CreateInvalidation: ${what}`),
      );
      const invalidation = this.#create(distributionId, batch);
      const location = `https://cloudfront.amazonaws.com/${VERSION}/distribution/${distributionId}/invalidation/${invalidation.id}`;
      return send(response, 201, invalidation, { location });
    }
    const invalidation = this.#invalidations.get(id ?? '');
    if (invalidation?.distributionId !== distributionId) {
      throw new ServiceError(
        404,
        'NoSuchInvalidation',
        'The specified invalidation does not exist.',
      );
    }
    return send(response, 200, invalidation);
  }

  protected override render(error: ServiceError, requestId: string) {
    return {
      contentType: 'text/xml',
      body: toXml({
        ErrorResponse: {
          '@xmlns': NAMESPACE,
          Error: {
            Type: error.status < 500 ? 'Sender' : 'Receiver',
            Code: error.code,
            Message: error.message,
          },
          RequestId: requestId,
        },
      }),
    };
  }

  #create(distributionId: string, { callerReference, paths }: Batch): Invalidation {
    const own = [...this.#invalidations.values()].filter(
      (invalidation) => invalidation.distributionId === distributionId,
    );
    const known = own.find((invalidation) => invalidation.callerReference === callerReference);
    if (known !== undefined) {
      const same = (list: readonly string[]) => JSON.stringify([...list].sort());
      if (same(known.paths) === same(paths)) return known;
      // In the API's text, but in none of its models; its other …AlreadyExists errors are 409s.
      throw new ServiceError(
        409,
        'InvalidationBatchAlreadyExists',
        'The caller reference that you supplied is in use by an invalidation of other paths.',
      );
    }
    const { paths: maxPaths, wildcards: maxWildcards } =
      this.#options.limits ?? DEFAULT_INVALIDATION_LIMITS;
    const inProgress = own.flatMap((one) => (one.completed ? [] : one.paths)).concat(paths);
    const wildcards = inProgress.filter((path) => path.endsWith('*')).length;
    if (inProgress.length - wildcards > maxPaths || wildcards > maxWildcards) {
      throw new ServiceError(
        400,
        'TooManyInvalidationsInProgress',
        'Processing your request will cause you to exceed the maximum number of in-progress invalidations.',
      );
    }
    const invalidation: Invalidation = {
      id: `I${randomBytes(8).toString('hex').toUpperCase().slice(0, 13)}`,
      distributionId,
      callerReference,
      paths,
      created: (this.#options.now ?? Date.now)(),
      completed: false,
    };
    this.#keep(invalidation);
    this.#completeLater(invalidation.id);
    return invalidation;
  }

  #completeLater(id: string): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const invalidation = this.#invalidations.get(id);
      if (invalidation === undefined) return;
      // First the effect, then the word: who reads `Completed` must not meet an old page.
      this.#options.onInvalidate(invalidation.distributionId, invalidation.paths);
      this.#keep({ ...invalidation, completed: true });
    }, this.#options.completionDelayMs ?? 1000);
    this.#timers.add(timer);
  }

  #keep(invalidation: Invalidation): void {
    const all = new Map(this.#invalidations).set(invalidation.id, invalidation);
    for (const [id, { completed }] of all) {
      if (all.size <= KEPT) break;
      if (completed) all.delete(id);
    }
    writeJson(this.#file, [...all.values()]);
    this.#invalidations = all;
  }
}

interface Batch {
  readonly callerReference: string;
  readonly paths: readonly string[];
}

async function readBatch(
  request: IncomingMessage,
  unknown: (what: string) => ServiceError,
): Promise<Batch> {
  const text = (await readBody(request, 32 * 1024 ** 2, tooLarge)).toString('utf8');
  if (text.trim() === '') {
    throw new ServiceError(
      400,
      'MissingBody',
      'This operation requires a body. Ensure that the body is present and the Content-Type header is set.',
    );
  }
  const batch = fromXml(text, ['Path'])?.InvalidationBatch as
    | {
        CallerReference?: string;
        Paths?: { Quantity?: string; Items?: { Path?: string[] } | string };
      }
    | undefined;
  if (typeof batch !== 'object') {
    throw new ServiceError(
      400,
      'MalformedXML',
      'The XML you provided was not well-formed or did not validate against our published schema.',
    );
  }
  const callerReference = batch.CallerReference ?? '';
  const items = batch.Paths?.Items;
  const paths = (typeof items === 'object' ? items.Path : undefined) ?? [];
  if (callerReference === '') throw invalid('Your request does not have a CallerReference.');
  if (Number(batch.Paths?.Quantity) !== paths.length) {
    throw new ServiceError(
      400,
      'InconsistentQuantities',
      'The value of Quantity and the size of Items do not match.',
    );
  }
  if (paths.length === 0) throw invalid('Your request does not have any paths.');
  if (paths.length > MAX_BATCH_PATHS) throw tooLarge();
  for (const path of paths) {
    if (path.startsWith('#')) throw unknown(`cache tag ${path}`);
    // Rules: CloudFront developer guide, "What you need to know when invalidating files".
    if (!path.startsWith('/') || path.length > MAX_PATH_LENGTH || !/^[!-}]+$/.test(path)) {
      throw invalid(
        `Your request contains one or more invalid invalidation paths: ${path.slice(0, 200)}`,
      );
    }
  }
  return { callerReference, paths };
}

function send(
  response: ServerResponse,
  status: number,
  { id, callerReference, paths, created, completed }: Invalidation,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = toXml({
    Invalidation: {
      '@xmlns': NAMESPACE,
      Id: id,
      Status: completed ? 'Completed' : 'InProgress',
      CreateTime: new Date(created).toISOString(),
      InvalidationBatch: {
        Paths: { Quantity: paths.length, Items: { Path: paths } },
        CallerReference: callerReference,
      },
    },
  });
  response.writeHead(status, {
    ...headers,
    'content-type': 'text/xml',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

const invalid = (message: string) => new ServiceError(400, 'InvalidArgument', message);
const tooLarge = () =>
  new ServiceError(413, 'BatchTooLarge', 'Invalidation batch specified is too large.');
