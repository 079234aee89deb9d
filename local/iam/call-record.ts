import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Decision } from './decision.ts';
import type { Grant, Question } from './policy.ts';

/** A line of the record: something that a policy allows, or a call that was decided. */
export type RecordLine =
  | { readonly grant: Grant }
  | {
      readonly call: {
        /** The logical id of the role, or a service's name. */
        readonly caller: string;
        readonly action: string;
        readonly resource: string;
        /** What it was allowed by, as the policy writes it. */
        readonly by?: Grant;
        /** Why it was not. */
        readonly denied?: string;
      };
    };

/**
 * What the policies allow and which calls they have decided, one JSON document a line, for those who look for grants
 * that nothing uses. Of calls that one statement allows in the same way only the first is noted: a release may have
 * 50,000 files.
 */
export class CallRecord {
  readonly #file: string;
  readonly #seen = new Set<string>();

  /** @param file - is begun anew */
  constructor(file: string) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
  }

  grants(grants: readonly Grant[]): void {
    this.#append(grants.map((grant) => ({ grant })));
  }

  /** @param named - what a grant is called in the record */
  decided(
    caller: string,
    { action, resource }: Question,
    decision: Decision,
    named: (grant: Grant) => Grant,
  ): void {
    const call = { caller, action, resource };
    if (!decision.allowed) {
      const key = [caller, action, resource, decision.because].join('\n');
      if (this.#isNew(key)) this.#append([{ call: { ...call, denied: decision.because } }]);
      return;
    }
    for (const { grant } of decision.by) {
      const key = [caller, action, grant.owner, grant.action, grant.resource].join('\n');
      if (this.#isNew(key)) this.#append([{ call: { ...call, by: named(grant) } }]);
    }
  }

  #isNew(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  #append(lines: readonly RecordLine[]): void {
    appendFileSync(this.#file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}
