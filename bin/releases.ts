import { main } from './releases/main.ts';

/** Aborted by Ctrl-C, so that what is under way can say where it stands. A second one does not wait. */
function interruption(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => stop.abort());
  }
  return stop.signal;
}

/** `false` also for Ctrl-C. Standard output is for the result. */
async function ask(question: string): Promise<boolean> {
  // Loaded when it is needed: most commands ask nothing.
  const { default: confirm } = await import('@inquirer/confirm');
  return confirm({ message: question, default: false }, { output: process.stderr }).catch(
    (error: Error) => {
      if (error.name === 'ExitPromptError') return false;
      throw error;
    },
  );
}

const { env, stdin, stdout, stderr } = process;

// The version of the SDK that package-lock.json has runs on this Node.js, whatever later ones will need.
env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
// Whoever read the output has left (`npm run releases -- list | head`).
stdout.on('error', () => {});

process.exitCode = await main(process.argv.slice(2), {
  // Where the person stands: npm runs its scripts in the folder of package.json.
  here: env.INIT_CWD ?? process.cwd(),
  // CDK knows the second name, too, and so a person may have deployed by it; the SDK does not.
  region: env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined,
  env,
  signal: interruption(),
  out: (text) => stdout.write(text),
  err: (text) => stderr.write(text),
  ask: stdin.isTTY && stderr.isTTY ? ask : undefined,
  // Since the start of the process.
  elapsed: () => performance.now(),
});
