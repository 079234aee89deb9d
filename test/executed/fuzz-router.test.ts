import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { addressingFor } from '../../lambda/upload/addressing.ts';
import { deltaOf, placesOf, setOf } from '../../lambda/upload/layers.ts';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import { RULES_PREFIX } from '../../lib/release/contract.ts';
import { engines, inSandbox } from '../support/engines.ts';
import { bounded, runs } from '../support/fuzz.ts';
import { expectKeyWithin } from '../support/keys.ts';
import { compiled, inSandbox as ruled, type View } from '../support/rules.ts';

const LIVE = '20261123T061500Z-bbbbbbb';
const BASE = '20261123T060000Z-aaaaaaa';
const OLD = '20261122T060000Z-ccccccc';
const site = { name: 'my-site', source: { kind: 'codecommit', branch: 'main' } } as const;
const njs = engines.find(([name]) => name === 'njs');

const IMMUTABLE = ['assets/*'];
const FILES = [
  ...['index.html', '404.html', 'about/index.html', 'feed.xml', 'a b/index.html', 'a/index.html'],
  ...['caf\u00e9/index.html', '.well-known/x', 'assets/app-1a2b.js'],
];

/** What is in the bucket: of what is not to be had by any address, everything that one could name. */
const OBJECTS = new Set([
  ...[LIVE, BASE, OLD].flatMap((id) => FILES.map((path) => `releases/${id}/${path}`)),
  ...['_site/404.html', `_site/ledger/${OLD}.json`, `_site/manifests/${OLD}.json`, 'secret'],
]);

/** What a release's `_redirects` says, with and without other hosts, places that climb, and parts of the address. */
const RULES = [
  '',
  '/old /about\n/a/* /feed.xml 200\n',
  '/* /index.html 200\n',
  '/x/:a/* /:a/:splat 302\n/y/* https://site.example/:splat\n/about/* /:splat 200!\n',
  `/r/* /releases/${OLD}/:splat 200!\n/%2e%2e/* /:splat 200!\n/a/:b /:b 200!\n`,
];

interface Variant {
  readonly title: string;
  readonly code: string;
  readonly style: 'any' | 'directory' | 'file';
  readonly fallback: 'none' | 'single-page';
  readonly redirectsFile: boolean;
}

/** Every combination of the options that change the router. */
const VARIANTS = (['any', 'directory', 'file'] as const).flatMap((style) =>
  (['none', 'single-page'] as const).flatMap((fallback) =>
    [false, true].map(
      (redirectsFile): Variant => ({
        ...{ style, fallback, redirectsFile },
        title: `${style}, ${fallback}${redirectsFile ? ', redirects' : ''}`,
        code: routerCode({ ...site, redirectsFile, urls: { style, fallback } }),
      }),
    ),
  ),
);

/** The store while that release is live: its pointer as Promote writes it, and what Upload made of its rules. */
async function viewOf({ style, fallback }: Variant, text: string, own: readonly string[]) {
  const files = FILES.map((path) => ({ path, size: 1, sha256: path, type: 't' }));
  const { addressing } = addressingFor(files, { style, fallback }, IMMUTABLE);
  const { program, problems } = await compiled(text, FILES, style);
  expect(problems).toEqual([]);
  const { rules, values = {} } = program ?? {};
  const [hash] = rules?.split(' ') ?? [];
  const delta =
    own.length > 0 ? deltaOf(LIVE, [{ id: LIVE, set: setOf(own.map(placesOf), 20) }]) : '';
  const live = pointerText({ id: LIVE, base: BASE, delta, ...addressing, ...(rules && { rules }) });
  return {
    rules,
    view: {
      live,
      ...Object.fromEntries(
        Object.entries(values).map(([end, value]) => [`${RULES_PREFIX}${hash}/${end}`, value]),
      ),
    } as View,
  };
}

/** What Node's parser of requests lets through to an edge, and more than any browser sends. */
const piece = fc.oneof(
  fc.constantFrom(
    ...['/', '//', '.', '..', '%2e', '%2E%2e', '%2f', '%5c', '%00', '%', '%zz', '%c3', '%c3%a9'],
    ...[
      'index.html',
      '.html',
      'releases',
      BASE,
      OLD,
      '_site',
      'old',
      'about',
      'feed.xml',
      '/x/',
      '/y/',
      '/r/',
      '/a/',
      '404.html',
      'assets',
      '?',
      '&',
      '=',
      '#',
    ],
    ...['releases/../_site/releases/', '@', ':', ';', '+', '~', '\\', '*', 'a'.repeat(900)],
  ),
  fc.string({ unit: 'grapheme-ascii', maxLength: 8 }).map((text) => text.replace(/\s/g, '_')),
);
const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

/** Whole, damaged, of another version of this project, or written by hand. */
const pointer = fc.oneof(
  fc
    .record({
      id: fc.constant(LIVE),
      base: fc.constantFrom(LIVE, BASE),
      delta: fc.oneof(fc.constant(''), fc.string({ maxLength: 40 })),
    })
    .map((one) => JSON.stringify(one)),
  fc.json(),
  fc.string(),
  fc.constantFrom('', '{}', 'null', '{"id":"../x","base":"","delta":""}'),
);

describe.each(VARIANTS)('the shipped router ($title)', (variant) => {
  const { code } = variant;
  const router = inSandbox(code);

  test('asks for a file of the live release or answers itself, whatever is asked for', async () => {
    const views = await Promise.all(
      (variant.redirectsFile ? RULES : ['']).flatMap((text) =>
        [[], ['about/index.html', 'feed.xml']].map((own) => viewOf(variant, text, own)),
      ),
    );
    if (variant.redirectsFile) {
      // Otherwise nothing of the rules is run.
      expect(new Set(views.map(({ rules }) => rules)).size).toBe(RULES.length);
    }
    await fc.assert(
      fc.asyncProperty(
        target,
        fc.constantFrom(...views),
        bounded(async (asked, { view }) => {
          const { uri, statusCode, headers } = await ruled(asked, view, { code });
          if (statusCode === undefined) {
            expectKeyWithin(uri, asked, [LIVE, BASE], OBJECTS);
            return;
          }
          expect(statusCode).toBeLessThan(600);
          const location = headers?.location?.value ?? '/';
          const { host } = new URL(location, 'https://www.example.com');
          expect(['www.example.com', 'site.example']).toContain(host);
        }),
      ),
      runs(80),
    );
  });

  test('answers something under a damaged pointer as well', async () => {
    await fc.assert(
      fc.asyncProperty(
        target,
        pointer,
        bounded(async (asked, live) => {
          const { uri, statusCode } = await router(asked, { live });
          expect(uri !== undefined || (statusCode ?? 0) >= 200).toBe(true);
          if (uri !== undefined && statusCode === undefined) expect(uri).toMatch(/^\/releases\//);
        }),
      ),
      runs(40),
    );
  });
});

describe.runIf(njs?.[1])('CloudFront’s own engine', () => {
  test('answers as the sandbox does', async () => {
    const code = VARIANTS[0]?.code as string;
    const engine = njs?.[2](code);
    const sandbox = inSandbox(code);
    try {
      await fc.assert(
        fc.asyncProperty(
          target,
          bounded(async (asked) => {
            const live = JSON.stringify({ id: LIVE, base: BASE, delta: '' });
            expect(await engine?.ask(asked, { live })).toEqual(await sandbox(asked, { live }));
          }),
        ),
        runs(10),
      );
    } finally {
      engine?.end();
    }
  });
});
