/** On the first request to stop, leaves nothing behind and ends; processes that this one started end with it. */
export function whenInterrupted(cleanUp: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
  }
}
