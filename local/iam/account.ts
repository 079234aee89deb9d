import { randomBytes } from 'node:crypto';
import type { Assembly } from '../assembly/assembly.ts';
import type { CallRecord } from './call-record.ts';
import { type Caller, nameOf } from './callers.ts';
import { Credentials } from './credentials.ts';
import { type Decision, decide, messageOf } from './decision.ts';
import { type Grant, Policy, type Question } from './policy.ts';
import { type Role, resourcePoliciesOf, rolesOf, withLogicalIds } from './roles.ts';

/** What somebody signs with. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** A call with what its service knows about it. */
export interface Asked extends Question {
  /** The policy of the resource, where the service keeps it itself. */
  readonly policy?: Policy | undefined;
  /** As if no policy of the caller allowed it. @default false */
  readonly revoked?: boolean;
}

/** Who decides calls. */
export interface Authority {
  decide(asked: Asked): Decision;
}

/** Without a template there are no roles: all callers may do what the policy of the resource does not deny. */
export const RESOURCES_ONLY: Authority = {
  decide: ({ policy, revoked, ...question }) =>
    decide(question, { resource: policy ? [policy] : [], ...(revoked && { identity: [] }) }),
};

/** The roles and policies of a template, and the keys of those who act in them. */
export class Account implements Authority {
  readonly #roles: ReadonlyMap<string, Role>;
  readonly #resources: ReadonlyMap<string, readonly Policy[]>;
  readonly #record: CallRecord | undefined;
  readonly #named: ReturnType<typeof withLogicalIds>;
  /** Of all who have keys. */
  readonly credentials = new Credentials();
  readonly #keys = new Map<string, Keys>();
  /** To what a session was narrowed. */
  readonly #narrowed = new WeakMap<Caller, Policy>();

  /** @throws Error naming the resource and the property of a policy that are not understood */
  constructor(assembly: Assembly, record?: CallRecord) {
    this.#roles = rolesOf(assembly);
    this.#resources = resourcePoliciesOf(assembly);
    this.#record = record;
    this.#named = withLogicalIds(assembly);
    const policies = [
      ...[...this.#roles.values()].flatMap(({ identity }) => identity),
      ...[...this.#resources.values()].flat(),
    ];
    record?.grants(policies.flatMap((policy) => policy.grants()).map(this.#named));
  }

  /** Notes what the policies allow that a service keeps itself. */
  alsoGranted(grants: readonly Grant[]): void {
    this.#record?.grants(grants.map(this.#named));
  }

  decide({ policy, revoked = false, ...question }: Asked): Decision {
    const { caller, resource } = question;
    const decision = decide(question, {
      resource: policy ? [policy] : (this.#resources.get(resource) ?? []),
      session: this.#narrowed.get(caller),
      ...(revoked
        ? { identity: [] }
        : 'role' in caller && { identity: this.#roles.get(caller.role)?.identity ?? [] }),
    });
    const who = 'role' in caller ? this.#roles.get(caller.role)?.logicalId : undefined;
    this.#record?.decided(who ?? nameOf(caller), question, decision, this.#named);
    return decision;
  }

  /**
   * The caller that somebody is after `sts:AssumeRole`.
   *
   * Asks for both policies. AWS lets the trust policy do where it names a role of the same account; CodePipeline, whose role is
   * the only one here that assumes others, documents both.
   *
   * @param place - begins the error: whose role it is
   * @throws Error where the role does not trust them, or their own policies do not allow it
   */
  assume(by: Caller, roleArn: string, session: string, place = ''): Caller {
    const role = this.#roles.get(roleArn);
    if (!role) throw new Error(`${place}got ${roleArn}; the local IAM knows the template's roles`);
    const question = { caller: by, action: 'sts:AssumeRole', resource: roleArn };
    const own: Decision = 'service' in by ? { allowed: true, by: [] } : this.decide(question);
    const trust = role.trust.matches(question);
    const because = !own.allowed
      ? own.because
      : trust.some(({ effect }) => effect === 'Deny')
        ? 'with an explicit deny in a resource-based policy'
        : trust.length === 0 && 'because no resource-based policy allows the sts:AssumeRole action';
    if (because === false) return { role: roleArn, session };
    throw new Error(`${place}${messageOf(question, because)}`);
  }

  /** A session of the same role that may only do what `document` allows as well. */
  narrowed({ ...caller }: Caller, document: object): Caller {
    this.#narrowed.set(caller, new Policy('the session policy', document, 'identity'));
    return caller;
  }

  /** The keys of a caller, the same each time; nobody can guess them. */
  keysOf(caller: Caller): Keys {
    const narrowed = this.#narrowed.has(caller);
    const name = nameOf(caller);
    const known = narrowed ? undefined : this.#keys.get(name);
    if (known) return known;
    const keys = {
      accessKeyId: `${'user' in caller ? 'AKIA' : 'ASIA'}${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: 'local',
      sessionToken: 'local',
    };
    if (!narrowed) this.#keys.set(name, keys);
    this.credentials.register(keys.accessKeyId, caller);
    return keys;
  }
}
