/**
 * US dollars in us-east-1, pay as you go, nothing free taken off: those of the table in docs/costs.md, and what that leaves out
 * (reads from S3; Lambda on Arm) from the same kind of sources.
 */
const PER_REQUEST = {
  PUT: 0.005 / 1_000,
  COPY: 0.005 / 1_000,
  LIST: 0.005 / 1_000,
  GET: 0.0004 / 1_000,
  HEAD: 0.0004 / 1_000,
  DELETE: 0,
  /** Of the key-value store. */
  'store read': 0.001,
  'store write': 0.001,
  /** Of one path. */
  invalidation: 0.005,
} as const;

const PER_INVOCATION = 0.2 / 1e6;
const PER_GB_SECOND = 0.0000133334;

export type Kind = keyof typeof PER_REQUEST;
export const KINDS = Object.keys(PER_REQUEST) as readonly Kind[];

/** How often something was asked for; what is missing, never. */
export type Counts = ReadonlyMap<Kind, number>;

export const priceOf = (counts: Counts): number =>
  [...counts].reduce((sum, [kind, count]) => sum + count * PER_REQUEST[kind], 0);

/** Of invocations of a function. */
export const priceOfTime = (
  invocations: readonly { readonly billedMs: number; readonly memoryMiB: number }[],
): number =>
  invocations.reduce(
    (sum, { billedMs, memoryMiB }) =>
      sum + PER_INVOCATION + (billedMs / 1_000) * (memoryMiB / 1_024) * PER_GB_SECOND,
    0,
  );
