import { CloudFrontKeyValueStoreClient } from '@aws-sdk/client-cloudfront-keyvaluestore';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { ServiceName } from './account.ts';
import { clientOptions } from './client-options.ts';
import { type Answered, type Asked, asked, responseOf, type SdkRequest } from './exchange.ts';

/** Whoever decides when a request is carried out. */
interface Owner {
  send(service: ServiceName, request: Asked, signal?: AbortSignal): Promise<Answered>;
}

interface Command {
  readonly input: object;
}

interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

type Send = (command: Command, options?: SendOptions) => Promise<object>;

/** One command on its way through a client. */
interface Passage {
  readonly question: string;
  /** How the first attempt has ended, if it was made before the client was asked. */
  first?: Promise<Answered> | undefined;
  answered?: Answered;
  attempts: number;
}

/**
 * A client of S3 and one of the key-value store, as the functions have them, over no network. They are dear to make, so
 * one process hands them on to another. What they make of a command and of the answer to its first attempt is always the
 * same: they are asked once for each, and again only where something went wrong on the way.
 */
export class Connection {
  static readonly #free: Connection[] = [];
  static readonly #requests = new Map<string, Asked>();
  static readonly #outputs = new WeakMap<Answered, () => object>();
  readonly s3: S3Client;
  readonly store: CloudFrontKeyValueStoreClient;
  #owner: Owner | undefined;

  static of(owner: Owner): Connection {
    const connection = Connection.#free.pop() ?? new Connection();
    connection.#owner = owner;
    return connection;
  }

  private constructor() {
    const s3 = { ...this.#options('s3'), endpoint: 'http://127.0.0.1' };
    const store = { ...this.#options('store'), endpoint: 'http://localhost' };
    this.s3 = this.#remembering('s3', new S3Client(s3 as S3ClientConfig));
    this.store = this.#remembering(
      'store',
      new CloudFrontKeyValueStoreClient(store as S3ClientConfig),
    );
  }

  release(): void {
    this.#owner = undefined;
    Connection.#free.push(this);
  }

  #remembering<T extends S3Client | CloudFrontKeyValueStoreClient>(
    service: ServiceName,
    client: T,
  ): T {
    const send = client.send.bind(client) as unknown as Send;
    const remembering: Send = async (command, options = {}) => {
      const question = `${command.constructor.name} ${JSON.stringify(command.input)}`;
      const passage: Passage = { question, attempts: 0 };
      const request = Connection.#requests.get(question);
      if (request) {
        passage.first = this.#send(service, request, options.abortSignal);
        const answered = await passage.first.catch(() => undefined);
        const output = answered && Connection.#outputs.get(answered);
        if (output) return output();
      }
      try {
        const output = await send(command, { ...options, ...{ passage } });
        remember(passage, () => copyOf(output, passage.answered));
        return output;
      } catch (error) {
        remember(passage, () => {
          throw error;
        });
        throw error;
      }
    };
    const remember = ({ answered, attempts }: Passage, output: () => object) => {
      // An output says how many attempts it took.
      if (answered && attempts === 1) Connection.#outputs.set(answered, output);
    };
    return Object.assign(client, { send: remembering });
  }

  async #send(service: ServiceName, request: Asked, signal?: AbortSignal): Promise<Answered> {
    if (this.#owner === undefined) throw new Error('the process is gone');
    return this.#owner.send(service, request, signal);
  }

  #options(service: ServiceName) {
    const handle = async (
      sdkRequest: SdkRequest,
      { abortSignal, passage }: SendOptions & { passage: Passage },
    ) => {
      const { first, question } = passage;
      passage.first = undefined;
      passage.attempts += 1;
      delete passage.answered;
      const request = await asked(sdkRequest);
      Connection.#requests.set(question, request);
      const answered = await (first ?? this.#send(service, request, abortSignal));
      passage.answered = answered;
      return responseOf(answered);
    };
    return clientOptions(3, handle);
  }
}

/** A body can be read once only, by each who gets it. */
function copyOf(output: object, answered: Answered | undefined): object {
  if (!('Body' in output)) return output;
  return { ...output, Body: { transformToString: async () => answered?.body.toString() } };
}
