/** What was typed cannot be used; nothing was done. Ends with exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Understood and refused, or failed half-way: the message is all that a person needs. Exit status 1. */
export class Refused extends Error {
  override readonly name = 'Refused';
}
