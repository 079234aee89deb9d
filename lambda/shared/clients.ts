/**
 * Timeouts of every call that carries little data. The SDK's own are none at all, and without
 * `throwOnRequestTimeout` it only warns when `requestTimeout` is over.
 */
export const TIMEOUTS = {
  connectionTimeout: 3_000,
  /** Until the response's headers are there. */
  requestTimeout: 8_000,
  /** Without a byte in either direction, which also ends a response that stops half-way. */
  socketTimeout: 8_000,
  throwOnRequestTimeout: true,
} as const;

/** The same for S3, where one request may carry a file of gigabytes. */
export const TRANSFER_TIMEOUTS = {
  ...TIMEOUTS,
  requestTimeout: 10 * 60_000,
  socketTimeout: 20_000,
} as const;
