import { createHash } from 'node:crypto';
import vm from 'node:vm';
import { type Program, parse } from 'acorn';
import type { KeyValueReader } from './types.ts';

export interface SandboxOptions {
  /** The function's code as it is in the template. */
  readonly code: string;
  /** Undefined: the function has no store associated, and `cf.kvs()` throws. */
  readonly keyValueStore?: KeyValueReader | undefined;
  /** Gets what the function gives to console.log. @default nobody */
  readonly log?: (line: string) => void;
  /**
   * How long the function may compute without waiting, in milliseconds. CloudFront allows about
   * one; a busy laptop needs room. What this catches is a loop without an end. `Infinity`: nobody watches,
   * which saves a thread for each step of a call.
   *
   * @default 2000
   */
  readonly timeLimitMs?: number;
  /**
   * Whether one context serves all calls, as none does at CloudFront: for a function that keeps nothing anyway and is
   * asked many thousand times, since making a context takes most of a call's time.
   *
   * @default false
   */
  readonly keepContext?: boolean;
}

/** A CloudFront function, compiled once. */
export interface EdgeFunction {
  /**
   * Calls the handler with a copy of the event and resolves with a copy of what it returned.
   * Rejects when it throws, runs out of time, never answers or returns what JSON cannot hold.
   *
   * @param rawQuery - what `request.rawQueryString()` answers: the query as it was sent; undefined without a `?`
   * @param onLogData - gets what the function gives to `cf.logCustomData`, each time
   */
  run(event: unknown, rawQuery?: string, onLogData?: (text: string) => void): Promise<unknown>;
}

/**
 * Runs a cloudfront-js-2.0 function as bare as CloudFront does: no process, require, timers or
 * network, no `eval`, none of the globals its runtime does not document, and nothing kept from one
 * request to the next. Fewer than the documented ones too: of `crypto` only hashes of text in hex, base64
 * or base64url, no `querystring` or `buffer` module, no TextEncoder; a function that uses those fails
 * here with their name.
 *
 * Syntax outside the documented subset does run here; the test of the shipped file refuses it. It
 * keeps honest code honest and is no wall against hostile code, which node:vm cannot be.
 *
 * Throws a SyntaxError for code that does not parse, and an Error for an import it does not know.
 * Source: "JavaScript runtime 2.0 features for CloudFront Functions", CloudFront Developer Guide.
 */
export function compileEdgeFunction(options: SandboxOptions): EdgeFunction {
  const { keyValueStore, log = () => {}, timeLimitMs = 2000, keepContext = false } = options;
  const script = new vm.Script(wrapped(options.code), { filename: 'viewer-request.js' });

  // Its promises are settled inside the call that runs its code ('afterEvaluate'), which is
  // what puts the code after an `await` under the time limit as well.
  const aContext = () =>
    vm.createContext(Object.create(null), {
      microtaskMode: 'afterEvaluate',
      codeGeneration: { strings: false, wasm: false },
    });
  const kept = keepContext ? aContext() : undefined;
  const limit = Number.isFinite(timeLimitMs) ? { timeout: timeLimitMs } : {};

  const run: EdgeFunction['run'] = (event, rawQuery, onLogData) =>
    new Promise((resolve, reject) => {
      // One each, as CloudFront keeps no state either; it costs well under a millisecond.
      const context = kept ?? aContext();
      let waiting = 0;
      let done = false;
      const finish = (end: () => void) => {
        done = true;
        end();
      };

      const host: Host = {
        log: (line) => log(line),
        logData: (text) => onLogData?.(text),
        hasStore: keyValueStore !== undefined,
        hash: (algorithm, text, encoding) =>
          createHash(algorithm)
            .update(text)
            .digest(encoding as 'hex'),
        read(key, settle) {
          waiting += 1;
          const answer = (error: string | undefined, value?: string) => {
            waiting -= 1;
            evaluate(() => settle(error, value));
          };
          Promise.resolve(key)
            .then((name) => keyValueStore?.get(name))
            .then(
              (value) => answer(undefined, value),
              (error) => answer(String(error)),
            );
        },
        succeed: (json) => finish(() => resolve(json === undefined ? undefined : JSON.parse(json))),
        fail: (reason) => finish(() => reject(new Error(reason))),
      };

      const evaluate = (work: () => void) => {
        if (done) return;
        try {
          context[WORK] = work;
          ENTER.runInContext(context, limit);
        } catch (error) {
          // The sandbox has its own Error, so `instanceof` would not know it.
          finish(() => reject(new Error((error as Error).message)));
        }
        if (!done && waiting === 0) {
          finish(() => reject(new Error('the handler waits for something that never comes')));
        }
      };

      evaluate(() => {
        const start = PRELUDE.runInContext(context) as Start;
        const define = script.runInContext(context) as unknown;
        start(host, define, JSON.stringify(event), rawQuery);
      });
    });

  return { run };
}

interface Host {
  log(line: string): void;
  logData(text: string): void;
  readonly hasStore: boolean;
  hash(algorithm: string, text: string, encoding: string): string;
  read(key: string, settle: (error?: string, value?: string) => void): void;
  succeed(json: string | undefined): void;
  fail(reason: string): void;
}
type Start = (host: Host, define: unknown, event: string, rawQuery?: string) => void;

/** The one name that the host adds to the sandbox; deleted before the function's code runs. */
const WORK = '__work';
const ENTER = new vm.Script(`{ const work = ${WORK}; delete globalThis.${WORK}; work(); }`);

/**
 * Runs inside the sandbox, so that all the function can touch was made there: the event, the
 * store's promises, the errors. Hands data over as text.
 */
const PRELUDE = new vm.Script(`(host, define, event, rawQuery) => {
  'use strict';
  // What V8 has and the runtime does not document.
  for (const name of ['AggregateError', 'Atomics', 'BigInt', 'BigInt64Array', 'BigUint64Array',
    'FinalizationRegistry', 'Intl', 'Iterator', 'Map', 'Proxy', 'Reflect', 'Set',
    'SharedArrayBuffer', 'WeakMap', 'WeakRef', 'WeakSet', 'WebAssembly', 'escape', 'unescape']) {
    delete globalThis[name];
  }
  globalThis.console = {
    log(message) {
      host.log(typeof message === 'string' ? message : String(message));
    },
  };

  const read = (key) => new Promise((resolve, reject) => {
    host.read(String(key), (error, value) => {
      if (error === undefined) resolve(value);
      else reject(new Error(error));
    });
  });
  const store = {
    async get(key, options) {
      const format = options === undefined || options.format === undefined ? 'string' : options.format;
      if (format !== 'string' && format !== 'json') {
        throw new Error('kvs.get: got format ' + format + '; the local edge knows string and json');
      }
      const value = await read(key);
      if (value === undefined) throw new Error('KeyNotFound: ' + key);
      return format === 'json' ? JSON.parse(value) : value;
    },
    async exists(key) {
      return (await read(key)) !== undefined;
    },
    async meta() {
      throw new Error('kvs.meta: the local edge knows get and exists');
    },
  };
  const modules = {
    cloudfront: {
      kvs() {
        if (!host.hasStore) throw new Error('cf.kvs(): no key-value store is associated with this function');
        return store;
      },
      // "General helper methods", CloudFront Developer Guide.
      logCustomData(data) {
        if (typeof data !== 'string') throw new Error('cf.logCustomData: CloudFront takes text');
        host.logData(data);
      },
    },
    crypto: {
      createHash(algorithm) {
        if (['md5', 'sha1', 'sha256'].indexOf(algorithm) < 0) {
          throw new Error('crypto.createHash: got ' + algorithm + '; CloudFront knows md5, sha1 and sha256');
        }
        let text = '';
        return {
          update(data) {
            if (typeof data !== 'string') throw new Error('hash.update: the local edge knows text');
            text += data;
            return this;
          },
          digest(encoding) {
            if (['hex', 'base64', 'base64url'].indexOf(encoding) < 0) {
              throw new Error('hash.digest: got ' + encoding + '; the local edge knows hex, base64 and base64url');
            }
            return host.hash(algorithm, text, encoding);
          },
        };
      },
    },
  };

  const failed = (error) => {
    host.fail(error instanceof Error ? error.name + ': ' + error.message : String(error));
  };
  (async () => {
    const handler = define(modules);
    const copy = JSON.parse(event);
    // "General helper methods", CloudFront Developer Guide.
    if (copy.request) copy.request.rawQueryString = () => rawQuery;
    host.succeed(JSON.stringify(await handler(copy)));
  })().catch(failed);
}`);

const MODULES = ['cloudfront', 'crypto'];

/**
 * The module as a script that yields its handler, since node:vm runs modules only behind a flag.
 * Imports become constants on the first line and leave blanks, so that positions in errors stay true.
 */
function wrapped(code: string): string {
  const program: Program = parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  let body = code;
  let bindings = '';
  for (const node of program.body) {
    if (node.type !== 'ImportDeclaration') continue;
    const [binding, ...more] = node.specifiers;
    const text = code.slice(node.start, node.end);
    if (
      !MODULES.includes(String(node.source.value)) ||
      binding?.type !== 'ImportDefaultSpecifier' ||
      more.length > 0
    ) {
      throw new Error(
        `got ${text}; the local edge knows import cf from 'cloudfront' and import crypto from 'crypto'`,
      );
    }
    bindings += `const ${binding.local.name} = modules.${node.source.value}; `;
    body = body.slice(0, node.start) + text.replace(/[^\n]/g, ' ') + body.slice(node.end);
  }
  return `(modules) => { 'use strict'; ${bindings}${body}\n; return handler; }`;
}
