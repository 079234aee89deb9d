import { routerCode } from '../../../lib/hosting/edge/code.ts';
import { matchesPattern } from '../../../lib/release/contract.ts';
import { compileEdgeFunction } from '../../../local/edge/function-sandbox.ts';
import { IMMUTABLE } from './actors.ts';

const CODE = routerCode({ name: 'site', source: { kind: 'codecommit', branch: 'main' } });

export interface Routed {
  readonly uri?: string;
  readonly statusCode?: number;
  readonly body?: string;
}

const routed = new Map<string, Promise<Routed>>();

/** What the shipped router answers while that is the live pointer. The same each time, so asked once. */
export function route(pointer: string | undefined, uri: string): Promise<Routed> {
  const question = JSON.stringify([pointer, uri]);
  let answer = routed.get(question);
  if (answer === undefined) {
    const keyValueStore = { get: async (key: string) => (key === 'live' ? pointer : undefined) };
    const router = compileEdgeFunction({ code: CODE, keyValueStore });
    const request = { method: 'GET', uri, querystring: {}, headers: {}, cookies: {} };
    answer = router.run({ request }) as Promise<Routed>;
    routed.set(question, answer);
  }
  return answer;
}

/** The object that visitors get for a file of the site while that is the live pointer. */
export async function keyFor(pointer: string, path: string): Promise<string> {
  // The pool has a behavior of its own, without the router.
  if (IMMUTABLE.some((pattern) => matchesPattern(pattern, path))) return path;
  const { uri } = await route(pointer, `/${path.split('/').map(encodeURIComponent).join('/')}`);
  return decodeURIComponent((uri ?? '/').slice(1));
}
