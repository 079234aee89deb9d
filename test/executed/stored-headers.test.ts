import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../lib/config.ts';
import { storedHeadersCode } from '../../lib/hosting/edge/code.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';
import { hasNjs } from '../support/rules.ts';

const CODE = storedHeadersCode(resolveConfig({ name: 'a-site' }));

type Headers = Readonly<Record<string, { readonly value: string }>>;
type Answer = { readonly statusCode: number; readonly headers: Headers };
type Respond = (response: Answer) => Promise<Answer>;

const eventOf = (response: Answer) => ({ request: { uri: '/' }, response });

const inSandbox: Respond = async (response) =>
  (await compileEdgeFunction({ code: CODE }).run(eventOf(response))) as Answer;

const inNjs: Respond = async (response) => {
  const folder = mkdtempSync(join(tmpdir(), 'response-'));
  try {
    const show = `console.log('ANSWER ' + JSON.stringify(handler(${JSON.stringify(eventOf(response))})));`;
    writeFileSync(join(folder, 'code.js'), `${CODE}\n${show}`);
    const output = execFileSync('njs', [join(folder, 'code.js')]).toString();
    return JSON.parse(output.slice(output.indexOf('ANSWER ') + 7));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const engines = [
  ['node:vm', true, inSandbox],
  ['njs', hasNjs, inNjs],
] as const;
for (const [engine, present, respond] of engines) {
  describe.skipIf(!present)(`the shipped viewer-response function in ${engine}`, () => {
    const policy = {
      'cache-control': { value: 'public, max-age=0, must-revalidate' },
      'content-security-policy': { value: "default-src 'self'" },
    };

    test('gives the headers that are stored with the file, and goes before the pages’ own', async () => {
      const stored = { 'cache-control': 'public, max-age=60', 'x-a': '"1", 2' };
      const answer = await respond({
        statusCode: 200,
        headers: {
          ...policy,
          etag: { value: '"e"' },
          'x-amz-meta-headers': { value: JSON.stringify(stored) },
        },
      });
      expect(answer).toEqual({
        statusCode: 200,
        headers: {
          ...policy,
          etag: { value: '"e"' },
          'cache-control': { value: 'public, max-age=60' },
          'x-a': { value: '"1", 2' },
        },
      });
    });

    test('leaves an answer without any as it is', async () => {
      const plain = { statusCode: 200, headers: { ...policy, etag: { value: '"e"' } } };
      expect(await respond(plain)).toEqual(plain);
    });

    test('takes from a 304 what could replace a header that the browser got with the file', async () => {
      const answer = await respond({
        statusCode: 304,
        headers: { ...policy, etag: { value: '"e"' } },
      });
      expect(answer).toEqual({ statusCode: 304, headers: { etag: { value: '"e"' } } });
    });

    test('gives them with a 304 as well, where they are there', async () => {
      const answer = await respond({
        statusCode: 304,
        headers: { ...policy, 'x-amz-meta-headers': { value: '{"x-a":"1"}' } },
      });
      expect(answer.headers).toEqual({ ...policy, 'x-a': { value: '1' } });
    });
  });
}
