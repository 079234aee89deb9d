import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { componentsOf } from '../../lambda/upload/fingerprint/components.ts';
import { type Built, plain, published } from '../support/fingerprint.ts';
import { aClock } from '../support/job.ts';

const PARTS: Built = {
  'css/site.css': 'a{}',
  'css/more.css': 'b{}',
  'js/app.js': 'app()',
  'js/lib.js': 'lib()',
  'img/a.png': 'png',
  'img/b c.png': 'spaced',
  'img/é.png': 'accent',
  'img/noext': 'none',
  'img/p+q.png': 'plus',
  'about/index.html': 'about',
  'about/local.css': 'local',
  'assets/app-1.js': 'hashed',
  'manifest.webmanifest': '{}',
  'favicon.ico': 'icon',
  'sprite.svg': '<svg/>',
  'font.woff2': 'font',
};

const html = async (content: string, path = 'index.html', more: Built = {}) =>
  plain((await published({ ...PARTS, ...more, [path]: content })).contents[path]);

describe('what a page is made of gets a tag', () => {
  test.each([
    ['style sheets', '<link rel="stylesheet" href="/css/site.css">', '/css/site.PIN.css'],
    ['icons', '<link rel="shortcut icon" href="favicon.ico">', 'favicon.PIN.ico'],
    ['preloads', '<link rel=preload as=font href=/font.woff2 crossorigin>', '/font.PIN.woff2'],
    ['preloaded modules', '<link rel=modulepreload href=js/app.js>', 'js/app.PIN.js'],
    [
      'lists of preloaded images',
      '<link rel=preload as=image imagesrcset="/img/a.png 1x">',
      '/img/a.PIN.png 1x',
    ],
    ['scripts', "<script src='js/app.js'></script>", 'js/app.PIN.js'],
    ['modules', '<script type=module src=./js/app.js></script>', './js/app.PIN.js'],
    ['images', '<img alt="" src="img/a.png">', 'img/a.PIN.png'],
    [
      'lists of images',
      '<img srcset="img/a.png 1x, /img/a.png?w=2 2x">',
      'img/a.PIN.png 1x, /img/a.PIN.png?w=2 2x',
    ],
    ['sources', '<picture><source srcset="img/a.png"></picture>', 'img/a.PIN.png'],
    [
      'videos and their posters',
      '<video poster=img/a.png src=sprite.svg></video>',
      'poster=img/a.PIN.png src=sprite.PIN.svg',
    ],
    [
      'objects and embeds',
      '<object data=sprite.svg></object><embed src=sprite.svg>',
      'data=sprite.PIN.svg></object><embed src=sprite.PIN.svg',
    ],
    [
      'parts of an image',
      '<svg><use href="sprite.svg#x"/><image xlink:href="/img/a.png"/></svg>',
      'href="sprite.PIN.svg#x"/><image xlink:href="/img/a.PIN.png"',
    ],
    [
      'query and fragment',
      '<link rel=stylesheet href="/css/site.css?v=1.2/3#x.y">',
      '/css/site.PIN.css?v=1.2/3#x.y',
    ],
    [
      'percent-encoding',
      '<img src="img/b%20c.png"><img src="img/%C3%A9.png">',
      'img/b%20c.PIN.png"><img src="img/%C3%A9.PIN.png',
    ],
    [
      'letters as they are',
      '<p>é</p><img src="img/é.png"><img src="img/b c.png">',
      '<p>é</p><img src="img/é.PIN.png"><img src="img/b c.PIN.png">',
    ],
    [
      'entities',
      '<img src="&#x69;mg&sol;a&period;png?a=1&amp;b=2">',
      '"&#x69;mg&sol;a.PIN&period;png?a=1&amp;b=2"',
    ],
    ['white space around', '<img src="\n img/a.png\t ">', '"\n img/a.PIN.png\t "'],
    ['dots and slashes', '<img src="./x/../img/./a.png">', './x/../img/./a.PIN.png'],
    ['any case of elements and attributes', '<IMG SRC=img/a.png>', '<IMG SRC=img/a.PIN.png>'],
    [
      'style elements',
      '<style>a{background:url(img/a.png)}@import "css/site.css";</style>',
      'url(img/a.PIN.png)}@import "css/site.PIN.css"',
    ],
    [
      'style attributes',
      `<p style="background:url(&quot;img/a.png&quot;)">`,
      'url(&quot;img/a.PIN.png&quot;)',
    ],
    ['templates', '<template><img src=img/a.png></template>', 'img/a.PIN.png'],
    ['fallbacks without scripts', '<noscript><img src=img/a.png></noscript>', 'img/a.PIN.png'],
    [
      'import maps',
      '<script type=importmap>{"imports":{"img/a.png":"/js/app.js"}}</script>',
      '{"img/a.png":"/js/app.PIN.js"}',
    ],
  ])('%s', async (_, content, expected) => {
    const result = await html(content);
    expect(result).toContain(expected);
    expect(result.replaceAll('.PIN', '')).toBe(content);
  });

  test('relative to the base that the page names, from there on', async () => {
    expect(
      await html(
        '<link rel=stylesheet href=local.css><base href="/css/"><base href="/js/"><link rel=stylesheet href=site.css>',
        'about/index.html',
      ),
    ).toBe(
      '<link rel=stylesheet href=local.PIN.css><base href="/css/"><base href="/js/"><link rel=stylesheet href=site.PIN.css>',
    );
  });

  test.each([
    ['file', '<img src=img/a.PIN.png><img src=local.css>'],
    ['directory', '<img src=img/a.png><img src=local.PIN.css>'],
  ] as const)('relative to the address that a page has in %s style', async (style, expected) => {
    const site = { ...PARTS, 'about/index.html': '<img src=img/a.png><img src=local.css>' };
    const { contents } = await published(site, { urls: { style, fallback: 'none' } });
    expect(plain(contents['about/index.html'])).toBe(expected);
  });

  test('by the site’s own names as well', async () => {
    const own =
      '<img src="https://www.example.org/img/a.png"><base href="//www.example.org/css/"><link rel=stylesheet href=site.css>';
    expect(await html(own)).toBe(
      own.replace('a.png', 'a.PIN.png').replace('site.css', 'site.PIN.css'),
    );
  });

  test('on the error page only what is the same at every address', async () => {
    const elsewhere = { 'a/folder/img/a.png': 'another' };
    expect(await html('<img src=img/a.png><img src=/img/a.png>', '404.html', elsewhere)).toBe(
      '<img src=img/a.png><img src=/img/a.PIN.png>',
    );
  });
});

describe('everything else stays, byte for byte', () => {
  test.each([
    ['links', '<a href="/img/a.png"><area href=/img/a.png>'],
    ['forms and frames', '<form action=/js/app.js></form><iframe src=/sprite.svg></iframe>'],
    [
      'what only names an address',
      '<link rel=canonical href=/css/site.css><meta property=og:image content=/img/a.png>',
    ],
    ['a manifest of an app', '<link rel=manifest href=/manifest.webmanifest>'],
    [
      'what scripts ask for',
      '<link rel=preload as=fetch href=/js/app.js><div data-src=/img/a.png></div>',
    ],
    [
      'scripts in the page',
      "<script>load('/js/app.js')</script><button onclick=\"load('/js/app.js')\">",
    ],
    ['data', '<script type=application/json>{"a":"/js/app.js"}</script>'],
    ['comments', '<!-- <img src=/img/a.png> -->'],
    ['files of the pool', '<script src=/assets/app-1.js></script>'],
    ['pages', '<object data=/about/index.html></object><embed src=/about/>'],
    ['missing files', '<img src=/img/none.png>'],
    ['other hosts', '<img src=https://example.com/img/a.png><img src=//example.com/img/a.png>'],
    ['names that the router leads elsewhere', '<img src=/img/noext>'],
    ['names that S3 would not find in the pool', '<img src=/img/p+q.png>'],
    ['another base', '<base href=https://example.com/><img src=/img/a.png>'],
    ['the second of two attributes', '<img src=/x.png src=/img/a.png>'],
    ['half-written markup', '<img src="/img/a.png'],
    ['percent-encoding that is none', '<img src="/img/a%.png">'],
    ['encoded dots', '<img src="/img/a%2Epng">'],
  ])('%s', async (_, content) => {
    const result = await published({ ...PARTS, 'index.html': content });
    expect(result.isSame('index.html')).toBe(true);
  });

  test('and no copy of anything is made for it', async () => {
    const { files } = await published({ ...PARTS, 'index.html': '<a href="/img/a.png">' });
    expect(files.filter(({ original }) => original !== undefined)).toEqual([]);
  });

  test('where a rule of the site answers', async () => {
    const site = { ...PARTS, 'index.html': '<img src=/img/a.png><img src=favicon.ico>' };
    const { contents } = await published(site, { isRuled: (address) => address === '/img/a.png' });
    expect(plain(contents['index.html'])).toBe('<img src=/img/a.png><img src=favicon.PIN.ico>');
  });

  test('styles in a page whose policy allows them by a hash', async () => {
    const content =
      '<style>a{background:url(/img/a.png)}</style><p style="background:url(/img/a.png)"><img src=/img/a.png>';
    const expected = content.replace('<img src=/img/a.png', '<img src=/img/a.PIN.png');
    const policy = `<meta http-equiv="Content-Security-Policy" content="style-src 'sha256-x'">`;
    expect(await html(policy + content)).toBe(policy + expected);
    const site = { ...PARTS, 'index.html': content };
    const { contents } = await published(site, { settings: { policyHashes: true, hosts: [] } });
    expect(plain(contents['index.html'])).toBe(expected);
  });

  test('pages whose elements are never closed, which is said', async () => {
    const content = `<img src=/img/a.png>${'<b>'.repeat(200_000)}`;
    const { isSame, findings } = await published({ ...PARTS, 'index.html': content });
    expect(isSame('index.html')).toBe(true);
    expect(findings[0]).toContain('(index.html): is too deeply nested');
  });

  test('pages that are not UTF-8, which is said', async () => {
    const latin = Buffer.from('<img src=/img/a.png>\xe9', 'latin1');
    const { files, findings } = await published({ ...PARTS, 'index.html': latin });
    expect(files.filter(({ original }) => original)).toEqual([]);
    expect(findings).toEqual([
      'fingerprint: 1 file left as it is (index.html): is not UTF-8, and what it refers to was not looked at',
    ]);
  });
});

const css = async (content: string) => {
  const { contents } = await published({ ...PARTS, 'css/site.css': content });
  return plain(contents['css/site.css']);
};

describe('style sheets', () => {
  test.each([
    ['a{b:url(../img/a.png)}', 'a{b:url(../img/a.PIN.png)}'],
    ['a{b:url( "/img/a.png" )}', 'a{b:url( "/img/a.PIN.png" )}'],
    ["a{b:URL('/img/b c.png')}", "a{b:URL('/img/b c.PIN.png')}"],
    [
      '@font-face{src:url(/font.woff2?#x)format("woff2")}',
      '@font-face{src:url(/font.PIN.woff2?#x)format("woff2")}',
    ],
    ['@import "more.css" layer(a) screen;', '@import "more.PIN.css" layer(a) screen;'],
    [
      '@import url(more.css);@IMPORT url("more.css")',
      '@import url(more.PIN.css);@IMPORT url("more.PIN.css")',
    ],
    [
      'a{b:image-set("/img/a.png" 1x, url(/img/a.png) 2x type("image/png"))}',
      'a{b:image-set("/img/a.PIN.png" 1x, url(/img/a.PIN.png) 2x type("image/png"))}',
    ],
    ['a{b:-webkit-image-set("/img/a.png" 1x)}', 'a{b:-webkit-image-set("/img/a.PIN.png" 1x)}'],
    ['/* é😀 */\r\na{b:url(/img/é.png)}', '/* é😀 */\r\na{b:url(/img/é.PIN.png)}'],
    ['a{--b:url(/img/a.png)}', 'a{--b:url(/img/a.PIN.png)}'],
    ['a{--b:{c:d};e:url(../img/a.png)}', 'a{--b:{c:d};e:url(../img/a.PIN.png)}'],
    ['a{b:url(/img/a.png', 'a{b:url(/img/a.PIN.png'],
  ])('%s', async (content, expected) => expect(await css(content)).toBe(expected));

  test.each([
    ['comments', '/* url(/img/a.png) */'],
    ['what is only text', 'a{content:"/img/a.png"}'],
    ['name spaces', '@namespace url(/img/a.png);@namespace x "/img/a.png";'],
    [
      'relative addresses in variables, which may be used elsewhere',
      'a{--b:url(../img/a.png);--c: url("more.css")}',
    ],
    ['escapes', 'a{b:url(/img/\\61.png);c:url("/img\\a.png")}'],
    ['data and fragments', 'a{b:url(data:image/png,x);c:url(#d)}'],
    ['functions that load nothing', 'a{b:type("/img/a.png")}'],
    ['maps of the source', '/*# sourceMappingURL=more.css */'],
    ['what was not closed', 'a{b:url("/img/a.png\n'],
  ])('%s stay', async (_, content) => expect(await css(content)).toBe(content));
});

const js = async (content: string) => {
  const { contents } = await published({ ...PARTS, 'js/app.js': content });
  return plain(contents['js/app.js']);
};

describe('modules', () => {
  test.each([
    ["import './lib.js'", "import './lib.PIN.js'"],
    ['import a,{b as c}from"/js/lib.js?x#y";', 'import a,{b as c}from"/js/lib.PIN.js?x#y";'],
    ['export*from"../js/lib.js"', 'export*from"../js/lib.PIN.js"'],
    ['export { a } from "./lib.js"', 'export { a } from "./lib.PIN.js"'],
    ['const é="😀";await import("./lib.js")', 'const é="😀";await import("./lib.PIN.js")'],
    ['import(/* @vite-ignore */ `./lib.js`)', 'import(/* @vite-ignore */ `./lib.PIN.js`)'],
    [
      'import a from"../css/site.css"with{type:"css"}',
      'import a from"../css/site.PIN.css"with{type:"css"}',
    ],
  ])('%s', async (content, expected) => expect(await js(content)).toBe(expected));

  test.each([
    ['computed names', `import("./" + name);import(\`./\${name}.js\`);import(name)`],
    ['bare names', 'import "lib.js";import "lib"'],
    ['addresses for requests', 'fetch("/js/lib.js");new URL("./lib.js", import.meta.url)'],
    ['text and comments', '/* import "./lib.js" */ const a = \'import "./lib.js"\''],
    ['escapes', 'import "./lib\\u002ejs"'],
    ['other hosts', 'import "https://example.com/js/lib.js"'],
    ['what no browser could run', 'import "./lib.js"; }}} ) ('],
  ])('%s stay', async (_, content) => expect(await js(content)).toBe(content));

  test('get one name only: what a script in a page imports keeps its own everywhere', async () => {
    const { contents, findings } = await published({
      'index.html':
        '<script type=module>import "./js/state.js"</script><script type=module src=js/app.js></script>',
      'js/app.js': 'import "./state.js"; import "./lib.js"',
      'js/state.js': 'import "./lib.js"',
      'js/lib.js': '',
    });
    expect(plain(contents['index.html'])).toContain('src=js/app.PIN.js');
    const app = Object.entries(contents).filter(([path]) => /app\./.test(path));
    expect(app.map(([, content]) => plain(content))).toEqual(
      Array(2).fill('import "./state.js"; import "./lib.PIN.js"'),
    );
    // Served by its own name, it leads to the same module as the other one does.
    expect(plain(contents['js/state.js'])).toBe('import "./lib.PIN.js"');
    expect(findings).toEqual([
      'fingerprint: 1 file left as it is (js/state.js): is also imported by scripts in pages, import maps or the immutable files, which are not changed; it would run twice under two names',
    ]);
  });

  test.each<[string, Built]>([
    ['the pool', { 'assets/main-1.js': 'import "/js/lib.js"' }],
    [
      'an import map by a folder',
      { 'about/index.html': '<script type=importmap>{"imports":{"l/":"/js/"}}</script>' },
    ],
    [
      'an import map by another name',
      {
        'about/index.html':
          '<script type=importmap>{"imports":{"/js/lib.js":"/js/app.js"}}</script>',
      },
    ],
    [
      'an import map with a hash',
      {
        'about/index.html':
          '<script type=importmap>{"imports":{"l":"/js/lib.js"},"integrity":{"/js/app.js":"sha256-x"}}</script>',
      },
    ],
  ])('so does what %s imports', async (_, more) => {
    const { contents } = await published({
      'js/app.js': 'import "./lib.js"',
      'js/lib.js': '',
      ...more,
    });
    expect(contents['js/app.js']).toBe('import "./lib.js"');
  });
});

describe('copies', () => {
  const SITE: Built = {
    'index.html': '<link rel=stylesheet href=css/site.css>',
    'css/site.css': '@import "more.css";',
    'css/more.css': 'a{b:url(../img/a.png)}',
    'img/a.png': 'one',
  };
  const tagsOf = async (site: Built) =>
    (await published(site)).files.flatMap(({ path, original }) => (original ? path : []));

  test('stand beside their originals, with the same bytes and type, and name them', async () => {
    const { contents, files, copyOf } = await published(SITE);
    expect(files.map(({ path }) => plain(path))).toEqual([
      'index.html',
      'css/site.css',
      'css/more.css',
      'img/a.png',
      'css/more.PIN.css',
      'css/site.PIN.css',
      'img/a.PIN.png',
    ]);
    for (const original of ['css/site.css', 'css/more.css', 'img/a.png']) {
      const copy = copyOf(original);
      expect(contents[copy.path]).toBe(contents[original]);
      expect(copy.type).toBe(files.find(({ path }) => path === original)?.type);
    }
    expect(contents['css/site.css']).toBe(`@import "${copyOf('css/more.css').path.slice(4)}";`);
  });

  test('change their names with the bytes of whatever they are made of, and with nothing else', async () => {
    const before = await tagsOf(SITE);
    expect(await tagsOf({ ...SITE, 'about/index.html': '<img src=/img/a.png>' })).toEqual(before);
    const changed = await tagsOf({ ...SITE, 'img/a.png': 'two' });
    expect(changed).toHaveLength(3);
    expect(before.filter((path) => changed.includes(path))).toEqual([]);
    const [more, site, image] = await tagsOf({
      ...SITE,
      'css/site.css': '@import "more.css";/**/',
    });
    expect([more, image]).toEqual([before[0], before[2]]);
    expect(site).not.toBe(before[1]);
  });

  test('of files that refer to each other in a circle have one tag, which changes with any of them', async () => {
    const circle = (last: string): Built => ({
      'index.html': '<script type=module src=a.js></script>',
      'a.js': 'import "./b.js";import "./a.js"',
      'b.js': 'import "./c.js"',
      'c.js': `import "./a.js";import "./d.js";${last}`,
      'd.js': '',
    });
    const { contents, copyOf } = await published(circle(''));
    const tagOf = (path: string) => copyOf(path).path.slice(1, -3);
    expect(contents['a.js']).toBe(
      `import "./b${tagOf('b.js')}.js";import "./a${tagOf('a.js')}.js"`,
    );
    expect(contents['c.js']).toBe(
      `import "./a${tagOf('a.js')}.js";import "./d${tagOf('d.js')}.js";`,
    );
    expect(new Set(['a.js', 'b.js', 'c.js'].map(tagOf)).size).toBe(1);
    const other = await published(circle('x()'));
    expect(other.copyOf('a.js').path).not.toBe(copyOf('a.js').path);
    expect(other.copyOf('d.js').path).toBe(copyOf('d.js').path);
  });

  test('have the headers of the original but for how long to keep it, and another name with other headers', async () => {
    const withSet = async (set: Record<string, string>) => {
      const text = JSON.stringify(set);
      const result = await published(
        { 'index.html': '<object data=a.woff2>', 'a.woff2': '' },
        {
          headers: {
            ...{ sets: new Map([['a.woff2', 'its set']]), texts: new Map([['its set', text]]) },
            ...{ problems: [], findings: [] },
          },
        },
      );
      const { path, headers = '' } = result.copyOf('a.woff2');
      return { path, headers: result.texts.get(headers) };
    };
    const any = await withSet({ 'access-control-allow-origin': '*', 'cache-control': 'no-cache' });
    expect(any.headers).toBe('{"access-control-allow-origin":"*"}');
    const one = await withSet({ 'access-control-allow-origin': 'https://a.example' });
    expect(one.path).not.toBe(any.path);
    expect((await withSet({ 'cache-control': 'no-cache' })).headers).toBeUndefined();
  });

  test('that the site itself brings with other bytes stop the release', async () => {
    const [path = ''] = await tagsOf({ 'index.html': '<img src=a.png>', 'a.png': 'one' });
    const site = { 'index.html': '<img src=a.png>', 'a.png': 'one' };
    expect((await published({ ...site, [path]: 'other' })).problems).toEqual([
      `${path}: is the name that the copy of a.png gets, and has other bytes; rename it`,
    ]);
    const same = await published({ ...site, [path]: 'one' });
    expect(same.problems).toEqual([]);
    expect(same.files).toHaveLength(3);
  });

  test('a site of which every part is in the pool is published as it was built', async () => {
    const site = {
      'index.html':
        '<link rel=stylesheet href=/assets/a-1.css><script type=module src=/assets/b-1.js></script>',
      'assets/a-1.css': 'a{b:url(c-1.png)}',
      'assets/b-1.js': 'import "./d-1.js"',
      'assets/c-1.png': '',
      'assets/d-1.js': '',
    };
    const { files, isSame } = await published(site);
    expect(files.map(({ path }) => path)).toEqual(Object.keys(site));
    expect(Object.keys(site).every(isSame)).toBe(true);
  });
});

describe('integrity', () => {
  const of = (text: string, algorithm = 'sha384') =>
    `${algorithm}-${createHash(algorithm).update(text).digest('base64')}`;
  const LIB = 'import "./x.js"';
  const site = (integrity: string, before = '') => ({
    'index.html': `${before}<script type=module src="lib.js" integrity="${integrity}"></script>`,
    'lib.js': LIB,
    'x.js': '',
  });

  test('is that of the bytes that are sent', async () => {
    const { contents, copyOf } = await published(site(of(LIB)));
    expect(contents['index.html']).toBe(
      `<script type=module src="${copyOf('lib.js').path}" integrity="${of(contents['lib.js'] as string)}"></script>`,
    );
    expect(contents['lib.js']).not.toBe(LIB);
  });

  test('is that of the bytes that are sent where the file keeps its name, too', async () => {
    const holding = '<script type=module>import "./lib.js"</script>';
    const { contents } = await published(site(of(LIB), holding));
    expect(contents['index.html']).toBe(
      `${holding}<script type=module src="lib.js" integrity="${of(contents['lib.js'] as string)}"></script>`,
    );
    expect(contents['lib.js']).not.toBe(LIB);
  });

  test('stays where the bytes do', async () => {
    const { contents } = await published({ ...site(of('lib')), 'lib.js': 'lib' });
    expect(plain(contents['index.html'])).toContain(`src="lib.PIN.js" integrity="${of('lib')}"`);
  });

  test.each([
    ['that is wrong already', site(of('other'))],
    [
      'that a policy may name',
      site(of(LIB), `<meta http-equiv=content-security-policy content="script-src 'sha384-x'">`),
    ],
  ])('%s stays, and so do the file and its name', async (_, built) => {
    const result = await published(built);
    expect(Object.keys(built).every(result.isSame)).toBe(true);
    expect(result.findings[0]).toContain(
      'fingerprint: 1 file left as it is (lib.js): has a hash elsewhere',
    );
  });
});

test('components come after what they refer to, however long the way', () => {
  const nodes = Array.from({ length: 50_000 }, (_, index) => String(index));
  const next = (node: string) => (Number(node) < 49_999 ? [String(Number(node) + 1)] : []);
  expect(componentsOf(nodes, next)).toEqual([...nodes].reverse().map((node) => [node]));
  const circle = (node: string) => [String((Number(node) + 1) % 50_000)];
  expect(componentsOf(nodes, circle)).toEqual([[...nodes].sort()]);
});

test('what cannot be done in half of an invocation stops with what to do', async () => {
  const clock = aClock();
  await expect(published(PARTS, { clock, endAt: clock.now() })).rejects.toThrow(
    'fingerprint: half of an invocation was over when 0 of 17 files had been looked at. Give the function more memory in lib/release/upload.ts, with which it gets more processor time, or let the build hash the names and set fingerprint: false in site.config.ts. Visitors see nothing.',
  );
});
