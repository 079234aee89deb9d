import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { contentType, isPage } from '../../lambda/upload/content-type.ts';
import { type GateInput, inspect } from '../../lambda/upload/gates.ts';
import type { ArtifactFile } from '../../lambda/upload/plan.ts';
import type { UrlRules } from '../../lib/release/addresses.ts';
import type { GateLimits, Manifest } from '../../lib/release/contract.ts';
import { aClock } from '../support/job.ts';

const LIVE = '20261123T061500Z-abcdef0';

const LIMITS: GateLimits = {
  maxFiles: 100,
  maxFileMegabytes: 10,
  maxTotalMegabytes: 25,
  massLoss: 0.5,
  links: 'report',
};

const aFile = (path: string, size = 5): ArtifactFile => ({
  path,
  size,
  sha256: '',
  type: contentType(path),
});

const pages = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `p${String(from + index).padStart(3, '0')}.html`);

/** Only what a gate looks at: which files the live release has. */
const aLive = (paths: readonly string[]): Manifest =>
  ({ id: LIVE, files: ['index.html', ...paths].map((path) => aFile(path)) }) as unknown as Manifest;

function anInspection({
  files = [],
  html = {},
  limits = {},
  live,
  urls = { style: 'any', fallback: 'none' },
  given = () => false,
}: {
  readonly files?: readonly (string | ArtifactFile)[];
  readonly html?: Readonly<Record<string, string>>;
  readonly limits?: Partial<GateLimits>;
  readonly live?: readonly string[];
  readonly urls?: UrlRules;
  readonly given?: (key: string) => boolean;
}) {
  const asked: string[] = [];
  const opened: string[] = [];
  const clock = aClock();
  const all = files.map((file) => (typeof file === 'string' ? aFile(file) : file));
  const input: GateInput = {
    files: all.some(({ path }) => path === 'index.html') ? all : [aFile('index.html'), ...all],
    live: live && aLive(live),
    limits: { ...LIMITS, ...limits },
    fingerprint: false,
    immutable: [],
    urls,
    isRuled: () => false,
    open: async (path) => {
      opened.push(path);
      return Readable.from([Buffer.from(html[path] ?? '')], { objectMode: false });
    },
    permits: {
      isGiven: async (key) => {
        asked.push(key);
        return given(key);
      },
      command: (key) => `allow ${key}`,
    },
    endAt: clock.now() + 800_000,
    clock,
    signal: new AbortController().signal,
  };
  return { input, asked, opened, clock, run: () => inspect(input) };
}

const NOTHING = { problems: [], findings: [] };

test('a sound first release passes without a word', async () => {
  const { run, asked } = anInspection({ files: ['404.html', 'app.js', 'about/index.html'] });
  expect(await run()).toEqual(NOTHING);
  expect(asked).toEqual([]);
});

describe('mass loss', () => {
  const key = expect.stringMatching(
    /^_site\/jobs\/allow-loss-20261123T061500Z-abcdef0-[0-9a-f]{12}$/,
  );

  test('more than half of the pages gone stops the release, with twenty names and the way around', async () => {
    // With the start page, 60.
    const { run, asked } = anInspection({ live: pages(0, 59), files: pages(30, 59) });
    expect(await run()).toEqual(NOTHING);
    expect(asked).toEqual([]);

    const more = anInspection({ live: pages(0, 59), files: pages(31, 59) });
    const { problems, findings } = await more.run();
    expect(findings).toEqual([]);
    expect(more.asked).toEqual([key]);
    expect(problems).toEqual([
      `31 of the 60 pages of release ${LIVE}, which is live, would be gone, and gates.massLoss is 0.5. If that is meant, allow exactly this loss with \`allow ${more.asked[0]}\` and retry the stage. Gone: ${pages(0, 20).join(', ')}, 11 more`,
    ]);
  });

  test('the share is the configuration’s', async () => {
    const gone = { live: pages(0, 60), files: pages(1, 60) };
    expect(await anInspection({ ...gone, limits: { massLoss: 0.01 } }).run()).toMatchObject({
      problems: [expect.stringContaining('1 of the 61 pages')],
    });
    expect(await anInspection({ ...gone, limits: { massLoss: 0.02 } }).run()).toEqual(NOTHING);
    const all = { live: pages(0, 60), limits: { massLoss: 1 } };
    expect(await anInspection(all).run()).toEqual(NOTHING);
  });

  test('a page that a style redirects is not lost', async () => {
    const urls = { style: 'file', fallback: 'none' } as const;
    const files = pages(0, 60).map((path) => path.replace('.html', '/index.html'));
    expect(await anInspection({ live: pages(0, 60), files, urls }).run()).toEqual(NOTHING);
    expect((await anInspection({ live: pages(0, 60), files }).run()).problems).toHaveLength(1);
  });

  test('a site of fewer than ten pages may change as a whole', async () => {
    expect(await anInspection({ live: pages(0, 8) }).run()).toEqual(NOTHING);
    expect((await anInspection({ live: pages(0, 9) }).run()).problems).toHaveLength(1);
  });

  test('pages count, other files do not', async () => {
    const images = Array.from({ length: 100 }, (_, index) => `${index}.png`);
    expect(await anInspection({ live: images }).run()).toEqual(NOTHING);
    const { problems } = await anInspection({ live: pages(0, 60), files: images.slice(1) }).run();
    expect(problems).toEqual([expect.stringContaining('60 of the 61 pages')]);
  });

  test('what somebody allowed passes and is on record', async () => {
    const { run, asked } = anInspection({ live: pages(0, 60), given: () => true });
    const { problems, findings } = await run();
    expect(problems).toEqual([]);
    expect(findings).toEqual([
      `60 of the 61 pages of release ${LIVE}, which is live, are gone, as somebody allowed with ${asked[0]}`,
    ]);
  });

  test('a permit is for one loss: not for one page more, nor from another live release', async () => {
    const keyOf = async (files: string[], id = LIVE, live = pages(0, 60)) => {
      const { input, asked, run } = anInspection({ live, files });
      Object.assign(input.live as Manifest, { id });
      await run();
      return asked[0] as string;
    };
    const allowed = await keyOf(pages(50, 60));
    expect(await keyOf(pages(50, 60), LIVE, pages(0, 60).reverse())).toBe(allowed);
    expect(await keyOf([...pages(50, 60), 'new.html'])).toBe(allowed);
    expect(await keyOf(pages(51, 60))).not.toBe(allowed);
    expect(await keyOf(pages(50, 60), '20261124T000000Z-abcdef0')).not.toBe(allowed);
    const { run } = anInspection({
      live: pages(0, 60),
      files: pages(51, 60),
      given: (one) => one === allowed,
    });
    expect((await run()).problems).toHaveLength(1);
  });
});

describe('an empty page', () => {
  test('as the start page stops the release', async () => {
    const { run } = anInspection({ files: [aFile('index.html', 0)] });
    expect(await run()).toEqual({
      problems: ['index.html: has no byte; visitors would see a blank start page'],
      findings: [],
    });
  });

  test('anywhere else is a finding', async () => {
    const empty = ['a.html', 'b/index.html', 'empty.txt'].map((path) => aFile(path, 0));
    expect(await anInspection({ files: empty }).run()).toEqual({
      problems: [],
      findings: ['2 pages without a byte: a.html, b/index.html'],
    });
  });
});

describe('counts and sizes', () => {
  test('as many and as large as allowed', async () => {
    const files = [aFile('a.bin', 10e6), aFile('b.bin', 10e6), aFile('c.bin', 5e6 - 5)];
    const limits = { maxFiles: 4 };
    expect(await anInspection({ files, limits }).run()).toEqual(NOTHING);
  });

  test('more than allowed: everything at once, with the option that allows more', async () => {
    const files = [aFile('a.bin', 20e6), aFile('b.bin', 10.1e6), ...pages(0, 99)];
    const { problems } = await anInspection({ files }).run();
    expect(problems).toEqual([
      'all files together: got 102 files; publish at most 100, or raise gates.maxFiles in site.config.ts and deploy',
      'all files together: got 30,100,500 bytes; publish at most 25,000,000, or raise gates.maxTotalMegabytes in site.config.ts and deploy',
      'a.bin: got 20,000,000 bytes; publish at most 10,000,000, or raise gates.maxFileMegabytes in site.config.ts and deploy',
      'b.bin: got 10,100,000 bytes; publish at most 10,000,000, or raise gates.maxFileMegabytes in site.config.ts and deploy',
    ]);
  });
});

test('names that differ only in case are a finding, in any alphabet and spelling', async () => {
  const files = ['About.html', 'about.html', 'e\u0301.txt', 'É.txt', 'É/x', 'other.txt'];
  expect((await anInspection({ files }).run()).findings).toEqual([
    'About.html, about.html differ only in case, and are different addresses',
    'e\u0301.txt, É.txt differ only in case, and are different addresses',
  ]);
});

describe('style sheets and scripts whose names stay the same', () => {
  const files = ['about/index.html', 'site.css', 'js/app.js', 'i.png', 'assets/a-1.js'].map(
    (path) => aFile(path, 1),
  );
  const page = '<link rel=stylesheet href=/site.css><script src=/assets/a-1.js></script>';
  const html = {
    'index.html': `${page}<script src=js/app.js></script>`,
    'about/index.html': page,
  };

  test('are one finding, with what to do', async () => {
    const { input } = anInspection({ html, files });
    expect(await inspect({ ...input, immutable: ['assets/*'] })).toEqual({
      problems: [],
      findings: [
        '2 pages load 2 style sheets or scripts by names that stay the same when the content changes, and may get those of another release while one goes live: let the build hash the names and list them under immutable, or set fingerprint: true in site.config.ts and deploy',
      ],
    });
  });

  test.each<[string, string]>([
    ['what is in the pool', '<script src=/assets/a-1.js></script>'],
    ['images and icons', '<img src=/i.png><link rel=icon href=/i.png>'],
    ['links', '<a href=/js/app.js><link rel=alternate href=/site.css>'],
  ])('%s are none', async (_, content) => {
    const { input } = anInspection({ html: { 'index.html': content }, files });
    expect(await inspect({ ...input, immutable: ['assets/*'] })).toEqual(NOTHING);
  });

  test('are none where copies are made of them', async () => {
    const { input } = anInspection({ html, files });
    expect(await inspect({ ...input, fingerprint: true })).toEqual(NOTHING);
  });
});

describe('links that lead nowhere', () => {
  const html = { 'index.html': '<a href="/x"><a href="/y">' };
  const BROKEN = ['/x', '/y'].map(
    (address) => `index.html refers to ${address}, which is not in the release`,
  );

  test('are findings', async () => {
    expect(await anInspection({ html }).run()).toEqual({ problems: [], findings: BROKEN });
  });

  test('stop the release where the configuration is strict', async () => {
    expect(await anInspection({ html, limits: { links: 'strict' } }).run()).toEqual({
      problems: [
        "2 link targets lead nowhere, and gates.links is 'strict': mend what refers to them, or add what is missing",
        ...BROKEN,
      ],
      findings: [],
    });
    expect(await anInspection({ limits: { links: 'strict' } }).run()).toEqual(NOTHING);
  });

  test('are told together with everything else that is wrong', async () => {
    const { run } = anInspection({
      html,
      files: [aFile('a.bin', 11e6)],
      limits: { links: 'strict' },
    });
    expect((await run()).problems).toHaveLength(4);
  });

  test('are not looked for where nobody wants or could use them', async () => {
    const off = anInspection({ html, limits: { links: 'off' } });
    expect(await off.run()).toEqual(NOTHING);
    expect(off.opened).toEqual([]);
    const refused = anInspection({ html, files: [aFile('a.bin', 11e6)] });
    expect((await refused.run()).findings).toEqual([]);
    expect(refused.opened).toEqual([]);
  });

  test('get a quarter of the invocation; what was not read by then stops nothing', async () => {
    const { input, clock, run } = anInspection({ html, limits: { links: 'strict' } });
    const { open } = input;
    Object.assign(input, {
      open: async (path: string) => {
        clock.time += 200_000;
        return open(path);
      },
    });
    expect(await run()).toEqual({
      problems: [],
      findings: [
        'The links of 1 of 1 page were not looked at, or not to the end (the time for it was over), such as index.html.',
      ],
    });
  });
});

test('any number of findings goes on record in bounded words', async () => {
  const twins = Array.from({ length: 80 }, (_, index) => [`A${index}.html`, `a${index}.html`]);
  const long = `${'x'.repeat(900)}.html`;
  const { findings } = await anInspection({
    files: [long, long.toUpperCase().replace('HTML', 'html'), ...twins.flat()],
    limits: { maxFiles: 1_000 },
  }).run();
  expect(findings).toHaveLength(50);
  expect(findings.at(-1)).toBe('and 32 findings more');
  expect(Math.max(...findings.map((finding) => finding.length))).toBeLessThan(500);
});

test.each([
  ['index.html', true],
  ['old.htm', true],
  ['page.xhtml', true],
  ['feed.xml', false],
  ['image.svg', false],
  ['noext', false],
])('%s is a page: %s', (path, expected) => {
  expect(isPage({ type: contentType(path) })).toBe(expected);
});
