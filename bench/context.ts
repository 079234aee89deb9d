import type { Assembly } from '../local/assembly/assembly.ts';

/** What every benchmark gets. */
export interface BenchContext {
  /** The folder that `cdk synth` wrote. */
  readonly directory: string;
  /** The same, read. */
  readonly assembly: Assembly;
  /** Removed at the end. */
  readonly scratch: string;
  /** How often each thing is measured; each benchmark knows how often is often enough for it. */
  readonly runs: number | undefined;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Tells the person who waits what is going on. */
  progress(text: string): void;
}
