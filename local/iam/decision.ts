import { nameOf } from './callers.ts';
import type { Match, Policy, Question } from './policy.ts';

/** Everything that has a say in one call. */
export interface Policies {
  /** The caller's own; absent for those who may do what nobody denies them. */
  readonly identity?: readonly Policy[];
  /** Those of the resource. */
  readonly resource?: readonly Policy[];
  /** To what the session was narrowed when it began. */
  readonly session?: Policy | undefined;
}

export type Decision =
  | {
      readonly allowed: true;
      /** Every statement that allows it. */
      readonly by: readonly Match[];
    }
  | {
      readonly allowed: false;
      /** The end of AWS's sentence: `because no identity-based policy allows the s3:GetObject action`. */
      readonly because: string;
    };

/**
 * IAM's evaluation within one account: an explicit deny anywhere wins; otherwise one allow suffices, in a policy of the
 * caller or of the resource, as long as the session was not narrowed. A service has no policies of its own.
 *
 * Source: IAM user guide, "Policy evaluation logic"; for the messages "Troubleshoot access denied error messages".
 */
export function decide(question: Question, policies: Policies): Decision {
  const of = (list: readonly (Policy | undefined)[]): Match[] =>
    list.flatMap((policy) => policy?.matches(question) ?? []);
  const matches = {
    'an identity-based': of(policies.identity ?? []),
    'a resource-based': of(policies.resource ?? []),
    'a session': of([policies.session]),
  };
  for (const [kind, found] of Object.entries(matches)) {
    if (found.some(({ effect }) => effect === 'Deny')) {
      return { allowed: false, because: `with an explicit deny in ${kind} policy` };
    }
  }
  const missing = (kind: string): Decision => ({
    allowed: false,
    because: `because no ${kind} policy allows the ${question.action} action`,
  });
  const by = [...matches['an identity-based'], ...matches['a resource-based']];
  if ('service' in question.caller)
    return by.length > 0 ? { allowed: true, by } : missing('resource-based');
  if (policies.identity !== undefined && by.length === 0) return missing('identity-based');
  if (policies.session && matches['a session'].length === 0) return missing('session');
  return { allowed: true, by };
}

/** What AWS says to whom it refuses a call. */
export const messageOf = ({ caller, action, resource }: Question, because: string): string =>
  `User: ${nameOf(caller)} is not authorized to perform: ${action} on resource: ${resource} ${because}`;
