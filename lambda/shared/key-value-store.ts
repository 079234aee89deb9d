// For its side effect: the store only accepts requests signed with SigV4A, and without this the
// SDK finds no implementation and throws.
import '@aws-sdk/signature-v4a';
import {
  CloudFrontKeyValueStoreClient,
  DescribeKeyValueStoreCommand,
  GetKeyCommand,
  paginateListKeys,
  UpdateKeysCommand,
} from '@aws-sdk/client-cloudfront-keyvaluestore';
import { TIMEOUTS } from './clients.ts';
import { required, UnexpectedAnswer } from './failure.ts';
import type { PointerStore } from './store.ts';

/** The CloudFront key-value store with that ARN. */
export function keyValueStore(
  KvsARN: string,
  client = new CloudFrontKeyValueStoreClient({ requestHandler: TIMEOUTS, maxAttempts: 3 }),
): PointerStore {
  return {
    async version(abortSignal) {
      const { ETag } = await client.send(new DescribeKeyValueStoreCommand({ KvsARN }), {
        abortSignal,
      });
      return required(ETag, 'DescribeKeyValueStore answered without an ETag');
    },
    async get(Key, abortSignal) {
      try {
        const { Value } = await client.send(new GetKeyCommand({ KvsARN, Key }), { abortSignal });
        // Taken for a key that is not there, it would be a site without a release, or one that is not frozen.
        if (Value === undefined) throw new UnexpectedAnswer('GetKey answered without a value');
        return Value;
      } catch (error) {
        if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
        throw error;
      }
    },
    async keys(prefix, abortSignal) {
      const found: string[] = [];
      // The store lists all of its keys or none, and at most 50 a page.
      const pages = paginateListKeys({ client, pageSize: 50 }, { KvsARN }, { abortSignal });
      for await (const { Items = [] } of pages) {
        for (const { Key = '' } of Items) if (Key.startsWith(prefix)) found.push(Key);
      }
      return found;
    },
    async put(values, IfMatch, abortSignal) {
      const Puts = [...values].flatMap(([Key, Value]) =>
        Value === undefined ? [] : { Key, Value },
      );
      const Deletes = [...values].flatMap(([Key, Value]) => (Value === undefined ? { Key } : []));
      const command = new UpdateKeysCommand({ KvsARN, IfMatch, Puts, Deletes });
      const { ETag } = await client.send(command, { abortSignal });
      required(ETag, 'UpdateKeys answered without an ETag');
    },
  };
}
