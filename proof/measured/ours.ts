import { LocalStack } from '../../local/stack.ts';
import { aDirectory, anAssembly, Clone } from '../../test/support/local-stack.ts';
import type { Way } from './way.ts';

const FOLDER = 'public';

/** The stack of this project on this machine, published to by `git push`, with everything that runs in its pipeline. */
export async function ours({
  hashed,
  fingerprint = false,
  edgeDelay,
}: {
  readonly hashed: boolean;
  /** Whether the upload gives files copies under names that change with them. @default false */
  readonly fingerprint?: boolean;
  /** How much later than its write an edge sees a new pointer at most, in milliseconds; each time another part of it. */
  readonly edgeDelay: number;
}): Promise<Way> {
  const assembly = await anAssembly({
    name: 'measured',
    build: { kind: 'folder', directory: FOLDER },
    immutable: hashed ? ['assets/*'] : [],
    fingerprint,
  });
  const stack = await LocalStack.start({
    assembly,
    state: await aDirectory('measured'),
    port: 0,
    log: (line) => process.stderr.write(`${line}\n`),
    propagation: { delay: () => Math.random() * edgeDelay },
  });
  const clone = await Clone.of(stack);
  return {
    siteUrl: stack.siteUrl,
    async publish(files) {
      await clone.shell(`rm -rf ${FOLDER}`);
      for (const [path, content] of files) await clone.write(`${FOLDER}/${path}`, content);
      await clone.commit('A release');
      const said = await clone.push();
      if (!/^published /m.test(said)) throw new Error(`the push was not published:\n${said}`);
    },
    stop: () => stack.stop(),
  };
}
