import { SIGNED } from './account.ts';
import type { responseOf, SdkRequest } from './exchange.ts';

type Handle<Options> = (
  request: SdkRequest,
  options: Options,
) => Promise<ReturnType<typeof responseOf>>;

/** What makes a client of the SDK ask over no network: each of its attempts is handed over. */
export const clientOptions = <Options>(attempts: number, handle: Handle<Options>) => ({
  region: 'eu-west-1',
  credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
  retryStrategy: atOnce(attempts),
  // SigV4A takes longer than all the rest, and the local services do not look at signatures.
  signer: {
    async sign(request: any) {
      request.headers['x-amz-content-sha256'] ??= 'UNSIGNED-PAYLOAD';
      request.headers.authorization = SIGNED;
      return request;
    },
  },
  requestHandler: {
    metadata: { handlerProtocol: 'http/1.1' },
    handle,
    destroy() {},
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  },
});

/** As the functions set it up: so many attempts at what failed on the way, here without a pause between. */
const atOnce = (attempts: number) => ({
  async acquireInitialRetryToken() {
    return attempt(0);
  },
  async refreshRetryTokenForRetry(
    token: { getRetryCount(): number },
    { errorType }: { errorType: string },
  ) {
    const count = token.getRetryCount() + 1;
    const isOver = count >= attempts || !['TRANSIENT', 'THROTTLING'].includes(errorType);
    if (isOver) throw new Error('no more');
    return attempt(count);
  },
  recordSuccess() {},
});

const attempt = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
