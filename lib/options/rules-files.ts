import * as v from 'valibot';

const ON_OR_OFF = 'use true or false';

/** Off by default: what a site does not use is not in its template, and costs nothing. */
export const rulesFile = v.optional(v.boolean(ON_OR_OFF), false);
