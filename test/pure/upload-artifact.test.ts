import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placementFor } from '../../lambda/upload/addressing.ts';
import { openArtifact } from '../../lambda/upload/artifact.ts';
import { centralHeader, patched, zipOf } from '../support/zip.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'upload-artifact-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function open(
  zip: Buffer,
  signal = new AbortController().signal,
  placeOf?: (path: string) => string,
) {
  const file = join(folder, `${createHash('sha256').update(zip).digest('hex')}.zip`);
  await writeFile(file, zip);
  return openArtifact(file, 'Visitors see A.', signal, placeOf);
}

const sha256 = (content: string) => createHash('sha256').update(content).digest('base64');

const saying = (what: string, ...problems: string[]) =>
  expect.objectContaining({
    type: 'JobFailed',
    message: [
      `The artifact ${what}; nothing was written:`,
      ...problems.map((problem) => `- ${problem}`),
      'Visitors see A.',
    ].join('\n'),
  });

test.each([[true], [false]])(
  'every file is known by size, hash and type, and can be read as often as needed (compressed: %s)',
  async (compress) => {
    const zip = await zipOf(
      { 'index.html': '<p>hello</p>', 'deep/': '', 'deep/a/ü.txt': 'text', 'empty.css': '' },
      { compress },
    );
    const artifact = await open(zip);
    expect(artifact.files).toEqual([
      {
        path: 'index.html',
        size: 12,
        sha256: sha256('<p>hello</p>'),
        type: 'text/html; charset=utf-8',
      },
      { path: 'deep/a/ü.txt', size: 4, sha256: sha256('text'), type: 'text/plain; charset=utf-8' },
      { path: 'empty.css', size: 0, sha256: sha256(''), type: 'text/css; charset=utf-8' },
    ]);
    for (let reading = 0; reading < 2; reading += 1) {
      expect(await text(await artifact.open('deep/a/ü.txt'))).toBe('text');
      expect(await text(await artifact.open('empty.css'))).toBe('');
    }
    artifact.close();
  },
);

describe('a file that the release has at another path', () => {
  const { signal } = new AbortController();
  const placeOf = placementFor({ style: 'file', fallback: 'none' }, []);

  test('is known and read by that path', async () => {
    const artifact = await open(
      await zipOf({ 'index.html': 'x', 'a.html': 'page' }),
      signal,
      placeOf,
    );
    expect(artifact.files.map(({ path }) => path)).toEqual(['index.html', 'a/index.html']);
    expect(await text(await artifact.open('a/index.html'))).toBe('page');
    artifact.close();
  });

  test.each([
    [{ 'a.html': '1', 'a/index.html': '2' }, 'a/index.html', 'a.html'],
    [{ 'a/index.html': '2', 'a.html': '1' }, 'a.html', 'a/index.html'],
  ])('is refused beside the file of that path: %j', async (site, second, first) => {
    const zip = await zipOf({ 'index.html': 'x', ...site });
    await expect(open(zip, signal, placeOf)).rejects.toEqual(
      saying(
        'cannot be published',
        `${second}: is the same page as ${first}, because urls.style gives every page one address; publish one of the two`,
      ),
    );
  });

  test('is refused where the path becomes too long', async () => {
    const name = `${'a'.repeat(985)}.html`;
    const zip = await zipOf({ 'index.html': 'x', [name]: 'y' });
    (await open(zip)).close();
    await expect(open(zip, signal, placeOf)).rejects.toEqual(
      saying('cannot be published', `"${name}": its key would have 1030 bytes; S3 takes 1024`),
    );
  });
});

test('a name in UTF-8 is read as that even where the zip does not say so', async () => {
  const zip = await zipOf({ 'index.html': 'x', 'ü.txt': 'y' });
  for (const at of [centralHeader(zip, 'ü.txt')]) zip.writeUInt16LE(0, at + 8);
  const artifact = await open(zip);
  expect(artifact.files.map(({ path }) => path)).toEqual(['index.html', 'ü.txt']);
  artifact.close();
});

describe('a file that cannot be published stops the release before anything is written', () => {
  const named = async (to: string | Buffer) => {
    const from = 'N'.repeat(Buffer.from(to).length);
    return patched(await zipOf({ 'index.html': 'x', [from]: 'y' }), from, to);
  };

  test.each([
    ['../a.html', '"../a.html": the name leads out of the site (..)'],
    ['/a.html', '"/a.html": the name is absolute'],
    ['a//b.html', '"a//b.html": the name has an empty segment (//)'],
    ['a\\b.html', '"a\\\\b.html": the name has a backslash; a zip separates folders by /'],
    ['a\nb.html', '"a\\nb.html": the name has a control character'],
    ['../folder/', '"../folder/": the name leads out of the site (..)'],
    ['_site/404.html', '"_site/404.html": _site/ belongs to the hosting'],
    ['.well-known/release', '".well-known/release": the hosting itself answers this address'],
    ['index.html', 'index.html: is in the artifact twice'],
  ])(
    'a name that would lead out of its release, or be no key, is refused: %j',
    async (name, problem) => {
      await expect(open(await named(name))).rejects.toEqual(saying('cannot be published', problem));
    },
  );

  test('a name that is no UTF-8', async () => {
    const zip = await named(Buffer.from([0x61, 0xff, 0xfe, 0x62]));
    await expect(open(zip)).rejects.toEqual(
      saying('cannot be published', '"a\ufffd\ufffdb": the name is not UTF-8'),
    );
  });

  test.each([
    [0o120777, 'a.html: it is a symbolic link; publish the file it points to'],
    [0o010644, 'a.html: it is no regular file'],
  ])('mode %o', async (mode, problem) => {
    const zip = await zipOf({ 'index.html': 'x', 'a.html': '/etc/passwd' });
    zip.writeUInt32LE((mode << 16) >>> 0, centralHeader(zip, 'a.html') + 38);
    await expect(open(zip)).rejects.toEqual(saying('cannot be published', problem));
  });

  test('an encrypted file', async () => {
    const zip = await zipOf({ 'index.html': 'x', 'a.html': 'y'.repeat(99) });
    zip.writeUInt16LE(0x801, centralHeader(zip, 'a.html') + 8);
    await expect(open(zip)).rejects.toEqual(
      saying('cannot be published', 'a.html: it is encrypted'),
    );
  });

  test('a compression that cannot be undone', async () => {
    const zip = await zipOf({ 'index.html': 'x', 'a.html': 'y'.repeat(99) });
    zip.writeUInt16LE(12, centralHeader(zip, 'a.html') + 10);
    await expect(open(zip)).rejects.toEqual(
      saying(
        'cannot be published',
        'a.html: its compression (method 12) is not supported; use deflate',
      ),
    );
  });

  test('no start page at the top', async () => {
    const zip = await zipOf({ 'dist/index.html': 'x' });
    await expect(open(zip)).rejects.toEqual(
      saying(
        'cannot be published',
        'index.html: missing at the top of the artifact; the build has to publish the folder that holds it',
      ),
    );
  });

  test('many of them: 20 are named and the rest counted', async () => {
    const names = Array.from({ length: 50 }, (_, index) => [`_site/${index}.html`, 'x']);
    const run = open(await zipOf({ 'index.html': 'x', ...Object.fromEntries(names) }));
    await expect(run).rejects.toThrow(/"_site\/19\.html": .+\n- and 30 more\nVisitors see A\.$/);
  });
});

describe('a damaged zip is found out before anything is written', () => {
  const content = 'the content of the file';

  test('other bytes than the CRC says', async () => {
    const zip = await zipOf({ 'index.html': 'x', 'a.html': content }, { compress: false });
    await expect(open(patched(zip, content, content.toUpperCase()))).rejects.toEqual(
      saying('is damaged', 'a.html: its bytes do not have the CRC that the zip names'),
    );
  });

  test('bytes that do not inflate', async () => {
    const zip = await zipOf({ 'index.html': 'x', 'a.html': content.repeat(50) });
    const at = zip.indexOf('a.html') + 'a.html'.length;
    zip.fill(0xff, at + 2, at + 20);
    await expect(open(zip)).rejects.toThrow(
      /^The artifact is damaged; nothing was written:\n- a\.html: /,
    );
  });

  test('fewer bytes than the zip says', async () => {
    const zip = await zipOf({ 'index.html': 'x', 'a.html': content.repeat(50) });
    zip.writeUInt32LE(9_999, centralHeader(zip, 'a.html') + 24);
    await expect(open(zip)).rejects.toEqual(
      saying('is damaged', 'a.html: it is not as long as the zip says'),
    );
  });

  test('more bytes than the zip says are not even read', async () => {
    const zip = await zipOf({ 'index.html': 'x', 'a.html': content.repeat(5_000) });
    zip.writeUInt32LE(9, centralHeader(zip, 'a.html') + 24);
    await expect(open(zip)).rejects.toEqual(
      saying('is damaged', 'a.html: it is not as long as the zip says'),
    );
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['no zip', Buffer.from('<html>not a zip</html>'.repeat(10))],
  ])('%s', async (_name, bytes) => {
    await expect(open(bytes)).rejects.toThrow(
      /^The artifact is no zip, or is damaged \(.+\); nothing was written\. Visitors see A\.$/,
    );
  });

  test('half of one', async () => {
    const zip = await zipOf({ 'index.html': 'x'.repeat(1_000), 'a.html': content });
    const half = zip.subarray(0, zip.length - 60);
    await expect(open(half)).rejects.toThrow(/^The artifact is no zip, or is damaged/);
  });
});

test('a file that is given up half-way leaves nothing behind and can be read again', async () => {
  const content = 'the content of the file'.repeat(100_000);
  for (const compress of [true, false]) {
    const artifact = await open(await zipOf({ 'index.html': content }, { compress }));
    for (const waits of [false, true]) {
      const stream = await artifact.open('index.html');
      if (waits) await stream[Symbol.asyncIterator]().next();
      stream.destroy();
    }
    expect(await text(await artifact.open('index.html'))).toBe(content);
    artifact.close();
  }
});

test('an invocation that runs out of time stops reading', async () => {
  const zip = await zipOf({ 'index.html': 'x' });
  await expect(open(zip, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
});

test('a file whose own header is damaged is named, as one whose bytes are', async () => {
  const zip = await zipOf({ 'index.html': 'start', 'b.html': 'b' });
  // The first file's header is what a zip begins with.
  zip[0] = 0;
  await expect(open(zip)).rejects.toEqual(
    saying('is damaged', 'index.html: invalid local file header signature: 0x4034b00'),
  );
});
