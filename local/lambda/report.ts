/** What an invocation took, and how it ended. */
export interface Usage {
  readonly requestId: string;
  /** From the start of its process to the end. */
  readonly totalMs: number;
  /** Of that, until the handler was loaded; nothing if it never was. */
  readonly initMs: number | undefined;
  /** What the template gives the function. */
  readonly memoryMiB: number;
  /** The most that its process had; nothing if that ended before it could say. */
  readonly peakMiB: number | undefined;
  /** `answer` also if the handler threw. */
  readonly end: 'answer' | 'timeout' | 'crash';
}

const STATUS = {
  answer: [],
  timeout: ['Status: timeout'],
  crash: ['Status: error', 'Error Type: Runtime.ExitError'],
};

/**
 * The line that ends an invocation in Lambda's own log. Every invocation is the first one of its process here, so each has
 * an `Init Duration`, which Lambda bills as well.
 */
export function reportLine({
  requestId,
  totalMs,
  initMs = 0,
  memoryMiB,
  peakMiB,
  end,
}: Usage): string {
  return [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${(totalMs - initMs).toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(totalMs)} ms`,
    `Memory Size: ${memoryMiB} MB`,
    ...(peakMiB === undefined ? [] : [`Max Memory Used: ${Math.ceil(peakMiB)} MB`]),
    ...(initMs === 0 ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
    ...STATUS[end],
  ].join('\t');
}
