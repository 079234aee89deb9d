import { createHash } from 'node:crypto';
import { cpSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LocalKeyValueStore } from '../../../local/aws/key-value-store.ts';
import { LocalS3 } from '../../../local/aws/s3.ts';
import { type Answered, type Asked, exchange } from './exchange.ts';

export const BUCKET = 'content';
export const STORE_ARN = 'arn:aws:cloudfront::123456789012:key-value-store/1-2-3';
const CALLER = 'AKIDCALLER';

/** What a request is signed with: the services ask who it is, not whether it is true. */
export const SIGNED = `AWS4-HMAC-SHA256 Credential=${CALLER}/20261123/eu-west-1/s3/aws4_request`;

export type ServiceName = 's3' | 'store';

/** What stands in the bucket and in the key-value store at one moment. */
export interface Contents {
  /** By key. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly items: Readonly<Record<string, string>>;
  /** How often the key-value store was written: its version. */
  readonly writes: number;
}

export interface StoredObject {
  readonly etag: string;
  readonly modified: string;
}

/** A state of the account, and what it answered to whoever asked. */
export interface State {
  readonly contents: Contents;
  /** Of all of it. */
  readonly hash: string;
  readonly answers: Map<string, { readonly answered: Answered; readonly next: State }>;
  /** How it was reached for the first time; nothing: it is the beginning. */
  readonly from:
    | {
        readonly state: State;
        readonly service: ServiceName;
        readonly request: Asked;
        readonly now: number;
      }
    | undefined;
}

/**
 * The local S3 and key-value store, reached without a socket. They are put every question once for each state that they
 * are in: what follows is kept, so that going the same way again takes them no time.
 */
export class Account {
  readonly #parent: string;
  readonly #begin: Services;
  readonly #states = new Map<string, State>();
  /** The services, and the state that they are in. */
  #services: Services | undefined;
  #at: State | undefined;
  readonly #answers = new Map<string, Answered>();
  readonly #texts = new Map<string, string>();
  readonly #hashes = new Map<string, string>();

  /** An account that begins with what another one held in some state; without one, with nothing. */
  static async in(
    parent: string,
    like?: { readonly account: Account; readonly state: State },
  ): Promise<{ account: Account; state: State }> {
    const services = new Services(parent, like && (await like.account.#servicesAt(like.state)));
    const account = new Account(parent, services);
    const state = account.#stateOf(await services.contents(), undefined);
    return { account, state };
  }

  private constructor(parent: string, begin: Services) {
    this.#parent = parent;
    this.#begin = begin;
  }

  async answer(state: State, service: ServiceName, request: Asked, now: number) {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const question = [
      service,
      request.method,
      request.url,
      ...CONDITIONS.map((name) => request.headers[name] ?? ''),
      request.body.toString('base64'),
      isRead ? '' : now,
    ].join('\n');
    const known = state.answers.get(question);
    if (known) return known;
    const services = await this.#servicesAt(state);
    const answered = this.#same(question, await services.answer(service, request, now));
    let next = state;
    if (!isRead) {
      next = this.#stateOf(await services.contents(), { state, service, request, now });
      this.#at = next;
    }
    state.answers.set(question, { answered, next });
    return { answered, next };
  }

  /** Of equal answers to the same question always the same one, whatever the state. */
  #same(question: string, answered: Answered): Answered {
    const { status, headers, body } = answered;
    const key = `${question}\n${status} ${headers.etag} ${body.toString('latin1')}`;
    const known = this.#answers.get(key) ?? answered;
    this.#answers.set(key, known);
    return known;
  }

  /** The text of an object. */
  async textOf(state: State, key: string): Promise<string> {
    await this.#learn(state, key);
    return this.#texts.get(etagOf(state, key)) as string;
  }

  /** The SHA-256 of an object, in base64. */
  async sha256Of(state: State, key: string): Promise<string> {
    await this.#learn(state, key);
    return this.#hashes.get(etagOf(state, key)) as string;
  }

  /** The same ETag means the same bytes, of which it is a hash. */
  async #learn(state: State, key: string): Promise<void> {
    const etag = etagOf(state, key);
    if (this.#texts.has(etag)) return;
    const bytes = await (await this.#servicesAt(state)).observe(
      's3',
      `/${BUCKET}/${encodeURI(key)}`,
    );
    this.#texts.set(etag, bytes.toString());
    this.#hashes.set(etag, createHash('sha256').update(bytes).digest('base64'));
  }

  #stateOf(contents: Contents, from: State['from']): State {
    const hash = hashOf(contents);
    const known = this.#states.get(hash);
    if (known) return known;
    const state = { contents, hash, answers: new Map(), from };
    this.#states.set(hash, state);
    this.#at ??= state;
    return state;
  }

  /** Brings the services into a state, by the way in which it was reached for the first time. */
  async #servicesAt(state: State): Promise<Services> {
    if (this.#services && this.#at === state) return this.#services;
    const way: NonNullable<State['from']>[] = [];
    for (let from = state.from; from; from = from.state.from) way.unshift(from);
    await this.#services?.remove();
    this.#services = new Services(this.#parent, this.#begin);
    for (const { service, request, now } of way) await this.#services.answer(service, request, now);
    this.#at = state;
    return this.#services;
  }

  async remove(): Promise<void> {
    await this.#services?.remove();
    await this.#begin.remove();
  }
}

const CONDITIONS = [
  'if-match',
  'if-none-match',
  'range',
  'x-amz-copy-source',
  'x-amz-checksum-mode',
];

const etagOf = ({ contents }: State, key: string): string => contents.objects.get(key)?.etag ?? '';

const hashOf = ({ objects, items, writes }: Contents): string => {
  const listed = [...objects].map(([key, { etag, modified }]) => `${key} ${etag} ${modified}`);
  return createHash('sha1')
    .update(JSON.stringify([listed, items, writes]))
    .digest('base64');
};

/** The services themselves. */
class Services {
  readonly #folder: string;
  readonly #by: Readonly<Record<ServiceName, LocalS3 | LocalKeyValueStore>>;
  #now = 0;
  /** The store's version, which is made up at random; outside it is `v3` after three writes. */
  #version: string | undefined;
  #writes: number;

  constructor(parent: string, like?: Services) {
    this.#folder = mkdtempSync(join(parent, 'account-'));
    if (like) copy(like.#folder, this.#folder);
    this.#writes = like ? like.#writes : 0;
    const now = () => this.#now;
    this.#by = {
      s3: new LocalS3({
        stateDir: join(this.#folder, 's3'),
        region: 'eu-west-1',
        buckets: [{ name: BUCKET, logicalId: 'Content', properties: {} }],
        policies: [],
        now,
      }),
      store: new LocalKeyValueStore({
        stateDir: join(this.#folder, 'store'),
        stores: [{ logicalId: 'Releases', arn: STORE_ARN, properties: {} }],
        now,
      }),
    };
    for (const service of Object.values(this.#by)) service.registerCredentials(CALLER, 'caller');
  }

  async answer(service: ServiceName, request: Asked, now: number): Promise<Answered> {
    this.#now = now;
    if (service === 's3') return exchange(this.#by.s3, request);
    this.#version ??= (await exchange(this.#by.store, asking(STORE))).headers.etag;
    const expected = request.headers['if-match'];
    const headers = {
      ...request.headers,
      ...(expected && { 'if-match': (expected === this.#name && this.#version) || 'another' }),
    };
    const answered = await exchange(this.#by.store, { ...request, headers });
    const { etag } = answered.headers;
    if (etag === undefined) return answered;
    if (request.method !== 'GET') this.#writes += 1;
    this.#version = etag;
    return { ...answered, headers: { ...answered.headers, etag: this.#name } };
  }

  get #name(): string {
    return `v${this.#writes}`;
  }

  async contents(): Promise<Contents> {
    const listing = (await this.observe('s3', `/${BUCKET}?list-type=2`)).toString();
    if (listing.includes('<IsTruncated>true')) throw new Error('more than one listing holds');
    const objects = new Map<string, StoredObject>();
    for (const [, key = '', modified = '', etag = ''] of listing.matchAll(OBJECT)) {
      objects.set(key, { etag, modified });
    }
    const { Items = [] } = JSON.parse(
      (await this.observe('store', `${STORE}/keys?MaxResults=50`)).toString(),
    ) as { Items?: { Key: string; Value: string }[] };
    const items = Object.fromEntries(Items.map(({ Key, Value }) => [Key, Value]));
    return { objects, items, writes: this.#writes };
  }

  async observe(service: ServiceName, url: string): Promise<Buffer> {
    const { status, body } = await exchange(this.#by[service], asking(url));
    if (status !== 200) throw new Error(`${url}: ${status} ${body}`);
    return body;
  }

  async remove(): Promise<void> {
    await Promise.all(Object.values(this.#by).map((service) => service.close()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const STORE = `/key-value-stores/${encodeURIComponent(STORE_ARN)}`;
const OBJECT =
  /<Key>([^<]*)<\/Key><LastModified>([^<]*)<\/LastModified><ETag>(?:&quot;|")?([0-9a-f]+)/g;

const asking = (url: string): Asked => ({
  method: 'GET',
  url,
  headers: { authorization: SIGNED, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  body: Buffer.alloc(0),
});

/** The local S3 never changes the bytes of a body that is there, so links are enough. */
function copy(from: string, to: string): void {
  cpSync(join(from, 'store'), join(to, 'store'), { recursive: true });
  const [bucket, fresh] = [join(from, 's3', BUCKET), join(to, 's3', BUCKET)];
  mkdirSync(join(fresh, 'blobs'), { recursive: true });
  cpSync(join(bucket, 'index.jsonl'), join(fresh, 'index.jsonl'));
  for (const folder of readdirSync(join(bucket, 'blobs'))) {
    mkdirSync(join(fresh, 'blobs', folder));
    for (const blob of readdirSync(join(bucket, 'blobs', folder))) {
      linkSync(join(bucket, 'blobs', folder, blob), join(fresh, 'blobs', folder, blob));
    }
  }
}
