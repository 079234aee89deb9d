import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { appendTo, putAside } from '../../local/log-file.ts';
import { aDirectory, removeDirectories } from '../support/local-stack.ts';

afterAll(removeDirectories);

const aLog = async (): Promise<string> => join(await aDirectory('logs'), 'access.log');
const read = (file: string): string => readFileSync(file, 'utf8');

test('a log stays within bounds however long it is written to, and its newest lines are there', async () => {
  const file = await aLog();
  const append = appendTo(file, 100);
  for (let line = 100; line < 200; line += 1) append(`line ${line}\n`);
  expect(readdirSync(join(file, '..')).sort()).toEqual(['access.log', 'access.log.1']);
  const kept = read(`${file}.1`) + read(file);
  expect(read(file).length).toBeLessThanOrEqual(100 + 'line 100\n'.length);
  expect(kept.length).toBeLessThanOrEqual(2 * (100 + 'line 100\n'.length));
  // None is missing in between.
  const lines = kept.trimEnd().split('\n');
  expect(lines).toEqual(lines.map((_, index) => `line ${200 - lines.length + index}`));
});

test('what an earlier run has written counts', async () => {
  const file = await aLog();
  writeFileSync(file, 'x'.repeat(100));
  appendTo(file, 100)('new\n');
  expect(read(file)).toBe('new\n');
  expect(read(`${file}.1`)).toBe('x'.repeat(100));
});

test('a log that somebody has removed begins anew', async () => {
  const file = await aLog();
  const append = appendTo(file, 10);
  append('more than ten\n');
  rmSync(file);
  append('new\n');
  expect(read(file)).toBe('new\n');
});

test('one that is small enough is left', async () => {
  const file = await aLog();
  putAside(file);
  writeFileSync(file, 'x');
  putAside(file, 2);
  expect(readdirSync(join(file, '..'))).toEqual(['access.log']);
});
