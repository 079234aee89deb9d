import * as v from 'valibot';

/** What one invocation leaves for the next. */
export const tokenSchema = v.object({
  v: v.literal(1),
  /** CallerReference: the id of the job that began, so that all of them are one invalidation. */
  reference: v.string(),
  /** Absent as long as CloudFront has been too busy to create it. */
  invalidationId: v.optional(v.string()),
  /** When we stop waiting, in milliseconds since 1970. */
  deadline: v.number(),
});

export type Token = v.InferOutput<typeof tokenSchema>;
