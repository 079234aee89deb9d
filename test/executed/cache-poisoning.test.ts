import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CACHE_FOR_EVER } from '../../lib/release/contract.ts';
import type { LocalStack } from '../../local/stack.ts';
import { raw } from '../support/local-aws.ts';
import {
  aDirectory,
  aLocalStack,
  contentOf,
  pointTo,
  removeDirectories,
} from '../support/local-stack.ts';
import { aStack } from '../support/synth.ts';

const LIVE = '20261123T061500Z-1111111';

interface Attack {
  readonly method?: string;
  /** Behind the page's address. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What caches were poisoned with elsewhere: it changes the answer, and not the key under which it is kept. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  'another host for the links': { headers: { 'x-forwarded-host': 'evil.example' } },
  'another scheme': { headers: { 'x-forwarded-scheme': 'http', 'x-forwarded-proto': 'http' } },
  'another address for the application': {
    headers: { 'x-original-url': '/other/', 'x-rewrite-url': '/other/' },
  },
  'another name of the site': { headers: { host: 'evil.example' } },
  'another method in a header': { headers: { 'x-http-method-override': 'DELETE' } },
  'a header that S3 knows': { headers: { 'x-amz-server-side-encryption': 'x', 'x-amz-date': '1' } },
  'a part only': { headers: { range: 'bytes=0-3' } },
  'a part that does not exist': { headers: { range: 'bytes=900000-' } },
  'a copy of another version': { headers: { 'if-none-match': '*' } },
  'a condition that fails': {
    headers: { 'if-match': '"none"', 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
  },
  'no body': { method: 'HEAD' },
  'a body': { method: 'GET', body: 'x=1' },
  'a method that changes something': { method: 'POST', body: 'x=1' },
  'a query': { query: '?response-content-type=text/javascript&versionId=x&x=<script>' },
  'a cookie': { headers: { cookie: 'release=20200101T000000Z-0000000; __dpl=evil' } },
  'an encoding that nobody knows': { headers: { 'accept-encoding': 'evil' } },
  'another language and type': { headers: { 'accept-language': 'xx', accept: 'text/javascript' } },
  'headers beyond the limit': { headers: { 'x-large': 'x'.repeat(15_000) } },
};
const pageOf = (attack: string) => `page-${Object.keys(ATTACKS).indexOf(attack)}/`;

let stack: LocalStack;
beforeAll(async () => {
  const { node } = aStack({ immutable: ['assets/*'] });
  const { directory } = (node.root as import('aws-cdk-lib').App).synth();
  ({ stack } = await aLocalStack(directory, { state: await aDirectory('state') }));
  const { s3, Bucket } = contentOf(stack);
  const pages = ['clean/', ...Object.keys(ATTACKS).map(pageOf)];
  for (const page of pages) {
    await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: `releases/${LIVE}/${page}index.html`,
        Body: 'The same everywhere',
        ContentType: 'text/html; charset=utf-8',
        CacheControl: CACHE_FOR_EVER,
      }),
    );
  }
  s3.destroy();
  await pointTo(stack, { id: LIVE, base: LIVE, delta: '' });
});
afterAll(async () => {
  await stack?.stop();
  await removeDirectories();
});

/** What the answer is, without what belongs to its moment. */
async function ask(path: string, { method = 'GET', query = '', headers, body }: Attack = {}) {
  const answer = await raw(`${stack.siteUrl}/${path}${query}`, {
    method,
    headers: { ...headers },
    ...(body !== undefined && { body }),
  });
  const { date: _, age: __, 'x-amz-cf-id': ___, 'last-modified': ____, ...kept } = answer.headers;
  return { status: answer.status, headers: kept, body: answer.body };
}

test.each(Object.keys(ATTACKS))(
  'whoever asks for a page first, with %s: everybody after gets the page',
  async (name) => {
    const page = pageOf(name);
    await ask(page, ATTACKS[name]);
    const first = await ask('clean/');
    const clean = first.headers['x-cache']?.toString().startsWith('Hit')
      ? first
      : await ask('clean/');
    expect(clean.body).toBe('The same everywhere');
    // Twice: whatever the attack has left is a hit by then.
    await ask(page);
    const { headers, ...rest } = await ask(page);
    expect(rest).toEqual({ status: 200, body: 'The same everywhere' });
    expect(headers).toEqual(clean.headers);
  },
);
