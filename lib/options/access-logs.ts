import * as v from 'valibot';
import { options, wholeNumber } from './checks.ts';

/** What is kept of every request, and how long. An empty object turns it on with all defaults. */
export interface AccessLogsConfig {
  /**
   * For how many days a line is kept, from 1 to 3,650, before S3 deletes it.
   *
   * @default 90
   */
  readonly days?: number;

  /**
   * Whether a line says from which IP address a request came, and for which one a proxy made it. Addresses are
   * personal data in many countries: have a reason, and say it in the site's privacy notice.
   *
   * @default false
   */
  readonly ipAddresses?: boolean;
}

const DAYS = 'use a whole number of days from 1 to 3650';

export const accessLogs = options({
  days: wholeNumber(1, 3_650, 90, DAYS),
  ipAddresses: v.optional(v.boolean('use true or false'), false),
});
