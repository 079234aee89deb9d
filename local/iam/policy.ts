import { wildcard } from '../wildcard.ts';
import { type Caller, nameOf } from './callers.ts';
import { type Condition, conditionsAt } from './conditions.ts';
import { listOf, recordAt, textsAt, unknown } from './values.ts';

/**
 * What a policy is attached to: a role (`identity`), whose it is whoever calls; a resource, which says who may call; or
 * a role again, to say who may be it (`trust`), where the resource goes without saying.
 */
export type PolicyKind = 'identity' | 'resource' | 'trust';

/** A call that is to be decided. */
export interface Question {
  readonly caller: Caller;
  /** For example `s3:GetObject`. */
  readonly action: string;
  /** The ARN of what is acted on; `*` where the action knows no resources. */
  readonly resource: string;
}

/** A statement that speaks of a call, with the words in which it does. */
export interface Match {
  readonly effect: 'Allow' | 'Deny';
  readonly grant: Grant;
}

/** One action on one resource, as a policy writes them. */
export interface Grant {
  /** The logical id of the role, or of the policy of a resource. */
  readonly owner: string;
  readonly action: string;
  readonly resource: string;
}

interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly principals: (caller: Caller) => boolean;
  readonly actions: readonly Pattern[];
  readonly resources: readonly Pattern[];
  readonly conditions: readonly Condition[];
}

interface Pattern {
  readonly text: string;
  fits(text: string): boolean;
}

/**
 * A policy document, read as IAM reads it.
 *
 * Understands what this stack's policies hold: Effect, Action and Resource with wildcards, in a resource's policy
 * Principal (`*`, AWS with the ARNs of roles, Service), and the conditions of `conditions.ts`. Anything else, which could only be guessed at,
 * is an error that starts with `place`.
 */
export class Policy {
  readonly #owner: string;
  readonly #statements: readonly Statement[];
  /** Which of the statements speak of an action: there are few actions, and many keys. */
  readonly #byAction = new Map<string, { statement: Statement; action: string }[]>();

  /**
   * @param place - for error messages: `LogicalId (AWS::IAM::Policy): PolicyDocument`
   * @param owner - the logical id that its grants belong to
   */
  constructor(place: string, document: unknown, kind: PolicyKind, owner = place) {
    this.#owner = owner;
    const { Version, Id: _, Statement, ...rest } = recordAt(place, document);
    for (const key of Object.keys(rest)) {
      throw unknown(`${place}.${key}`, rest[key], 'Version, Id and Statement');
    }
    if (Version !== '2012-10-17') throw unknown(`${place}.Version`, Version, '"2012-10-17"');
    this.#statements = listOf(Statement).map((statement, index) =>
      statementAt(`${place}.Statement[${index}]`, statement, kind),
    );
  }

  /** The statements that speak of a call. An explicit deny among them wins over every allow. */
  matches({ caller, action, resource }: Question): Match[] {
    return this.#about(action).flatMap(({ statement, action: text }) => {
      const pattern = statement.resources.find(({ fits }) => fits(resource));
      if (!pattern || !statement.principals(caller)) return [];
      if (!statement.conditions.every((holds) => holds(caller))) return [];
      const grant = { owner: this.#owner, action: text, resource: pattern.text };
      return [{ effect: statement.effect, grant }];
    });
  }

  /** All that it allows, for those who want to know what of it is used. */
  grants(): Grant[] {
    return this.#statements
      .filter(({ effect }) => effect === 'Allow')
      .flatMap(({ actions, resources }) =>
        actions.flatMap((action) =>
          resources.map((resource) => ({
            owner: this.#owner,
            action: action.text,
            resource: resource.text,
          })),
        ),
      );
  }

  #about(action: string): readonly { statement: Statement; action: string }[] {
    const known = this.#byAction.get(action);
    if (known) return known;
    const about = this.#statements.flatMap((statement) => {
      const pattern = statement.actions.find(({ fits }) => fits(action));
      return pattern ? [{ statement, action: pattern.text }] : [];
    });
    this.#byAction.set(action, about);
    return about;
  }
}

const EVERYTHING: Pattern = { text: '*', fits: () => true };

function statementAt(place: string, value: unknown, kind: PolicyKind): Statement {
  const {
    Sid: _,
    Effect,
    Principal,
    Action,
    Resource,
    Condition,
    ...rest
  } = recordAt(place, value);
  const known = [
    'Sid, Effect',
    ...(kind === 'identity' ? [] : ['Principal']),
    'Action',
    ...(kind === 'trust' ? [] : ['Resource']),
  ].join(', ');
  const others = {
    ...rest,
    ...(kind === 'identity' && Principal !== undefined && { Principal }),
    ...(kind === 'trust' && Resource !== undefined && { Resource }),
  };
  for (const [key, other] of Object.entries(others)) {
    throw unknown(`${place}.${key}`, other, `${known} and Condition`);
  }
  if (Effect !== 'Allow' && Effect !== 'Deny') {
    throw unknown(`${place}.Effect`, Effect, '"Allow" and "Deny"');
  }
  return {
    effect: Effect,
    principals:
      kind === 'identity' ? () => true : principalsAt(`${place}.Principal`, Principal, Effect),
    actions: actionsAt(`${place}.Action`, Action),
    resources: kind === 'trust' ? [EVERYTHING] : resourcesAt(`${place}.Resource`, Resource),
    conditions: Condition === undefined ? [] : conditionsAt(`${place}.Condition`, Condition),
  };
}

function actionsAt(place: string, value: unknown): Pattern[] {
  return textsAt(place, value).map((text) => {
    if (!/^(\*|[a-z0-9-]+:[a-z0-9*?]+)$/i.test(text)) throw unknown(place, text, 'service:Action');
    return { text, fits: wildcard(text, 'i') };
  });
}

function resourcesAt(place: string, value: unknown): Pattern[] {
  return textsAt(place, value).map((text) => {
    if (!/^(\*$|arn:)/.test(text)) throw unknown(place, text, 'ARNs and "*"');
    return { text, fits: wildcard(text) };
  });
}

function principalsAt(
  place: string,
  value: unknown,
  effect: 'Allow' | 'Deny',
): (caller: Caller) => boolean {
  const { AWS, Service, ...rest } = value === '*' ? { AWS: '*' } : recordAt(place, value);
  for (const [key, other] of Object.entries(rest)) {
    throw unknown(`${place}.${key}`, other, '"*", AWS and Service');
  }
  const aws = AWS === undefined ? [] : textsAt(`${place}.AWS`, AWS);
  const services = Service === undefined ? [] : textsAt(`${place}.Service`, Service);
  for (const principal of aws) {
    if (/^\d{12}$|:root$/.test(principal)) {
      throw unknown(`${place}.AWS`, principal, '"*" and the ARNs of roles, not whole accounts');
    }
  }
  // AWS takes none there, and compared letter by letter a Deny with one would deny nobody.
  for (const [key, names] of Object.entries({ AWS: aws, Service: services })) {
    const wild = names.find((name) => /[*?]/.test(name) && !(key === 'AWS' && name === '*'));
    if (wild) throw unknown(`${place}.${key}`, wild, 'principals without a wildcard in their name');
  }
  const everyone = aws.includes('*');
  if (everyone && effect === 'Allow') {
    // With every public access blocked, which is the only bucket there is here, S3 refuses it too.
    throw unknown(place, value, 'private resources: allow one principal');
  }
  return (caller) => {
    if (everyone) return true;
    if ('service' in caller) return services.includes(caller.service);
    return (
      aws.includes('role' in caller ? caller.role : caller.user) || aws.includes(nameOf(caller))
    );
  };
}
