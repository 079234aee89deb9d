import * as v from 'valibot';
import { options, wholeNumber } from './checks.ts';

/** What whoever approves a release reads, and how long the pipeline waits for them. */
export interface ApprovalConfig {
  /**
   * What to look at before approving, up to 500 characters on one line. It follows the release's id.
   *
   * @default - only which release waits
   */
  readonly message?: string;

  /**
   * How long a release waits, from 5 to 86,400 minutes (60 days). One that nobody has approved by then does
   * not go live, and its execution fails.
   *
   * Until somebody decides, the stage Deploy is locked: of later pushes the newest waits before it.
   *
   * @default 10_080, seven days
   */
  readonly timeoutMinutes?: number;
}

const MESSAGE = 'use 1 to 500 characters on one line, without #{ which begins a variable';
const TIMEOUT = 'use a whole number of minutes from 5 to 86400';

const details = options({
  message: v.optional(
    v.pipe(v.string(MESSAGE), v.regex(/^(?=.*\S)(?!.*#\{)[^\p{Cc}\u2028\u2029]{1,500}$/u, MESSAGE)),
  ),
  timeoutMinutes: wholeNumber(5, 86_400, 10_080, TIMEOUT),
});

export const approval = v.optional(
  v.pipe(
    v.lazy((input) =>
      typeof input === 'object' && input !== null
        ? details
        : v.boolean('use true, or { message, timeoutMinutes }'),
    ),
    v.transform((value) => {
      if (typeof value === 'object') return value;
      return value ? v.parse(details, {}) : undefined;
    }),
  ),
);
