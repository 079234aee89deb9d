import { BUCKET, type ServiceName } from './account.ts';
import type { Asked } from './exchange.ts';

/** What a call touches: whether the order of two calls can make a difference is decided by this alone. */
export interface Access {
  /** For people. */
  readonly label: string;
  /** Keys, or with a trailing `*` all that begin so. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Whether an invariant may look at what it writes. */
  readonly visible: boolean;
}

/** A step that touches nothing that others see. */
export const LOCAL: Access = { label: '', reads: [], writes: [], visible: false };

/** Time that passes for all: everybody may notice. */
export const TIME: Access = { label: 'time passes', reads: [], writes: [], visible: true };

export function accessOf(service: ServiceName, { method, url, headers, body }: Asked): Access {
  return service === 's3' ? inBucket(method, url, headers, body) : inStore(method, url, body);
}

function inBucket(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Access {
  const [path = '', query = ''] = url.split('?');
  const key = decodeURIComponent(path.slice(BUCKET.length + 2));
  const visible = (keys: readonly string[]) =>
    keys.some((one) => /^(releases|assets|_site\/releases)\//.test(one));
  if (method === 'POST') {
    const keys = [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, one = '']) => one);
    return {
      label: `DeleteObjects ${keys.join(' ')}`,
      reads: [],
      writes: keys,
      visible: visible(keys),
    };
  }
  if (method === 'PUT') {
    const from = headers['x-amz-copy-source'];
    const reads = from ? [decodeURIComponent(from.slice(BUCKET.length + 1))] : [];
    const condition = headers['if-match']
      ? ' if unchanged'
      : headers['if-none-match']
        ? ' if new'
        : '';
    const label = `${from ? `CopyObject ${reads[0]} to` : 'PutObject'} ${key}${condition}`;
    return { label, reads, writes: [key], visible: visible([key]) };
  }
  const parameters = new URLSearchParams(query);
  if (parameters.has('list-type')) {
    const prefix = parameters.get('prefix') ?? '';
    const label = `ListObjects ${prefix}${parameters.has('delimiter') ? ' folders' : ''}`;
    return { label, reads: [`${prefix}*`], writes: [], visible: false };
  }
  return {
    label: `${method === 'HEAD' ? 'HeadObject' : 'GetObject'} ${key}`,
    reads: [key],
    writes: [],
    visible: false,
  };
}

/** A key of the store, or its version: neither is a key of the bucket. */
const stored = (key: string): string => `store:${key}`;
const VERSION = stored('');

function inStore(method: string, url: string, body: Buffer): Access {
  const [, , , keys, key] = url.split('?')[0]?.split('/') ?? [];
  if (method === 'GET' && keys === undefined) {
    return { label: 'DescribeKeyValueStore', reads: [VERSION], writes: [], visible: false };
  }
  if (method === 'GET') {
    return { label: `GetKey ${key}`, reads: [stored(key ?? '')], writes: [], visible: false };
  }
  const { Puts = [], Deletes = [] } = JSON.parse(body.toString()) as Record<
    string,
    { Key: string }[]
  >;
  const changed = [...Puts, ...Deletes].map(({ Key }) => Key);
  return {
    label: `UpdateKeys ${changed.join(' ')}`,
    reads: [],
    writes: [VERSION, ...changed.map(stored)],
    visible: true,
  };
}

/** Whether it may matter which of the two comes first. */
export function conflict(a: Access, b: Access): boolean {
  if (a === TIME || b === TIME || (a.visible && b.visible)) return true;
  return touches(a.writes, [...b.reads, ...b.writes]) || touches(b.writes, a.reads);
}

const touches = (written: readonly string[], touched: readonly string[]): boolean =>
  written.some((key) =>
    touched.some((other) =>
      other.endsWith('*') ? key.startsWith(other.slice(0, -1)) : key === other,
    ),
  );

/** A read of the pointer by an edge. */
export const probe = (path: string): Access => ({
  label: `GET ${path}`,
  reads: [stored('live')],
  writes: [],
  visible: false,
});
