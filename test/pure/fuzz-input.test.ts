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
import { resolveConfigs, type SiteConfig } from '../../lib/config.ts';
import { RELEASE_ID } from '../../lib/release/contract.ts';
import { runs } from '../support/fuzz.ts';
import { aJobEvent, SECRET } from '../support/job.ts';
import { A, pointerTo } from '../support/pointer-store.ts';

const json = fc.oneof(fc.json(), fc.string({ unit: 'binary' }));

/** Some value of a JSON document replaced by anything, wherever it stands, or taken away. */
const damaged = (document: unknown): fc.Arbitrary<unknown> => {
  const places: (readonly (string | number)[])[] = [];
  const walk = (value: unknown, path: readonly (string | number)[]) => {
    places.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, below] of Object.entries(value)) walk(below, [...path, key]);
  };
  walk(document, []);
  return fc
    .tuple(fc.constantFrom(...places), fc.option(fc.anything({ maxDepth: 2 }), { nil: undefined }))
    .map(([path, value]) => put(structuredClone(document), path, value));
};

function put(document: unknown, path: readonly (string | number)[], value: unknown): unknown {
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
        async (anything) => {
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
        },
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
    expect(error).toSatisfy(refusal);
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
      fc.property(text, (parameters) =>
        understandsOrRefuses(() => read(parameters, 'Visitors see A.'), isFailure),
      ),
      runs(1_000),
    );
  });

  test('and a list of paths of any length in bounded time', () => {
    const path = fc.constantFrom('/', '/a', '*', '%', '~', 'é', '#{', '}', '\ud800');
    fc.assert(
      fc.property(fc.array(path, { maxLength: 5_000, size: 'max' }), (parts) => {
        const objectPaths = [`/${parts.join('')}`, ...parts];
        const text = JSON.stringify({ distributionId: 'E1A2B3C4D5E6F7', objectPaths });
        understandsOrRefuses(() => readInvalidateParameters(text), isFailure);
      }),
      runs(30),
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
      fc.property(some(manifest, ended), (text) => {
        understandsOrRefuses(() => {
          const record = readRecord(text, A);
          expect(record.id).toBe(A);
          if ('files' in record)
            for (const file of record.files) expect(file.key).toBeTypeOf('string');
        }, isDamage);
      }),
      runs(1_000),
    );
  });

  test('a page of the ledger', () => {
    fc.assert(
      fc.property(some(entry), (text) => {
        const read = readEntry(text, A);
        if (read) expect(read.id).toBe(A);
      }),
      runs(1_000),
    );
  });

  test('a pointer', () => {
    fc.assert(
      fc.property(some(pointer, { ...pointer, style: 'file', pages: 'a', before: A }), (text) => {
        const read = readPointer(text);
        if (read) for (const id of [read.id, read.base]) expect(id).toMatch(RELEASE_ID);
      }),
      runs(1_000),
    );
  });

  test('a freeze, which whatever stands there is', () => {
    fc.assert(
      fc.property(some({ by: 'e', reason: 'r', at: '2026' }), (text) => {
        const { by, reason, at } = readFreeze(text);
        for (const one of [by, reason, at]) expect(one).toBeTypeOf('string');
      }),
      runs(1_000),
    );
  });

  test('the announcement of a clean-up', () => {
    fc.assert(
      fc.property(some(sweep), (text) =>
        understandsOrRefuses(
          () => readPoolSweep(text),
          (error) => /announcement .* is damaged/.test(String(error)),
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
        (text, schema) => understandsOrRefuses(() => readToken(text, schema, 'V.'), isFailure),
      ),
      runs(1_000),
    );
  });
});

describe('a config', () => {
  const config = {
    name: 'shop',
    source: { kind: 'connection', arn: 'a', repository: 'r', branch: 'main' },
    build: { kind: 'npm', directory: 'site', environment: { A: 'b' } },
    domain: { name: 'www.example.com', aliases: ['example.com'], hostedZoneId: 'Z1' },
    immutable: ['assets/*'],
    headers: { custom: { 'x-a': 'b' }, contentSecurityPolicy: "default-src 'self'" },
    gates: { maxFiles: 1, links: 'strict' },
    health: { path: '/', deadlineSeconds: 30 },
    retention: { newest: 1, days: 1 },
    urls: { style: 'file', fallback: 'none' },
    approval: { note: 'n' },
    deploymentWindow: { cron: '* * * * *' },
    environments: { staging: { source: { branch: 'develop' } } },
    notifications: { topics: [] },
  };
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSparseArray: true,
  });

  test('is resolved, or refused with its options named, whatever its values are', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          damaged(config),
          anything,
          fc
            .tuple(fc.constantFrom(...Object.keys(config)), anything)
            .map(([option, value]) => ({ name: 'shop', [option]: value })),
        ),
        (value) =>
          understandsOrRefuses(
            () => resolveConfigs(value as SiteConfig),
            (error) => /^site\.config\.ts:\n {2}- \S/.test((error as Error).message),
          ),
      ),
      runs(2_000),
    );
  });
});
