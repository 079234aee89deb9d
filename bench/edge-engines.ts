import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compileEdgeFunction } from '../local/edge/function-sandbox.ts';
import { rawQueryOf } from '../local/edge/paths.ts';
import { eventFor } from '../local/edge/viewer-function.ts';

/** A function with the store it reads. */
export interface Edge {
  readonly code: string;
  /** By key. */
  readonly values: Readonly<Record<string, string>>;
}

/** What a viewer-request function returns, as far as it matters here. */
export interface Decision {
  readonly uri?: string;
  readonly statusCode?: number;
}

export interface Engine {
  /** For the table. */
  readonly name: string;
  /** Nanoseconds for each request, over so many of them, the addresses in turn. */
  prepare(name: string, edge: Edge, addresses: readonly string[]): Promise<Timed>;
}

type Timed = (requests: number, signal: AbortSignal) => Promise<number>;

/** As a browser asks for a page. */
const eventOf = (target: string) =>
  eventFor(
    {
      method: 'GET',
      target,
      headers: { host: 'www.example.com', accept: 'text/html', 'accept-encoding': 'br, gzip' },
    },
    {
      distributionId: 'EDFDVBD6EXAMPLE',
      distributionDomainName: 'd111111abcdef8.cloudfront.net',
      requestId: 'bench',
    },
  );

/** What a function makes of an address, and how often it asks the store for it. */
export async function decisionOf(
  { code, values }: Edge,
  target: string,
): Promise<{ readonly decision: Decision; readonly reads: number }> {
  let reads = 0;
  const keyValueStore = {
    get: async (key: string) => {
      reads += 1;
      return values[key];
    },
  };
  const decision = await compileEdgeFunction({ code, keyValueStore }).run(
    eventOf(target),
    rawQueryOf(target),
  );
  return { decision: decision as Decision, reads };
}

/** njs where it is installed, whose dialect CloudFront runs; else the sandbox of the local edge. */
export async function findEngine(scratch: string): Promise<Engine> {
  try {
    // Ends with a mistake in its arguments where it is too old for this.
    const { stdout } = await promisify(execFile)('njs', ['-v']);
    return inNjs(stdout.trim(), scratch);
  } catch {
    return SANDBOX;
  }
}

const SANDBOX: Engine = {
  name: 'the sandbox of the local edge, a fresh one for each request: its time is in all',
  async prepare(_, { code, values }, addresses) {
    const edgeFunction = compileEdgeFunction({
      code,
      keyValueStore: { get: async (key) => values[key] },
    });
    const events = addresses.map((target) => [eventOf(target), rawQueryOf(target)] as const);
    return async (requests, signal) => {
      const began = performance.now();
      for (let request = 0; request < requests; request += 1) {
        signal.throwIfAborted();
        const [event, query] = events[request % events.length] as (typeof events)[number];
        await edgeFunction.run(event, query);
      }
      return ((performance.now() - began) * 1e6) / requests;
    };
  },
};

const inNjs = (version: string, scratch: string): Engine => ({
  name: `njs ${version}, one process for each batch; its start is in none`,
  async prepare(name, { code, values }, addresses) {
    const folder = join(scratch, 'njs', name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'cloudfront'), storeModule(values));
    await writeFile(join(folder, 'function.js'), `${code}\n${loop(addresses)}`);
    return async (requests, signal) => {
      const { stdout } = await promisify(execFile)(
        'njs',
        ['-p', folder, join(folder, 'function.js'), String(requests)],
        { signal },
      );
      const took = /^TOOK (\d+)$/m.exec(stdout)?.[1];
      if (took === undefined) throw new Error(`njs: ${stdout.trim().slice(-500)}`);
      return (Number(took) * 1e6) / requests;
    };
  },
});

const storeModule = (values: Edge['values']): string => `
const values = ${JSON.stringify(values)};
const store = {
  async get(key, options) {
    if (values[key] === undefined) throw new Error('no such key');
    return options && options.format === 'json' ? JSON.parse(values[key]) : values[key];
  },
  async exists(key) { return values[key] !== undefined; },
};
export default { kvs() { return store; }, logCustomData() {} };
`;

/** A tenth of the requests, before the clock starts, bring the function into memory. njs has no clock below a millisecond. */
const loop = (addresses: readonly string[]): string => `
const requests = Number(process.argv[process.argv.length - 1]);
const events = ${JSON.stringify(addresses.map((target) => [JSON.stringify(eventOf(target)), rawQueryOf(target)]))};
async function ask(count) {
  for (let at = 0; at < count; at++) {
    const one = events[at % events.length];
    const event = JSON.parse(one[0]);
    event.request.rawQueryString = () => one[1];
    await handler(event);
  }
}
async function run() {
  await ask(requests / 10);
  const began = Date.now();
  await ask(requests);
  console.log('TOOK ' + (Date.now() - began));
}
run().catch((error) => console.log('FAILED ' + error));
`;
