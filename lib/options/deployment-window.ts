import { Cron } from 'croner';
import * as v from 'valibot';
import { options } from './checks.ts';

/** When releases may go live: in every second that the expression matches. */
export interface DeploymentWindowConfig {
  /**
   * Seconds (always `*`), minutes, hours, day of the month, month (by name), day of the week and, if you like, the
   * year, as in CodePipeline's rule DeploymentWindow: `* * 9-16 ? * MON-THU` is Monday to Thursday from 9:00 to 16:59.
   * Days of the week are SUN to SAT, or 1 for Sunday to 7; one of the two days is `?`.
   *
   * With `*` for the minutes the window is open for whole hours. `0` opens it for one minute in each.
   */
  readonly cron: string;

  /**
   * Whose clock decides: `Europe/Berlin`, `America/New_York`, with its daylight saving time.
   *
   * @default 'UTC'
   */
  readonly timeZone?: string;
}

const EXAMPLE = "such as '* * 9-16 ? * MON-THU'";
const TIME_ZONE = "use 'UTC' or a time zone such as 'Europe/Berlin'";

export const deploymentWindow = v.optional(
  options({
    cron: v.pipe(
      v.string(`use an expression ${EXAMPLE}`),
      // CodePipeline's table of fields has nothing but * for the seconds, and Quartz, whose notation it is, takes a
      // day of the month or a day of the week, not both.
      v.check(
        hasItsFields,
        `use six or seven fields separated by single spaces, the first * and one of the two days ?, ${EXAMPLE}`,
      ),
      v.check(
        (cron) => !/\d/.test(cron.split(' ')[4] ?? ''),
        'write months by name, such as JAN-MAR: AWS documents two ways to number them',
      ),
      v.check(
        (cron) => !hasItsFields(cron) || opens(cron),
        `use values that exist, ranges that run forward (22-23,0-3 for 22-3), and a time that is still to come, ${EXAMPLE}`,
      ),
    ),
    timeZone: v.optional(
      v.pipe(
        v.string(TIME_ZONE),
        // Of what CodePipeline takes, the names that mean the same everywhere: "IST" is three zones.
        v.check(
          (zone) => zone === 'UTC' || (/^[A-Za-z]+\/[A-Za-z_]+$/.test(zone) && exists(zone)),
          TIME_ZONE,
        ),
      ),
      'UTC',
    ),
  }),
);

function hasItsFields(cron: string): boolean {
  const fields = cron.split(' ');
  const [second, , , dayOfMonth, , dayOfWeek] = fields;
  const days = [dayOfMonth, dayOfWeek].filter((day) => day !== '?');
  return (fields.length === 6 || fields.length === 7) && second === '*' && days.length === 1;
}

function opens(cron: string): boolean {
  try {
    // Quartz's numbers of weekdays, and its 0/15.
    const notation = { alternativeWeekdays: true, sloppyRanges: true } as const;
    return new Cron(cron, { mode: '6-or-7-parts', ...notation }).nextRun() !== null;
  } catch {
    return false;
  }
}

function exists(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
}
