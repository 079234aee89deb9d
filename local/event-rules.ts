import type { Assembly } from './assembly/assembly.ts';

/** What a service puts on the default event bus. */
export interface BusEvent {
  readonly source: string;
  readonly 'detail-type': string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Whom a rule sends its events to. */
export interface Target {
  readonly rule: { readonly logicalId: string; readonly arn: string };
  readonly arn: string;
  /** In whose name EventBridge calls it; a function says itself who may. */
  readonly roleArn?: string;
}

interface Rule {
  /** What makes it fire; without one a schedule does. */
  readonly pattern: Pattern | undefined;
  readonly targets: readonly Target[];
}

type Pattern = { readonly [field: string]: readonly string[] | Pattern };

/** The template's EventBridge rules: which targets an event reaches. */
export class EventRules {
  private readonly rules: readonly Rule[];

  /** @throws Error for a rule that matches in a way that is not known here */
  constructor(assembly: Assembly) {
    this.rules = assembly.ofType('AWS::Events::Rule').flatMap((resource) => {
      const { logicalId, type, attributes, properties } = resource;
      const place = `${logicalId} (${type})`;
      const { EventPattern, ScheduleExpression, State, Targets } = properties;
      const scheduled = EventPattern === undefined && ScheduleExpression !== undefined;
      const pattern = scheduled ? undefined : parsePattern(EventPattern, `${place}: EventPattern`);
      const rule = { logicalId, arn: String(attributes.Arn) };
      const targets = [...Targets].map(
        ({ Arn, RoleArn }: { Arn: string; RoleArn?: string }): Target => ({
          rule,
          arn: Arn,
          ...(RoleArn !== undefined && { roleArn: RoleArn }),
        }),
      );
      return State === 'DISABLED' ? [] : [{ pattern, targets }];
    });
  }

  /** All targets whose rule matches. */
  targetsOf(event: BusEvent): Target[] {
    return this.rules
      .filter(({ pattern }) => pattern !== undefined && matches(pattern, event))
      .flatMap(({ targets }) => targets);
  }

  /** All targets that a schedule reaches. Nothing here looks at the clock. */
  scheduledTargets(): Target[] {
    return this.rules
      .filter(({ pattern }) => pattern === undefined)
      .flatMap(({ targets }) => targets);
  }
}

/** Lists of exact strings, which is what the stack's sources need. Anything finer is refused, not guessed. */
function parsePattern(pattern: object | undefined, place: string): Pattern {
  if (pattern === undefined)
    throw new Error(`${place}: got nothing; a rule has a pattern or a schedule`);
  return Object.fromEntries(
    Object.entries(pattern).map(([field, value]) => {
      if (!Array.isArray(value)) return [field, parsePattern(value, `${place}.${field}`)];
      const odd = value.find((item) => typeof item !== 'string');
      if (odd !== undefined) {
        throw new Error(
          `${place}.${field}: got ${JSON.stringify(odd)}; the local run knows exact strings`,
        );
      }
      return [field, [...value]];
    }),
  );
}

function matches(pattern: Pattern, event: object): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const value: unknown = (event as Record<string, unknown>)[field];
    if (!Array.isArray(expected)) {
      return typeof value === 'object' && value !== null && matches(expected as Pattern, value);
    }
    const values = Array.isArray(value) ? value : [value];
    return values.some((item) => expected.includes(item));
  });
}
