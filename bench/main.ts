import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Assembly } from '../local/assembly/assembly.ts';
import { synthesize } from '../local/synth.ts';
import { measureBundles } from './bundles.ts';
import type { BenchContext } from './context.ts';
import { type Block, withBlock } from './document.ts';
import { HELP, type Options, type Part, readOptions } from './options.ts';
import { measurePush } from './push.ts';
import { measureReleases } from './releases.ts';
import { measureRouter } from './router.ts';
import { measureSynth } from './synth.ts';
import { ratiosOf, render, type Section } from './table.ts';

const DOCUMENT = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    console.log(HELP);
    return;
  }
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
  const scratch = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    await measure(options, scratch, stopped.signal);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function measure(options: Options, scratch: string, signal: AbortSignal): Promise<void> {
  const progress = (text: string) => process.stderr.write(`${text}\n`);
  progress('Synthesising the stack');
  const directory = join(scratch, 'cdk.out');
  // Not interrupted: the app it runs would go on for a while and write what was just removed.
  await synthesize(directory);
  signal.throwIfAborted();
  const context: BenchContext = {
    directory,
    assembly: new Assembly(directory),
    scratch,
    runs: options.runs,
    signal,
    progress,
  };
  const measures: Readonly<Record<Part, () => Promise<Section[]>>> = {
    bundles: () => measureBundles(context, options.python),
    router: () => measureRouter(context),
    synth: async () => [await measureSynth(context)],
    push: async () => [await measurePush(context, options.page)],
    releases: () => measureReleases(context),
    async scale() {
      // Loading the CDK takes seconds and memory, which the other parts are not to have in their figures.
      const { measureScale } = await import('./scale.ts');
      return [await measureScale(context, options.files)];
    },
  };
  const measured: Section[][] = [];
  const failures: string[] = [];
  for (const part of options.parts) {
    try {
      measured.push(await measures[part]());
    } catch (error) {
      if (signal.aborted) throw error;
      // The other parts can be measured all the same.
      failures.push(`${part}: not measured: ${(error as Error).message}`);
    }
  }
  // Each part with columns of its own width.
  const table = [ratiosOf(measured.flat()), ...measured]
    .filter((sections) => sections.length > 0)
    .map(render)
    .join('\n');
  const text = `${machine()}\n\n${table}`;
  if (measured.length > 0) console.log(text);
  for (const failure of failures) process.stderr.write(`${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
  // Half a table would look like a whole one.
  else if (options.write) await write(options.write, text);
}

async function write(block: Block, text: string): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  const document = await readFile(DOCUMENT, 'utf8');
  await writeFile(DOCUMENT, withBlock(document, block, `${day}, ${text}`));
}

/** Absolute times say little without it. */
function machine(): string {
  const [{ model } = { model: process.arch }] = cpus();
  const load = loadavg()[0] ?? 0;
  return `${process.platform} on ${model.trim()}, ${availableParallelism()} cores, load ${load.toFixed(1)}`;
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
