import { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { CodePipelineClient, type CodePipelineClientConfig } from '@aws-sdk/client-codepipeline';
import { SNSClient, type SNSClientConfig } from '@aws-sdk/client-sns';
import { clientOptions } from '../exploration/client-options.ts';
import {
  type Answered,
  type Asked,
  asked,
  responseOf,
  type SdkRequest,
} from '../exploration/exchange.ts';

type OwnService = 'cloudfront' | 'pipeline' | 'sns';

export type Send = (service: OwnService, request: Asked, signal?: AbortSignal) => Promise<Answered>;

/** The clients of the services that have no bucket and no store, over no network; handed on as they are dear to make. */
export class Clients {
  static readonly #free: Clients[] = [];
  readonly cloudFront: CloudFrontClient;
  readonly codePipeline: CodePipelineClient;
  /** Of notifications, which have fewer attempts than the report of a job. */
  readonly codePipelineToAsk: CodePipelineClient;
  readonly sns: SNSClient;
  #send: Send | undefined;

  static of(send: Send): Clients {
    const clients = Clients.#free.pop() ?? new Clients();
    clients.#send = send;
    return clients;
  }

  private constructor() {
    // As many attempts as the functions give themselves.
    this.cloudFront = new CloudFrontClient(this.#options('cloudfront', 3));
    this.codePipeline = new CodePipelineClient(this.#options('pipeline', 8));
    this.codePipelineToAsk = new CodePipelineClient(this.#options('pipeline', 5));
    this.sns = new SNSClient(this.#options('sns', 5) as unknown as SNSClientConfig);
  }

  release(): void {
    this.#send = undefined;
    Clients.#free.push(this);
  }

  #options(service: OwnService, attempts: number): CodePipelineClientConfig {
    const handle = async (
      request: SdkRequest,
      { abortSignal }: { abortSignal?: AbortSignal } = {},
    ) => {
      if (this.#send === undefined) throw new Error('the process is gone');
      return responseOf(await this.#send(service, await asked(request), abortSignal));
    };
    const options = { ...clientOptions(attempts, handle), endpoint: 'http://127.0.0.1' };
    return options as unknown as CodePipelineClientConfig;
  }
}
