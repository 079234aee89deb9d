import { setImmediate } from 'node:timers/promises';
import { LocalStack } from '../../local/stack.ts';

/** What the process under load is asked, and answers, one after the other. */
export type Question = 'sample' | 'clean up' | 'stop';
export type Reply =
  | { readonly siteUrl: string; readonly repository: string; readonly branch: string }
  | { readonly heap: number; readonly external: number; readonly rss: number }
  | { readonly error: string }
  | Record<string, never>;

/** The local stack in a process of its own, which nothing but what it does itself makes larger. */
async function main(assembly: string, state: string): Promise<void> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const stack = await LocalStack.start({ assembly, state, port: 0, log });
  process.once('disconnect', () => process.exit(1));
  const { siteUrl, repository, branch } = stack;
  reply({ siteUrl, repository, branch });
  process.on('message', (question: Question) => {
    void answer(stack, question).catch((error: Error) => reply({ error: error.message }));
  });
}

async function answer(stack: LocalStack, question: Question): Promise<void> {
  if (question === 'sample') {
    // What is kept by a weak reference goes with the second one.
    for (let turn = 0; turn < 2; turn += 1) {
      global.gc?.();
      await setImmediate();
    }
    const { heapUsed: heap, external, rss } = process.memoryUsage();
    return reply({ heap, external, rss });
  }
  if (question === 'clean up') {
    await stack.runSchedules();
    return reply({});
  }
  await stack.stop();
  reply({});
  process.disconnect();
}

const reply = (message: Reply): void => void process.send?.(message);

const [assembly = '', state = ''] = process.argv.slice(2);
main(assembly, state).catch((error: Error) => {
  reply({ error: error.message });
  process.exitCode = 1;
});
