import { describe, expect, test } from 'vitest';
import { BUILT_IN_ERROR_PAGE } from '../../lambda/promote/error-page.ts';
import { type PromotePorts, promote } from '../../lambda/promote/promote.ts';
import { DamagedManifest, readManifest } from '../../lambda/shared/manifest.ts';
import type { Manifest } from '../../lib/release/contract.ts';
import { aClock, aJob, anAwsError, anInvocation } from '../support/job.ts';
import { A, B, PointerStoreFake, textOf } from '../support/pointer-store.ts';

const UNCHANGED = 'Visitors still get the release that was live before.';

function aManifest(id: string, ...paths: string[]): Manifest {
  const file = (path: string) => ({
    path,
    key: `releases/${id}/${path}`,
    size: 1,
    sha256: 'x',
    type: 'text/html; charset=utf-8',
  });
  return { version: 1, id, revision: 'r', createdAt: '2026', files: paths.map(file) };
}

function aSite(changes: Partial<PromotePorts> = {}) {
  const pointer = new PointerStoreFake({ live: textOf(A) });
  const errorPages: (string | undefined)[] = [];
  const ports: PromotePorts = {
    pointer,
    manifest: async (id) => (id === B ? aManifest(B, '404.html', 'index.html') : undefined),
    putErrorPage: async (file) => {
      errorPages.push(file?.key);
    },
    ...changes,
  };
  const clock = aClock();
  const run = (userParameters = `{"releaseId":"${B}"}`) =>
    promote(aJob({ userParameters }), ports, clock, anInvocation(clock));
  return { run, pointer, errorPages };
}

test('a release goes live, then its error page', async () => {
  const { run, pointer, errorPages } = aSite();
  expect(await run()).toEqual({
    kind: 'succeeded',
    summary: `Release ${B} is live: visitors get it within seconds. Before it was ${A}.`,
    externalExecutionId: B,
    outputVariables: { releaseId: B, previousReleaseId: A },
  });
  expect(pointer.contents()).toEqual({ live: textOf(B), previous: textOf(A) });
  expect(errorPages).toEqual([`releases/${B}/404.html`]);
});

test('doing it twice ends in the same state, with the same variables', async () => {
  const { run, pointer } = aSite();
  const first = await run();
  const state = pointer.contents();
  const second = await run();
  expect(second).toMatchObject({
    kind: 'succeeded',
    summary: `Release ${B} was live already. Before it was ${A}.`,
  });
  expect((second as { outputVariables: unknown }).outputVariables).toEqual(
    (first as { outputVariables: unknown }).outputVariables,
  );
  expect(pointer.contents()).toEqual(state);
});

test('the first release has none before it, and says so in a variable that is always set', async () => {
  const { run } = aSite({ pointer: new PointerStoreFake() });
  expect(await run()).toMatchObject({
    summary: `Release ${B} is live: visitors get it within seconds. It is the first release.`,
    outputVariables: { releaseId: B, previousReleaseId: 'none' },
  });
});

test('a release without a page for missing addresses gets the built-in one', async () => {
  const { run, errorPages } = aSite({ manifest: async () => aManifest(B, 'index.html') });
  await run();
  expect(errorPages).toEqual([undefined]);
  // The site's content security policy may refuse anything inline.
  expect(BUILT_IN_ERROR_PAGE).not.toMatch(/<style|<script|style=|\son\w+=/);
});

describe('what is not a finished release never goes live', () => {
  test.each<[string, Partial<PromotePorts>, string, string]>([
    [
      'no manifest',
      { manifest: async () => undefined },
      'ConfigurationError',
      `Release ${B} does not exist: it has no manifest, so its upload did not finish. ${UNCHANGED}`,
    ],
    [
      'no start page',
      { manifest: async () => aManifest(B, 'a/index.html') },
      'JobFailed',
      `Release ${B} has no index.html, so visitors would find no start page. ${UNCHANGED}`,
    ],
    [
      'a damaged manifest',
      { manifest: async () => readManifest('{}', B) },
      'JobFailed',
      `The manifest of release ${B} cannot be read: DamagedManifest: manifest of ${B}: version: Invalid key: Expected "version" but received undefined. ${UNCHANGED}`,
    ],
    [
      'no permission to read it',
      { manifest: () => Promise.reject(anAwsError('AccessDenied', 403, 'No')) },
      'PermissionError',
      `The manifest of release ${B} cannot be read: AccessDenied (403): No. ${UNCHANGED}`,
    ],
  ])('%s', async (_name, changes, type, message) => {
    const { run, pointer, errorPages } = aSite(changes);
    await expect(run()).rejects.toMatchObject({ type, message });
    expect(pointer.contents()).toEqual({ live: textOf(A) });
    expect(errorPages).toEqual([]);
  });
});

test('an error page that fails after the flip says that the release is live', async () => {
  const { run, pointer } = aSite({
    putErrorPage: () => Promise.reject(anAwsError('AccessDenied', 403, 'No')),
  });
  await expect(run()).rejects.toMatchObject({
    type: 'PermissionError',
    message: `Release ${B} is live and visitors get it; only the page for missing addresses is still the one from before: AccessDenied (403): No. Retry the stage to bring it up to date.`,
    externalExecutionId: B,
  });
  expect(pointer.contents().live).toBe(textOf(B));
});

test('a pointer that cannot be moved says where to look', async () => {
  const { run, pointer, errorPages } = aSite();
  pointer.beforePut = () => {
    throw anAwsError('AccessDeniedException', 403, 'No');
  };
  await expect(run()).rejects.toMatchObject({
    type: 'PermissionError',
    message: `Release ${B} was not made live: AccessDeniedException (403): No. Open /.well-known/release on the site to see which release visitors get now.`,
  });
  expect(errorPages).toEqual([]);
});

test.each([
  ['{}', 'releaseId: got nothing; write the id of a release, such as "20261123T061500Z-1a2b3c4"'],
  [
    '{"releaseId":"../x"}',
    'releaseId: got "../x"; write the id of a release, such as "20261123T061500Z-1a2b3c4"',
  ],
  [
    '{"releaseId":"#{Upload.releaseId}"}',
    'releaseId: got "#{Upload.releaseId}"; #{Upload.releaseId} was not resolved: give the action that sets it that namespace, and run it in an earlier stage or run order',
  ],
])('parameters that name no release are told: %s', async (userParameters, problem) => {
  const { run, pointer } = aSite();
  await expect(run(userParameters)).rejects.toMatchObject({
    type: 'ConfigurationError',
    message: `The action's user parameters are not usable:\n- ${problem}\nWrite {"releaseId": "#{Upload.releaseId}"}. ${UNCHANGED}`,
  });
  expect(pointer.reads).toBe(0);
});

describe('a manifest is read with care', () => {
  test.each([
    ['{', /^manifest of .+: not JSON \(.+\)$/],
    ['[]', /: version: /],
    [
      JSON.stringify({ ...aManifest(A, 'index.html') }),
      /: id: got ".+"; it belongs to another release$/,
    ],
    [JSON.stringify({ ...aManifest(B), files: [{ path: 'a' }] }), /: files\.0\.key: /],
  ])('%s', (text, message) => {
    expect(() => readManifest(text, B)).toThrow(DamagedManifest);
    expect(() => readManifest(text, B)).toThrow(message);
  });

  test('what was written is read back', () => {
    const manifest = aManifest(B, 'index.html');
    expect(readManifest(JSON.stringify(manifest), B)).toEqual(manifest);
  });
});
