import * as v from 'valibot';
import { RELEASE_ID } from '../../lib/release/contract.ts';

const releaseId = v.pipe(v.string(), v.regex(RELEASE_ID));

/** What an invocation that watches leaves for the next. */
export const tokenSchema = v.object({
  v: v.literal(1),
  releaseId,
  /** Whether this job moved the pointer: only then may it move it back. */
  changed: v.boolean(),
  previousId: v.exactOptional(releaseId),
  /** What `previous` held before, to be put back with the pointer. */
  older: v.exactOptional(v.string()),
  /** The release's own page for missing addresses; none: the built-in one. */
  errorPage: v.exactOptional(v.object({ key: v.string(), type: v.string() })),
  /** When we stop waiting, in milliseconds since 1970. */
  deadline: v.number(),
});

export type Token = v.InferOutput<typeof tokenSchema>;

/** Of the 2,048 characters of a token. The pointer of a release never needs this, one made by hand may. */
const OLDER_CHARACTERS = 1_400;

export function tokenText(token: Token): string {
  const { older, ...rest } = token;
  const fits = JSON.stringify(older ?? '').length <= OLDER_CHARACTERS;
  return JSON.stringify(fits ? token : rest);
}
