import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  LIVE_KEY,
  type Manifest,
  manifestKey,
  PREVIOUS_KEY,
} from '../../../lib/release/contract.ts';
import { LocalCloudFrontApi } from '../../../local/aws/cloudfront-api.ts';
import { LocalKeyValueStore } from '../../../local/aws/key-value-store.ts';
import { LocalS3 } from '../../../local/aws/s3.ts';
import { Credentials } from '../../../local/iam/credentials.ts';
import { JobApi, type JobResult } from '../../../local/pipeline/jobs.ts';
import { BUCKET, SIGNED, STORE_ARN } from '../exploration/account.ts';
import { UPLOAD_SETTINGS } from '../exploration/actors.ts';
import { exchange } from '../exploration/exchange.ts';
import { idOf } from '../exploration/invariants.ts';
import { keyFor, route } from '../exploration/router.ts';
import { type Endpoint, type HandlerRun, runHandler, serve } from '../handlers.ts';
import { aJobEvent } from '../job.ts';
import type { Strike } from './field.ts';
import { FaultProxy } from './proxy.ts';
import { contradictionIn } from './services.ts';

const DISTRIBUTION = 'E1A2B3C4D5E6F7';
/** As long as a fault that nobody answers takes, and some more. */
const REMAINING_MS = 60_000;

export interface RealEnd {
  /** One for each job. */
  readonly results: readonly (JobResult | undefined)[];
  /** Of the last process. */
  readonly run: HandlerRun;
  /** What the first process was called with. */
  readonly event: unknown;
  /** What broke on the way, whatever came of it; nothing if all held. */
  readonly broken: string | undefined;
  readonly calls: readonly string[];
  /** Whether the fault came about. */
  readonly struck: boolean;
}

/** The local services over real connections, on a folder of their own, and the shipped bundles in processes. */
export class RealAccount {
  readonly folder: string;
  readonly #credentials = new Credentials();
  readonly #s3: LocalS3;
  readonly #store: LocalKeyValueStore;
  readonly #cloudFront: LocalCloudFrontApi;
  readonly #jobs = new JobApi();
  #site: Endpoint | undefined;
  #urls: readonly string[] = [];
  isSick = false;

  /** @param like where another account was closed that this one begins with. */
  constructor(parent: string, like?: string) {
    this.folder = mkdtempSync(join(parent, 'real-'));
    if (like !== undefined) cpSync(like, this.folder, { recursive: true });
    const stateDir = (name: string) => {
      mkdirSync(join(this.folder, name), { recursive: true });
      return join(this.folder, name);
    };
    const credentials = this.#credentials;
    for (const id of ['AKIDCALLER', 'AKIAFUNCTION', 'AKIAARTIFACT']) credentials.register(id, 'a');
    this.#s3 = new LocalS3({
      stateDir: stateDir('s3'),
      region: 'eu-west-1',
      buckets: [BUCKET, 'artifacts'].map((name) => ({ name, logicalId: name, properties: {} })),
      policies: [],
      credentials,
    });
    this.#store = new LocalKeyValueStore({
      stateDir: stateDir('store'),
      stores: [{ logicalId: 'Releases', arn: STORE_ARN, properties: {} }],
      credentials,
    });
    this.#cloudFront = new LocalCloudFrontApi({
      stateDir: stateDir('cloudfront'),
      distributions: [
        { id: DISTRIBUTION, arn: `arn:aws:cloudfront::123456789012:distribution/${DISTRIBUTION}` },
      ],
      onInvalidate: () => {},
      completionDelayMs: 100,
      credentials,
    });
  }

  async open(): Promise<void> {
    this.#site = await serve(async (request, response) => {
      const path = request.url ?? '/';
      const answer = await route(await this.#value(LIVE_KEY), path);
      if (answer.uri === undefined) {
        return void response.writeHead(answer.statusCode ?? 200).end(answer.body);
      }
      const found = await this.#object(decodeURIComponent(answer.uri.slice(1)));
      response.writeHead(this.isSick ? 503 : found ? 200 : 404).end(found);
    });
    const services = [this.#s3, this.#store, this.#cloudFront, this.#jobs];
    this.#urls = [
      ...(await Promise.all(services.map((service) => service.listen()))),
      this.#site.url,
    ];
  }

  async close(): Promise<void> {
    const services = [this.#s3, this.#store, this.#cloudFront, this.#jobs, this.#site];
    await Promise.all(services.map((service) => service?.close()));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async putArtifact(zip: Buffer): Promise<void> {
    await exchange(this.#s3, { ...asking('/artifacts/site.zip'), method: 'PUT', body: zip });
  }

  /** One action: invocation after invocation. The fault strikes once. */
  async act(
    bundle: string,
    userParameters: string | undefined,
    strike: Strike | undefined,
    env: Readonly<Record<string, string>> = {},
  ): Promise<RealEnd> {
    const isJob = userParameters !== undefined;
    let first: unknown;
    let broken: string | undefined;
    const results: (JobResult | undefined)[] = [];
    const kill = new AbortController();
    const twins: Promise<HandlerRun>[] = [];
    let begin = (): Promise<HandlerRun> => Promise.reject(new Error('nothing to deliver again'));
    const proxy = new FaultProxy({
      strike,
      kill: () => kill.abort(),
      twice: () => twins.push(begin()),
      changed: async () => {
        broken ??= await this.problem();
      },
    });
    const environment = { ...(await this.#environment(proxy)), ...env };
    try {
      let continuationToken: string | undefined;
      for (;;) {
        const job = this.#jobs.open();
        const event = isJob
          ? aJobEvent({
              id: job.id,
              userParameters,
              artifact: { bucket: 'artifacts', key: 'site.zip' },
              ...(continuationToken !== undefined && { continuationToken }),
            })
          : {};
        if (isJob) {
          const { data } = (event as ReturnType<typeof aJobEvent>)['CodePipeline.job'];
          data.artifactCredentials.accessKeyId = 'AKIAARTIFACT';
        }
        first ??= event;
        begin = async () => {
          const began = Date.now();
          const run = await runHandler(bundle, event, {
            env: environment,
            remainingMs: REMAINING_MS,
            kill: kill.signal,
          });
          if (Date.now() - began > REMAINING_MS) broken ??= 'the process ran out of its time';
          return run;
        };
        const run = await begin();
        const again = await Promise.all(twins.splice(0));
        const none = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)));
        const result = await Promise.race([job.result, none]);
        job.close();
        results.push(result);
        broken ??= contradictionIn(proxy.reports.splice(0), 1 + again.length);
        continuationToken = result?.type === 'continued' ? result.token : undefined;
        if (continuationToken === undefined) {
          await proxy.close();
          broken ??= await this.problem();
          const calls = [...proxy.calls];
          return { results, run, event: first, broken, calls, struck: proxy.struck };
        }
      }
    } finally {
      await proxy.close();
    }
  }

  /** The same event again, when the job is over. @returns what broke, or nothing. */
  async redeliver(
    bundle: string,
    event: unknown,
    env: Readonly<Record<string, string>> = {},
  ): Promise<string | undefined> {
    let broken: string | undefined;
    const proxy = new FaultProxy({
      strike: undefined,
      kill: () => {},
      twice: () => {},
      changed: async () => {
        broken ??= await this.problem();
      },
    });
    try {
      const environment = { ...(await this.#environment(proxy)), ...env };
      await runHandler(bundle, event, { env: environment, remainingMs: REMAINING_MS });
      return broken ?? contradictionIn(proxy.reports);
    } finally {
      await proxy.close();
    }
  }

  async #environment(proxy: FaultProxy) {
    const [s3, store, cloudFront, jobs, site] = await Promise.all(
      (['s3', 'store', 'cloudfront', 'pipeline', 'site'] as const).map((service, index) =>
        proxy.before(service, this.#urls[index] as string),
      ),
    );
    return {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${s3}`,
      AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE: `http://localhost:${store}`,
      AWS_ENDPOINT_URL_CLOUDFRONT: `http://127.0.0.1:${cloudFront}`,
      AWS_ENDPOINT_URL_CODEPIPELINE: `http://127.0.0.1:${jobs}`,
      SITE_URL: `http://127.0.0.1:${site}`,
      ...SETTINGS,
    };
  }

  /** All that stands there, but for times and what is made up at random. */
  async contents(): Promise<string> {
    const listing = await exchange(this.#s3, asking(`/${BUCKET}?list-type=2`));
    const keys = [...String(listing.body).matchAll(/<Key>([^<]*)/g)].map(([, key = '']) => key);
    const texts = await Promise.all(
      keys.map(async (key) => `${key} ${key.startsWith('_site/') ? await this.#object(key) : ''}`),
    );
    const values = await Promise.all([LIVE_KEY, PREVIOUS_KEY].map((key) => this.#value(key)));
    return [...texts, ...values]
      .join('\n')
      .replace(/\d{8}T\d{6}Z/g, 'TIME')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'JOB');
  }

  /** The id of the live release; nothing if there is none. */
  async live(): Promise<string | undefined> {
    return idOf(await this.#value(LIVE_KEY));
  }

  /** What is wrong with what visitors get, or nothing. */
  async problem(): Promise<string | undefined> {
    const pointer = await this.#value(LIVE_KEY);
    const id = idOf(pointer);
    if (pointer === undefined) return undefined;
    if (id === undefined) return `the pointer is damaged: ${pointer}`;
    const manifest = JSON.parse(String(await this.#object(manifestKey(id)))) as Manifest;
    for (const { path, sha256 } of manifest.files) {
      const key = await keyFor(pointer, path);
      const bytes = await this.#object(key);
      if (bytes === undefined) return `${path} of ${id} stands at ${key}, which is not there`;
      const hash = createHash('sha256').update(bytes).digest('base64');
      if (hash !== sha256) return `${path} of ${id} stands at ${key}, which has other bytes`;
    }
    return undefined;
  }

  async #object(key: string): Promise<Buffer | undefined> {
    const path = key.split('/').map(encodeURIComponent).join('/');
    const { status, body } = await exchange(this.#s3, asking(`/${BUCKET}/${path}`));
    return status === 200 ? body : undefined;
  }

  async #value(key: string): Promise<string | undefined> {
    const url = `/key-value-stores/${encodeURIComponent(STORE_ARN)}/keys/${key}`;
    const { status, body } = await exchange(this.#store, asking(url));
    return status === 200 ? JSON.parse(String(body)).Value : undefined;
  }
}

const asking = (url: string) => ({
  method: 'GET',
  url,
  headers: { authorization: SIGNED, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  body: Buffer.alloc(0),
});

const SETTINGS = {
  CONTENT_BUCKET: BUCKET,
  KEY_VALUE_STORE_ARN: STORE_ARN,
  IMMUTABLE_PATTERNS: JSON.stringify(UPLOAD_SETTINGS.immutable),
  REBASE_SHARE: '1',
  HEALTH_PATH: '/',
  HEALTH_DEADLINE_SECONDS: '20',
  RETENTION: '{"newest":1,"days":0}',
  GATES: JSON.stringify(UPLOAD_SETTINGS.gates),
};
