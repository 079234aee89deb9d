import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';

/** One ref that a push changed; 40 zeros stand for "did not exist" and "was deleted". */
export interface RefUpdate {
  readonly old: string;
  readonly new: string;
  readonly ref: string;
}

/** Written for the hook and the operator's command: how to reach this process. */
export interface ControlFile {
  readonly port: number;
  readonly pid: number;
  readonly token: string;
}

export interface ControlInput {
  /** `<state>/control.json`. Readable by this user only: it holds the token. */
  readonly file: string;
  /** Answers a push with the lines that the pusher is to read, as they come. */
  onPush(updates: readonly RefUpdate[]): AsyncIterable<string>;
  /** The same for a zip; it is gone when the last line has been given. */
  onUpload(file: string): AsyncIterable<string>;
  /** What a program of this user needs to talk to the stack, as a caller of that name. */
  environmentFor(caller: string): Readonly<Record<string, string>>;
}

const MAX_BODY_BYTES = 1024 * 1024;
const OBJECT_ID = v.pipe(v.string(), v.regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/));
const UPDATES = v.object({
  updates: v.array(
    v.object({ old: OBJECT_ID, new: OBJECT_ID, ref: v.pipe(v.string(), v.startsWith('refs/')) }),
  ),
});

/** What IAM takes as the name of a user. */
const USER_NAME = /^[\w+=,.@-]{1,64}$/;

/**
 * Where the repository's post-receive hook tells the running stack about a push, where `npm run upload` brings a zip,
 * and where a program asks how to reach the stack's services. Only for processes of the same user: they can read the token. A web page cannot, and is turned away by
 * its Origin and by the Host it thinks it talks to before the token is looked at.
 */
export class ControlServer {
  readonly #input: ControlInput;
  readonly #token = randomBytes(32).toString('hex');
  readonly #server: Server;
  #port = 0;

  constructor(input: ControlInput) {
    this.#input = input;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500);
        // Too late for a status code: the pusher reads it as a line like all the others.
        response.end(`FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
      });
    });
  }

  /** Listens on a free port of 127.0.0.1 and writes the file that leads there. */
  async listen(): Promise<ControlFile> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
    const content: ControlFile = { port: this.#port, pid: process.pid, token: this.#token };
    const { file } = this.#input;
    await mkdir(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    await writeFile(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 });
    await rename(temporary, file);
    return content;
  }

  /** Ends all connections; a push that is being answered is told that the stack has stopped. */
  async close(): Promise<void> {
    const { file } = this.#input;
    const written = await readFile(file, 'utf8').catch(() => '');
    // A second `npm start` may have replaced it since.
    if (written.includes(this.#token)) await rm(file, { force: true });
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number, reason: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' });
      response.end(`${reason}\n`);
    };
    const { origin, host, authorization = '' } = request.headers;
    if (origin !== undefined) return refuse(403, 'not for web pages');
    if (host !== `127.0.0.1:${this.#port}`) return refuse(403, 'not for other hosts');
    if (!sameText(authorization, `Bearer ${this.#token}`)) return refuse(401, 'wrong token');
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://control');
    if (pathname === '/environment') {
      const caller = searchParams.get('caller') ?? '';
      if (!USER_NAME.test(caller)) return refuse(400, 'use /environment?caller=NAME');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(this.#input.environmentFor(caller)));
      return;
    }
    if (pathname !== '/push' && pathname !== '/upload') {
      return refuse(404, 'the addresses are /push, /upload and /environment');
    }
    if (request.method !== 'POST') return refuse(405, 'use POST');
    if (pathname === '/upload') return this.#upload(request, response);
    const body = await readBody(request);
    if (body === undefined) return refuse(413, `at most ${MAX_BODY_BYTES} bytes`);
    const parsed = v.safeParse(UPDATES, parseJson(body));
    if (!parsed.success) {
      return refuse(400, 'use {"updates": [{"old": "…", "new": "…", "ref": "refs/…"}]}');
    }
    await tell(response, this.#input.onPush(parsed.output.updates));
  }

  async #upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'atomic-site-upload-'));
    try {
      const file = join(folder, 'upload.zip');
      await pipeline(request, createWriteStream(file));
      await tell(response, this.#input.onUpload(file));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function tell(response: ServerResponse, lines: AsyncIterable<string>): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.flushHeaders();
  // A pusher who leaves (Ctrl-C) ends the telling, not the publishing.
  for await (const line of lines) {
    if (response.destroyed) break;
    response.write(`${line}\n`);
  }
  response.end();
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
