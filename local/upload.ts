import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ControlFile } from './pipeline/control.ts';
import { archiveCommit } from './pipeline/source.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
/** Where the person stands: npm runs its scripts in the folder of package.json. */
const HERE = process.env.INIT_CWD ?? process.cwd();

const HELP = `npm run upload [-- OPTIONS] [FILE]

Uploads a zip to what npm start runs, for source: { kind: 's3' }, and shows what becomes of it.

  FILE           the zip (default: the current commit, as git archive writes it)
  --state DIR    that of npm start (default .local)
  --help         this text`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      state: { type: 'string', default: join(CHECKOUT, '.local') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const [file, ...more] = positionals;
  if (more.length > 0) throw new Error(`got ${positionals.length} files; use one`);
  const control = await controlOf(resolve(HERE, values.state));
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
  const { size } = await stat(file).catch((cause) => {
    throw new Error(`${file}: there is no such file`, { cause });
  });
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

const notRunning = (state: string): Error =>
  new Error(`nothing runs on ${basename(state)}: start it with npm start`);

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
