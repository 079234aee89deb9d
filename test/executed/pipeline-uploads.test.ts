import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalS3 } from '../../local/aws/s3.ts';
import { ControlServer } from '../../local/pipeline/control.ts';
import { LocalPipeline } from '../../local/pipeline/engine.ts';
import { Uploads } from '../../local/uploads.ts';
import {
  aPipeline,
  commit,
  git,
  pipelineInput,
  type Workbench,
  workbench,
} from '../support/pipeline.ts';
import { zipOf } from '../support/zip.ts';

const COMMAND = join(import.meta.dirname, '../../local/upload.ts');
const PLACE = { bucket: 'uploads', key: 'site.zip' };

let bench: Workbench;
let stops: (() => Promise<void>)[];

beforeEach(async () => {
  bench = await workbench();
  stops = [];
});
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  bench.remove();
});

/** A pipeline whose source is an object, and every new object starts it. */
function aSource() {
  const s3 = new LocalS3({
    stateDir: join(bench.folder, 's3'),
    region: 'eu-central-1',
    policies: [],
    onEvent: (event) => uploads.onCreated(event),
    buckets: [
      {
        name: PLACE.bucket,
        logicalId: 'Uploads',
        properties: {
          VersioningConfiguration: { Status: 'Enabled' },
          NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
        },
      },
    ],
  });
  stops.push(() => s3.close());
  const properties = aPipeline([]);
  Object.assign(properties.Stages[0]?.Actions[0] as object, {
    ActionTypeId: { Category: 'Source', Owner: 'AWS', Provider: 'S3', Version: '1' },
    Configuration: {
      S3Bucket: PLACE.bucket,
      S3ObjectKey: PLACE.key,
      PollForSourceChanges: false,
    },
  });
  const pipeline = new LocalPipeline(
    pipelineInput(bench, {
      properties,
      fetchObject: async (...args) => {
        const { version = '', etag } = await s3.getFile(...args);
        return { version, etag };
      },
    }),
  );
  stops.push(() => pipeline.stop());
  const uploads = new Uploads(PLACE, s3, pipeline);
  const put = async (page: string) => {
    const file = join(bench.folder, 'upload.zip');
    writeFileSync(file, await zipOf({ 'public/index.html': page }));
    return uploads.put(file);
  };
  return { s3, pipeline, uploads, put };
}

test('an upload starts the pipeline with its version', async () => {
  const { pipeline, uploads, put } = aSource();
  expect(pipeline.uploads).toEqual(PLACE);
  expect(uploads.newest()).toBeUndefined();
  const { version, execution } = await put('one');
  expect(uploads.newest()).toBe(version);
  expect(uploads.startedFor(version)).toBe(execution);
  const record = await execution?.result;
  expect(record).toMatchObject({ status: 'Succeeded', trigger: 'upload', commit: version });
  expect(record?.stages[0]?.actions[0]?.summary).toBe(`Amazon S3 version id: ${version}`);
});

test('an event that comes late never brings an older zip after a newer', async () => {
  const { pipeline, put } = aSource();
  const first = await put('one');
  await first.execution?.result;
  const second = await put('two');
  await second.execution?.result;
  const late = { trigger: 'upload', commit: first.version, branch: PLACE.key };
  const record = await pipeline.start(late).result;
  expect(record.commit).toBe(second.version);
  expect(record.artifacts.SourceArtifact?.revision).toBe(second.version);
});

test('before the first upload the source says what is missing', async () => {
  const { pipeline } = aSource();
  const started = pipeline.start({ trigger: 'npm start', commit: 'none', branch: PLACE.key });
  expect((await started.result).failure).toEqual({
    stage: 'Source',
    action: 'Source',
    error: 's3://uploads/site.zip: there is no such object',
  });
});

test('a checkout is uploaded once for every commit, and never over what somebody uploaded since', async () => {
  const { s3, uploads, put } = aSource();
  const versions = () => s3.versions(PLACE.bucket, PLACE.key).length;
  commit(bench.checkout, { 'public/index.html': 'one' });
  await uploads.putHead(bench.checkout);
  await uploads.putHead(bench.checkout);
  expect(versions()).toBe(1);
  await put('by hand');
  await uploads.putHead(bench.checkout);
  expect(versions()).toBe(2);
  commit(bench.checkout, { 'public/index.html': 'two' });
  writeFileSync(join(bench.checkout, 'public/index.html'), 'not committed');
  await uploads.putHead(bench.checkout);
  expect(versions()).toBe(3);
  await s3.getFile(PLACE.bucket, PLACE.key, join(bench.folder, 'got.zip'));
  git(bench.checkout, 'archive', '--format=zip', '--output=../want.zip', 'HEAD');
  const bytes = (file: string) => readFileSync(join(bench.folder, file));
  expect(bytes('got.zip').equals(bytes('want.zip'))).toBe(true);
});

/** `npm run upload`, with a running stack that says these lines. */
async function command(lines: readonly string[] | undefined, ...args: string[]) {
  if (lines) {
    const control = new ControlServer({
      file: join(bench.state, 'control.json'),
      onPush: async function* () {},
      onUpload: async function* () {
        yield* lines;
      },
      environmentFor: () => ({}),
    });
    await control.listen();
    stops.push(() => control.close());
  }
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', COMMAND, '--state', bench.state, ...args],
    { env: { PATH: process.env.PATH, INIT_CWD: bench.folder } },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  return `${output}exit ${code}`;
}

test.each<[string, string[], number]>([
  ['a release', ['Publishing x', 'published r'], 0],
  ['a failure', ['Publishing x', 'FAILED in Build: no'], 1],
  ['a release that somebody overtook', ['SUPERSEDED by a newer push: no'], 1],
])('the command for uploading shows what becomes of it: %s', async (_, lines, status) => {
  writeFileSync(join(bench.folder, 'a.zip'), 'PK zip');
  expect(await command(lines, 'a.zip')).toBe(`${lines.join('\n')}\nexit ${status}`);
});

test('the command says why nothing was uploaded', async () => {
  expect(await command(undefined, 'a.zip')).toBe(
    'nothing runs on state: start it with npm start, or name what runs with --environment or --state\nexit 1',
  );
  writeFileSync(join(bench.folder, 'site.tar'), 'ustar');
  expect(await command([], 'site.tar')).toBe(
    `${join(bench.folder, 'site.tar')}: is not a zip; make one with: zip -qr site.zip .\nexit 1`,
  );
  expect(await command([], '--environment', 'Staging', 'a.zip')).toBe(
    '--environment: got Staging; use a name under environments in site.config.ts\nexit 1',
  );
  expect(await command([], 'none.zip')).toBe(
    `${join(bench.folder, 'none.zip')}: there is no such file\nexit 1`,
  );
  expect(await command([], 'a.zip', 'b.zip')).toBe('got 2 files; use one\nexit 1');
  rmSync(join(bench.state, 'control.json'));
  const gone = { port: 1, pid: 0, token: 'x' };
  writeFileSync(join(bench.state, 'control.json'), JSON.stringify(gone));
  writeFileSync(join(bench.folder, 'a.zip'), 'PK zip');
  expect(await command(undefined, 'a.zip')).toBe('npm start does not answer\nexit 1');
});
