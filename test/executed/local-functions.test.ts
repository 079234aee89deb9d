import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Assembly, Resource } from '../../local/assembly/assembly.ts';
import { LocalFunctions } from '../../local/lambda/functions.ts';
import { aDirectory, removeDirectories } from '../support/local-stack.ts';

const HANDLERS = {
  answers:
    'async () => { console.log("hello"); await new Promise((done) => setTimeout(done, 300)); }',
  needsMemory: 'async () => { Buffer.alloc(150 * 1024 ** 2, 1); }',
  throws: 'async () => { throw new Error("no such thing"); }',
  neverEnds: '() => new Promise(() => setInterval(() => {}, 1_000))',
  crashes: '() => process.kill(process.pid, "SIGKILL")',
};
type Name = keyof typeof HANDLERS;

/** More than any of the functions has. */
let ballast: Buffer;
let logs: string;
let functions: LocalFunctions;

beforeAll(async () => {
  ballast = Buffer.alloc(400 * 1024 ** 2, 1);
  const code = await aDirectory('functions');
  for (const [name, handler] of Object.entries(HANDLERS)) {
    await mkdir(join(code, name));
    await writeFile(join(code, name, 'index.js'), `exports.handler = ${handler};\n`);
  }
  logs = await aDirectory('logs');
  functions = new LocalFunctions({
    assembly: {
      ofType: (type: string) =>
        type === 'AWS::Lambda::Function' ? Object.keys(HANDLERS).map(aFunction) : [],
      assetFolder: (name: string) => join(code, name),
    } as unknown as Assembly,
    environment: () => ({}),
    logDirectory: logs,
  });
});

afterAll(async () => {
  await functions?.stop();
  await removeDirectories();
});

const aFunction = (name: string): Partial<Resource> => ({
  logicalId: name,
  type: 'AWS::Lambda::Function',
  ref: name,
  attributes: { Arn: `arn:aws:lambda:us-east-1:123456789012:function:${name}` },
  properties: {
    Code: { S3Key: name },
    Handler: 'index.handler',
    Runtime: `nodejs${process.versions.node.split('.')[0]}.x`,
    Timeout: 2,
    MemorySize: 256,
  },
});

/** What an invocation leaves in the log, ids made alike. */
async function logOf(name: Name, signal?: AbortSignal) {
  const failure = await functions.invoke(name, {}, signal && { signal }).then(
    () => '',
    (error: Error) => error.message,
  );
  const log = await readFile(join(logs, `${name}.log`), 'utf8');
  const text = log.slice(log.lastIndexOf('START RequestId: '));
  const lines = text
    .replace(/RequestId: [0-9a-f-]{36}/g, 'RequestId: ID')
    .trimEnd()
    .split('\n');
  return { failure, lines, report: lines.at(-1) ?? '' };
}

const peakIn = (report: string): number => Number(/\tMax Memory Used: (\d+) MB/.exec(report)?.[1]);

describe('the log of an invocation ends as in Lambda', () => {
  test('between its first and last line is what the function said', async () => {
    const { lines, report, failure } = await logOf('answers');
    expect(failure).toBe('');
    expect(lines.slice(0, -1)).toEqual([
      'START RequestId: ID Version: $LATEST',
      'hello',
      'END RequestId: ID',
    ]);
    expect(report).toMatch(
      /^REPORT RequestId: ID\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms$/,
    );
  });

  test('time is billed from the start of the process, and the handler has its own', async () => {
    const { report } = await logOf('answers');
    const [duration, billed, init] = [
      ...report.matchAll(/(?:Duration|Billed Duration|Init Duration): ([\d.]+) ms/g),
    ].map(([, value]) => Number(value)) as [number, number, number];
    expect(duration).toBeGreaterThan(299);
    expect(init).toBeGreaterThan(0);
    // Each of the three is rounded.
    expect(billed).toBeGreaterThan(duration + init - 0.02);
    expect(billed).toBeLessThan(duration + init + 1.02);
  });

  test('memory is what the function needed, not what this process has', async () => {
    const little = peakIn((await logOf('answers')).report);
    const much = peakIn((await logOf('needsMemory')).report);
    expect(little).toBeGreaterThan(10);
    expect(little).toBeLessThan(150);
    expect(much).toBeGreaterThan(little + 140);
    expect(much).toBeLessThan(ballast.length / 1024 ** 2);
  });

  test('an error of the handler is an answer', async () => {
    const { lines, report, failure } = await logOf('throws');
    expect(failure).toContain('throws: the process ended with exit status 1');
    expect(lines).toContain('Error: no such thing');
    expect(report).toMatch(/\tInit Duration: [\d.]+ ms$/);
  });

  test('one that runs out of time says so, with the memory it had', async () => {
    const { report, failure } = await logOf('neverEnds');
    expect(failure).toContain('neverEnds: Task timed out after 2 seconds');
    expect(report).toMatch(/\tStatus: timeout$/);
    expect(peakIn(report)).toBeGreaterThan(10);
  });

  test('one whose process dies says so', async () => {
    const { report, failure } = await logOf('crashes');
    expect(failure).toContain('crashes: the process ended with SIGKILL');
    expect(report).toMatch(/\tStatus: error\tError Type: Runtime\.ExitError$/);
  });

  test('one that nobody waits for any more is ended, and its log with it', async () => {
    const { lines, failure } = await logOf('neverEnds', AbortSignal.timeout(300));
    expect(failure).not.toBe('');
    expect(lines.at(-2)).toBe('END RequestId: ID');
    expect(lines.at(-1)).not.toContain('Status');
  });
});
