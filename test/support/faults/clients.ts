import { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { CodePipelineClient, type CodePipelineClientConfig } from '@aws-sdk/client-codepipeline';
import { clientOptions } from '../exploration/client-options.ts';
import {
  type Answered,
  type Asked,
  asked,
  responseOf,
  type SdkRequest,
} from '../exploration/exchange.ts';

export type Send = (
  service: 'cloudfront' | 'pipeline',
  request: Asked,
  signal?: AbortSignal,
) => Promise<Answered>;

/** The clients of the services that have no bucket and no store, over no network; handed on as they are dear to make. */
export class Clients {
  static readonly #free: Clients[] = [];
  readonly cloudFront: CloudFrontClient;
  readonly codePipeline: CodePipelineClient;
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
  }

  release(): void {
    this.#send = undefined;
    Clients.#free.push(this);
  }

  #options(service: 'cloudfront' | 'pipeline', attempts: number): CodePipelineClientConfig {
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
