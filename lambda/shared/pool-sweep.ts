import * as v from 'valibot';
import type { PoolSweep } from '../../lib/release/contract.ts';

const schema = v.object({
  version: v.literal(1),
  keys: v.array(v.string()),
  by: v.string(),
  at: v.string(),
});

/** @throws Error if it is none: nobody knows then which files are about to go. */
export function readPoolSweep(text: string): PoolSweep {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (error) {
    throw new Error(
      'the announcement of a clean-up of the pool is damaged; run "npm run releases -- prune", which writes it anew',
      { cause: error },
    );
  }
}
