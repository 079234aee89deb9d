import type { Template } from 'aws-cdk-lib/assertions';
import { expect } from 'vitest';
import { list, type Statement, text, withoutHash } from './synth.ts';

/** What each role may do, as `action on resource`, with logical ids for ARNs. */
export function grantsOf(template: Template): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { Properties } of Object.values(template.findResources('AWS::IAM::Policy'))) {
    for (const role of Properties.Roles as { Ref: string }[]) {
      const lines = (Properties.PolicyDocument.Statement as Statement[]).flatMap((statement) => {
        expect(statement.Effect).toBe('Allow');
        return list(statement.Action).flatMap((action) =>
          list(statement.Resource as unknown[]).map((resource) =>
            withoutHash(`${action} on ${text(resource)}`),
          ),
        );
      });
      const name = withoutHash(`${role.Ref} `).trim();
      found.set(name, [...(found.get(name) ?? []), ...lines].sort());
    }
  }
  return found;
}
