import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { RecordLine } from '../../local/iam/call-record.ts';
import { lineOf, unusedGrants } from '../../local/iam/unused.ts';
import { KEPT } from '../../scripts/kept-grants.ts';
import { grantsOf } from '../support/grants.ts';
import { aTemplate } from '../support/synth.ts';

const grant = (owner: string, action: string, resource = '*') => ({ owner, action, resource });
const granted = (...all: ReturnType<typeof grant>[]): RecordLine[] =>
  all.map((one) => ({ grant: one }));
const allowed = (by: ReturnType<typeof grant>): RecordLine => ({
  call: { caller: by.owner, action: by.action, resource: 'arn:x', by },
});

test('what one run grants and another uses is used', () => {
  const [read, write] = [grant('Role', 's3:GetObject'), grant('Role', 's3:PutObject')];
  const lines = [...granted(write, read), ...granted(read), allowed(read)];
  const { unused, granted: count } = unusedGrants(lines, []);
  expect(unused.map((one) => lineOf(one.grant))).toEqual(['Role s3:PutObject *']);
  expect(count).toBe(2);
});

test('another role, resource or spelling is another grant, and a refused call uses none', () => {
  const one = grant('Role', 's3:Get*');
  const denied = { call: { caller: 'Role', action: 's3:GetObject', resource: '*', denied: 'x' } };
  const others = [
    grant('Role2', 's3:Get*'),
    grant('Role', 's3:Get*', 'arn:y'),
    grant('Role', 's3:GetObject'),
  ];
  const { unused } = unusedGrants([...granted(one), denied, ...others.map(allowed)], []);
  expect(unused.map(({ grant: left }) => left)).toEqual([one]);
});

test('a reason is told with what it keeps, and one that keeps nothing is told too', () => {
  const reasons = [
    [/^Role s3:Put/, 'of AWS'],
    [/^Nobody/, 'of old'],
  ] as const;
  const { unused, outlived } = unusedGrants(
    granted(grant('Role', 's3:PutObject'), grant('Role', 's3:GetObject')),
    reasons,
  );
  expect(unused.map(({ grant: { action }, reason }) => [action, reason])).toEqual([
    ['s3:GetObject', undefined],
    ['s3:PutObject', 'of AWS'],
  ]);
  expect(outlived).toEqual([reasons[1]]);
});

test('no reason speaks of the functions that touch the site: each of their grants has to be used', () => {
  const own = [...grantsOf(aTemplate({ immutable: ['assets/*'] }))].filter(([role]) =>
    /^(Upload|Promote|Invalidate)JobRole$|^PruneDailyRole$/.test(role),
  );
  expect(own).toHaveLength(4);
  for (const [role, lines] of own) {
    for (const line of lines) {
      const written = `${role}0123ABCD ${line.replace(' on ', ' ')}`;
      expect(
        KEPT.filter(([pattern]) => pattern.test(written)),
        written,
      ).toEqual([]);
    }
  }
});

test.each([
  ['as it is written', (folder: string) => folder],
  ['from where it was called', () => 'calls'],
])('the command finds the folder of the records %s', (_, argument) => {
  const here = mkdtempSync(join(tmpdir(), 'grants-'));
  try {
    const folder = join(here, 'calls');
    mkdirSync(folder);
    const one = grant('Role', 's3:GetObject');
    const lines = [...granted(one), allowed(one)].map((line) => JSON.stringify(line));
    writeFileSync(join(folder, 'run.jsonl'), lines.join('\n'));
    const command = fileURLToPath(new URL('../../scripts/grants.ts', import.meta.url));
    // As npm calls it: from its own folder.
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', command, argument(folder)],
      {
        encoding: 'utf8',
        env: { ...process.env, INIT_CWD: here },
      },
    );
    expect(stderr).toBe('');
    expect(stdout).toBe(
      '1 grants in 1 run: 1 used, 0 unused and kept for a reason, 0 unused without one\n',
    );
  } finally {
    rmSync(here, { recursive: true });
  }
});
