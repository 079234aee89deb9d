import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export const ACCOUNT = '123456789012';

/** Registered with a service under test as `a test`, and what the clients sign with. */
export const KEYS = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret', sessionToken: 'token' };

/** A folder that goes with the test. */
export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'local-aws-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Service {
  listen(): Promise<string>;
  close(): Promise<void>;
  registerCredentials(accessKeyId: string, label: string): void;
}

/** Starts a service for one test, known to `KEYS`. Closing it earlier is fine. */
export async function started(service: Service): Promise<string> {
  service.registerCredentials(KEYS.accessKeyId, 'a test');
  const endpoint = await service.listen();
  onTestFinished(() => service.close());
  return endpoint;
}

/** What every SDK client of a test needs. One attempt, so that an error is seen and not retried. */
export const clientOptions = (endpoint: string, credentials = KEYS) => ({
  endpoint,
  region: 'eu-west-1',
  credentials,
  maxAttempts: 1,
});

/** Resolves any name to the loopback interface, as many resolvers do with `*.localhost`. */
export const toLoopback: LookupFunction = (_host, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

/** For one test. */
export const loopbackAgent = (): Agent => {
  const agent = new Agent({ keepAlive: true, lookup: toLoopback });
  onTestFinished(() => agent.destroy());
  return agent;
};

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly bytes: Buffer;
}

/** A request without the SDK's help, for what the SDK would not send. */
export function raw(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<RawAnswer> {
  const { method = 'GET', headers = {}, body } = options;
  const { hostname, port } = new URL(url);
  // Not the URL object's path: it would resolve dots and drop characters.
  const path = url.slice(url.indexOf('/', 'http://'.length));
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: hostname, port, path, method, headers, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: bytes.toString(),
            bytes,
          });
        });
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The header that makes a raw request one of `KEYS`. */
export const signedAs = (accessKeyId = KEYS.accessKeyId): Record<string, string> => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20261123/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=00`,
});
