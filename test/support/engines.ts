import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';
import { rawQueryOf } from '../../local/edge/paths.ts';
import { eventFor } from '../../local/edge/viewer-function.ts';

/** What stands in the key-value store under `live`, or how the store fails. */
export type Store = { live?: string; failing?: 'get' | 'always' };

/** What a viewer-request function returned: the request or an answer. */
export interface Answer {
  readonly uri?: string;
  readonly querystring?: unknown;
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, { readonly value: string }>>;
  readonly body?: string;
}

/** Asks a function for an address, its query included. */
export type Ask = (target: string, store: Store, method?: string) => Promise<Answer>;

const eventOf = (target: string, method: string) =>
  eventFor(
    { method, target, headers: { host: 'x' } },
    {
      distributionDomainName: 'd111111abcdef8.cloudfront.net',
      distributionId: 'EDFDVBD6EXAMPLE',
      requestId: 'EXAMPLE',
    },
  );

/** In a bare node:vm context, as the local edge runs it. */
export function inSandbox(code: string, reads: string[] = []): Ask {
  return async (target, store, method = 'GET') => {
    let failures = { get: 1, always: Number.POSITIVE_INFINITY, never: 0 }[store.failing ?? 'never'];
    const keyValueStore = {
      get: async (key: string) => {
        reads.push(key);
        if (failures-- > 0) throw new Error('the store is unavailable');
        return key === 'live' ? store.live : undefined;
      },
    };
    const edgeFunction = compileEdgeFunction({ code, keyValueStore });
    return (await edgeFunction.run(eventOf(target, method), rawQueryOf(target))) as Answer;
  };
}

/** In Debian's njs, which runs the dialect that CloudFront documents. */
function inNjs(code: string, folder: string): Ask {
  return async (target, store, method = 'GET') => {
    writeFileSync(
      join(folder, 'cloudfront'),
      `const store = ${JSON.stringify(store)};
       export default { kvs() { return {
         async get(key, options) {
           if (store.failing) throw new Error('the store is unavailable');
           if (key !== 'live' || store.live === undefined) throw new Error('no such key');
           return options.format === 'json' ? JSON.parse(store.live) : store.live;
         },
         async exists(key) {
           if (store.failing === 'always') throw new Error('the store is unavailable');
           return key === 'live' && store.live !== undefined;
         },
       }; } };`,
    );
    const rawQuery = JSON.stringify(rawQueryOf(target)) ?? 'undefined';
    const run = `const event = ${JSON.stringify(eventOf(target, method))};
       event.request.rawQueryString = () => ${rawQuery};
       handler(event).then((answer) => {
         // njs breaks lines of 2,048 characters.
         JSON.stringify(answer).match(/.{1,1000}/g).forEach((part) => console.log('ANSWER ' + part));
       });`;
    writeFileSync(join(folder, 'function.js'), `${code}\n${run}`);
    const output = execFileSync('njs', ['-p', folder, join(folder, 'function.js')]).toString();
    return JSON.parse([...output.matchAll(/^ANSWER (.*)$/gm)].map(([, part]) => part).join(''));
  };
}

/** Where a function is run: the engine's name, whether it is here, and how to begin and end. */
export const engines: readonly [
  name: string,
  present: boolean,
  start: (code: string) => { readonly ask: Ask; end(): void },
][] = [
  ['node:vm', true, (code) => ({ ask: inSandbox(code), end: () => {} })],
  [
    'njs',
    spawnSync('njs', ['-v']).status === 0,
    (code) => {
      const folder = mkdtempSync(join(tmpdir(), 'function-'));
      return { ask: inNjs(code, folder), end: () => rmSync(folder, { recursive: true }) };
    },
  ],
];
