import type { Assembly } from './assembly/assembly.ts';

/** What a service puts on the default event bus. */
export interface BusEvent {
  readonly source: string;
  readonly 'detail-type': string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

interface Rule {
  /** What makes it fire; without one a schedule does. */
  readonly pattern: Pattern | undefined;
  readonly targets: readonly string[];
}

type Pattern = { readonly [field: string]: readonly string[] | Pattern };

/** The template's EventBridge rules: which targets an event reaches. */
export class EventRules {
  private readonly rules: readonly Rule[];

  /** @throws Error for a rule that matches in a way that is not known here */
  constructor(assembly: Assembly) {
    this.rules = assembly.ofType('AWS::Events::Rule').flatMap(({ logicalId, type, properties }) => {
      const place = `${logicalId} (${type})`;
      const { EventPattern, ScheduleExpression, State, Targets } = properties;
      const scheduled = EventPattern === undefined && ScheduleExpression !== undefined;
      const pattern = scheduled ? undefined : parsePattern(EventPattern, `${place}: EventPattern`);
      const targets = Targets.map(({ Arn }: { Arn: string }) => Arn) as string[];
      return State === 'DISABLED' ? [] : [{ pattern, targets }];
    });
  }

  /** The ARNs of all targets whose rule matches. */
  targetsOf(event: BusEvent): string[] {
    return this.rules
      .filter(({ pattern }) => pattern !== undefined && matches(pattern, event))
      .flatMap(({ targets }) => targets);
  }

  /** The ARNs of all targets that a schedule reaches. Nothing here looks at the clock. */
  scheduledTargets(): string[] {
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
