import type { Call } from './service.ts';

/**
 * Who calls: a service (`cloudfront.amazonaws.com`) on behalf of a resource, with the ACL that it gives to what it
 * writes, or a registered label.
 */
export type Caller =
  | { readonly service: string; readonly sourceArn: string; readonly acl?: string }
  | { readonly aws: string };

/** What a bucket policy says about a call. `undefined`: nothing, so the caller's own policy decides. */
export type Verdict = 'allow' | 'deny' | undefined;

interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly principals: (caller: Caller) => boolean;
  readonly actions: readonly RegExp[];
  readonly resources: readonly RegExp[];
  readonly conditions: readonly ((caller: Caller) => boolean)[];
}

/**
 * A bucket policy, read as S3 reads it: an explicit deny wins over every allow.
 *
 * Understands what bucket policies of this stack hold: Effect, Principal (`*`, AWS, Service), Action and
 * Resource with wildcards, StringEquals on `aws:SourceArn`, `aws:SourceAccount` and `s3:x-amz-acl`, ArnLike on
 * `aws:SourceArn`, Bool on `aws:SecureTransport` (always true
 * here: the loopback interface stands for the TLS connection). Anything else, which could only be
 * guessed at, is an error that starts with `place`.
 */
export class BucketPolicy {
  readonly #statements: readonly Statement[];

  constructor(place: string, document: unknown) {
    const { Version, Id: _, Statement, ...rest } = recordAt(place, document);
    for (const key of Object.keys(rest)) {
      throw unsupported(`${place}.${key}`, rest[key], 'Version, Id and Statement');
    }
    if (Version !== '2012-10-17') throw unsupported(`${place}.Version`, Version, '"2012-10-17"');
    this.#statements = listOf(Statement).map((statement, index) =>
      statementAt(`${place}.Statement[${index}]`, statement),
    );
  }

  verdict(caller: Caller, { action, resource }: Pick<Call, 'action' | 'resource'>): Verdict {
    const applying = this.#statements.filter(
      ({ principals, actions, resources, conditions }) =>
        principals(caller) &&
        actions.some((pattern) => pattern.test(action)) &&
        resources.some((pattern) => pattern.test(resource)) &&
        conditions.every((holds) => holds(caller)),
    );
    if (applying.some(({ effect }) => effect === 'Deny')) return 'deny';
    return applying.length > 0 ? 'allow' : undefined;
  }
}

function statementAt(place: string, value: unknown): Statement {
  const {
    Sid: _,
    Effect,
    Principal,
    Action,
    Resource,
    Condition,
    ...rest
  } = recordAt(place, value);
  for (const key of Object.keys(rest)) {
    throw unsupported(
      `${place}.${key}`,
      rest[key],
      'Sid, Effect, Principal, Action, Resource and Condition',
    );
  }
  if (Effect !== 'Allow' && Effect !== 'Deny') {
    throw unsupported(`${place}.Effect`, Effect, '"Allow" and "Deny"');
  }
  const principals = principalsAt(`${place}.Principal`, Principal);
  if (Effect === 'Allow' && principals.everyone) {
    // With every public access blocked, which is the only bucket there is here, AWS refuses it too.
    throw unsupported(`${place}.Principal`, Principal, 'private buckets: allow one principal');
  }
  return {
    effect: Effect,
    principals: principals.match,
    actions: stringsAt(`${place}.Action`, Action).map((pattern) => wildcard(pattern, 'i')),
    resources: stringsAt(`${place}.Resource`, Resource).map((pattern) => wildcard(pattern, '')),
    conditions: Condition === undefined ? [] : conditionsAt(`${place}.Condition`, Condition),
  };
}

function principalsAt(
  place: string,
  value: unknown,
): { everyone: boolean; match: (caller: Caller) => boolean } {
  const { AWS, Service, ...rest } = value === '*' ? { AWS: '*' } : recordAt(place, value);
  for (const [key, other] of Object.entries(rest)) {
    throw unsupported(`${place}.${key}`, other, '"*", AWS and Service');
  }
  const aws = AWS === undefined ? [] : stringsAt(`${place}.AWS`, AWS);
  const services = Service === undefined ? [] : stringsAt(`${place}.Service`, Service);
  for (const principal of aws) {
    if (/^\d{12}$|:root$/.test(principal)) {
      throw unsupported(`${place}.AWS`, principal, '"*" and the ARNs of roles, not whole accounts');
    }
  }
  const everyone = aws.includes('*');
  return {
    everyone,
    match: (caller) =>
      everyone || ('aws' in caller ? aws.includes(caller.aws) : services.includes(caller.service)),
  };
}

function conditionsAt(place: string, value: unknown): ((caller: Caller) => boolean)[] {
  return Object.entries(recordAt(place, value)).flatMap(([operator, keys]) =>
    Object.entries(recordAt(`${place}.${operator}`, keys)).map(([key, wanted]) => {
      const here = `${place}.${operator}.${key}`;
      const values = listOf(wanted).map(String);
      // The keys of a condition are the one part of a policy whose case does not matter.
      const name = `${operator} ${key.toLowerCase()}`;
      if (name === 'Bool aws:securetransport') return () => values.includes('true');
      if (name === 'StringEquals aws:sourcearn') {
        return (caller: Caller) => 'sourceArn' in caller && values.includes(caller.sourceArn);
      }
      if (name === 'ArnLike aws:sourcearn') {
        const patterns = values.map((pattern) => wildcard(pattern, ''));
        return (caller: Caller) =>
          'sourceArn' in caller && patterns.some((pattern) => pattern.test(caller.sourceArn));
      }
      if (name === 'StringEquals aws:sourceaccount') {
        return (caller: Caller) =>
          'sourceArn' in caller && values.includes(caller.sourceArn.split(':')[4] ?? '');
      }
      if (name === 'StringEquals s3:x-amz-acl') {
        return (caller: Caller) => 'acl' in caller && values.includes(caller.acl ?? '');
      }
      throw unsupported(
        here,
        wanted,
        'StringEquals aws:SourceArn, aws:SourceAccount and s3:x-amz-acl, ArnLike aws:SourceArn and Bool aws:SecureTransport',
      );
    }),
  );
}

/** IAM's wildcards: `*` for any characters, `?` for one. */
function wildcard(pattern: string, flags: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, `s${flags}`);
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

function stringsAt(place: string, value: unknown): string[] {
  return listOf(value).map((entry) => {
    if (typeof entry !== 'string') throw unsupported(place, value, 'strings');
    return entry;
  });
}

function recordAt(place: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unsupported(place, value, 'an object');
  }
  return value as Record<string, unknown>;
}

const unsupported = (place: string, value: unknown, known: string): Error =>
  new Error(`${place}: got ${JSON.stringify(value)}; the local S3 knows ${known}`);
