import { createReadStream } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import type { ControlFile } from './pipeline/control.ts';
import { archiveCommit } from './pipeline/source.ts';
import { CHECKOUT, fromHere, HERE, whereOf } from './where.ts';

const HELP = `npm run upload [-- OPTIONS] [FILE]

Uploads a zip to what npm start runs, for source: { kind: 's3' }, and shows what becomes of it.

  FILE                the zip (default: the current commit, as git archive writes it)
  --environment NAME  that of npm start (default production)
  --state DIR         that of npm start (default .local, or .local/environments/NAME)
  --help              this text`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      environment: { type: 'string' },
      state: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const [file, ...more] = positionals;
  if (more.length > 0) throw new Error(`got ${positionals.length} files; use one`);
  const control = await controlOf(whereOf(values).state);
  if (file !== undefined) return upload(control, resolve(HERE, file));
  const folder = await mkdtemp(join(tmpdir(), 'atomic-site-upload-'));
  try {
    const head = join(folder, 'head.zip');
    await archiveCommit(CHECKOUT, 'HEAD', head);
    await upload(control, head);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function controlOf(state: string): Promise<ControlFile> {
  try {
    return JSON.parse(await readFile(join(state, 'control.json'), 'utf8')) as ControlFile;
  } catch {
    throw notRunning(state);
  }
}

/** Prints the progress line by line. The last one tells how it ended, and so does the exit status. */
async function upload({ port, token }: ControlFile, file: string): Promise<void> {
  const size = await sizeOfZip(file);
  const call = request({
    host: '127.0.0.1',
    port,
    path: '/upload',
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-length': size },
  });
  const answered = new Promise<string>((done, failed) => {
    call.on('error', (cause) => failed(new Error('npm start does not answer', { cause })));
    call.on('response', async (response) => {
      try {
        let said = '';
        for await (const text of response.setEncoding('utf8')) {
          said += text;
          process.stdout.write(text);
        }
        // Some other program has the port of a stack that did not end cleanly.
        if (response.statusCode !== 200) throw new Error('npm start does not answer');
        done(said);
      } catch (error) {
        failed(error);
      }
    });
  });
  const [said] = await Promise.all([answered, pipeline(createReadStream(file), call)]);
  const last = said.trimEnd().split('\n').at(-1) ?? '';
  if (/^(FAILED|STOPPED|SUPERSEDED)/.test(last)) process.exitCode = 1;
}

/** @throws Error if it is no zip */
async function sizeOfZip(path: string): Promise<number> {
  const file = await open(path).catch((cause) => {
    throw new Error(`${path}: there is no such file`, { cause });
  });
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    // How every zip begins, the empty one too.
    if (buffer.toString('latin1') !== 'PK') {
      throw new Error(`${path}: is not a zip; make one with: zip -qr site.zip .`);
    }
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

const notRunning = (state: string): Error =>
  new Error(
    `nothing runs on ${fromHere(state)}: start it with npm start, or name what runs with --environment or --state`,
  );

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
