import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from '../../lambda/upload/no-toml.ts';
import { bundle } from '../../lib/release/bundle.ts';

let folder: string;
let upload: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'));
  bundle('upload/index.ts', join(folder, 'upload.js'));
  upload = readFileSync(join(folder, 'upload.js'), 'utf8');
});
afterAll(() => rmSync(folder, { recursive: true }));

test("Netlify's parsers come without the one for TOML, which Upload never asks for", () => {
  // The name of an error of @iarna/toml. Not `toContain`, which would print the whole bundle.
  expect(upload.includes('TomlError')).toBe(false);
  expect(upload.includes('netlify.toml is not read here')).toBe(true);
});

test('whoever asked for it would be told', () => {
  expect(parse).toThrow(
    new Error('netlify.toml is not read here; write the rules into _redirects and _headers'),
  );
});
