import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess } from '../../local/process-group.ts';
import type { Sample } from './memory.ts';
import type { Target } from './pushes.ts';
import type { Question, Reply } from './server.ts';

const SERVER = fileURLToPath(new URL('./server.ts', import.meta.url));

/** The process under load, as the one that makes the load knows it. */
export class Server {
  /** Questions are asked one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly child: ChildProcess,
    readonly target: Target & { readonly siteUrl: string },
  ) {}

  /** @throws Error where the stack does not come up */
  static async start(assembly: string, state: string): Promise<Server> {
    const child = fork(SERVER, [assembly, state], {
      execArgv: ['--expose-gc', '--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    endWithThisProcess(child, () => child.kill('SIGKILL'));
    return new Server(child, (await replyOf(child)) as Server['target']);
  }

  async sample(): Promise<Sample> {
    const sample = (await this.#ask('sample')) as Omit<Sample, 'time'>;
    return { ...sample, time: performance.now() };
  }

  /** The template's daily clean-up. @throws Error where it fails */
  async cleanUp(): Promise<void> {
    await this.#ask('clean up');
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    await this.#ask('stop');
    await ended;
  }

  #ask(question: Question): Promise<Reply> {
    const answer = this.#last.then(() => {
      const reply = replyOf(this.child);
      this.child.send(question);
      return reply;
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}

async function replyOf(child: ChildProcess): Promise<Reply> {
  const over = new AbortController();
  const { signal } = over;
  try {
    const [reply] = await Promise.race([
      once(child, 'message', { signal }) as Promise<[Reply]>,
      once(child, 'exit', { signal }).then(([status, killedBy]) => {
        throw new Error(`the server ended by itself: ${killedBy ?? `exit status ${status}`}`);
      }),
    ]);
    if ('error' in reply) throw new Error(String(reply.error));
    return reply;
  } finally {
    over.abort();
  }
}
