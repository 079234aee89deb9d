import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { DamagedManifest, readRecord } from '../../lambda/shared/manifest.ts';
import { bodyOf, textOf } from '../../lambda/shared/page-body.ts';

const ID = '20261123T061500Z-1a2b3c4';

test('a small page is stored as it is, a large one compressed, and both are read as they were written', () => {
  expect(bodyOf('{"small": true}')).toEqual({ Body: '{"small": true}' });
  const large = JSON.stringify({
    files: Array.from({ length: 5_000 }, (_, index) => `é ${index} and more`),
  });
  const { Body, ContentEncoding } = bodyOf(large);
  expect(ContentEncoding).toBe('gzip');
  expect(Body.length).toBeLessThan(large.length / 2);
  expect(textOf(Body as Uint8Array)).toBe(large);
});

test.each([
  ['no gzip', Buffer.from('{}')],
  ['cut off', gzipSync('x'.repeat(1_000)).subarray(0, 20)],
  ['empty', Buffer.alloc(0)],
])('a compressed manifest that is damaged (%s) is said to be a damaged manifest', (_, bytes) => {
  expect(() => readRecord(textOf(bytes), ID)).toThrow(DamagedManifest);
});
