import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import parseRange from 'range-parser';
import type { OriginReader, OriginResponse } from '../edge/types.ts';
import type { BusEvent } from '../event-rules.ts';
import { type Caller, nameOf } from '../iam/callers.ts';
import { type Grant, Policy } from '../iam/policy.ts';
import { bodyOf } from './s3-body.ts';
import { type Listing, list } from './s3-listing.ts';
import { type BucketSettings, settingsOf } from './s3-properties.ts';
import { BucketStore, type StoredObject, type Upload } from './s3-store.ts';
import {
  addressOf,
  type Call,
  LocalService,
  readBody,
  ServiceError,
  type ServiceOptions,
} from './service.ts';
import { fromXml, toXml } from './xml.ts';

export interface LocalS3Options extends ServiceOptions {
  /** Kept between runs. Two runs must not share it at the same time. */
  readonly stateDir: string;
  /** Where the buckets are, for their domain names: `<bucket>.s3.<region>.amazonaws.com`. */
  readonly region: string;
  readonly buckets: readonly {
    readonly name: string;
    readonly logicalId: string;
    /** Resolved properties of the `AWS::S3::Bucket`. */
    readonly properties: unknown;
  }[];
  /** At most one for each bucket, as in S3. */
  readonly policies: readonly {
    /** The bucket's name. */
    readonly bucket: string;
    /** For error messages. */
    readonly logicalId?: string;
    readonly policyDocument: unknown;
  }[];
  /** Told of every new object in a bucket that sends its events to EventBridge. */
  readonly onEvent?: (event: BusEvent) => void;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

interface Bucket {
  readonly name: string;
  readonly arn: string;
  readonly settings: BucketSettings;
  readonly policy: Policy | undefined;
  readonly store: BucketStore;
}

/** One request that has been understood so far: who, on what. */
interface Request {
  readonly bucket: Bucket;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly caller: Caller;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** What a read answers, before its body. */
interface Found {
  readonly status: 200 | 206 | 304;
  readonly headers: Record<string, string>;
  /** The bytes to send, both ends included; `undefined` for none. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 2048;
const DAY = 24 * 60 * 60 * 1000;

/** Stored with an object and sent back with it. */
const REPRESENTATION = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
];

/** Sent with any request, and no part of what it asks for. */
const ORDINARY_HEADERS = new Set([
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-user-agent',
]);

/** What describes a body; `bodyOf` answers for each of them. */
const BODY_HEADERS =
  /^x-amz-(sdk-checksum-algorithm|trailer|decoded-content-length|checksum-[a-z0-9]+)$/;

/**
 * S3 on this machine, as far as the stack uses it: put, get, head, copy, list and delete objects by
 * path-style address, and read a version of one. What would change a request's meaning and is not known here is answered with
 * NotImplemented and told to `onUnknown`.
 *
 * A call is decided as within one account: a deny wins, and otherwise an allow of the bucket's policy or of the
 * caller's own suffices.
 */
export class LocalS3 extends LocalService {
  readonly #buckets: ReadonlyMap<string, Bucket>;
  readonly #region: string;
  readonly #now: () => number;
  readonly #onEvent: (event: BusEvent) => void;

  /** Throws an error that names every bucket property and policy statement it cannot honour. */
  constructor(options: LocalS3Options) {
    super(options);
    this.#region = options.region;
    this.#now = options.now ?? Date.now;
    this.#onEvent = options.onEvent ?? (() => {});
    const policies = new Map<string, Policy>();
    for (const { bucket, logicalId = bucket, policyDocument } of options.policies) {
      const place = `${logicalId} (AWS::S3::BucketPolicy): PolicyDocument`;
      if (policies.has(bucket)) throw new Error(`${place}: ${bucket} has a policy already`);
      if (!options.buckets.some(({ name }) => name === bucket)) {
        throw new Error(`${place}: ${bucket} is not one of the template's buckets`);
      }
      policies.set(bucket, new Policy(place, policyDocument, 'resource', logicalId));
    }
    // All settings before the first store, so that an error leaves no file open.
    const settings = options.buckets.map(({ name, logicalId, properties }) => ({
      name,
      settings: settingsOf(logicalId, properties),
    }));
    this.#buckets = new Map(
      settings.map(({ name, settings }) => [
        name,
        {
          name,
          arn: `arn:aws:s3:::${name}`,
          settings,
          policy: policies.get(name),
          store: new BucketStore(join(options.stateDir, name), settings.versioned),
        },
      ]),
    );
  }

  /** Also removes what the lifecycle rules let expire since the last start. */
  override async listen(): Promise<string> {
    this.expire(this.#now());
    return await super.listen();
  }

  override async close(): Promise<void> {
    await super.close();
    for (const { store } of this.#buckets.values()) store.close();
  }

  /** Removes the objects that a lifecycle rule lets expire by `now`, in milliseconds since 1970. */
  expire(now: number): void {
    for (const { settings, store } of this.#buckets.values()) {
      if (settings.noncurrentDays !== undefined) {
        store.forgetUntil(Math.floor(now / DAY) * DAY - settings.noncurrentDays * DAY);
      }
      for (const { prefix, days } of settings.expirations) {
        for (const key of [...store.keys]) {
          const { lastModified } = store.get(key) as StoredObject;
          // S3 rounds the moment up to the next midnight UTC.
          const expiry = Math.ceil((lastModified + days * DAY) / DAY) * DAY;
          if (key.startsWith(prefix) && expiry <= now) store.delete(key);
        }
      }
    }
  }

  /**
   * Stores a file without a request.
   *
   * @param caller - whose call it is; without one the person's at this machine
   */
  async putFile(
    bucketName: string,
    key: string,
    file: string,
    caller?: Caller,
  ): Promise<StoredObject> {
    const bucket = this.#bucket(bucketName);
    if (caller) this.#may({ bucket, caller }, 's3:PutObject', key);
    const { store } = bucket;
    const { size } = await stat(file);
    const headers = {
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'content-length': String(size),
    };
    const body = bodyOf(createReadStream(file), headers, (what) => this.#notImplemented(what));
    const upload = await store.receive(body);
    const stored = { 'content-type': DEFAULT_TYPE };
    return this.#created(
      bucket,
      store.commit(checkedKey(key), upload, stored, this.#now()),
      'PutObject',
    );
  }

  /** What is kept of an object, oldest first, the newest last. */
  versions(bucketName: string, key: string): readonly StoredObject[] {
    return this.#bucket(bucketName).store.versions(key);
  }

  /**
   * Writes an object to a file, which appears only when it is complete.
   *
   * @param caller - whose call it is; without one the person's at this machine
   */
  async getFile(
    bucketName: string,
    key: string,
    toFile: string,
    caller?: Caller,
  ): Promise<StoredObject> {
    const bucket = this.#bucket(bucketName);
    if (caller) this.#may({ bucket, caller }, 's3:GetObject', key);
    const { store } = bucket;
    const object = store.get(key);
    if (object === undefined) {
      throw new Error(`s3://${bucketName}/${key}: there is no such object`);
    }
    const part = `${toFile}.part`;
    try {
      const source = createReadStream('', { fd: store.open(object) });
      await pipeline(source, createWriteStream(part));
      await rename(part, toFile);
      return object;
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  /** Whether a bucket's policy lets a service put an object there. */
  mayPut(caller: Caller, bucketName: string, key: string): boolean {
    const bucket = this.#buckets.get(bucketName);
    if (bucket === undefined) return false;
    return this.refusal(caller, 's3:PutObject', arnOf(bucket, key), bucket.policy) === undefined;
  }

  /** What the policies of the buckets allow. */
  grants(): Grant[] {
    return [...this.#buckets.values()].flatMap(({ policy }) => policy?.grants() ?? []);
  }

  /**
   * S3 as a distribution's edges see it, with origin access control: the bucket policy alone decides
   * what they may read, and whether a missing object is a 404 or, without ListBucket, a 403.
   *
   * Throws for an origin that is not one of these buckets.
   */
  originReader(distributionArn: string): OriginReader {
    const caller: Caller = { service: 'cloudfront.amazonaws.com', sourceArn: distributionArn };
    return {
      read: async (originDomainName, method, path, headers) => {
        try {
          const bucket = this.#originBucket(originDomainName);
          // A plus is a space here, unlike everywhere else: NoSuchKey names the key with one (servo/rust-url#882).
          const key = checkedKey(decoded(path.slice(1).replaceAll('+', ' ')));
          const query = new URLSearchParams();
          const request = { bucket, key, caller, query, headers: { ...headers } };
          // The root of a bucket is its listing, to whoever may list it: a distribution without a
          // default root object shows all its keys.
          if (key === '') return xmlAnswer(200, this.#listV1(request), method);
          return this.#readForOrigin(request, method);
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          return xmlAnswer(error.status, this.render(error, '', path).body, method, error.headers);
        }
      },
    };
  }

  protected override async handle(
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { path, query } = addressOf(message);
    const caller = this.callerOf(message);
    const slash = path.indexOf('/', 1);
    const bucketName = decoded(slash === -1 ? path.slice(1) : path.slice(1, slash));
    const key = slash === -1 ? '' : checkedKey(decoded(path.slice(slash + 1)));
    const method = message.method ?? '';
    if (bucketName === '') throw this.#notImplemented(`S3 ${method} without a bucket`);
    const request = {
      bucket: this.#bucket(bucketName),
      key,
      caller,
      query,
      headers: message.headers,
    };
    // Keeps the connection usable for the answer when the body is refused halfway.
    const body: AsyncIterable<Buffer> = {
      [Symbol.asyncIterator]: () => message.iterator({ destroyOnReturn: false }),
    };
    const operation = operationOf(method, request);
    switch (operation) {
      case 'ListObjectsV2':
        return this.#sendXml(response, this.#listV2(request));
      case 'HeadBucket':
        return this.#headBucket(request, response);
      case 'DeleteObjects':
        return this.#sendXml(response, await this.#deleteObjects(request, body));
      case 'PutObject':
        return this.#putObject(request, body, response);
      case 'CopyObject':
        return this.#copyObject(request, response);
      case 'GetObject':
      case 'HeadObject':
        return this.#getObject(request, operation, response);
      case 'DeleteObject':
        return this.#deleteObject(request, response);
      default:
        throw this.#notImplemented(
          `S3 ${method} ${key === '' ? 'bucket' : 'object'}${query.size > 0 ? `?${query}` : ''}`,
        );
    }
  }

  protected override render(error: ServiceError, requestId: string, path: string) {
    return {
      contentType: 'application/xml',
      body: toXml({
        Error: {
          Code: error.code,
          Message: error.message,
          Resource: path,
          RequestId: requestId,
        },
      }),
    };
  }

  protected override unsigned(): ServiceError {
    return new ServiceError(403, 'AccessDenied', 'Access Denied');
  }

  protected override stranger(): ServiceError {
    return new ServiceError(
      403,
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
    );
  }

  protected override denied(call: Call, because: string): ServiceError {
    return super.denied({ ...call, resource: `"${call.resource}"` }, because);
  }

  async #putObject(
    request: Request,
    source: AsyncIterable<Buffer>,
    response: ServerResponse,
  ): Promise<void> {
    const { bucket, key, headers } = request;
    this.#only(
      'PutObject',
      request,
      [],
      (name) =>
        ['if-none-match', 'if-match'].includes(name) || isStored(name) || BODY_HEADERS.test(name),
    );
    this.#may(request, 's3:PutObject', key);
    // S3 asks for it too: without it the condition would tell who cannot read what is there.
    if (headers['if-match'] !== undefined) this.#may(request, 's3:GetObject', key);
    const stored = this.#storedHeaders('PutObject', headers);
    const body = bodyOf(source, headers, (what) => this.#notImplemented(`S3 PutObject: ${what}`));
    this.#checkPreconditions(request);
    const upload = await bucket.store.receive(body);
    const object = this.#commit(request, upload, stored, 'PutObject');
    response.writeHead(200, {
      etag: object.etag,
      ...versionHeader(object),
      ...ENCRYPTED,
      ...checksumHeaders(object),
      'content-length': 0,
    });
    response.end();
  }

  #copyObject(request: Request, response: ServerResponse): void {
    const { bucket, key, headers } = request;
    this.#only(
      'CopyObject',
      request,
      [],
      (name) =>
        ['if-none-match', 'if-match', 'x-amz-copy-source', 'x-amz-metadata-directive'].includes(
          name,
        ) || isStored(name),
    );
    const directive = headers['x-amz-metadata-directive'] ?? 'COPY';
    if (directive !== 'COPY' && directive !== 'REPLACE') {
      throw new ServiceError(400, 'InvalidArgument', 'Unknown metadata directive.');
    }
    const from = String(headers['x-amz-copy-source']).replace(/^\//, '');
    if (from.includes('?')) {
      throw this.#notImplemented(`S3 CopyObject: x-amz-copy-source ${from.replace(/^[^?]*/, '')}`);
    }
    const path = decoded(from);
    const slash = path.indexOf('/');
    if (slash < 1 || slash === path.length - 1) {
      throw new ServiceError(400, 'InvalidArgument', 'Invalid copy source object key');
    }
    const source = {
      ...request,
      bucket: this.#bucket(path.slice(0, slash)),
      key: checkedKey(path.slice(slash + 1)),
    };
    this.#may(source, 's3:GetObject', source.key);
    this.#may(request, 's3:PutObject', key);
    if (directive === 'COPY' && source.bucket === bucket && source.key === key) {
      throw new ServiceError(
        400,
        'InvalidRequest',
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
      );
    }
    this.#checkPreconditions(request);
    const original = source.bucket.store.get(source.key) ?? this.#missing(source);
    const stored =
      directive === 'COPY' ? original.headers : this.#storedHeaders('CopyObject', headers);
    const upload = bucket.store.duplicate(source.bucket.store, original);
    const copy = this.#commit(request, upload, stored, 'CopyObject');
    const body = toXml({
      CopyObjectResult: {
        '@xmlns': NAMESPACE,
        LastModified: isoTime(copy.lastModified),
        ETag: copy.etag,
        [`Checksum${copy.checksum.algorithm.toUpperCase()}`]: copy.checksum.value,
        ChecksumType: 'FULL_OBJECT',
      },
    });
    this.#sendXml(response, body, versionHeader(copy));
  }

  async #getObject(
    request: Request,
    operation: 'GetObject' | 'HeadObject',
    response: ServerResponse,
  ): Promise<void> {
    const { settings, store } = request.bucket;
    this.#only(
      operation,
      request,
      settings.versioned ? ['versionId'] : [],
      (name) =>
        ['range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'].includes(
          name,
        ) || name === 'x-amz-checksum-mode',
    );
    const version = request.query.get('versionId') ?? undefined;
    this.#may(request, version ? 's3:GetObjectVersion' : 's3:GetObject', request.key);
    const object = store.get(request.key, version) ?? this.#missing(request, version);
    const { status, headers, range } = this.#found(object, request.headers);
    if (range === undefined || operation === 'HeadObject') {
      response.writeHead(status, headers).end();
      return;
    }
    // Opened before anything is awaited: from here on a delete does not take the bytes away.
    const source = createReadStream('', { fd: store.open(object), ...range });
    response.writeHead(status, headers);
    await pipeline(source, response);
  }

  #readForOrigin(request: Request, method: 'GET' | 'HEAD'): OriginResponse {
    this.#may(request, 's3:GetObject', request.key);
    const object = request.bucket.store.get(request.key) ?? this.#missing(request);
    const { status, headers, range } = this.#found(object, request.headers);
    const body =
      range === undefined || method === 'HEAD'
        ? Buffer.alloc(0)
        : request.bucket.store.read(object, range.start, range.end);
    return { status, headers, body };
  }

  #headBucket(request: Request, response: ServerResponse): void {
    this.#only('HeadBucket', request, [], () => false);
    this.#may(request, 's3:ListBucket');
    response.writeHead(200, { 'x-amz-bucket-region': this.#region }).end();
  }

  #deleteObject(request: Request, response: ServerResponse): void {
    this.#only('DeleteObject', request, [], () => false);
    this.#notVersioned('DeleteObject', request);
    this.#may(request, 's3:DeleteObject', request.key);
    request.bucket.store.delete(request.key);
    response.writeHead(204).end();
  }

  async #deleteObjects(request: Request, source: AsyncIterable<Buffer>): Promise<string> {
    const { bucket, headers } = request;
    this.#only('DeleteObjects', request, ['delete'], (name) => BODY_HEADERS.test(name));
    this.#notVersioned('DeleteObjects', request);
    if (
      headers['content-md5'] === undefined &&
      !Object.keys(headers).some((name) => /^x-amz-(checksum-|trailer$)/.test(name))
    ) {
      throw new ServiceError(
        400,
        'InvalidRequest',
        'Missing required header for this request: Content-MD5',
      );
    }
    const body = bodyOf(source, headers, (what) =>
      this.#notImplemented(`S3 DeleteObjects: ${what}`),
    );
    // A thousand keys of 1,024 bytes, each escaped threefold.
    const text = await readBody(body.bytes(), 8 * 1024 ** 2, malformedXml);
    const document = fromXml(text.toString('utf8'), ['Object'])?.Delete as
      | { Object?: Record<string, string>[]; Quiet?: string }
      | undefined;
    const objects = document?.Object ?? [];
    if (objects.length === 0 || objects.length > 1000) throw malformedXml();
    const deleted: object[] = [];
    const failed: object[] = [];
    for (const { Key = '', '#text': _, ...rest } of objects) {
      for (const name of Object.keys(rest)) {
        throw this.#notImplemented(`S3 DeleteObjects: ${name} of an object`);
      }
      try {
        this.#may(request, 's3:DeleteObject', checkedKey(Key));
        bucket.store.delete(Key);
        deleted.push({ Key });
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        failed.push({ Key, Code: error.code, Message: error.message });
      }
    }
    return toXml({
      DeleteResult: {
        '@xmlns': NAMESPACE,
        ...(document?.Quiet === 'true' ? {} : { Deleted: deleted }),
        Error: failed,
      },
    });
  }

  #listV2(request: Request): string {
    const { bucket, query } = request;
    this.#only(
      'ListObjectsV2',
      request,
      [
        'list-type',
        'prefix',
        'delimiter',
        'max-keys',
        'continuation-token',
        'start-after',
        'encoding-type',
      ],
      () => false,
    );
    this.#may(request, 's3:ListBucket');
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const startAfter = query.get('start-after') ?? '';
    const token = query.get('continuation-token');
    const limit = limitOf(query.get('max-keys'));
    const encoding = query.get('encoding-type');
    if (encoding !== null && encoding !== 'url') {
      throw new ServiceError(
        400,
        'InvalidArgument',
        'Invalid Encoding Method specified in Request',
      );
    }
    const encode = encoding === 'url' ? urlEncoded : (text: string) => text;
    const from = token === null ? { after: startAfter } : fromToken(token);
    const page = list(bucket.store.keys, { prefix, delimiter, limit, ...from });
    return toXml({
      ListBucketResult: {
        '@xmlns': NAMESPACE,
        Name: bucket.name,
        Prefix: encode(prefix),
        ...(delimiter === '' ? {} : { Delimiter: encode(delimiter) }),
        ...(startAfter === '' ? {} : { StartAfter: encode(startAfter) }),
        ...(encoding === null ? {} : { EncodingType: encoding }),
        ...(token === null ? {} : { ContinuationToken: token }),
        ...(page.next === undefined ? {} : { NextContinuationToken: toToken(page.next) }),
        KeyCount: page.keys.length + page.prefixes.length,
        MaxKeys: limit,
        IsTruncated: page.next !== undefined,
        ...entries(bucket, page, encode),
      },
    });
  }

  #listV1(request: Request): string {
    const { bucket } = request;
    this.#may(request, 's3:ListBucket');
    const page = list(bucket.store.keys, { prefix: '', delimiter: '', limit: 1000, after: '' });
    return toXml({
      ListBucketResult: {
        '@xmlns': NAMESPACE,
        Name: bucket.name,
        Prefix: '',
        Marker: '',
        MaxKeys: 1000,
        IsTruncated: page.next !== undefined,
        ...entries(bucket, page, (text) => text),
      },
    });
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      throw new ServiceError(404, 'NoSuchBucket', 'The specified bucket does not exist');
    }
    return bucket;
  }

  #originBucket(domainName: string): Bucket {
    for (const bucket of this.#buckets.values()) {
      if (domainName === `${bucket.name}.s3.${this.#region}.amazonaws.com`) return bucket;
    }
    const known = [...this.#buckets.keys()].map(
      (name) => `${name}.s3.${this.#region}.amazonaws.com`,
    );
    throw new Error(`origin ${domainName}: the local S3 knows ${known.join(', ') || 'no bucket'}`);
  }

  #may({ bucket, caller }: Pick<Request, 'bucket' | 'caller'>, action: string, key?: string): void {
    this.authorise(caller, action, arnOf(bucket, key), bucket.policy);
  }

  /** Who may list the bucket is told that an object is missing; others are told nothing: 403. */
  #missing({ bucket, caller }: Request, version?: string): never {
    const [action, resource] = ['s3:ListBucket', arnOf(bucket)];
    const because = this.refusal(caller, action, resource, bucket.policy);
    if (because === undefined) throw missing(version);
    throw this.denied({ principal: nameOf(caller), action, resource }, because);
  }

  /** Throws for a query parameter or header that would mean something and is not in the lists. */
  #only(
    operation: string,
    { query, headers }: Request,
    parameters: readonly string[],
    known: (header: string) => boolean,
  ): void {
    for (const name of query.keys()) {
      if (name !== 'x-id' && !parameters.includes(name)) {
        throw this.#notImplemented(`S3 ${operation}: query parameter ${name}`);
      }
    }
    for (const name of Object.keys(headers)) {
      if (/^(x-amz-|if-|range$)/.test(name) && !ORDINARY_HEADERS.has(name) && !known(name)) {
        throw this.#notImplemented(`S3 ${operation}: header ${name}`);
      }
    }
  }

  /** Deleting makes a marker there, of which nothing is known here. */
  #notVersioned(operation: string, { bucket }: Request): void {
    if (!bucket.settings.versioned) return;
    throw this.#notImplemented(`S3 ${operation}: in the versioned bucket ${bucket.name}`);
  }

  #notImplemented(what: string): ServiceError {
    return this.unknown(501, 'NotImplemented', what);
  }

  #storedHeaders(operation: string, headers: IncomingHttpHeaders): Record<string, string> {
    const encryption = headers['x-amz-server-side-encryption'] ?? 'AES256';
    if (encryption !== 'AES256') {
      throw this.#notImplemented(`S3 ${operation}: x-amz-server-side-encryption ${encryption}`);
    }
    const storage = headers['x-amz-storage-class'] ?? 'STANDARD';
    if (storage !== 'STANDARD') {
      throw this.#notImplemented(`S3 ${operation}: x-amz-storage-class ${storage}`);
    }
    const stored: Record<string, string> = { 'content-type': DEFAULT_TYPE };
    let metadataBytes = 0;
    for (const [name, value] of Object.entries(headers)) {
      if (name.startsWith('x-amz-meta-')) {
        metadataBytes += name.length - 'x-amz-meta-'.length + String(value).length;
        stored[name] = String(value);
      } else if (REPRESENTATION.includes(name) && value !== '') {
        stored[name] = String(value);
      }
    }
    if (metadataBytes > MAX_METADATA_BYTES) {
      throw new ServiceError(
        400,
        'MetadataTooLarge',
        'Your metadata headers exceed the maximum allowed metadata size',
      );
    }
    // The framing of this one upload, not an encoding of the object.
    const encodings = (stored['content-encoding'] ?? '')
      .split(',')
      .map((encoding) => encoding.trim())
      .filter((encoding) => encoding !== '' && encoding !== 'aws-chunked');
    if (encodings.length > 0) stored['content-encoding'] = encodings.join(',');
    else delete stored['content-encoding'];
    return stored;
  }

  /** If-None-Match and If-Match of a write, against what the key names at this moment. */
  #checkPreconditions({ bucket, key, headers }: Request): void {
    const noneMatch = headers['if-none-match'];
    const match = headers['if-match'];
    const current = bucket.store.get(key);
    if (noneMatch !== undefined && noneMatch !== '*') {
      throw this.#notImplemented(`S3 If-None-Match ${noneMatch} on a write: only *`);
    }
    if (noneMatch !== undefined && current !== undefined) throw preconditionFailed();
    if (match !== undefined) {
      if (current === undefined) throw noSuchKey();
      if (!sameTag(match, current.etag)) throw preconditionFailed();
    }
  }

  /** The precondition once more and the write, with nothing in between: of two writers one wins. */
  #commit(
    request: Request,
    upload: Upload,
    headers: StoredObject['headers'],
    reason: 'PutObject' | 'CopyObject',
  ) {
    const { bucket, key } = request;
    let object: StoredObject;
    try {
      this.#checkPreconditions(request);
      object = bucket.store.commit(key, upload, headers, this.#now());
    } catch (error) {
      bucket.store.discard(upload);
      throw error;
    }
    return this.#created(bucket, object, reason);
  }

  /** Tells EventBridge, in the words of the S3 user guide, "EventBridge event message structure". */
  #created(bucket: Bucket, object: StoredObject, reason: string): StoredObject {
    const { key, size, etag, version } = object;
    if (bucket.settings.events) {
      this.#onEvent({
        source: 'aws.s3',
        'detail-type': 'Object Created',
        resources: [bucket.arn],
        detail: {
          version: '0',
          bucket: { name: bucket.name },
          object: {
            key,
            size,
            etag: etag.replaceAll('"', ''),
            ...(version !== undefined && { 'version-id': version }),
          },
          reason,
        },
      });
    }
    return object;
  }

  #found(object: StoredObject, conditions: IncomingHttpHeaders): Found {
    const common = {
      etag: object.etag,
      'last-modified': new Date(object.lastModified).toUTCString(),
      'accept-ranges': 'bytes',
      ...ENCRYPTED,
      ...versionHeader(object),
      ...object.headers,
    };
    const match = conditions['if-match'];
    const unmodified = conditions['if-unmodified-since'];
    if (match !== undefined) {
      if (!sameTag(match, object.etag)) throw preconditionFailed();
    } else if (unmodified !== undefined && object.lastModified > Date.parse(unmodified)) {
      throw preconditionFailed();
    }
    const noneMatch = conditions['if-none-match'];
    const modified = conditions['if-modified-since'];
    const unchanged =
      noneMatch === undefined
        ? modified !== undefined && object.lastModified <= Date.parse(modified)
        : sameTag(noneMatch, object.etag);
    if (unchanged) return { status: 304, headers: common, range: undefined };

    const range = this.#rangeOf(object.size, conditions.range);
    if (range !== undefined) {
      return {
        status: 206,
        headers: {
          ...common,
          'content-range': `bytes ${range.start}-${range.end}/${object.size}`,
          'content-length': String(range.end - range.start + 1),
        },
        range,
      };
    }
    const withChecksum = conditions['x-amz-checksum-mode'] === 'ENABLED';
    return {
      status: 200,
      headers: {
        ...common,
        // The checksum is one of the whole object, so a part of it goes without.
        ...(withChecksum ? checksumHeaders(object) : {}),
        'content-length': String(object.size),
      },
      range: object.size === 0 ? undefined : { start: 0, end: object.size - 1 },
    };
  }

  #rangeOf(size: number, header: string | undefined) {
    if (header === undefined) return undefined;
    const ranges = parseRange(size, header);
    // S3 answers what is not a byte range with the whole object.
    if (ranges === -2 || (ranges !== -1 && ranges.type !== 'bytes')) return undefined;
    if (ranges === -1) {
      throw new ServiceError(416, 'InvalidRange', 'The requested range is not satisfiable', {
        'content-range': `bytes */${size}`,
      });
    }
    if (ranges.length > 1) throw this.#notImplemented('S3 GetObject: more than one range');
    return ranges[0];
  }

  #sendXml(
    response: ServerResponse,
    body: string,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    response.writeHead(200, {
      ...headers,
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  }
}

const DEFAULT_TYPE = 'binary/octet-stream';

/** S3 encrypts every object with keys of its own, asked or not, and says so. */
const ENCRYPTED = { 'x-amz-server-side-encryption': 'AES256' };

function operationOf(method: string, { key, query, headers }: Request): string | undefined {
  if (key === '') {
    if (method === 'GET' && query.get('list-type') === '2') return 'ListObjectsV2';
    if (method === 'HEAD') return 'HeadBucket';
    return method === 'POST' && query.has('delete') ? 'DeleteObjects' : undefined;
  }
  if (method === 'PUT') {
    return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject';
  }
  return new Map([
    ['GET', 'GetObject'],
    ['HEAD', 'HeadObject'],
    ['DELETE', 'DeleteObject'],
  ]).get(method);
}

const arnOf = ({ arn }: Bucket, key?: string): string =>
  key === undefined ? arn : `${arn}/${key}`;

const isStored = (header: string): boolean =>
  header.startsWith('x-amz-meta-') ||
  header === 'x-amz-server-side-encryption' ||
  header === 'x-amz-storage-class';

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ServiceError(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}

function checkedKey(key: string): string {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new ServiceError(400, 'KeyTooLongError', 'Your key is too long');
  }
  return key;
}

/** An If-Match or If-None-Match list against an ETag, whose quotation marks clients may leave out. */
const sameTag = (header: string, etag: string): boolean =>
  header.split(',').some((tag) => {
    const plain = tag.trim().replace(/^W\//, '').replaceAll('"', '');
    return plain === '*' || `"${plain}"` === etag;
  });

const checksumHeaders = ({ checksum }: StoredObject): Record<string, string> => ({
  [`x-amz-checksum-${checksum.algorithm}`]: checksum.value,
  'x-amz-checksum-type': 'FULL_OBJECT',
});

const versionHeader = ({ version }: StoredObject): Record<string, string> =>
  version === undefined ? {} : { 'x-amz-version-id': version };

const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString();

function limitOf(maxKeys: string | null): number {
  if (maxKeys === null || maxKeys === '') return 1000;
  if (!/^\d{1,10}$/.test(maxKeys)) {
    throw new ServiceError(
      400,
      'InvalidArgument',
      'Provided max-keys not an integer or within integer range',
    );
  }
  return Math.min(Number(maxKeys), 1000);
}

const toToken = (next: NonNullable<Listing['next']>): string =>
  Buffer.from(JSON.stringify([next.after, next.afterIsPrefix])).toString('base64url');

function fromToken(token: string): NonNullable<Listing['next']> {
  try {
    const [after, afterIsPrefix] = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (typeof after === 'string' && typeof afterIsPrefix === 'boolean') {
      return { after, afterIsPrefix };
    }
  } catch {
    // Falls through to the one answer for anything that is not a token of ours.
  }
  throw new ServiceError(400, 'InvalidArgument', 'The continuation token provided is incorrect');
}

/** `encoding-type=url` is that of HTML forms, which leaves slashes alone. */
const urlEncoded = (text: string): string =>
  new URLSearchParams({ k: text }).toString().slice(2).replaceAll('%2F', '/');

const entries = ({ store }: Bucket, page: Listing, encode: (text: string) => string) => ({
  Contents: page.keys.map((key) => {
    const { lastModified, etag, checksum, size } = store.get(key) as StoredObject;
    return {
      Key: encode(key),
      LastModified: isoTime(lastModified),
      ETag: etag,
      ChecksumAlgorithm: checksum.algorithm.toUpperCase(),
      ChecksumType: 'FULL_OBJECT',
      Size: size,
      StorageClass: 'STANDARD',
    };
  }),
  CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
});

function xmlAnswer(
  status: number,
  text: string,
  method: 'GET' | 'HEAD',
  headers: Readonly<Record<string, string>> = {},
): OriginResponse {
  return {
    status,
    headers: {
      ...headers,
      'content-type': 'application/xml',
      'content-length': String(Buffer.byteLength(text)),
    },
    body: Buffer.from(method === 'HEAD' ? '' : text),
  };
}

const noSuchKey = () => new ServiceError(404, 'NoSuchKey', 'The specified key does not exist.');
const missing = (version: string | undefined) =>
  version === undefined
    ? noSuchKey()
    : new ServiceError(404, 'NoSuchVersion', 'The specified version does not exist.');
const preconditionFailed = () =>
  new ServiceError(
    412,
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
  );
const malformedXml = () =>
  new ServiceError(
    400,
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
