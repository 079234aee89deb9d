import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { KeyValueReader } from '../edge/types.ts';
import { readJson, writeJson } from './files.ts';
import {
  addressOf,
  type Call,
  LocalService,
  readBody,
  ServiceError,
  type ServiceOptions,
} from './service.ts';

export interface LocalKeyValueStoreOptions extends ServiceOptions {
  /** Kept between runs. Two runs must not share it at the same time. */
  readonly stateDir: string;
  readonly stores: readonly {
    readonly logicalId: string;
    /** `arn:aws:cloudfront::123456789012:key-value-store/<id>` */
    readonly arn: string;
    /** Resolved properties of the `AWS::CloudFront::KeyValueStore`. */
    readonly properties: unknown;
  }[];
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

export interface ReaderOptions {
  /**
   * How long after a write this reader sees it, in milliseconds; a function is asked once for every
   * write. All keys of one update appear together, and an older state never follows a newer one.
   *
   * @default 0
   */
  readonly delay?: number | (() => number);
}

/**
 * CloudFront's limits (docs: cloudfront-limits, "Quotas on key value stores"). The API's model lets
 * keys be 1,024 characters; the quota for them is half of that.
 */
const MAX_KEY_BYTES = 512;
const MAX_VALUE_BYTES = 1024;
const MAX_STORE_BYTES = 5 * 1024 ** 2;
const MAX_UPDATE_KEYS = 50;
const MAX_UPDATE_BYTES = 3 * 1024 ** 2;
const MAX_PAGE = 50;
const DEFAULT_PAGE = 10;

interface State {
  readonly arn: string;
  readonly etag: string;
  /** In milliseconds, like `modified`. */
  readonly created: number;
  readonly modified: number;
  readonly items: Readonly<Record<string, string>>;
}

/** What one write changes. */
interface Change {
  readonly puts: readonly { readonly key: string; readonly value: string }[];
  readonly deletes: readonly string[];
}

class Store {
  readonly #file: string;
  readonly #watchers: ((state: State) => void)[] = [];
  state: State;

  constructor(stateDir: string, arn: string, now: number) {
    // A file name that any file system takes, whatever is in the ARN.
    const name = createHash('sha256').update(arn).digest('hex').slice(0, 32);
    this.#file = join(stateDir, `${name}.json`);
    const kept = readJson(this.#file) as State | undefined;
    this.state = kept ?? { arn, etag: newEtag(), created: now, modified: now, items: {} };
    if (kept === undefined) writeJson(this.#file, this.state);
  }

  watch(watcher: (state: State) => void): void {
    this.#watchers.push(watcher);
  }

  replace(items: State['items'], now: number): void {
    const state = { ...this.state, etag: newEtag(), modified: now, items };
    writeJson(this.#file, state);
    this.state = state;
    for (const watcher of this.#watchers) watcher(state);
  }
}

/**
 * The data plane of CloudFront's key-value stores. As in AWS the ETag is the whole store's: a writer
 * that has not seen the latest write, to whatever key, gets a ConflictException.
 */
export class LocalKeyValueStore extends LocalService {
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #now: () => number;

  /**
   * The SDK puts `<account>.` in front of the host, so the endpoint has to have a name:
   * `123456789012.localhost` is the loopback interface to most resolvers, `123456789012.127.0.0.1`
   * is nothing to any. The server answers to every Host.
   */
  protected override readonly host = 'localhost';

  constructor(options: LocalKeyValueStoreOptions) {
    super(options);
    this.#now = options.now ?? Date.now;
    for (const { logicalId, properties } of options.stores) {
      const { ImportSource } = (properties ?? {}) as { ImportSource?: unknown };
      if (ImportSource !== undefined) {
        throw new Error(
          `${logicalId} (AWS::CloudFront::KeyValueStore): ImportSource: got ${JSON.stringify(ImportSource)}; the local key-value store starts empty: leave it out`,
        );
      }
    }
    this.#stores = new Map(
      options.stores.map(({ arn }) => [arn, new Store(options.stateDir, arn, this.#now())]),
    );
  }

  /** A store as the functions at one edge read it. Throws for an ARN that is none of the stores'. */
  reader(arn: string, { delay = 0 }: ReaderOptions = {}): KeyValueReader {
    const store = this.#stores.get(arn);
    if (store === undefined) {
      throw new Error(
        `key-value store ${arn}: the local run knows ${[...this.#stores.keys()].join(', ') || 'none'}`,
      );
    }
    let seen = store.state;
    let coming: { readonly from: number; readonly state: State }[] = [];
    store.watch((state) => {
      coming.push({ from: this.#now() + (typeof delay === 'number' ? delay : delay()), state });
    });
    return {
      get: async (key) => {
        const now = this.#now();
        const arrived = coming.findLastIndex(({ from }) => from <= now);
        if (arrived !== -1) {
          seen = coming[arrived]?.state ?? seen;
          coming = coming.slice(arrived + 1);
        }
        return valueUnder(seen, key);
      },
    };
  }

  protected override async handle(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { path, query } = addressOf(request);
    const caller = this.callerOf(request);
    const [, root, arn, keys, key, ...more] = path.split('/').map(decoded);
    const method = request.method ?? '';
    const shape = keys === undefined ? '' : key === undefined ? '/keys' : '/keys/…';
    const operation = OPERATIONS.get(`${method} ${shape}`);
    if (
      root !== 'key-value-stores' ||
      operation === undefined ||
      (keys !== undefined && keys !== 'keys') ||
      more.length > 0
    ) {
      throw this.unknown(
        400,
        'UnknownOperationException',
        `CloudFront KeyValueStore ${method} ${path}`,
      );
    }
    for (const name of query.keys()) {
      if (operation !== 'ListKeys' || !['MaxResults', 'NextToken'].includes(name)) {
        throw this.unknown(
          400,
          'ValidationException',
          `CloudFront KeyValueStore ${operation}: query parameter ${name}`,
        );
      }
    }
    this.authorise(caller, `cloudfront-keyvaluestore:${operation}`, arn ?? '');
    const store = this.#stores.get(arn ?? '');
    if (store === undefined) throw notFound(`Key value store ${arn} was not found.`);
    switch (operation) {
      case 'DescribeKeyValueStore':
        return send(response, describe(store.state), store.state.etag);
      case 'GetKey':
        return send(response, getKey(store.state, key ?? ''));
      case 'ListKeys':
        return send(response, listKeys(store.state, query));
      default: {
        const change = changeOf(operation, key ?? '', await readBody(request, 16 * 1024 ** 2, big));
        this.#write(store, request.headers['if-match'], change);
        return send(response, totals(store.state.items), store.state.etag);
      }
    }
  }

  protected override render(error: ServiceError) {
    return {
      contentType: 'application/json',
      headers: { 'x-amzn-errortype': error.code },
      body: JSON.stringify({ Message: error.message }),
    };
  }

  protected override unsigned(): ServiceError {
    return new ServiceError(
      403,
      'MissingAuthenticationTokenException',
      'Missing Authentication Token',
    );
  }

  protected override stranger(): ServiceError {
    return new ServiceError(
      403,
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    );
  }

  protected override denied(call: Call, because: string): ServiceError {
    const { status, message } = super.denied(call, because);
    return new ServiceError(status, 'AccessDeniedException', message);
  }

  /** Compare and set in one go: nothing else runs between the comparison and the write. */
  #write(store: Store, ifMatch: string | undefined, { puts, deletes }: Change): void {
    if (ifMatch === undefined) throw invalid('If-Match is required: the ETag of the store.');
    if (ifMatch !== store.state.etag) {
      throw new ServiceError(
        409,
        'ConflictException',
        'The If-Match version is not the current version of the key value store.',
      );
    }
    const items = { ...store.state.items };
    for (const key of deletes) {
      if (valueUnder(store.state, key) === undefined) throw notFound(`Key ${key} was not found.`);
      delete items[key];
    }
    for (const { key, value } of puts) {
      // Not an assignment: `__proto__` is a key like any other.
      Object.defineProperty(items, key, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    if (totals(items).TotalSizeInBytes > MAX_STORE_BYTES) {
      throw new ServiceError(
        402,
        'ServiceQuotaExceededException',
        `The key value store would exceed ${MAX_STORE_BYTES} bytes.`,
      );
    }
    store.replace(items, this.#now());
  }
}

const OPERATIONS = new Map([
  ['GET ', 'DescribeKeyValueStore'],
  ['GET /keys', 'ListKeys'],
  ['POST /keys', 'UpdateKeys'],
  ['GET /keys/…', 'GetKey'],
  ['PUT /keys/…', 'PutKey'],
  ['DELETE /keys/…', 'DeleteKey'],
]);

const describe = ({ arn, created, modified, items }: State) => ({
  ...totals(items),
  KvsARN: arn,
  Created: created / 1000,
  LastModified: modified / 1000,
  Status: 'READY',
});

function getKey(state: State, key: string) {
  const value = valueUnder(state, key);
  if (value === undefined) throw notFound(`Key ${key} was not found.`);
  return { Key: key, Value: value, ...totals(state.items) };
}

function listKeys({ items }: State, query: URLSearchParams) {
  const size = query.get('MaxResults') ?? String(DEFAULT_PAGE);
  if (!/^\d+$/.test(size) || Number(size) < 1 || Number(size) > MAX_PAGE) {
    throw invalid(`MaxResults must be between 1 and ${MAX_PAGE}.`);
  }
  const token = query.get('NextToken');
  const after = token === null ? undefined : Buffer.from(token, 'base64url').toString('utf8');
  const keys = Object.keys(items)
    .sort()
    .filter((key) => after === undefined || key > after);
  const page = keys.slice(0, Number(size));
  return {
    Items: page.map((Key) => ({ Key, Value: items[Key] })),
    ...(keys.length > page.length
      ? { NextToken: Buffer.from(page.at(-1) ?? '').toString('base64url') }
      : {}),
  };
}

function changeOf(operation: string, key: string, body: Buffer): Change {
  if (operation === 'DeleteKey') return { puts: [], deletes: [checkedKey(key)] };
  if (body.length > MAX_UPDATE_BYTES) throw big();
  const input = parsed(body);
  if (operation === 'PutKey') {
    return { puts: [{ key: checkedKey(key), value: checkedValue(input.Value) }], deletes: [] };
  }
  const puts = members(input.Puts, 'Puts').map(({ Key, Value }) => ({
    key: checkedKey(Key),
    value: checkedValue(Value),
  }));
  const deletes = members(input.Deletes, 'Deletes').map(({ Key }) => checkedKey(Key));
  const keys = [...puts.map((put) => put.key), ...deletes];
  if (keys.length === 0) throw invalid('Puts and Deletes are both empty.');
  if (keys.length > MAX_UPDATE_KEYS) {
    throw invalid(`An update may hold up to ${MAX_UPDATE_KEYS} keys, got ${keys.length}.`);
  }
  if (new Set(keys).size < keys.length) throw invalid('A key is in the update more than once.');
  return { puts, deletes };
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Falls through to the one answer for anything that is not a JSON object.
  }
  throw invalid('The request body is not a JSON object.');
}

function members(value: unknown, name: string): Record<string, unknown>[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'object' || item === null)) {
    throw invalid(`${name} must be a list of objects.`);
  }
  return value;
}

function checkedKey(key: unknown): string {
  if (typeof key !== 'string' || key === '') throw invalid('Key must be a string, and not empty.');
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw invalid(`A key may have up to ${MAX_KEY_BYTES} bytes, got ${Buffer.byteLength(key)}.`);
  }
  return key;
}

function checkedValue(value: unknown): string {
  if (typeof value !== 'string') throw invalid('Value must be a string.');
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
    throw invalid(
      `A value may have up to ${MAX_VALUE_BYTES} bytes, got ${Buffer.byteLength(value)}.`,
    );
  }
  return value;
}

function valueUnder({ items }: State, key: string): string | undefined {
  return Object.hasOwn(items, key) ? items[key] : undefined;
}

function totals(items: State['items']) {
  const entries = Object.entries(items);
  return {
    ItemCount: entries.length,
    TotalSizeInBytes: entries.reduce(
      (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
      0,
    ),
  };
}

function send(response: ServerResponse, body: object, etag?: string): void {
  const text = JSON.stringify(body);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(etag === undefined ? {} : { etag }),
  });
  response.end(text);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalid('The address is not well-formed.');
  }
}

/** Of the shape that AWS's have. */
const newEtag = (): string => `KV${randomBytes(8).toString('hex').toUpperCase().slice(0, 12)}`;

const invalid = (message: string) => new ServiceError(400, 'ValidationException', message);
const notFound = (message: string) => new ServiceError(404, 'ResourceNotFoundException', message);
const big = () => invalid(`A request may have up to ${MAX_UPDATE_BYTES} bytes.`);
