import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readInvalidateParameters } from '../../lambda/invalidate/parameters.ts';
import { tokenSchema as invalidationToken } from '../../lambda/invalidate/token.ts';
import { readPromoteParameters } from '../../lambda/promote/parameters.ts';
import { tokenSchema as promotionToken } from '../../lambda/promote/token.ts';
import { Failure } from '../../lambda/shared/failure.ts';
import { readFreeze } from '../../lambda/shared/freeze.ts';
import { readEntry } from '../../lambda/shared/ledger.ts';
import { DamagedManifest, readRecord } from '../../lambda/shared/manifest.ts';
import { readPointer } from '../../lambda/shared/pointer.ts';
import { readPoolSweep } from '../../lambda/shared/pool-sweep.ts';
import { type JobPorts, runJob } from '../../lambda/shared/run-job.ts';
import { readToken } from '../../lambda/shared/token.ts';
import { readUploadParameters } from '../../lambda/upload/parameters.ts';
import { type ResolvedConfig, resolveConfigs, type SiteConfig } from '../../lib/config.ts';
import { RELEASE_ID } from '../../lib/release/contract.ts';
import { bounded, longText, runs } from '../support/fuzz.ts';
import { aJobEvent, SECRET } from '../support/job.ts';
import { A, pointerTo } from '../support/pointer-store.ts';

const json = fc.oneof(
  { weight: 4, arbitrary: fc.json() },
  { weight: 4, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: longText },
);

type Place = readonly (string | number)[];

/** Every place in a JSON document, with what stands there. */
function placesIn(value: unknown, path: Place = []): (readonly [Place, unknown])[] {
  const below = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [[path, value], ...below.flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

/** Some value of a JSON document replaced by anything, wherever it stands, or taken away. */
const damaged = (document: unknown): fc.Arbitrary<unknown> => {
  const anything = fc.oneof(
    { weight: 8, arbitrary: fc.anything({ maxDepth: 2 }) },
    { weight: 1, arbitrary: longText },
  );
  return fc
    .tuple(fc.constantFrom(...placesIn(document)), fc.option(anything, { nil: undefined }))
    .map(([[path], value]) => put(structuredClone(document), path, value));
};

/** The same by what may well stand there: another value of its kind, from anywhere in the document, or nothing. */
const altered = (document: unknown): fc.Arbitrary<unknown> => {
  const places = placesIn(document).slice(1);
  const others = (value: unknown) =>
    typeof value === 'boolean'
      ? [!value]
      : places.map(([, other]) => other).filter((other) => typeof other === typeof value);
  return fc
    .constantFrom(...places)
    .chain(([path, value]) =>
      fc
        .option(fc.constantFrom(...others(value)), { nil: undefined })
        .map((other) => put(structuredClone(document), path, other)),
    );
};

function put(document: unknown, path: Place, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const folder = document as Record<string | number, unknown>;
  if (value === undefined && rest.length === 0) delete folder[key];
  else folder[key] = put(folder[key], rest, value);
  return document;
}

const textOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'undefined';
  } catch {
    return String(value);
  }
};

describe('an event of a job', () => {
  const event = aJobEvent({
    userParameters: '{}',
    artifact: { bucket: 'b', key: 'k' },
    continuationToken: 't',
  });

  test('is worked on or reported as failed, whatever it is, and never told', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 4, arbitrary: damaged(event) }, { weight: 1, arbitrary: fc.anything() }),
        bounded(async (anything) => {
          const told: string[] = [];
          let reports = 0;
          const report: JobPorts['succeed'] = async (_, outcome) => {
            reports += 1;
            told.push(JSON.stringify(outcome));
          };
          const ports: JobPorts = {
            succeed: report,
            fail: report as unknown as JobPorts['fail'],
            log: () => (level, message, details) =>
              told.push(level, message, JSON.stringify(details ?? {})),
            now: () => 0,
            remainingMs: () => 60_000,
            after: () => () => {},
          };
          const work = async () => ({ kind: 'succeeded', summary: 'Done.' }) as const;
          const error = await runJob(anything, { visitors: 'V.', work }, ports).then(
            () => undefined,
            (thrown: Error) => thrown,
          );
          if (error) expect(error.message).toMatch(/^event: no CodePipeline\.job with an id/);
          expect(reports).toBe(error ? 0 : 1);
          expect(told.join(' ')).not.toContain(SECRET);
        }),
      ),
      runs(250),
    );
  });
});

/** Either it is understood, or it is refused in the words of whoever reads it. */
function understandsOrRefuses(read: () => unknown, refusal: (error: unknown) => boolean): void {
  try {
    read();
  } catch (error) {
    if (!refusal(error)) throw error;
    expect((error as Error).message).not.toBe('');
  }
}

const isFailure = (error: unknown): boolean => error instanceof Failure;

describe('the parameters of an action are understood or refused with a sentence', () => {
  const fitting = [
    { revision: 'abc', execution: 'e' },
    { releaseId: A, execution: 'e' },
    { distributionId: 'E1A2B3C4D5E6F7', objectPaths: ['/*', '/a'] },
  ];
  const text = fc.oneof(
    json,
    fc.constantFrom(...fitting).chain((one) => damaged(one).map(textOf)),
  );

  test.each([
    ['upload', readUploadParameters],
    ['promote', readPromoteParameters],
    ['invalidate', readInvalidateParameters],
  ] as const)('%s', (_, read) => {
    fc.assert(
      fc.property(
        text,
        bounded((parameters) =>
          understandsOrRefuses(() => read(parameters, 'Visitors see A.'), isFailure),
        ),
      ),
      runs(1_000),
    );
  });

  test('and a list of paths of any length in bounded time', () => {
    const path = fc.constantFrom('/', '/a', '*', '%', '~', 'é', '#{', '}', '\ud800');
    const paths = fc.oneof(
      fc
        .array(path, { maxLength: 5_000, size: 'max' })
        .map((parts) => [`/${parts.join('')}`, ...parts]),
      longText.map((long) => [`/${long}`, long]),
    );
    fc.assert(
      fc.property(
        paths,
        bounded((objectPaths) => {
          const text = JSON.stringify({ distributionId: 'E1A2B3C4D5E6F7', objectPaths });
          understandsOrRefuses(() => readInvalidateParameters(text), isFailure);
        }),
      ),
      runs(150),
    );
  });
});

describe('what is read back is understood or refused', () => {
  const pointer = pointerTo(A);
  const manifest = {
    version: 2,
    id: A,
    revision: 'r',
    createdAt: '2026',
    pointer,
    files: [
      { path: 'index.html', key: `releases/${A}/index.html`, size: 1, sha256: 'x', type: 't' },
    ],
    gone: [{ path: 'a', since: A }],
  };
  const entry = {
    ...{ version: 1, id: A, revision: 'r', files: 1, bytes: 1, pages: 1, findings: ['f'] },
    states: [{ state: 'live', at: '2026', by: 'e' }],
    pinned: { by: 'e', at: '2026' },
  };
  const ended = { version: 2, id: A, end: { state: 'retired', at: '2026', by: 'e' } };
  const sweep = { version: 1, keys: ['assets/a'], by: 'e', at: '2026' };
  const some = (...documents: readonly unknown[]) =>
    fc.oneof(
      json,
      fc.constantFrom(...documents).chain((one) => damaged(one).map(textOf)),
    );
  const isDamage = (error: unknown) => error instanceof DamagedManifest;

  test('a release’s record, by no other error than that it is damaged', () => {
    fc.assert(
      fc.property(
        some(manifest, ended),
        bounded((text) => {
          understandsOrRefuses(() => {
            const record = readRecord(text, A);
            expect(record.id).toBe(A);
            if ('files' in record)
              for (const file of record.files) expect(file.key).toBeTypeOf('string');
          }, isDamage);
        }),
      ),
      runs(1_000),
    );
  });

  test('a page of the ledger', () => {
    fc.assert(
      fc.property(
        some(entry),
        bounded((text) => {
          const read = readEntry(text, A);
          if (read) expect(read.id).toBe(A);
        }),
      ),
      runs(1_000),
    );
  });

  test('a pointer', () => {
    fc.assert(
      fc.property(
        some(pointer, { ...pointer, style: 'file', pages: 'a', before: A }),
        bounded((text) => {
          const read = readPointer(text);
          if (read) for (const id of [read.id, read.base]) expect(id).toMatch(RELEASE_ID);
        }),
      ),
      runs(1_000),
    );
  });

  test('a freeze, which whatever stands there is', () => {
    fc.assert(
      fc.property(
        some({ by: 'e', reason: 'r', at: '2026' }),
        bounded((text) => {
          const { by, reason, at } = readFreeze(text);
          for (const one of [by, reason, at]) expect(one).toBeTypeOf('string');
        }),
      ),
      runs(1_000),
    );
  });

  test('the announcement of a clean-up', () => {
    fc.assert(
      fc.property(
        some(sweep),
        bounded((text) =>
          understandsOrRefuses(
            () => readPoolSweep(text),
            (error) => /announcement .* is damaged/.test(String(error)),
          ),
        ),
      ),
      runs(1_000),
    );
  });

  test('a continuation token', () => {
    const tokens = [
      { v: 1, reference: 'r', invalidationId: 'I', deadline: 1 },
      { v: 1, releaseId: A, changed: true, previousId: A, older: 'o', deadline: 1 },
    ];
    fc.assert(
      fc.property(
        some(...tokens),
        fc.constantFrom(invalidationToken, promotionToken),
        bounded((text, schema) =>
          understandsOrRefuses(() => readToken(text, schema, 'V.'), isFailure),
        ),
      ),
      runs(1_000),
    );
  });
});

describe('a config', () => {
  /** Every option, none with its default. */
  const config = {
    name: 'shop',
    source: {
      kind: 'connection',
      connectionArn: 'arn:aws:codeconnections:eu-west-1:123456789012:connection/0f1e2d3c',
      repository: 'owner/name',
      branch: 'live',
      paths: { include: ['site/**'], exclude: ['site/drafts/**'] },
    },
    build: {
      kind: 'commands',
      directory: 'site',
      install: 'auto',
      commands: ['npm run build'],
      output: 'public',
      nodeVersion: 20,
      environment: {
        ORIGIN: 'https://example.com',
        ID: { parameter: '/site/id' },
        TOKEN: { secret: 'site/token', key: 'token' },
      },
      cache: true,
      image: 'aws/codebuild/amazonlinux-x86_64-standard:5.0',
      size: 'large',
      timeoutMinutes: 45,
    },
    domain: { name: 'www.example.com', aliases: ['example.com'], hostedZoneId: 'Z0123456789' },
    immutable: ['assets/*'],
    fingerprint: true,
    rebaseShare: 0.5,
    contentOnDestroy: 'delete',
    headers: {
      contentSecurityPolicy: "default-src 'self'",
      permissionsPolicy: 'camera=()',
      frameOptions: 'deny',
      referrerPolicy: 'no-referrer',
      strictTransportSecurity: { days: 700, includeSubdomains: true, preload: true },
      robots: 'noindex',
      custom: { 'X-Team': 'web' },
    },
    gates: { maxFiles: 10, maxFileMegabytes: 10, maxTotalMegabytes: 10, massLoss: 0, links: 'off' },
    health: { path: '/up/', deadlineSeconds: 60 },
    retention: { newest: 1, days: 1 },
    urls: { style: 'directory', fallback: 'single-page' },
    accessLogs: { days: 10, ipAddresses: true },
    approval: { message: 'Look at it.', timeoutMinutes: 60 },
    deploymentWindow: { cron: '* * 9-16 ? * MON-THU', timeZone: 'Europe/Berlin' },
    redirectsFile: true,
    headersFile: true,
    notifications: { email: ['web@example.com'], alarms: false },
    environments: {
      staging: {
        source: { branch: 'develop' },
        domain: { name: 'staging.example.com', hostedZoneId: 'Z0123456789' },
        build: { kind: 'folder', directory: 'public' },
        approval: false,
      },
      qa: { health: { path: '/qa/' }, headers: { robots: 'index' } },
    },
  } as const satisfies SiteConfig;
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSparseArray: true,
  });
  const anyConfig = fc.oneof(
    { weight: 2, arbitrary: altered(config) },
    { weight: 2, arbitrary: damaged(config) },
    { weight: 1, arbitrary: anything },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...Object.keys(config)), anything)
        .map(([option, value]) => ({ name: 'shop', [option]: value })),
    },
  );
  const resolved = (value: unknown) => {
    try {
      return resolveConfigs(value as SiteConfig);
    } catch {
      return undefined;
    }
  };

  test('is resolved, or refused with its options named, whatever its values are', () => {
    fc.assert(
      fc.property(
        anyConfig,
        bounded((value) =>
          understandsOrRefuses(
            () => {
              const [production, ...others] = resolveConfigs(value as SiteConfig);
              expect(production).toMatchObject({ production: true, environment: undefined });
              const stacks = [production, ...others].map(({ name }) => name);
              expect(new Set(stacks).size).toBe(stacks.length);
              for (const name of stacks) expect(name).toMatch(/^[a-z][a-z0-9-]{0,28}[a-z0-9]?$/);
            },
            (error) => /^site\.config\.ts:\n {2}- \S/.test((error as Error).message),
          ),
        ),
      ),
      runs(2_000),
    );
  });

  test.each([
    ['longer than CloudFront takes', { immutable: [`a/${'b'.repeat(100_000)}`] }],
    ['of many wildcards', { immutable: [`.well-known/${'*'.repeat(150)}x`] }],
    ['never closed', { source: { ...config.source, paths: { include: ['['.repeat(100_000)] } } }],
  ])('with a pattern %s is no exception', (_, options) => {
    bounded(() =>
      understandsOrRefuses(
        () => resolveConfigs({ name: 'shop', ...options } as SiteConfig),
        (error) => /^site\.config\.ts:\n {2}- \S/.test((error as Error).message),
      ),
    )();
  });

  test('those above are resolved often enough, and undamaged by all means', () => {
    const [production, ...others] = resolveConfigs(config);
    expect(others).toHaveLength(2);
    const options: string[] = Object.keys(config).filter((option) => option !== 'environments');
    const byDefault = resolveConfigs({ name: 'other' })[0];
    for (const option of options) {
      const of = (one: ResolvedConfig) => one[option as keyof ResolvedConfig];
      expect([option, of(production)]).not.toEqual([option, of(byDefault)]);
    }
    const sample = fc.sample(anyConfig, { numRuns: 600, seed: 1 });
    const share = sample.filter((value) => resolved(value)).length / sample.length;
    expect(share).toBeGreaterThan(0.15);
    // And most of these with all the options that were left.
    const whole = sample.filter(
      (value) => Object.keys(Object(value)).length > 15 && resolved(value),
    );
    expect(whole.length / sample.length).toBeGreaterThan(0.1);
  });
});
