import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** In a process of its own, since nothing interrupts what does not wait for anything; killed if it takes a minute. */
function printedBy(code: string): string {
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', `${SITE}\n${code}`],
    { cwd: new URL('../..', import.meta.url), encoding: 'utf8', timeout: 60_000 },
  );
  expect({ stderr, signal }).toEqual({ stderr: '', signal: null });
  return stdout.trim();
}

const SITE = `
  import { Readable } from 'node:stream';
  import { checkLinks } from './lambda/upload/links.ts';
  import { scan } from './lambda/upload/fingerprint/scan.ts';
  import { Site } from './lambda/upload/site.ts';
  const many = (count, of) => Array.from({ length: count }, (_, index) => of(index));
  const types = { html: 'text/html', js: 'text/javascript' };
  const input = (contents) => {
    const files = Object.entries(contents).map(([path, text]) => ({
      path, size: text.length, sha256: '', type: types[path.split('.').at(-1)],
    }));
    const rules = { files, immutable: [], urls: { style: 'any', fallback: 'none' }, isRuled: () => false };
    return {
      ...rules,
      site: new Site(rules),
      open: async (path) => Readable.from([Buffer.from(contents[path])]),
      until: Date.now() + 600_000,
      clock: { now: Date.now },
      signal: new AbortController().signal,
      settings: { hosts: [], policyHashes: false },
      check: () => {},
    };
  };
`;

test.each<[what: string, page: string]>([
  ['commas in a list of images', `'<img srcset="a' + ','.repeat(9_000_000) + 'b">'`],
  ['descriptors in a list of images', `'<img srcset="a ' + '()'.repeat(4_000_000) + 'b">'`],
  ['spaces in an address', `'<img src="a' + ' '.repeat(9_000_000) + 'b">'`],
])(
  'no page keeps the look at its links busy for ever: %s',
  (_, page) => {
    const code = `
    const site = input({ 'index.html': ${page} });
    const { edits } = await scan(site);
    const { notLookedAt } = await checkLinks(site);
    console.log(edits.size, notLookedAt.length);
  `;
    expect(printedBy(code)).toBe('1 0');
  },
  90_000,
);

test('no page keeps the look for hashes and modules busy for ever', () => {
  const code = `
    const loads = many(20_000, (i) => '<script src=/a.js integrity=sha256-' + i + '></script>').join('');
    const map = { imports: Object.fromEntries(many(200_000, (i) => ['/a' + i + '/', '/b'])) };
    const modules = Object.fromEntries(many(100_000, (i) => ['m/' + i + '.js', '']));
    const { frozen } = await scan(input({ 'index.html': loads, 'a.js': 'x'.repeat(5_000_000) }));
    const { isHeld } = await scan(
      input({ 'index.html': '<script type=importmap>' + JSON.stringify(map) + '</script>' }),
    );
    console.log(frozen.size, Object.keys(modules).filter(isHeld).length, isHeld('a7/b/c.js'));
  `;
  expect(printedBy(code)).toBe('1 0 true');
}, 90_000);

test('no path keeps the upload busy for ever, whatever files it is held against', () => {
  const code = `
    import { mkdtempSync, rmSync } from 'node:fs';
    import { tmpdir } from 'node:os';
    import { join } from 'node:path';
    import { readHeaders, resolveHeaders } from './lambda/upload/headers.ts';
    const folder = mkdtempSync(join(tmpdir(), 'headers-'));
    const paths = [
      '/' + '*a'.repeat(8) + 'z',
      '/' + '*a'.repeat(900) + 'z',
      '/' + ':p/*a'.repeat(100) + '/z',
      '/' + '*/'.repeat(900) + 'z',
      '/' + ':p/'.repeat(500) + 'z',
    ];
    const files = ['a'.repeat(60), 'a'.repeat(900), 'a/'.repeat(450) + 'a', 'é'.repeat(450)];
    const text = paths.map((path) => path + '\\n  X-A: 1').join('\\n');
    readHeaders(text, folder).then(({ rules, problems }) => {
      rmSync(folder, { recursive: true });
      console.log(problems.length, rules.length, resolveHeaders(rules, files).sets.size);
    });
  `;
  expect(printedBy(code)).toBe('0 5 0');
}, 90_000);

test('no rules keep the upload busy for ever, however many there are and whatever files', () => {
  const code = `
    import { compile } from './lambda/upload/redirects/program.ts';
    const problemsOf = (rules, paths) => compile(
      rules.map(([from, to], index) => ({ line: index + 1, from, to, status: 301, force: false })),
      paths, ['assets/*'], 'any',
    ).problems.length;
    const pages = many(20_000, (i) => 'section-' + i + '/page/index.html');
    console.log(
      problemsOf(many(20_000, (i) => ['/p' + i, '/p' + (i + 1)]), []),
      problemsOf(many(20_000, (i) => ['/section-' + i + '/*', '/archive/' + i + '/:splat']), pages),
      problemsOf(many(20_000, (i) => ['/section-' + i + '/page', '/x']), pages),
      problemsOf(many(180, (i) => ['/' + i + '/*', '/archive/' + i + '/:splat']), pages),
      problemsOf([['/:a', '/' + ':a'.repeat(50)]], []),
    );
  `;
  expect(printedBy(code)).toBe('1 1 0 0 1');
}, 90_000);
