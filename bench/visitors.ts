import { CACHE_FOR_EVER, LIVE_KEY, type Pointer } from '../lib/release/contract.ts';
import type { Assembly } from '../local/assembly/assembly.ts';
import { Edge } from '../local/edge/edge.ts';
import { edgeResources } from '../local/edge/edge-resources.ts';

export interface Visitors {
  flip(pointer: Pointer): void;
  /** Whether the edge had it. @throws Error where it answers with no page */
  ask(path: string, bytes: number): Promise<boolean>;
}

/** The template's edge over an origin that has every object. */
export function visitorsOf(assembly: Assembly): Visitors {
  let live = '';
  let size = 0;
  const edge = new Edge({
    ...edgeResources(assembly),
    keyValueStores: new Map(
      assembly
        .ofType('AWS::CloudFront::KeyValueStore')
        .map(({ attributes }) => [
          String(attributes.Arn),
          { get: async (key: string) => (key === LIVE_KEY ? live : undefined) },
        ]),
    ),
    origin: {
      read: async () => ({
        status: 200,
        headers: {
          'content-type': 'text/html; charset=utf-8',
          'content-length': String(size),
          'cache-control': CACHE_FOR_EVER,
          etag: '"e"',
        },
        body: Buffer.alloc(size),
      }),
    },
  });
  return {
    flip(pointer) {
      live = JSON.stringify(pointer);
    },
    async ask(path, bytes) {
      size = bytes;
      const { status, headers } = await edge.handle({
        method: 'GET',
        target: `/${path}`,
        headers: { host: 'www.example.com' },
      });
      if (status !== 200) throw new Error(`/${path}: the edge answered ${status}`);
      return String(headers['x-cache']).startsWith('Hit');
    },
  };
}
