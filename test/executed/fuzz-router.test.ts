import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import { engines, inSandbox } from '../support/engines.ts';
import { bounded, runs } from '../support/fuzz.ts';

const LIVE = '20261123T061500Z-bbbbbbb';
const BASE = '20261123T060000Z-aaaaaaa';
const site = { name: 'my-site', source: { kind: 'codecommit', branch: 'main' } } as const;
const njs = engines.find(([name]) => name === 'njs');

/** Every combination of the options that change the router. */
const VARIANTS = (['any', 'directory', 'file'] as const).flatMap((style) =>
  (['none', 'single-page'] as const).flatMap((fallback) =>
    [false, true].map((redirectsFile) => ({
      title: `${style}, ${fallback}${redirectsFile ? ', redirects' : ''}`,
      code: routerCode({ ...site, redirectsFile, urls: { style, fallback } }),
    })),
  ),
);

/** What Node's parser of requests lets through to an edge, and more than any browser sends. */
const piece = fc.oneof(
  fc.constantFrom(
    ...['/', '//', '.', '..', '%2e', '%2E%2e', '%2f', '%5c', '%00', '%', '%zz', '%c3', '%c3%a9'],
    ...['index.html', '.html', 'releases', BASE, '_site', '404.html', 'assets', '?', '&', '=', '#'],
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

describe.each(VARIANTS)('the shipped router ($title)', ({ code }) => {
  const router = inSandbox(code);

  test('asks for a file of the live release or answers itself, whatever is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        target,
        fc.constantFrom('', 'AAAAAA', 'é'),
        bounded(async (asked, delta) => {
          const live = JSON.stringify({ id: LIVE, base: BASE, delta });
          const { uri, statusCode, headers } = await router(asked, { live });
          if (statusCode !== undefined) {
            expect(statusCode).toBeLessThan(600);
            const location = headers?.location?.value ?? '/';
            const { host } = new URL(location, 'https://www.example.com');
            expect(['www.example.com', 'site.example']).toContain(host);
            return;
          }
          const [, id] = /^\/releases\/([^/]+)\//.exec(uri ?? '') ?? [];
          expect([LIVE, BASE]).toContain(id);
        }),
      ),
      runs(60),
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
