import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/shared/failure.ts';
import { openArtifact, type ZipArtifact } from '../../lambda/upload/artifact.ts';
import { readHeaders, resolveHeaders } from '../../lambda/upload/headers.ts';
import { compile } from '../../lambda/upload/redirects/program.ts';
import { readRedirects } from '../../lambda/upload/redirects/read.ts';
import { bounded, longText, runs } from '../support/fuzz.ts';
import { centralHeader, patched, zipOf } from '../support/zip.ts';

const folder = mkdtempSync(join(tmpdir(), 'fuzz-artifact-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The artifact, or nothing if it was refused as one that cannot be published. */
async function openOrRefuse(zip: Buffer): Promise<ZipArtifact | undefined> {
  const file = join(folder, 'site.zip');
  writeFileSync(file, zip);
  try {
    return await openArtifact(file, 'Visitors see A.', new AbortController().signal);
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ type: 'JobFailed' });
    expect((error as Failure).message).toMatch(/nothing was written[\s\S]*Visitors see A\.$/);
    return undefined;
  }
}

/** What is published has the size and the hash that it is said to have, under a key of its release. */
async function expectSound(artifact: ZipArtifact): Promise<void> {
  try {
    const paths = artifact.files.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const { path, size, sha256 } of artifact.files) {
      expect(path.split('/')).not.toContain('..');
      expect(path).not.toMatch(/^\/|\\|\0/);
      const bytes = await buffer(await artifact.open(path));
      expect(bytes.length).toBe(size);
      expect(createHash('sha256').update(bytes).digest('base64')).toBe(sha256);
    }
  } finally {
    artifact.close();
  }
}

describe('an artifact is published as it is, or refused before anything is written', () => {
  test('whatever its names are', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'a',
        'A',
        'é',
        'e\u0301',
        '日',
        '..',
        '.',
        '',
        '_site',
        '\\',
        '\0',
        '%2e',
        'x'.repeat(400),
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    const name = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 6 }),
        bounded(async (names) => {
          // The program that makes the zip refuses such names, so they are put in afterwards, byte for byte.
          const entries = names.map((one, index) => {
            const bytes = Buffer.from(one).subarray(0, 2_000);
            return { bytes, place: `${index}`.padEnd(bytes.length, '~') };
          });
          const usable = entries.filter(({ bytes, place }) => bytes.length === place.length);
          const files = Object.fromEntries(
            usable.map(({ place }, index) => [place, `file ${index}`]),
          );
          let zip = await zipOf({ 'index.html': 'start', ...files }, { compress: false });
          for (const { bytes, place } of usable) zip = patched(zip, place, bytes);
          const artifact = await openOrRefuse(zip);
          if (artifact) await expectSound(artifact);
        }),
      ),
      runs(150),
    );
  });

  test('whatever bytes of it are damaged', async () => {
    const whole = await zipOf({
      'index.html': '<p>start</p>'.repeat(20),
      'about/index.html': 'about',
      'assets/app.js': 'code '.repeat(50),
    });
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(
        damage,
        fc.option(fc.nat({ max: whole.length })),
        bounded(async (bytes, cut) => {
          const zip = Buffer.from(whole);
          for (const [at, value] of bytes) zip[at] = value;
          const artifact = await openOrRefuse(cut === null ? zip : zip.subarray(0, cut));
          if (artifact) await expectSound(artifact);
        }),
      ),
      runs(150),
    );
  });

  test('whatever sizes it names: a few bytes that inflate to many are read no further than that', async () => {
    const bomb = await zipOf({ 'index.html': 'x', 'bomb.bin': Buffer.alloc(3_000_000) });
    const header = centralHeader(bomb, 'bomb.bin');
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 0xffff_fffe }),
        fc.nat({ max: 0xffff_fffe }),
        bounded(async (packed, unpacked) => {
          const zip = Buffer.from(bomb);
          zip.writeUInt32LE(packed, header + 20);
          zip.writeUInt32LE(unpacked, header + 24);
          const artifact = await openOrRefuse(zip);
          if (artifact) await expectSound(artifact);
        }),
      ),
      runs(40),
    );
  });
});

describe('a file with rules is read or refused line by line', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '/*',
      '/a',
      '/:b',
      '/:splat',
      '200',
      '301!',
      '404',
      'https://x.example/',
      '#',
      '*',
    ),
    fc.constantFrom(
      ...['  X-A: 1', 'Set-Cookie: a', ':', '=', 'Country=de', '\t', '%', '..', '//'],
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('a/'.repeat(2_000), ':a'.repeat(500), '*'.repeat(300), '\ud800'),
  );
  const textOf = (words: fc.Arbitrary<string>) =>
    fc
      .array(
        fc.array(words, { maxLength: 5 }).map((line) => line.join(' ')),
        { maxLength: 12 },
      )
      .map((lines) => lines.join('\n'));
  const anyText = textOf(
    fc.oneof({ weight: 8, arbitrary: word }, { weight: 1, arbitrary: longText }),
  );
  const PATHS = ['index.html', 'a/index.html', 'b.html', '404.html', `${'a'.repeat(900)}/b.html`];

  test('_redirects', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        bounded(async (content) => {
          const { redirects, problems } = await readRedirects(content, folder);
          const compiled = compile(redirects, PATHS, ['assets/*'], 'any');
          for (const problem of [...problems, ...compiled.problems]) expect(problem).toBeTruthy();
        }),
      ),
      runs(150),
    );
  });

  test('_headers', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        bounded(async (content) => {
          const { rules, problems } = await readHeaders(content, folder);
          const resolved = resolveHeaders(rules, PATHS);
          for (const problem of [...problems, ...resolved.problems]) expect(problem).toBeTruthy();
          if (resolved.problems.length > 0) return;
          // Each set goes into the metadata of an object, of which S3 takes 2 KB.
          for (const set of resolved.texts.values())
            expect(Buffer.byteLength(set)).toBeLessThan(2_048);
        }),
      ),
      runs(150),
    );
  });
});
