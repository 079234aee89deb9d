import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { bundle as bundleInto } from '../../lib/release/bundle.ts';
import { nodeFor } from '../../local/lambda/functions.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The Node that Lambda runs, where it is installed, and the one that runs the tests. */
export const NODES = [...new Set([String(nodeFor('nodejs24.x')), process.execPath])];

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
  remove(): Promise<void>;
}

/** The function as the stack bundles it. */
export async function bundle(handler: string): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), `bundle-${handler}-`));
  const file = join(folder, 'index.js');
  bundleInto(`${handler}/index.ts`, file);
  return {
    file,
    bytes: (await stat(file)).size,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface HandlerRun {
  readonly code: number | null;
  /** Everything the function wrote. */
  readonly output: string;
  /** Its log, line by line. */
  readonly lines: readonly Record<string, unknown>[];
  /** The most memory that the process ever had, in bytes. */
  readonly maxRss: number;
  /** The version of the Node.js that ran it, as that said itself: `v24.21.0`. */
  readonly node: string | undefined;
}

/** Runs the bundle once in a process of its own, with nothing of this one's environment. */
export function runHandler(
  file: string,
  event: unknown,
  {
    env,
    node = NODES[0] as string,
    nodeOptions = [],
    remainingMs = 120_000,
    kill,
  }: {
    readonly env: Readonly<Record<string, string>>;
    readonly node?: string;
    readonly nodeOptions?: readonly string[];
    readonly remainingMs?: number;
    /** Kills the process, as a machine that fails does. */
    readonly kill?: AbortSignal;
  },
): Promise<HandlerRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [...nodeOptions, here('./run-handler.cjs'), file], {
      env: {
        PATH: process.env.PATH ?? '',
        TMPDIR: tmpdir(),
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'AKIAFUNCTION',
        AWS_SECRET_ACCESS_KEY: 'function-secret-key',
        AWS_SESSION_TOKEN: 'function-session-token',
        ...env,
      },
    });
    kill?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        code,
        output: stdout + stderr,
        lines: stdout
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line)),
        maxRss: Number(/maxRSS (\d+)/.exec(stderr)?.[1]) * 1024,
        node: /^node (v\S+)$/m.exec(stderr)?.[1],
      }),
    );
    child.stdin.end(JSON.stringify({ event, remainingMs }));
  });
}

/** A server on this machine; answers nothing at all where `answer` does not. */
export interface Endpoint {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Endpoint> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An answer instead of the usual one: a status with a body, none at all, or one that never ends. */
export type Fault =
  | { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }
  | 'hang'
  | 'drip';

function fail(response: ServerResponse, fault: Fault): void {
  if (fault === 'hang') return;
  if (fault === 'drip') {
    const { socket } = response;
    socket?.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket?.write('x-more: to come\r\n'), 500);
    socket?.once('close', () => clearInterval(timer));
    return;
  }
  response.writeHead(fault.status, fault.headers).end(fault.body);
}

/** Records what the functions report. */
export class CodePipelineFake {
  readonly reports: { readonly operation: string; readonly [field: string]: unknown }[] = [];
  /** Used up one by one. */
  faults: Fault[] = [];

  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
    const body = (await json(request)) as Record<string, unknown>;
    const fault = this.faults.shift();
    if (fault) return fail(response, fault);
    this.reports.push({ operation, ...body });
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end('{}');
  };

  static error = (type: string): Fault => ({
    status: 400,
    body: JSON.stringify({ __type: type, message: `${type} says AWS` }),
  });
}

/** One distribution whose invalidations complete after some questions. */
export class CloudFrontFake {
  readonly calls: string[] = [];
  faults: Fault[] = [];
  /** How often an invalidation says that it is in progress. */
  inProgress = 1;
  readonly #byReference = new Map<string, string>();

  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const path = request.url?.replace('/2020-05-31/distribution/', '') ?? '';
    const reference = /<CallerReference>(.*)<\/CallerReference>/.exec(body)?.[1];
    const paths = [...body.matchAll(/<Path>(.*?)<\/Path>/g)].map(([, one]) => one);
    this.calls.push([request.method, path, reference, ...paths].filter(Boolean).join(' '));
    const fault = this.faults.shift();
    if (fault) return fail(response, fault);
    let id = path.split('/')[2];
    if (reference !== undefined) {
      id = this.#byReference.get(reference) ?? `I${this.#byReference.size + 1}`;
      this.#byReference.set(reference, id);
    }
    const status = reference === undefined && this.inProgress-- <= 0 ? 'Completed' : 'InProgress';
    response
      .writeHead(reference === undefined ? 200 : 201, { 'content-type': 'text/xml' })
      .end(`<Invalidation><Id>${id}</Id><Status>${status}</Status></Invalidation>`);
  };

  static error = (status: number, code: string): Fault => ({
    status,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${code} says AWS</Message></Error><RequestId>cf-request-1</RequestId></ErrorResponse>`,
  });
}

export interface FakeObject {
  readonly size: number;
  readonly sha256: string;
  /** Not kept for large ones. */
  readonly bytes?: Buffer;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

const KEPT_BYTES = 1024 ** 2;

/** Buckets in memory, as far as the functions use them. Large bodies are hashed and dropped. */
export class S3Fake {
  readonly objects = new Map<string, FakeObject>();
  /** Objects that are files on disk, by `bucket/key`. */
  readonly files = new Map<string, string>();
  readonly calls: { readonly call: string; readonly accessKeyId: string | undefined }[] = [];
  /** Looks at every call before it is answered. */
  fault: (call: string) => Fault | undefined = () => undefined;

  put(name: string, content: string): void {
    const bytes = Buffer.from(content);
    this.objects.set(name, { bytes, size: bytes.length, sha256: sha256(bytes), headers: {} });
  }

  json(name: string): unknown {
    const { bytes, headers } = this.objects.get(name) as FakeObject;
    const isCompressed = headers['content-encoding'] === 'gzip';
    return JSON.parse(String(isCompressed ? gunzipSync(bytes as Buffer) : bytes));
  }

  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://s3');
    const name = decodeURIComponent(url.pathname).slice(1);
    const source = request.headers['x-amz-copy-source'];
    const call = [source ? 'COPY' : request.method, name, source, url.searchParams.get('prefix')]
      .filter((part) => part !== undefined && part !== null)
      .join(' ');
    const accessKeyId = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1];
    this.calls.push({ call, accessKeyId });
    const fault = this.fault(call);
    if (fault) {
      request.resume();
      return fail(response, fault);
    }
    if (url.searchParams.get('list-type') === '2') return this.#list(url, name, response);
    if (request.method === 'PUT' && source)
      return this.#copy(name, String(source), request, response);
    if (request.method === 'PUT') return this.#put(name, request, response);
    return this.#get(name, request, response);
  };

  async #put(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers['if-none-match'] === '*' && this.objects.has(name)) {
      request.resume();
      return fail(response, S3Fake.error(412, 'PreconditionFailed'));
    }
    const match = request.headers['if-match'];
    if (match !== undefined && match !== etagOf(this.objects.get(name))) {
      request.resume();
      const gone = !this.objects.has(name);
      const error = gone ? S3Fake.error(404, 'NoSuchKey') : S3Fake.error(412, 'PreconditionFailed');
      return fail(response, error);
    }
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    let size = 0;
    for await (const chunk of request) {
      hash.update(chunk);
      size += chunk.length;
      if (size < KEPT_BYTES) kept.push(chunk);
    }
    const digest = hash.digest('base64');
    const claimed = request.headers['x-amz-checksum-sha256'];
    if (claimed !== undefined && claimed !== digest) {
      return fail(response, S3Fake.error(400, 'BadDigest'));
    }
    this.objects.set(name, {
      size,
      sha256: digest,
      ...(size < KEPT_BYTES && { bytes: Buffer.concat(kept) }),
      headers: {
        'content-type': request.headers['content-type'],
        'content-encoding': request.headers['content-encoding'],
        'cache-control': request.headers['cache-control'],
        'x-amz-checksum-sha256': claimed?.toString(),
      },
    });
    response.writeHead(200, { etag: etagOf(this.objects.get(name)) }).end();
  }

  async #copy(name: string, source: string, request: IncomingMessage, response: ServerResponse) {
    if (request.headers['if-none-match'] === '*' && this.objects.has(name)) {
      return fail(response, S3Fake.error(412, 'PreconditionFailed'));
    }
    const original = this.objects.get(decodeURIComponent(source).replace(/^\//, ''));
    if (!original) return fail(response, S3Fake.error(404, 'NoSuchKey'));
    const replaced = request.headers['x-amz-metadata-directive'] === 'REPLACE';
    const { 'content-type': type, 'cache-control': cache } = request.headers;
    const headers = replaced ? { 'content-type': type, 'cache-control': cache } : original.headers;
    this.objects.set(name, { ...original, headers });
    response.writeHead(200).end('<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>');
  }

  async #get(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = this.files.get(name);
    if (file !== undefined) {
      response.writeHead(200, { 'content-length': (await stat(file)).size });
      return pipeline(createReadStream(file), response);
    }
    const object = this.objects.get(name);
    if (!object) {
      if (request.method === 'HEAD') return void response.writeHead(404).end();
      return fail(response, S3Fake.error(404, 'NoSuchKey'));
    }
    const checksum = request.headers['x-amz-checksum-mode'] === 'ENABLED';
    const encoding = object.headers['content-encoding'];
    response.writeHead(200, {
      'content-length': object.size,
      ...(encoding !== undefined && { 'content-encoding': encoding }),
      etag: etagOf(object),
      ...(checksum && { 'x-amz-checksum-sha256': object.sha256 }),
    });
    response.end(request.method === 'HEAD' ? undefined : object.bytes);
  }

  #list(url: URL, name: string, response: ServerResponse): void {
    const bucket = `${name.replace(/\/$/, '')}/`;
    const prefix = bucket + (url.searchParams.get('prefix') ?? '');
    const all = [...this.objects].filter(([key]) => key.startsWith(prefix));
    // Small pages, so that a release of a few files has several.
    const from = Number(url.searchParams.get('continuation-token') ?? 0);
    const page = all.slice(from, from + 3);
    const more = from + 3 < all.length;
    const contents = page.map(
      ([key, { size }]) =>
        `<Contents><Key>${key.slice(bucket.length)}</Key><Size>${size}</Size></Contents>`,
    );
    response
      .writeHead(200, { 'content-type': 'application/xml' })
      .end(
        `<ListBucketResult><IsTruncated>${more}</IsTruncated>${more ? `<NextContinuationToken>${from + 3}</NextContinuationToken>` : ''}${contents.join('')}</ListBucketResult>`,
      );
  }

  static error = (status: number, code: string, message = `${code} says AWS`): Fault => ({
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  });
}

const etagOf = (object: FakeObject | undefined): string =>
  `"${Buffer.from(object?.sha256 ?? '', 'base64').toString('hex')}"`;

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('base64');

/** One key-value store with one version for all of it. */
export class KeyValueStoreFake {
  /** The methods of all requests: GET reads a key or describes the store, POST writes. */
  readonly calls: string[] = [];
  readonly values = new Map<string, string>();
  updates = 0;
  /** Runs before an update is looked at: somebody else may write in between. */
  beforeUpdate = (): void => {};
  faults: Fault[] = [];
  version = 1;
  readonly signatures = new Set<string>();

  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    this.calls.push(String(request.method));
    const body = request.method === 'POST' ? await json(request) : undefined;
    this.signatures.add(String(request.headers.authorization).split(' ')[0] as string);
    const fault = this.faults.shift();
    if (fault) return fail(response, fault);
    const key = /\/keys\/([^/?]+)/.exec(request.url ?? '')?.[1];
    if (request.method === 'GET' && key !== undefined) {
      const Value = this.values.get(decodeURIComponent(key));
      if (Value === undefined)
        return fail(response, KeyValueStoreFake.error(404, 'ResourceNotFoundException'));
      return void response.writeHead(200).end(JSON.stringify({ Key: key, Value, ...TOTALS }));
    }
    if (request.method === 'POST') {
      this.beforeUpdate();
      if (request.headers['if-match'] !== `v${this.version}`) {
        return fail(response, KeyValueStoreFake.error(409, 'ConflictException'));
      }
      const { Puts = [], Deletes = [] } = body as {
        Puts?: { Key: string; Value: string }[];
        Deletes?: { Key: string }[];
      };
      for (const { Key, Value } of Puts) this.values.set(Key, Value);
      for (const { Key } of Deletes) this.values.delete(Key);
      this.updates += 1;
      this.version += 1;
    }
    response
      .writeHead(200, { etag: `v${this.version}` })
      .end(JSON.stringify({ KvsARN: 'arn', Created: 1, ...TOTALS }));
  };

  static error = (status: number, type: string): Fault => ({
    status,
    headers: { 'x-amzn-errortype': type, 'content-type': 'application/json' },
    body: JSON.stringify({ Message: `${type} says AWS` }),
  });
}

/** The site as its edge answers: the release that the store names, and every page of it. */
export class SiteFake {
  readonly calls: string[] = [];
  /** What the requests were for. */
  readonly hosts = new Set<string | undefined>();
  /** Of every page but the probe's. */
  status = 200;
  /** Used up one by one. */
  faults: Fault[] = [];
  readonly #store: KeyValueStoreFake;

  constructor(store: KeyValueStoreFake) {
    this.#store = store;
  }

  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    this.calls.push(`${request.method} ${request.url}`);
    this.hosts.add(request.headers.host);
    const fault = this.faults.shift();
    if (fault) return fail(response, fault);
    const live = JSON.parse(this.#store.values.get('live') ?? '{}').id;
    const probe = request.url === '/.well-known/release';
    response.writeHead(probe ? 200 : this.status).end(probe ? live : 'x'.repeat(1_000_000));
  };
}

const TOTALS = { ItemCount: 1, TotalSizeInBytes: 1 };
